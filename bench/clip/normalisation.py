"""Means and standard deviations of RGB values in 0..255 that frames are normalised with."""

from __future__ import annotations

IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""Of ImageNet; the ViFi-CLIP family and X-CLIP use them."""
CLIP = ((122.7709383, 116.7460125, 104.09373615), (68.5005327, 66.6321579, 70.32316305))
"""Of the images that CLIP was pre-trained on."""
