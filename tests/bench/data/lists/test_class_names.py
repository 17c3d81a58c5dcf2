from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.lists.class_names import (
    class_table,
    join_names,
    name_key,
    names_sha256,
    read_class_names,
)
from bench.ground.errors import DataError


def test_quotes_line_ends_and_names_that_look_like_values(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(
        b'\xef\xbb\xbfid,name\r\n0,"Laying something on its side, not upright"\r\n1,nan\r\n2,007'
    )
    assert read_class_names(path) == ("Laying something on its side, not upright", "nan", "007")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "name,id\nkick,0\n",
            "labels.csv is no class list\n  got:     name,id\n  allowed: the columns id,name",
        ),
        (
            "id,name\n1,kick\n",
            "labels.csv, line 2: ids must count up from 0\n  got:     1\n  allowed: 0",
        ),
        ("id,name\n0,kick\n1,\n", "labels.csv, line 3: class 1 has no name"),
        ("id,name\n0,kick\n1,kick\n", "labels.csv names a class twice\n  got:     kick"),
    ],
)
def test_what_is_no_class_list_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        read_class_names(path)
    assert str(error.value) == message


_names = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1),
    min_size=1,
    max_size=8,
    unique=True,
)


@settings(deadline=None)
@given(names=_names)
def test_written_names_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    path.write_bytes(class_table(names))
    assert read_class_names(path) == tuple(names)


def test_the_hash_is_of_the_names_in_their_order() -> None:
    assert names_sha256(["kick", "jump"]) == names_sha256(("kick", "jump"))
    assert names_sha256(["kick", "jump"]) != names_sha256(["jump", "kick"])
    assert names_sha256(["a,b"]) != names_sha256(["a", "b"])


def test_spellings_of_one_class_are_joined_by_name_not_by_position() -> None:
    official = ("kick", "kick_ball", "ApplyEyeMakeup")
    joined = join_names(
        ["apply eye makeup", "kick ball", "kick"], official, list_name="all", dataset="x"
    )
    assert joined == {2: 0, 1: 1, 0: 2}
    assert name_key("massaging person's head") == name_key("Massaging_persons_head")


def test_a_class_list_that_does_not_fit_gets_exact_counts() -> None:
    with pytest.raises(DataError) as error:
        join_names(
            ["kick", "punt", "dive", "hop", "skip"],
            ("kick", "jump"),
            list_name="all",
            dataset="hmdb51",
        )
    assert str(error.value) == (
        "class list 'all' does not fit the manifest of hmdb51: "
        "4 of its 5 classes are not among the manifest's 2\n"
        "  got:     'punt', 'dive', 'hop', …\n"
        "  allowed: names of the official annotations, in any case and punctuation\n"
        "  next:    check 'labels.all' and 'annotations' of hmdb51 in the configuration"
    )
