"""Transforms that several pipelines use."""
