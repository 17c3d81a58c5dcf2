"""One file from outside the project for each of these kinds; the others have tests beside their
rooms: ``tests/methods/test_adding_a_method.py``, ``tests/bench/data/pipelines/test_extensions.py``
(pipelines and metrics) and ``tests/bench/running/launchers/test_extensions.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ground.extensions import KINDS, kinds
from bench.testing import tiny_benchmark
from tests.places import ROOT

EXAMPLES = ROOT / "docs" / "examples"
VANILLA = ("--method", "vanilla-clip", "--plain")


def test_there_are_eight_kinds_and_each_knows_the_origin_of_what_it_has() -> None:
    assert sorted(KINDS) == [
        "adapter",
        "class-text source",
        "dataset",
        "launcher",
        "metric",
        "pipeline",
        "report format",
        "setting",
    ]
    for extensions in kinds().values():
        built_in = [e for e in extensions.entries().values() if e.origin == "built in"]
        assert built_in, extensions.kind


@pytest.mark.parametrize(
    ("page", "example"),
    [
        ("adding-a-setting.md", "mean_class.py"),
        ("adding-a-dataset.md", "toy_squares.py"),
        ("adding-a-report.md", "best_rows.py"),
    ],
)
def test_the_pages_show_the_files_of_the_repository(page: str, example: str) -> None:
    assert (EXAMPLES / example).read_text() in (ROOT / "docs" / page).read_text()


def test_a_setting_brings_its_table_with_headings_of_its_own(tmp_path: Path) -> None:
    source = (EXAMPLES / "mean_class.py").read_text()
    config = 'settings["mean-class"] = dict(datasets=["squares"])\n'
    with tiny_benchmark(plugins={"mean.py": source}, config=config, folder=tmp_path) as bench:
        done = bench.run(*VANILLA, "--setting", "mean-class")
        assert done.exit_code == 0, done.errors
        assert [row["metric"] for row in bench.numbers()] == ["top1", "mean_class"]
        assert {row["setting"] for row in bench.numbers()} == {"mean-class"}
        page = (bench.run_folder / "report" / "tables.md").read_text()
        assert "Fully-supervised, mean over classes" in page
        listed = bench.cli("settings", "--plugin", bench.plugins["mean.py"])
        assert f"(file {bench.plugins['mean.py']})" in listed.output


def test_a_dataset_and_the_texts_of_its_classes(tmp_path: Path) -> None:
    source = (EXAMPLES / "toy_squares.py").read_text()
    config = (
        f'datasets["toy-squares"] = dict(root="{tmp_path}/squares", format="folders", '
        'class_texts="on-noise")\n'
        'settings["few-shot"]["datasets"] = ["toy-squares"]\n'
    )
    with tiny_benchmark(plugins={"toy.py": source}, config=config, folder=tmp_path) as bench:
        done = bench.run(*VANILLA, "--setting", "few-shot")
        assert done.exit_code == 0, done.errors
        (top1,) = bench.numbers()
        assert top1["dataset"] == "Toy squares"
        why = bench.cli("why", "toy-squares/few-shot/vanilla-clip", "--run", bench.run_folder)
        assert "a red square on a noisy ground" in why.output
        listed = bench.cli("datasets", "--config", bench.config)
        assert "Toy squares: three colours; few-shot and fully-supervised" in listed.output


def test_a_report_format(tmp_path: Path) -> None:
    with tiny_benchmark(folder=tmp_path) as bench:
        assert bench.run(*VANILLA, "--setting", "few-shot").exit_code == 0
        file = EXAMPLES / "best_rows.py"
        done = bench.cli("report", bench.run_folder, "--formats", "best", "--plugin", file)
        assert done.exit_code == 0, done.errors
        (written,) = done.output.split()
        assert Path(written).read_text().startswith("Few-shot, Squares K=2: Vanilla CLIP ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SETTING = 3", "SETTING is 3, not an object whose class derives from Setting"),
        ("DATASET = 'x'", "DATASET is 'x', not a bench.data.datasets.base.DatasetSpec"),
        ("REPORT = None\nREPORT = 1", "REPORT is 1, not a reports.formats.base.ReportFormat"),
        (
            "CLASS_TEXTS = 2",
            "CLASS_TEXTS is 2, not a bench.data.lists.class_texts.base.ClassTexts",
        ),
        (
            "from settings.base import Setting\n"
            "class Half(Setting):\n"
            "    name = 'half'\n"
            "    def trials(self, method, dataset, catalogue, options): return []\n"
            "SETTING = Half()\n",
            "setting Half lacks title, summary, spread",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(text)
    with tiny_benchmark() as bench:
        listed = bench.cli("settings", "--plugin", file)
    assert listed.exit_code == 1
    assert "few-shot" in listed.output
    assert listed.errors == f"bench: plug-in {file} was left out: {reason}\n"
