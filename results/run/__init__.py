"""A run folder: its layout, records, plan file."""
