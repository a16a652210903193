"""The limit of memory, and texts and arrays that are the same in memory and in a temporary file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare import memory
from lmcompare.corpora import load
from lmcompare.corpora.document import Document, texts_on_disk
from lmcompare.errors import LmcompareError
from lmcompare.memory import GrowingArray, ScratchFile, StoredText, TextStore
from lmcompare.processes import call
from lmcompare.tokens import make_tokenizer, tokenise


def test_a_size_is_a_number_and_a_unit() -> None:
    sizes = {
        "1GB": 10**9,
        "1 gib": 2**30,
        "1.5GB": 15 * 10**8,
        "512MiB": 2**29,
        "256MB": 256 * 10**6,
        "2TB": 2 * 10**12,
    }
    assert {size: memory.bytes_of(size) for size in sizes} == sizes
    for size in ("", "1", "GB", "1e3GB", "-1GB", "1 GB of memory", "1PB", "1B", "nanGB"):
        with pytest.raises(ValueError, match="a number and a unit"):
            memory.bytes_of(size)


def test_a_limit_that_no_run_can_keep_to_is_refused() -> None:
    with pytest.raises(ValueError, match="255MB"):
        memory.bytes_of("255MB")


def test_what_is_left_is_the_limit_less_what_is_taken() -> None:
    assert memory.left() is None
    with memory.limited(10**12):
        left = memory.left()
        assert left is not None
        assert 10**12 - 10**11 < left <= 10**12
        with memory.limited(1000):
            assert memory.left() == 250  # a quarter at least, however much is taken
        with memory.limited(None):
            assert memory.left() is None
    assert memory.left() is None


def test_what_the_system_does_not_say_is_not_taken_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (None, "Name: python\n"):
        status = tmp_path / f"{content is None}"
        if content is not None:
            status.write_text(content)
        monkeypatch.setattr(memory, "Path", lambda _, status=status: status)
        with memory.limited(10**9):
            assert memory.left() == 872 * 10**6  # without the half of 256 MB that Python alone takes


TEXTS = {"train": ["a b c\nb a ä b a\n", "", "d\r\n\r\ne"] * 9, "valid": ["a b\n"], "test": ["b c a\n"]}


@pytest.fixture
def all_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "IN_MEMORY", 0)


@pytest.mark.usefixtures("all_on_disk")
@given(st.lists(st.text(max_size=9)))
def test_texts_come_back(texts: list[str]) -> None:
    store = TextStore()
    kept = [store.keep(text) for text in texts]
    assert [each.read() if isinstance(each, StoredText) else each for each in kept] == texts
    assert all(isinstance(each, StoredText) for each, text in zip(kept, texts, strict=True) if text)


@pytest.mark.parametrize("limit", [0, 100, 1 << 20])
def test_an_array_is_its_parts(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "IN_MEMORY", limit)
    parts = [np.arange(2 * n).reshape(n, 2) for n in (3, 0, 20, 7)]
    growing = GrowingArray(np.int32, (2,))
    for part in parts:
        growing.append(part)
    found = growing.finish()
    np.testing.assert_array_equal(found, np.concatenate(parts))
    assert found.dtype == np.int32
    assert not found.flags.writeable
    assert GrowingArray(np.int32, (2,)).finish().shape == (0, 2)


@pytest.mark.usefixtures("all_on_disk")
@pytest.mark.parametrize("kind", ["word", "byte"])
def test_a_text_on_disk_has_the_same_tokens(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk = load(TEXTS)
    assert any(isinstance(document.stored, StoredText) for document in on_disk.train)
    tokenizer = make_tokenizer({"kind": kind})
    cut = tokenise(on_disk.train, tokenizer)
    monkeypatch.undo()
    in_memory = load(TEXTS)
    assert on_disk == in_memory
    assert on_disk.fingerprint == in_memory.fingerprint
    assert on_disk.parts == in_memory.parts
    assert not any(isinstance(document.stored, StoredText) for document in in_memory.train)
    same = tokenise(in_memory.train, tokenizer)
    for name in ("tokens", "spans", "spaces", "separators", "starts", "sentence_starts", "n_bytes"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(same, name))
    assert (cut.types, cut.space_types, cut.separator_types) == (same.types, same.space_types, same.separator_types)


def test_a_process_that_forks_reads_and_writes_nothing_twice() -> None:
    file = ScratchFile()
    file.append(b"before ")
    if (child := os.fork()) == 0:
        os._exit(0 if file.read(0, 6) == b"before" else 1)
    assert os.waitpid(child, 0)[1] == 0
    file.append(b"after")
    assert file.read(0, 100) == b"before after"


def test_a_document_keeps_its_text_and_sentences() -> None:
    with texts_on_disk():
        document = Document("a", "ä b\nc", ((0, 3), (4, 5)), {"of": "x"})
    assert (document.text, document.sentences, document.n_bytes, document.words) == ("ä b\nc", ((0, 3), (4, 5)), 6, 3)
    assert document == Document("a", "ä b\nc", ((0, 3), (4, 5)), {"of": "x"}) != Document("a", "", ())


def test_a_temporary_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    for write in (ScratchFile, lambda: call("json:dumps")):
        with pytest.raises(LmcompareError, match=r"nowhere cannot be written .* TMPDIR"):
            write()
