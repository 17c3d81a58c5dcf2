from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.ground.errors import BenchError, UsageError
from bench.ground.files import write_whole
from reports.curves import axis
from reports.formats import html as page
from reports.render import write_report
from results.numbers.aggregate import load_board
from results.run.plan_file import load_plan, write_plan
from tests.reports.example_run import Example, write_evaluation, write_example

WARNING = (
    "These numbers are about synthetic clips of the mini world (coloured shapes that move). "
    "Do not compare them with published ones."
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "example"
    write_example(folder)
    return folder


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return page.render(load_board([run]), datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc))


class Tags(HTMLParser):
    """Collects (tag, attributes) and checks that tags close in order."""

    VOID = frozenset({"meta", "input", "br", "link", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def opened(html: str) -> dict[str, dict[str, object]]:
    match = re.search(r'<script type="application/json" id="details">(.*?)</script>', html, re.S)
    assert match is not None
    details: dict[str, dict[str, object]] = json.loads(match.group(1))
    return details


def test_all_formats_are_written_where_asked(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report"
    written = write_report([run], out, ("html", "md", "csv", "figures"))
    assert [str(path.relative_to(out)) for path in written] == [
        "index.html",
        "tables.md",
        "results.csv",
        "figures/few-shot.png",
        "figures/few-shot.svg",
    ]
    assert all(path.stat().st_size > 1000 for path in written)
    assert sorted(path.name for path in out.iterdir()) == [
        "figures",
        "index.html",
        "results.csv",
        "tables.md",
    ]


def test_figures_of_synthetic_data_say_so(run: Path, tmp_path: Path) -> None:
    *_, svg = write_report([run], tmp_path, ("figures",))
    assert WARNING in svg.read_text(encoding="utf-8")


def test_an_unknown_format_is_refused_before_anything_is_written(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_report([run], tmp_path / "report", ("html", "markdwn"))
    assert str(caught.value) == (
        "unknown report format 'markdwn'\n  allowed: csv, figures, html, md"
    )
    assert not (tmp_path / "report").exists()


def test_no_run_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run folder to report on"):
        write_report([], tmp_path)


def test_a_folder_that_cannot_be_written_to(run: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(BenchError) as caught:
        write_report([run], blocked / "report", ("md",))
    assert str(caught.value) == (
        f"cannot write tables.md\n  got:     {blocked}/report: Not a directory\n"
        "  allowed: a folder with write permission and free space\n"
        "  next:    name another folder: --out DIR"
    )


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write_whole(tmp_path / "index.html", "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BenchError, match="No space left on device"):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_run_that_has_just_begun(tmp_path: Path) -> None:
    write_plan(Example().plan(), tmp_path)
    written = write_report([tmp_path], tmp_path / "report")
    assert len(written) == 3
    assert "not run yet" in (tmp_path / "report" / "tables.md").read_text(encoding="utf-8")
    write_evaluation(tmp_path, load_plan(tmp_path).trials[0])
    write_report([tmp_path], tmp_path / "report")
    assert "1/3" in (tmp_path / "report" / "tables.md").read_text(encoding="utf-8")


def test_an_empty_plan(tmp_path: Path) -> None:
    plan = Example().plan().model_copy(update={"trials": (), "skipped": ()})
    write_plan(plan, tmp_path)
    write_report([tmp_path], tmp_path)
    assert "The plan of this run has no cells." in (tmp_path / "index.html").read_text("utf-8")


def test_the_page_is_well_formed_and_asks_for_nothing_outside_itself(html: str) -> None:
    tags = parsed(html).found
    for name, attributes in tags:
        assert name not in ("link", "img", "iframe", "object", "embed")
        assert "src" not in attributes
        assert not any(attribute.startswith("on") for attribute in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in html
    assert "@import" not in html
    assert "http://" not in html.replace("http://www.w3.org", "") and "https://" not in html


def test_headers_are_buttons_with_a_sort_state(html: str) -> None:
    tags = parsed(html).found
    headers = [a for name, a in tags if name == "th" and "aria-sort" in a]
    buttons = [a for name, a in tags if name == "button" and a.get("class") == "sort"]
    assert len(headers) == len(buttons) == 4 + 12 + 12 + 2 + 4 + 2
    assert {a["aria-sort"] for a in headers} == {"none"}


def test_synthetic_pages_say_so_above_the_tables(html: str) -> None:
    assert html.index(WARNING) < html.index("<table")
    assert html.count("synthetic clips</span>") == 4
    assert "show-published" not in html.split("<script>")[0]


def test_a_real_page_has_published_rows_and_no_banner(tmp_path: Path) -> None:
    example = Example(methods=("vanilla-clip", "vifi-clip"), synthetic=False)
    write_example(tmp_path, example)
    html = page.render(load_board([tmp_path]))
    assert WARNING not in html
    assert 'id="show-published"' in html
    detail = opened(html)["zero-shot/1/hmdb51/-/-/top1"]
    assert detail["title"] == "ViFi-CLIP · HMDB-51 Top-1"
    notes = detail["notes"]
    assert isinstance(notes, list)
    assert any(re.fullmatch(r"Published: 51\.3 ± 0\.6; here [+−]\d+\.\d\.", n) for n in notes)


def test_failed_and_missing_numbers_differ_from_zero(html: str) -> None:
    tags = parsed(html).found
    cells = [a for name, a in tags if name == "td" and "data-dataset" in a]
    kinds = {kind: [] for kind in ("failed", "pending", "skipped", "incomplete")}
    for attributes in cells:
        kind = (attributes["class"] or "").split()[0]
        if kind in kinds:
            kinds[kind].append(attributes["data-value"])
    assert {kind: len(values) for kind, values in kinds.items()} == {
        "failed": 1,
        "pending": 2,
        "skipped": 4,
        "incomplete": 3,
    }
    assert all(value == "" for values in kinds.values() for value in values)
    assert "training failed (oom): killed at 3.9 GB of 3.8 GB" in html


def test_a_number_opens_to_its_members_and_protocol(html: str) -> None:
    detail = opened(html)["base-to-novel/6/mini-hmdb51/16/hm/hm"]
    assert detail["title"] == "ViFi-CLIP · mini-HMDB-51 HM"
    members = detail["members"]
    assert isinstance(members, dict)
    assert [row[0] for row in members["rows"]] == [
        f"seed {n}, {half}" for half in ("base", "novel") for n in (1, 2, 3)
    ]
    assert members["rows"][0][2] == "73 / 73 / 72 / 72"
    facts = detail["facts"]
    assert isinstance(facts, list)
    assert [group["title"] for group in facts] == [
        "Must agree to be ranked together",
        "Belongs to the method",
        "Made with",
    ]
    names = [name for group in facts for name, _ in group["rows"]]
    assert {"fingerprint", "list sha256", "pretraining", "prompts", "views", "checkpoint"} <= set(
        names
    )
    assert ["unusable clips", "val/class00/empty.mp4 (empty)"] in facts[2]["rows"]


def test_what_others_wrote_is_escaped(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    plan = write_example(tmp_path, Example(methods=("a5", "a6"), settings=("zero-shot",)))
    methods = {
        name: facts.model_copy(update={"title": evil, "citation": evil, "provenance": {evil: evil}})
        for name, facts in plan.methods.items()
    }
    skipped = tuple(skip.model_copy(update={"reason": evil}) for skip in plan.skipped)
    write_plan(
        plan.model_copy(update={"methods": methods, "skipped": skipped, "name": evil}), tmp_path
    )
    html = page.render(load_board([tmp_path]))
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert "<img" not in html
    scripts = [attributes for name, attributes in parsed(html).found if name == "script"]
    assert scripts == [{"type": "application/json", "id": "details"}, {}]


def test_curves_leave_a_gap_where_a_number_is_missing(html: str) -> None:
    ssv2 = html[html.index('data-dataset="mini-ssv2">\n') :]
    chart = ssv2[ssv2.index("<svg") : ssv2.index("</svg>")]
    series = chart[chart.index('data-line="xclip"') :]
    assert series[: series.index("data-line", 20)].count('class="dot"') == 3
    whole = chart[chart.index('data-line="vifi-clip"') :]
    assert whole[: whole.index("data-line", 20)].count('class="dot"') == 4


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.0), (0.0, 100.0), (99.5, 100.0), (41.9, 66.8), (2.7, 12.4)]
)
def test_axes_hold_their_values(low: float, high: float) -> None:
    bottom, top, step = axis(low, high)
    assert 0 <= bottom <= low <= high <= top <= 100
    assert 2 <= (top - bottom) / step <= 7
