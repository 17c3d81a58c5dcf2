"""Each method's folder holds its text for the documentation, and the protocol leads to it."""

from __future__ import annotations

from pathlib import Path

import methods

FOLDER = Path(methods.__file__).parent
PROTOCOL = FOLDER.parent / "docs" / "protocol.md"


def test_the_protocol_links_to_the_page_of_every_method() -> None:
    pages = {f"../methods/{page.parent.name}/docs.md" for page in FOLDER.glob("*/docs.md")}
    text = PROTOCOL.read_text(encoding="utf-8")
    linked = {part.partition(")")[0] for part in text.split("](") if "/docs.md)" in part}
    assert linked == pages


def test_every_published_method_has_a_page() -> None:
    recipes = {file.parent.name for file in FOLDER.glob("*/recipe.py")}
    pages = {file.parent.name for file in FOLDER.glob("*/docs.md")}
    assert recipes - pages == {"vl_prompting"}, "whose release is ViFi-CLIP's"
