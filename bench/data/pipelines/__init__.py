"""Video file -> uint8 frames; one module a family of methods, chosen by name."""
