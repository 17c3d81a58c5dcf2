"""The mini CLIP: its configuration and weights, and the script that makes them."""

from __future__ import annotations

from pathlib import Path

MODEL_FILE = Path(__file__).with_name("mini_clip.json")
"""An open_clip model configuration."""
WEIGHTS_FILE = Path(__file__).with_name("mini_clip.safetensors")
"""Names as in OpenAI's files; the token embeddings are rows (``tokens.expand_token_rows``)."""
