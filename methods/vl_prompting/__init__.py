"""ViFi-CLIP + VL prompting."""
