"""Checking that videos decode before a run needs them: ``bench data check``."""
