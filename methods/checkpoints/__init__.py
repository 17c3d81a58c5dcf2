"""Checkpoints that others released: what a file is, and how an adapter takes it."""
