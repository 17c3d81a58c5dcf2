"""The engine: configuration, data, plan, training, evaluation, launchers."""

__version__ = "0.1.0"
