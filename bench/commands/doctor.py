"""``bench doctor``: is this machine ready for a configuration."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.doctor.finding import Finding
    from bench.planning.config import RunConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--config", help="configuration file or name (default: mini)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print what was found; 1 if the configuration cannot be run here as things are."""
    from bench.doctor.examination import examine
    from bench.planning.load_config import load_config

    config = load_config(args.config)
    findings: list[Finding] = []
    area = ""
    for finding in examine(config):
        findings.append(finding)
        if not args.json:
            if finding.area != area:
                area = finding.area
                print(area)
            print(_lines(finding), flush=True)
    if args.json:
        print(_document(config, findings))
    else:
        print(_verdict(config, findings))
    return 1 if any(finding.status == "broken" for finding in findings) else 0


def _lines(finding: Finding) -> str:
    text = f"  {finding.status:<8} {finding.name}: {finding.detail}"
    return text + (f"\n           mend: {finding.mend}" if finding.mend else "")


def _verdict(config: RunConfig, findings: Sequence[Finding]) -> str:
    counts = Counter(finding.status for finding in findings)
    noun = "warning" if counts["warning"] == 1 else "warnings"
    shown = f"{counts['ok']} ok, {counts['warning']} {noun}, {counts['broken']} broken"
    ready = "can be run here" if not counts["broken"] else "cannot be run here as things are"
    return f"configuration '{config.name}' {ready}: {shown}"


def _document(config: RunConfig, findings: Sequence[Finding]) -> str:
    import json
    from dataclasses import asdict

    body = {
        "config": config.name,
        "ready": all(finding.status != "broken" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(body, indent=1)
