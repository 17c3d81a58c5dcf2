"""``bench schema``: the JSON schema of records, plan files and configurations."""

from __future__ import annotations

import argparse
import json
from typing import Any

KINDS = ("record", "plan", "config")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument("kind", choices=KINDS, help="result.json, plan.json, or a configuration")


def run(args: argparse.Namespace) -> int:
    """Print the schema, made from the models that read these files."""
    from pydantic import TypeAdapter

    from bench.planning.config import RunConfig
    from results.run.plan_file import PlanFile
    from results.run.records import RecordAdapter

    adapters: dict[str, TypeAdapter[Any]] = {
        "record": RecordAdapter,
        "plan": TypeAdapter(PlanFile),
        "config": TypeAdapter(RunConfig),
    }
    document = adapters[args.kind].json_schema()
    draft = "https://json-schema.org/draft/2020-12/schema"
    print(json.dumps({"$schema": draft, **document}, indent=1))
    return 0
