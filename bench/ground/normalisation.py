"""What is subtracted from RGB values in 0..255 and what divides them afterwards: (mean, std)."""

from __future__ import annotations

IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
CLIP = ((122.7709383, 116.7460125, 104.09373615), (68.5005327, 66.6321579, 70.32316305))
