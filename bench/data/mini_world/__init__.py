"""Five small datasets of real encoded videos, made on first use: ``generate.ensure``."""
