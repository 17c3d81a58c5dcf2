"""The registry of adapter classes that have been loaded (mmengine; imports torch)."""

from __future__ import annotations

from mmengine.registry import Registry

METHODS = Registry("method", scope="bench")
"""Adapter name -> class; filled by ``methods.get``."""
