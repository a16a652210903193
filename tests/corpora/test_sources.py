"""Schemes of a user's own, and what a specification can name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.corpora import CorpusOptions
from lmcompare.corpora.sources import from_working_directory, read_source
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.registry import only_installed

DEFAULT = CorpusOptions()
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
    assert len(read_source("lee", DEFAULT, tmp_path).pieces) == 300
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


def test_a_split_whose_path_is_too_long_is_named() -> None:
    with pytest.raises(LmcompareError, match="train must be the path of a file or folder"):
        read_source({"train": "x" * 5000, "test": "x"}, CorpusOptions(), Path())


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
