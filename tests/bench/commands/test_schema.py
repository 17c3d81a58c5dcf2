from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bench.planning.load_config import load_config
from bench.testing import tiny_benchmark


def test_what_a_run_writes_fits_the_schemas(tmp_path: Path) -> None:
    with tiny_benchmark(folder=tmp_path) as bench:
        assert bench.run("--method", "vanilla-clip", "--setting", "few-shot").exit_code == 0
        schemas = {
            kind: json.loads(bench.cli("schema", kind).output)
            for kind in ("record", "plan", "config")
        }
        (record,) = bench.run_folder.glob("jobs/*/result.json")
        documents = {
            "record": json.loads(record.read_text()),
            "plan": json.loads((bench.run_folder / "plan.json").read_text()),
            "config": load_config(bench.config).model_dump(mode="json"),
        }
    for kind, document in documents.items():
        jsonschema.validate(document, schemas[kind])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**documents["plan"], "datasets": 3}, schemas["plan"])
