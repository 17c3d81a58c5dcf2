from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path

import av
import numpy as np
import pytest

from bench.cli import main
from bench.doctor import configured, decoding, golden, libraries, machine
from bench.doctor.finding import Finding, carried_out
from bench.planning.config import RunConfig
from bench.planning.load_config import load_config
from bench.upkeep.shards import write_shards
from tests.bench.data import official_folders as official


def config_of(tmp_path: Path, **changes: object) -> RunConfig:
    return load_config(None, {"cache": str(tmp_path / "cache"), **changes})


def named(findings: list[Finding], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def test_the_mini_world_can_be_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["config"], body["ready"]) == ("mini", True)
    found = {finding["name"]: finding for finding in body["findings"]}
    for title in ("H.264 in mp4", "MPEG-4 in avi", "VP8 in webm", "VP9 in webm"):
        assert found[title]["detail"] == "24 frames, exact with decord and PyAV"
    assert found["cpu, fp32"]["status"] == "ok"
    assert found["backbone"]["detail"].startswith("mini_clip with QuickGELU: ")
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_has_its_mend_and_the_verdict_is_in_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("BENCH_DATA", "BENCH_RELEASED", "BENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--config", "table3"]) == 1
    lines = capsys.readouterr().out.splitlines()
    place = tmp_path / "weights/ViT-B-16.pt"
    where = lines.index(f"  broken   backbone: the weights of ViT-B-16 are not there ({place})")
    assert lines[where + 1].startswith("           mend: download https://")
    assert lines[where + 1].endswith(f" to {place}")
    where = lines.index("  broken   hmdb51, videos: no folder data/hmdb51/videos")
    assert lines[where + 1] == (
        "           mend: bench data prepare hmdb51 --videos <folder> --annotations <folder>"
    )
    assert lines[-1].startswith("configuration 'table3' cannot be run here as things are: ")


def test_a_check_that_fails_is_a_finding() -> None:
    def fails() -> list[Finding]:
        raise OSError("no such device\nreally")

    (found,) = carried_out("machine", "GPUs", fails)
    assert (found.status, found.detail) == ("broken", "OSError: no such device")
    assert found.mend == "BENCH_DEBUG=1 bench doctor shows where"


def test_memory_and_cores_are_those_of_the_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "memory_limit", lambda: 2**30)
    (found,) = machine.memory()
    assert found.status == "warning"
    assert found.detail.startswith("1 GiB (limit of the control group; the machine has ")
    monkeypatch.setattr(machine, "cores", lambda: 3)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    (found,) = machine.processors(config_of(tmp_path))
    assert (found.status, found.detail) == ("ok", "3 usable of 64")
    (found,) = machine.processors(config_of(tmp_path, workers=8))
    assert found.status == "warning"
    assert found.mend == "workers = 3 in the configuration"


