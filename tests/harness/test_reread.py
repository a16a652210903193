"""A text that was read before is not read again, unless something that its tokens depend on has changed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.corpora import files_of
from lmcompare.harness.run import run
from lmcompare.harness.text import reading, reread
from tests.harness.small import Watch, small_experiment

UNIGRAM = {"plugin": "unigram"}
pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that read a text in another process."""
    seen: list[str] = []

    def call(function: str, *given: Any, on_event: Any, **how: Any) -> Any:
        seen.append(function)
        return reading.read_job(on_event, *given)

    monkeypatch.setattr(reading, "call", call)
    return seen


def again(place: Path, name: str = "run", **more: Any) -> Watch:
    watch = Watch()
    assert not run(small_experiment(UNIGRAM, **more), place / name, base=place, show=watch).failures
    return watch


def test_a_text_is_read_once_and_what_was_said_of_it_is_said_again(place: Path, reads: list[str]) -> None:
    first = again(place)
    before = load_run(place / "run").manifest
    assert len(reads) == 1
    second = again(place)
    assert len(reads) == 1
    after = load_run(place / "run").manifest
    assert (after.corpus, after.tokens) == (before.corpus, before.tokens)
    assert [said for said in first.said if not said.startswith("Reading")] == second.said


@pytest.mark.parametrize("change", ["text", "tokens", "options", "stamp", "damaged tokens"])
def test_whatever_the_tokens_depend_on_is_noticed(place: Path, reads: list[str], change: str) -> None:
    again(place)
    more: dict[str, Any] = {}
    if change == "text":
        with (place / "text.txt").open("a") as file:
            file.write("one more line\n")
        shutil.rmtree(place / "run")
        again(place, "other")
        assert len(reads) == 2
        return
    if change == "tokens":
        more["tokens"] = {"kind": "char"}
    elif change == "options":
        more["corpus"] = {"source": "text.txt", "documents": "line", "nfc": True}
    elif change == "stamp":
        stamp = place / "run/read.json"
        table = json.loads(stamp.read_text())
        table["corpus"]["entry"]["name"] = "another"
        stamp.write_text(json.dumps(table))
    else:
        next((place / "run/tokens").glob("*/features.parquet")).write_bytes(b"")
    again(place, **more)
    assert len(reads) == 2


def test_what_is_no_plain_file_is_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/b.txt").write_text("b")
    assert files_of("texts", tmp_path) == [tmp_path / "texts/b.txt"]
    assert files_of("train=a.txt,test=texts", tmp_path) == [tmp_path / "a.txt", tmp_path / "texts/b.txt"]
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "texts/link").symlink_to(tmp_path / "a.txt")
    for source in ("pipe", "texts", "-", "nltk:brown", "nowhere"):
        assert files_of(source, tmp_path) is None


def test_an_embedded_text_is_kept_once_for_a_machine(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMCOMPARE_CACHE", str(tmp_path / "cache"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()  # experiments in different folders: the cache is that of the machine
        again(tmp_path / name, corpus={"source": "lee"})
    assert len(reads) == 1
    scores = [(tmp_path / name / "run/cells/unigram/0/scores.parquet").read_bytes() for name in ("one", "two")]
    assert scores[0] == scores[1]
    (kept,) = (tmp_path / "cache/texts").iterdir()
    monkeypatch.setattr(reread, "MOST", 0)
    again(tmp_path, "three", corpus={"source": "lee"}, tokens={"kind": "char"})
    (other,) = (tmp_path / "cache/texts").iterdir()  # the older one made room
    assert other != kept
    monkeypatch.setenv("LMCOMPARE_CACHE", "/dev/null/nowhere")
    again(tmp_path, "four", corpus={"source": "lee"})
    assert len(reads) == 3
