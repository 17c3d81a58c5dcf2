"""An audit as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.ground.words import plural
from bench.upkeep.audits.dataset_audit import DatasetAudit, ListFacts
from bench.upkeep.audits.findings import SEVERITIES, Finding

FORMAT = 1


def audit_text(audits: Sequence[DatasetAudit]) -> str:
    """The audits for people."""
    return "\n\n".join(_one(audit) for audit in audits)


def _one(audit: DatasetAudit) -> str:
    said = Counter(finding.severity for finding in audit.findings)
    told = ", ".join(plural(said[severity], severity) for severity in SEVERITIES)
    by = f"; names compared with the {audit.named_by}" if audit.named_by else ""
    lines = [
        f"{audit.dataset}: {plural(len(audit.lists), 'list')}, {told} (labels: {audit.labels}{by})"
    ]
    if audit.lists:
        lines += ["", *_table(audit.lists)]
    for finding in audit.findings:
        lines += ["", *_finding(finding)]
    return "\n".join(lines)


def _table(lists: Sequence[ListFacts]) -> list[str]:
    rows = [("list", "classes", "n", "clips", "a class", "misnamed")]
    for item in lists:
        low, middle, high = item.per_class
        span = f"{low}" if low == high else f"{low} / {middle} / {high}"
        wrong = "?" if item.misnamed is None else str(item.misnamed or "-")
        row = (item.name, item.classes, str(item.classes_count), str(item.clips), span, wrong)
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _finding(finding: Finding) -> list[str]:
    return [
        f"  {finding.severity} [{finding.check}] {finding.what}",
        *(f"      {line}" for line in finding.details),
    ]


def audit_tree(audits: Sequence[DatasetAudit]) -> dict[str, Any]:
    """The audits for programs."""
    return {
        "format": FORMAT,
        "failed": any(audit.failed for audit in audits),
        "datasets": [{**asdict(audit), "failed": audit.failed} for audit in audits],
    }
