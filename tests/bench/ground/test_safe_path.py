"""Files in the user's folder are not run instead of the real modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.testing import tiny_benchmark
from tests.bench.data.video_files import write_video

SHADOWS = ("queue", "selectors", "socket", "settings", "results", "methods", "configs", "torch")


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A working folder whose files have the names of modules; importing one leaves a mark."""
    folder = tmp_path / "crowded"
    folder.mkdir()
    for name in SHADOWS:
        text = f"open({str(tmp_path / 'run.txt')!r}, 'a').write({name!r})\nraise SystemExit(9)\n"
        (folder / f"{name}.py").write_text(text)
    return folder


def bench(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("bench")
    return subprocess.run([script, *arguments], cwd=cwd, text=True, capture_output=True)


def test_a_run_imports_nothing_from_the_working_folder(crowded: Path, tmp_path: Path) -> None:
    with tiny_benchmark(folder=tmp_path / "bench") as tiny:
        done = bench(
            *("run", "--config", tiny.config, "--out", tiny.run_folder, "--setting", "few-shot"),
            *("--method", "vanilla-clip", "--set", "workers=1"),
            cwd=crowded,
        )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "run.txt").exists()


def test_checking_videos_imports_nothing_from_it_either(crowded: Path, tmp_path: Path) -> None:
    write_video(crowded / "a.mp4")
    done = bench("data", "check", ".", "--jobs", "2", cwd=crowded)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "run.txt").exists()


def test_python_m_takes_the_installed_modules(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("raise SystemExit(9)\n")
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", "settings"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "few-shot" in done.stdout


def test_a_configuration_name_is_the_projects(crowded: Path) -> None:
    (crowded / "paper").write_text("name = 'mine'")
    (crowded / "mini.py").write_text("name = 'mine'")
    done = bench("plan", "--config", "paper", "--table", "2", cwd=crowded)
    assert done.returncode == 0, done.stderr
    assert "configs/paper.py" in done.stdout
    other = bench("plan", "--config", "mini.py", cwd=crowded)
    assert f"{crowded}/mini.py" in other.stderr
