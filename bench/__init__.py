"""The engine: configuration, data, plan, training, evaluation, launchers."""

from pathlib import Path as _Path

from bench.ground.safe_path import leave_out_working_folder as _leave_out_working_folder

_leave_out_working_folder(_Path(__file__).resolve().parent)

__version__ = "0.1.0"
