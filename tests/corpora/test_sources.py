"""What a specification can name: paths, patterns, streams and schemes of a user's own."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.corpora.paths import read_path
from lmcompare.corpora.sources import from_working_directory, read_source
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.registry import only_installed

DEFAULT = CorpusOptions()


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")  # which nobody ever writes to
    for path in (tmp_path / "pipe.txt", Path("/dev/zero")):
        with pytest.raises(LmcompareError, match=f"{path.name} is not an ordinary file.*or - for standard input"):
            read_path(path, DEFAULT)


def test_standard_input_without_end() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"no end " * (size // 7)

    with pytest.raises(LmcompareError, match="longer than 3 MB"):
        load("-", CorpusOptions(stdin_megabytes=3), stdin=Endless())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("This is a text.\nIt has two lines.\n", "is a text and not a path; give texts as a list"),
        ({"train": "one\ntwo\n", "test": "three"}, "is a text and not a path"),
        ("x" * 300 + " and/or the end", "cannot be a path"),
        ("a/" * 3000, "cannot be a path"),
        ({"train": "x" * 5000, "test": "x"}, "train must be the path of a file or folder"),
        ("-", "standard input is closed"),
        ("nowel.txt", r"no file or folder .*nowel\.txt .did you mean 'novel\.txt'"),
    ],
)
def test_what_is_no_path(source: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    (tmp_path / "novel.txt").write_text("a")
    with pytest.raises(LmcompareError, match=message):
        load(source, base=tmp_path)


def test_json_lines_on_standard_input_however_long_the_first_is() -> None:
    lines = [json.dumps({"text": f"{word} " * 80_000}) for word in ("long", "longer", "longest")]
    corpus = load("-", stdin=io.BytesIO("\n".join(lines).encode()))
    read = [document.text for which in ("train", "valid", "test") for document in corpus.split(which)]
    assert sorted(text.split()[0] for text in read) == ["long", "longer", "longest"]


def test_a_pattern_matches_files(tmp_path: Path) -> None:
    for name in ("books/a.txt", "books/b.txt", "books/c.md", "books/old/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    found = read_path(tmp_path / "books" / "*.txt", DEFAULT)
    assert [p.name for p in found.pieces] == ["a.txt", "b.txt"]
    assert found.name == "books"
    deep = load("books/**/*.txt", base=tmp_path)
    assert deep.name == "books"
    names = sorted(d.name for which in ("train", "valid", "test") for d in deep.split(which))
    assert names == ["a.txt", "b.txt", "old/d.txt"]
    (tmp_path / "books" / "latest").symlink_to("old")
    (tmp_path / "books" / "self").symlink_to(".")
    assert load("books/**/*.txt", base=tmp_path).fingerprint == deep.fingerprint  # nothing is read twice
    with pytest.raises(LmcompareError, match=r"no file matches .*\*\.csv"):
        load("books/*.csv", base=tmp_path)


def test_a_file_with_a_bracket_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("one\n")
    assert [p.text for p in read_path(tmp_path / "a[1].txt", DEFAULT).pieces] == ["one\n"]


def test_a_name_that_begins_with_a_tilde_is_that_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~notes.txt").write_text("one\ntwo\nthree\nfour\n")
    assert load("~notes.txt", CorpusOptions(documents="line")).train
    with pytest.raises(LmcompareError, match="~nouser/x"):
        load("~nouser/x")


SCHEME = """
from lmcompare.corpora import CorpusScheme, Found, Piece

def read(name, options):
    return Found((Piece("a", f"It is {name}."),))

WEATHER = CorpusScheme("weather reports", read, argument="PLACE")
BROKEN = CorpusScheme("fails", lambda name, options: {}[name])
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "weather.py"
    path.write_text(SCHEME)
    return path


def test_a_scheme_in_a_file_of_the_users_own(plugin: Path) -> None:
    found = read_source(f"{plugin}:WEATHER:wet:cold", DEFAULT, Path())
    assert [piece.text for piece in found.pieces] == ["It is wet:cold."]
    assert (found.name, found.source) == ("wet:cold", f"{plugin}:WEATHER:wet:cold")
    with pytest.raises(PluginError, match=r"corpus scheme '.*weather\.py:BROKEN' raised KeyError"):
        read_source(f"{plugin}:BROKEN", DEFAULT, Path())
    with pytest.raises(PluginError, match=r"no corpus scheme 'WETHER' .did you mean 'WEATHER'"):
        read_source(f"{plugin}:WETHER", DEFAULT, Path())


def test_what_a_run_folder_names_is_not_run(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    with only_installed():
        assert read_source(tmp_path / "a.txt", DEFAULT, Path()).one_text
        with pytest.raises(PluginError, match="code is not run because a run folder names it"):
            read_source(f"{plugin}:WEATHER:x", DEFAULT, Path())
        with pytest.raises(PluginError, match="code is not run because a run folder names it"):
            read_source(tmp_path / "a.txt", CorpusOptions(file_format=f"{plugin}:WEATHER"), Path())
    assert "weather" not in str(read_source(tmp_path / "a.txt", DEFAULT, Path()).notes)


def test_a_name_goes_before_a_path_and_a_path_can_have_a_colon(tmp_path: Path) -> None:
    for name in ("lee", "lee:2", "nltk"):
        (tmp_path / name).write_text("a file\n")
    assert len(read_source("lee", DEFAULT, tmp_path).pieces) == 289
    for name in ("./lee", "lee:2", "nltk"):
        assert [piece.text for piece in read_source(name, DEFAULT, tmp_path).pieces] == ["a file\n"]
    with pytest.raises(LmcompareError, match="is not a file, a folder or the name of a corpus"):
        read_source("hub:wikitext", DEFAULT, tmp_path)


def test_a_split_can_have_patterns_in_it(tmp_path: Path) -> None:
    for name in ("a1.txt", "a2.txt", "b.txt", "x=1.txt"):
        (tmp_path / name).write_text(f"{name}\n")
    found = read_source("train=a*.txt,test=b.txt", DEFAULT, tmp_path)
    assert found.splits is not None
    assert [piece.name for piece in found.splits["train"]] == ["a1.txt", "a2.txt"]
    assert [piece.name for piece in read_source("x=*.txt", DEFAULT, tmp_path).pieces] == ["x=1.txt"]


@pytest.mark.parametrize(
    ("given", "absolute"),
    [
        ("notes.txt", "{here}/notes.txt"),
        ("train=notes.txt,test=other.txt", "train={here}/notes.txt,test={here}/other.txt"),
        ("train=/far/a.txt, test=b*.txt", "train=/far/a.txt,test={here}/b*.txt"),
        ("*.txt", "{here}/*.txt"),
        ("series:prices.csv#close", "series:{here}/prices.csv#close"),
        ("series:statsmodels:nile", "series:statsmodels:nile"),
        ("nltk:brown", "nltk:brown"),
        ("lee", "lee"),  # though a folder has its name
        ("./lee", "{here}/lee"),
        ("lea", "lea"),
        ("-", "-"),
    ],
)
def test_paths_from_the_working_directory_on(
    given: str, absolute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("A text.")
    (tmp_path / "prices.csv").write_text("close\n1\n")
    (tmp_path / "lee").mkdir()
    assert from_working_directory(given) == absolute.format(here=tmp_path)
