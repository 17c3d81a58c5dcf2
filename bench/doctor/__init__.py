"""Is this machine ready for a configuration: ``bench doctor``."""