def test_disks_are_tried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.disk("cache", tmp_path / "not/yet/there").status == "ok"
    (tmp_path / "file").write_text("x")
    found = machine.disk("cache", tmp_path / "file/cache")
    assert (found.status, found.detail) == ("broken", f"{tmp_path / 'file'} is a file")
    usage = shutil.disk_usage(tmp_path)
    for free, status in ((2**29, "broken"), (2**31, "warning"), (2**40, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert machine.disk("cache", tmp_path).status == status


def tool(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nvidia-smi of our own, first on the path."""
    file = folder / "nvidia-smi"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_gpus_are_what_the_driver_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, "echo 'NVIDIA H100, 81559 MiB, 570.1, 9.0'", monkeypatch)
    (found,) = machine.gpus()
    assert found == Finding(
        "machine",
        "GPU 0",
        "ok",
        "NVIDIA H100, 81559 MiB, driver 570.1, compute capability 9.0",
    )
    tool(tmp_path, "echo 'NVIDIA-SMI has failed'; exit 9", monkeypatch)
    (found,) = machine.gpus()
    assert (found.status, found.detail) == (
        "warning",
        "nvidia-smi fails: NVIDIA-SMI has failed",
    )
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    (found,) = machine.gpus()
    assert found.detail == "none (no nvidia-smi): everything runs on the CPU"


def test_a_driver_that_torch_cannot_use_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch can use the GPUs here")
    tool(tmp_path, "true", monkeypatch)
    (found,) = libraries.cuda()
    assert found.status == "warning"
    assert "sees no GPU" in found.detail


def test_libraries_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [found.status for found in libraries.versions()] == ["ok"]
    plain = metadata.version

    def other(package: str) -> str:
        if package == "timm":
            raise metadata.PackageNotFoundError(package)
        return "1.26.4" if package == "numpy" else plain(package)

    monkeypatch.setattr(metadata, "version", other)
    found = list(libraries.versions())
    assert {finding.status for finding in found} == {"broken"}
    project = [finding for finding in found if finding.detail.startswith("clip-video-bench")]
    assert [(finding.detail, finding.mend) for finding in project] == [
        ("clip-video-bench needs timm>=1.0, which is not there", "pip install 'timm>=1.0'"),
        ("clip-video-bench needs numpy>=2, 1.26.4 is installed", "pip install 'numpy>=2'"),
    ]


def test_a_library_that_cannot_be_imported_stops_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fails_here.py").write_text("raise OSError('libcudart.so.11: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(libraries, "IMPORTS", {"timm": "fails_here"})
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (
        "  broken   timm: 'import fails_here' fails: OSError: libcudart.so.11: cannot open" in lines
    )
    assert "           mend: pip install --force-reinstall 'timm>=1.0'" in lines
    assert "  broken   all: not looked at: a library cannot be imported" in lines


def test_decoders_are_compared_frame_by_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = decoding.TRIED[1]
    exact = decoding.DECODERS["PyAV"]
    assert decoding.try_codec(tried, tmp_path, needed=True).status == "ok"
    monkeypatch.setitem(decoding.DECODERS, "decord", lambda file: exact(file)[:20])
    found = decoding.try_codec(tried, tmp_path, needed=True)
    assert (found.status, found.detail) == ("warning", "decord: 20 of 24 frames")
    assert found.mend == "pip install --force-reinstall decord==0.6.0"
    monkeypatch.setitem(decoding.DECODERS, "PyAV", lambda file: np.roll(exact(file), 1, axis=0))
    found = decoding.try_codec(tried, tmp_path, needed=True)
    assert found.status == "broken"
    assert found.detail.endswith("PyAV: frame 0 is another one or has other colours")
    assert decoding.try_codec(tried, tmp_path, needed=False).status == "warning"
    missing = decoding.Tried("Nothing", "no-such-encoder", ".mp4", ())
    found = decoding.try_codec(missing, tmp_path, needed=True)
    assert found.status == "warning"
    assert found.detail.startswith(f"not tried: PyAV {av.__version__} cannot encode it (")


def test_weights_are_loaded_and_known_ones_are_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = configured.weights(config_of(tmp_path))
    assert found.status == "ok"
    sha256 = found.detail.rsplit(" ", 1)[1]
    monkeypatch.setattr(configured, "OPENAI_RELEASES", {sha256: "ViT-B-16"})
    (found,) = configured.weights(config_of(tmp_path))
    assert found.detail.endswith(f"sha256 {sha256}, as OpenAI released it (ViT-B-16)")
    released = str(tmp_path / "nix.pth")
    changes = {"methods.vifi-clip.released": released}
    _, found = configured.weights(config_of(tmp_path, **changes))
    assert (found.name, found.status, found.detail) == (
        "vifi-clip, released",
        "broken",
        f"no file {released}",
    )
    (tmp_path / "short.pt").write_bytes(b"x" * 10)
    broken = config_of(tmp_path, **{"backbone.weights": str(tmp_path / "short.pt")})
    (found,) = configured.weights(broken)
    assert found.status == "broken"
    assert found.detail.startswith("short.pt holds no weights but 10 bytes")


def test_data_are_counted(tmp_path: Path) -> None:
    data = official.simple_hmdb(tmp_path / "hmdb", {"kick": 3, "sword": 2})
    place = {
        "root": str(data.videos),
        "annotations": str(data.annotations),
        "format": "hmdb",
        "lists": {"val1": str(tmp_path / "nix.txt")},
    }
    config = config_of(
        tmp_path, **{"datasets.hmdb51": place, "settings.few-shot.datasets": ["hmdb51"]}
    )
    found = list(configured.data(config))
    assert named(found, "hmdb51, videos").detail == f"9 videos below {data.videos}"
    assert named(found, "hmdb51, annotations").detail == f"2 files below {data.annotations}"
    lists = named(found, "hmdb51, lists")
    assert (lists.status, lists.detail) == (
        "broken",
        f"0 of 1 there; no file for val1: {tmp_path / 'nix.txt'}",
    )
    assert named(found, "mini-hmdb51").detail == f"made on first use below {tmp_path / 'cache'}"
    unused = config_of(tmp_path, **{"datasets.hmdb51": place})
    lists = named(list(configured.data(unused)), "hmdb51, lists")
    assert lists.status == "warning"
    assert lists.detail.endswith("; no setting uses it")


def test_shards_that_are_not_whole_are_broken_data(tmp_path: Path) -> None:
    data = official.simple_hmdb(tmp_path / "hmdb", {"kick": 3, "sword": 2})
    write_shards(data.videos, tmp_path / "s")
    changes: dict[str, object] = {
        "datasets.mine": {"title": "Mine", "format": "folders", "root": str(tmp_path / "s")},
        "settings.few-shot.datasets": ["mine"],
    }
    found = named(list(configured.data(config_of(tmp_path, **changes))), "mine, videos")
    assert found.detail == f"9 clips in whole shards below {tmp_path / 's'}"
    (tmp_path / "s/videos-00000.tar").unlink()
    found = named(list(configured.data(config_of(tmp_path, **changes))), "mine, videos")
    assert (found.status, found.mend) == ("broken", "copy these shards again")


def test_counting_stops_in_time(tmp_path: Path) -> None:
    official.touch_videos(tmp_path, ["a/1.mp4", "b/2.mp4", ".hidden/3.mp4"])
    assert configured.count_videos(tmp_path) == (2, True)
    assert configured.count_videos(tmp_path, seconds=-1.0) == (0, False)


def test_drift_beyond_what_is_allowed_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, rough = list(golden.replay())[:2]
    assert (exact.name, exact.status) == ("cpu, fp32", "ok")
    assert (rough.name, rough.status) == ("cpu, amp-bf16", "ok")
    monkeypatch.setitem(golden.TOLERANCES, "scores", 0.0)
    (exact, *_) = golden.replay()
    assert exact.status == "broken"
    assert exact.mend == ("bench parity shows which adapters are off; try another build of PyTorch")
