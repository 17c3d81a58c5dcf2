"""A5 and A6."""
