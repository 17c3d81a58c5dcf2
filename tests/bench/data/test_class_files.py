from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.lists.class_files import read_class_file
from bench.ground.errors import DataError

NAMES = ("red circle", "blue square")


@pytest.mark.parametrize(
    "text",
    [
        "red circle\nblue square\n",
        "id,name\n0,red circle\n1,blue square\n",
        "id;name\n0;red circle\n1;blue square\n",
        "\ufeffid;name\r\n0;red circle\r\n1;blue square\r\n",
        "id\tname\n0\tred circle\n1\tblue square\n",
        "name,id\nred circle,0\nblue square,1\n",
        "name;id\nblue square;1\nred circle;0\n",
        "Index, Class\n1, red circle\n2, blue square\n",
        "0,red circle\n1,blue square\n",
        "red circle\t1\nblue square\t2\n",
        "1 red circle\n2 blue square\n",
        "name\nred circle\nblue square\n",
        '"red circle"\n"blue square"\n',
    ],
)
def test_lists_and_tables_give_the_names(text: str, tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text(text)
    assert read_class_file(file) == NAMES


def test_commas_and_quotes_of_names_stay(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text('﻿id,name\r\n0,"circle, red"\r\n1,"the ""blue"" square"\r\n')
    assert read_class_file(file) == ("circle, red", 'the "blue" square')
    file.write_text("moving something, slowly\n2 dogs\n")
    assert read_class_file(file) == ("moving something, slowly", "2 dogs")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('["red circle", "blue square"]', "it looks like JSON"),
        ("red circle;round\nblue square;even\n", "a line has several columns, and none"),
        ("0;red circle;round\n1;blue square;even\n", "its rows have 3 columns"),
        ("name,label\nred circle,round\n", "its first line is a header, and no column holds"),
    ],
)
def test_anything_else_is_refused(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text(text)
    with pytest.raises(DataError) as error:
        read_class_file(file)
    assert str(error.value).startswith(
        f"names.csv is neither a list of class names nor a table of them: {why}"
    )


def test_numbers_have_to_count_up(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("id;name\n0;red circle\n2;blue square\n")
    with pytest.raises(DataError) as error:
        read_class_file(file)
    assert str(error.value) == (
        "names.csv: its numbers do not count up from 0 or 1\n"
        "  got:     0, 2\n"
        "  allowed: each number once, without a gap"
    )
