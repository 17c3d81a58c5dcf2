"""Clips of a list as tensors, decoded by worker processes."""
