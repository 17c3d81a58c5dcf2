from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.cli import main
from bench.engine.job.run_job import run_job
from tests.bench.engine.world import make_world


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job folder of a training of the real engine."""
    world = make_world(tmp_path_factory.mktemp("export"))
    job = world.train_job()
    folder = world.root / "run" / "jobs" / job.key
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == 0
    return folder


def test_a_training_is_written_as_its_authors_save_it(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, target = trained / "checkpoint.safetensors", tmp_path / "original.pth"
    command = ["checkpoint", str(file), "--export", "original", "--to", str(target)]
    assert main(command) == 0
    size = target.stat().st_size / 1e6
    assert capsys.readouterr().out == (
        f"wrote     {target} ({size:.1f} MB): ViFi-CLIP, model (61 tensors)\n"
        "reads as  61 matched, 0 missing, 0 unexpected, 0 ignored\n"
    )
    content = torch.load(target, weights_only=True)
    assert "module.image_encoder.conv1.weight" in content["model"]
    assert main(["checkpoint", str(target)]) == 0
    assert "\nmethod    vifi-clip (ViFi-CLIP)\n" in capsys.readouterr().out
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"bench: original.pth exists already\n  got:     {target}\n"
        "  next:    name another file with --to\n"
    )


def test_a_file_without_its_training_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((trained / "checkpoint.safetensors").read_bytes())
    assert main(["checkpoint", str(copy), "--export", "original"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: copy.safetensors does not lie in the folder of its training\n"
        f"  got:     no {tmp_path / 'job.json'}\n"
    )
