"""Vita-CLIP."""
