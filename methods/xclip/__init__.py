"""X-CLIP."""
