"""Clip lists and class lists: where they come from and what they mean."""
