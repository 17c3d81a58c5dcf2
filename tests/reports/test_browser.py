"""The page in a real browser: sorting, filtering and opening, through what it then shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.render import write_report
from tests.reports.example_run import Example, write_example

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no chromium or google-chrome on this machine"),
]

LOOK = """
const titles = (setting) => [...document.querySelectorAll(`#${setting} tbody tr`)]
  .filter((row) => row.offsetParent !== null)
  .map((row) => row.querySelector("th").firstChild.textContent.trim());
const settings = () => [...document.querySelectorAll(".board")]
  .filter((board) => board.offsetParent !== null).map((board) => board.id);
const groups = (setting) => [...document.querySelectorAll(`#${setting} th.group`)]
  .filter((th) => th.offsetParent !== null).map((th) => th.textContent);
const header = (setting, label) => [...document.querySelectorAll(`#${setting} .sort`)]
  .find((button) => (button.getAttribute("aria-label") || button.textContent).endsWith(label));
const sorted = (setting, label) => header(setting, label).closest("th").getAttribute("aria-sort");
const type = (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("input", { bubbles: true }));
};
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    write_example(folder, Example(settings=("zero-shot", "few-shot")))
    (page,) = write_report([folder], folder / "report", ("html",))
    return page


def look(report: Path, script: str) -> dict[str, object]:
    """Run a script at the end of the page; what it puts into ``out`` comes back."""
    marked = f"""<pre id="outcome"></pre><script>{LOOK}
(async () => {{
  const out = {{}};
  try {{ {script} }} catch (error) {{ out.error = String(error); }}
  document.getElementById("outcome").textContent = JSON.stringify(out);
}})();
</script></body>"""
    copy = report.with_name("look.html")
    text = report.read_text(encoding="utf-8").replace("</body>", marked)
    copy.write_text(text, encoding="utf-8")
    profile = report.parent / "profile"
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout, re.S)
    assert found is not None, done.stderr
    outcome: dict[str, object] = json.loads(
        found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )
    assert "error" not in outcome, outcome
    return outcome


def test_sorting(report: Path) -> None:
    out = look(
        report,
        """
        out.before = titles("zero-shot");
        header("zero-shot", "mini-HMDB-51 Top-1").click();
        out.down = titles("zero-shot");
        out.downState = sorted("zero-shot", "mini-HMDB-51 Top-1");
        header("zero-shot", "mini-HMDB-51 Top-1").click();
        out.up = titles("zero-shot");
        header("zero-shot", "mini-HMDB-51 Top-1").click();
        out.after = titles("zero-shot");
        header("few-shot", "mini-SSv2 K=16").click();
        out.failedLast = titles("few-shot").at(-1);
        header("few-shot", "Method").click();
        out.names = titles("few-shot");
        out.namesState = [sorted("few-shot", "Method"), sorted("few-shot", "mini-SSv2 K=16")];
        """,
    )
    down, up = out["down"], out["up"]
    assert isinstance(down, list) and isinstance(up, list)
    assert down[0] == "ViFi-CLIP"
    assert out["downState"] == "descending"
    assert down[-1] == up[-1] == "A6"
    assert up[0] == "Vanilla CLIP" and up[-2] == "ViFi-CLIP"
    assert out["after"] == out["before"]
    assert out["failedLast"] == "X-CLIP"
    names = out["names"]
    assert isinstance(names, list)
    assert names == sorted(names, key=str.lower)
    assert out["namesState"] == ["ascending", "none"]


def test_filtering(report: Path) -> None:
    out = look(
        report,
        """
        type("q", "prompt");
        out.method = [settings(), titles("few-shot")];
        type("q", "ucf");
        out.dataset = [settings(), groups("few-shot"), titles("few-shot").length];
        type("q", "few vifi ssv2");
        out.both = [settings(), groups("few-shot"), titles("few-shot")];
        out.found = document.getElementById("found").textContent;
        type("q", "nonsense");
        out.nothing = [settings(), document.getElementById("nothing").hidden];
        type("q", "");
        type("dataset", "mini-kinetics600");
        out.column = [settings(), groups("zero-shot")];
        type("dataset", "");
        type("setting", "zero-shot");
        type("method", "a5");
        out.chosen = [settings(), titles("zero-shot")];
        """,
    )
    assert out["method"] == [["zero-shot", "few-shot"], ["VL prompting"]]
    assert out["dataset"] == [["zero-shot", "few-shot"], ["mini-UCF-101"], 9]
    assert out["both"] == [["few-shot"], ["mini-SSv2"], ["ViFi-CLIP"]]
    assert out["found"] == "1 row"
    assert out["nothing"] == [[], False]
    assert out["column"] == [["zero-shot"], ["mini-K600"]]
    assert out["chosen"] == [["zero-shot"], ["A5"]]


def test_a_number_opens_and_the_keyboard_moves_between_numbers(report: Path) -> None:
    out = look(
        report,
        """
        const failed = document.querySelector("#few-shot td.failed button");
        failed.click();
        const dialog = document.getElementById("detail");
        out.open = dialog.open;
        out.text = document.getElementById("detail-body").textContent;
        dialog.close();
        out.stops = [...document.querySelectorAll("#zero-shot button.cell")]
          .filter((cell) => cell.tabIndex === 0).length;
        const first = document.querySelector("#zero-shot button.cell");
        first.focus();
        const press = (key) => document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        press("ArrowRight");
        press("ArrowDown");
        out.focused = document.activeElement.dataset.cell;
        """,
    )
    assert out["open"] is True
    assert "X-CLIP · mini-SSv2 K=16" in str(out["text"])
    assert "training failed (oom): killed at 3.9 GB of 3.8 GB" in str(out["text"])
    assert out["stops"] == 1
    assert out["focused"] == "zero-shot/1/mini-ucf101/-/-/top1"


@pytest.mark.parametrize("width", [390, 1600])
def test_only_tables_scroll_sideways(report: Path, width: int) -> None:
    out = look(
        report,
        """
        const frame = document.createElement("iframe");
        frame.style.width = "WIDTHpx";
        const page = document.documentElement.cloneNode(true);
        page.querySelectorAll("body > script:not([id]):not(:first-of-type), #outcome")
          .forEach((element) => element.remove());
        frame.srcdoc = "<!doctype html>" + page.outerHTML;
        const loaded = new Promise((done) => { frame.onload = done; });
        document.body.append(frame);
        await loaded;
        const inside = frame.contentDocument;
        out.rows = inside.querySelectorAll("tbody tr").length;
        out.page = inside.documentElement.scrollWidth - inside.documentElement.clientWidth;
        out.table = [...inside.querySelectorAll("#few-shot .scroll")]
          .map((box) => box.scrollWidth > box.clientWidth)[0];
        """.replace("WIDTH", str(width)),
    )
    rows = out["rows"]
    assert isinstance(rows, int) and rows > 18
    assert out["page"] == 0
    assert out["table"] is (width == 390)
