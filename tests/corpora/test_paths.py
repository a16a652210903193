"""Paths, and the patterns that match several files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.corpora.paths import read_path
from lmcompare.errors import LmcompareError

DEFAULT = CorpusOptions()


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("a")
    with pytest.raises(LmcompareError, match=r"no file or folder .*nowel\.txt .did you mean 'novel\.txt'"):
        read_path(tmp_path / "nowel.txt", DEFAULT)


def test_a_text_in_place_of_a_path() -> None:
    for source in ("This is a text.\nIt has two lines.\n", {"train": "one\ntwo\n", "test": "three"}):
        with pytest.raises(LmcompareError, match="is a text and not a path; give texts as a list"):
            load(source)


def test_a_pattern_matches_files(tmp_path: Path) -> None:
    for name in ("books/a.txt", "books/b.txt", "books/c.md", "books/old/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    found = read_path(tmp_path / "books" / "*.txt", DEFAULT)
    assert [p.name for p in found.pieces] == ["a.txt", "b.txt"]
    assert found.name == "books"
    deep = load("books/**/*.txt", base=tmp_path)
    assert sorted(d.name for which in ("train", "valid", "test") for d in deep.split(which)) == [
        "a.txt",
        "b.txt",
        "old/d.txt",
    ]
    with pytest.raises(LmcompareError, match=r"no file matches .*\*\.csv"):
        load("books/*.csv", base=tmp_path)


def test_a_file_with_a_bracket_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("one\n")
    assert [p.text for p in read_path(tmp_path / "a[1].txt", DEFAULT).pieces] == ["one\n"]
