"""Report formats by name, each a module of this folder with ``REPORT``."""

from __future__ import annotations

from bench.ground.errors import UsageError
from bench.ground.extensions import Extensions, constant, modules_of
from reports.formats.base import ReportFormat


def _checked(value: object) -> ReportFormat:
    if not isinstance(value, ReportFormat):
        raise UsageError(f"REPORT is {value!r}, not a reports.formats.base.ReportFormat")
    return value


EXTENSIONS: Extensions[ReportFormat] = Extensions(
    "report format",
    group="bench.reports",
    built_in=lambda: modules_of("reports.formats", "REPORT"),
    check=_checked,
    found_in=constant("REPORT", lambda value: getattr(value, "name", repr(value))),
)
