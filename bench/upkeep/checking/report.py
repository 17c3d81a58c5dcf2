"""What a check found: counts by reason, the clips it concerns, files for other programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.ground.files import write_whole
from bench.upkeep.checking.sweep import SweepOptions
from bench.upkeep.checking.targets import CheckTarget, ListedClip
from bench.upkeep.checking.verdict import MEANING, SUSPICIONS, Inspection, Verdict, judge

FORMAT = 1
_SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """A clip that is not simply well."""

    clip: ListedClip
    verdict: Verdict


@dataclass(frozen=True)
class CheckReport:
    """The verdicts on all clips of a target.

    Attributes:
        target: What was checked.
        findings: Bad and suspect clips, in the order of the target.
        decoders: Library -> clips that it decoded.
        decoded: Clips that were decoded now.
        known: Clips whose verdict was known from earlier.
        seconds: Time that took.
        options: How they were decoded.
        min_frames: Frames that a clip is sampled to.
    """

    target: CheckTarget
    findings: tuple[Finding, ...]
    decoders: tuple[tuple[str, int], ...]
    decoded: int
    known: int
    seconds: float
    options: SweepOptions
    min_frames: int

    @cached_property
    def bad(self) -> tuple[Finding, ...]:
        """Clips that cannot be used."""
        return tuple(item for item in self.findings if item.verdict.state == "bad")

    @cached_property
    def reasons(self) -> dict[str, int]:
        """Reason code -> clips; errors first, then by number."""
        counts = Counter(item.verdict.reason for item in self.findings)
        order = sorted(counts, key=lambda code: (code in SUSPICIONS, -counts[code], code))
        return {code: counts[code] for code in order}

    def by_list(self) -> dict[str, tuple[int, int, int]]:
        """List -> clips, bad ones, suspect ones."""
        listed = Counter(name for clip in self.target.clips for name in clip.lists)
        states = {
            state: Counter(
                name
                for item in self.findings
                if item.verdict.state == state
                for name in item.clip.lists
            )
            for state in ("bad", "suspect")
        }
        return {
            name: (count, states["bad"][name], states["suspect"][name])
            for name, count in listed.items()
        }


def make_report(
    target: CheckTarget,
    seen: Sequence[Inspection],
    options: SweepOptions,
    *,
    min_frames: int,
    decoded: int,
    known: int,
    seconds: float,
) -> CheckReport:
    """Judge what was seen of each clip of a target, in its order."""
    findings = []
    for clip, inspection in zip(target.clips, seen, strict=True):
        verdict = judge(inspection, annotated_seconds=clip.seconds, min_frames=min_frames)
        if verdict.state != "ok":
            findings.append(Finding(clip, verdict))
    decoders = Counter(inspection.decoder for inspection in seen if inspection.decoder)
    return CheckReport(
        target,
        tuple(findings),
        tuple(sorted(decoders.items())),
        decoded,
        known,
        seconds,
        options,
        min_frames,
    )


def report_text(report: CheckReport) -> str:
    """The report for people."""
    total, suspect = len(report.target.clips), len(report.findings) - len(report.bad)
    lines = [
        f"{report.target.name}: {total} clips, {total - len(report.findings)} well, "
        f"{len(report.bad)} bad, {suspect} suspect",
        _how(report),
    ]
    if report.reasons:
        width = max(map(len, report.reasons))
        lines.append("")
        for code, count in report.reasons.items():
            state = "suspect" if code in SUSPICIONS else "bad"
            lines.append(f"  {state:<7}  {code:<{width}}  {count:>7}  {MEANING[code]}")
    lists = {name: row for name, row in report.by_list().items() if row[1] or row[2]}
    if lists:
        width = max(map(len, lists))
        lines.append("")
        for name, (listed, bad, doubtful) in lists.items():
            lines.append(f"  {name:<{width}}  {bad} bad, {doubtful} suspect of {listed}")
    for state in ("bad", "suspect"):
        items = [item for item in report.findings if item.verdict.state == state]
        if items:
            lines += ["", *(_finding_line(item) for item in items[:_SHOWN])]
        if len(items) > _SHOWN:
            lines.append(f"  … and {len(items) - _SHOWN} more {state}")
    for name, why in report.target.absent:
        lines.append(f"  not checked: list {name}: {why}")
    return "\n".join(lines)


def _how(report: CheckReport) -> str:
    frames = {"ends": "first, middle and last frame", "all": "every frame"}[report.options.depth]
    said = f"  {frames}; {report.decoded} decoded now"
    if report.decoded and report.seconds > 0:
        said += f" ({report.decoded / report.seconds:.1f} clips/s)"
    return said + (f", {report.known} known from earlier" if report.known else "")


def _finding_line(item: Finding) -> str:
    detail = f" ({item.verdict.detail})" if item.verdict.detail else ""
    return f"  {item.clip.id}: {item.verdict.reason}{detail}"


def report_tree(report: CheckReport) -> dict[str, Any]:
    """The report for programs."""
    total = len(report.target.clips)
    return {
        "format": FORMAT,
        "target": report.target.name,
        "root": str(report.target.root.absolute()),
        "frames": report.options.depth,
        "limits": {
            "seconds": report.options.limits.seconds,
            "memory": report.options.limits.memory,
        },
        "min_frames": report.min_frames,
        "clips": total,
        "well": total - len(report.findings),
        "bad": len(report.bad),
        "suspect": len(report.findings) - len(report.bad),
        "decoded_now": report.decoded,
        "known": report.known,
        "seconds": round(report.seconds, 3),
        "decoders": dict(report.decoders),
        "reasons": report.reasons,
        "lists": {
            name: {"clips": listed, "bad": bad, "suspect": doubtful}
            for name, (listed, bad, doubtful) in report.by_list().items()
        },
        "not_checked": dict(report.target.absent),
        "findings": [
            {
                "clip": item.clip.id,
                "path": str(item.clip.path),
                "state": item.verdict.state,
                "reason": item.verdict.reason,
                "detail": item.verdict.detail,
                "lists": list(item.clip.lists),
            }
            for item in report.findings
        ],
    }


def write_report(report: CheckReport, folder: Path) -> tuple[Path, Path]:
    """Write ``bad.txt`` (clip, reason, detail; tabs between) and ``check.json``.

    Raises:
        DataError: The folder cannot be written to.
    """
    lines = [
        "\t".join((item.clip.id, item.verdict.reason, " ".join(item.verdict.detail.split())))
        for item in report.bad
    ]
    bad, tree = folder / "bad.txt", folder / "check.json"
    content = "".join(f"{line}\n" for line in lines)
    write_whole(bad, content.encode("utf-8", errors="surrogateescape"), flag="--out DIR")
    write_whole(tree, json.dumps(report_tree(report), indent=1).encode(), flag="--out DIR")
    return bad, tree
