"""CLIP as it comes, and fine-tuned in one encoder or both (ViFi-CLIP)."""
