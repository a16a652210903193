"""Counts by hand, and from sorted runs on disk: they equal those in memory, and nothing is left of the files."""

from __future__ import annotations

import os
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare import memory
from lmcompare.counts import bounded, ngrams
from lmcompare.counts.bounded import POSITION_BYTES, Column
from lmcompare.counts.ngrams import IN_MEMORY, SMALL, Counts, Room, with_starts
from lmcompare.errors import LmcompareError
from lmcompare.tokens import Encoded, IntArray, Vocabulary

SIZE = 7
FIELDS = ("words", "offsets", "shorter", "raw", "adjusted", "statistics")
VOCABULARY = Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, SIZE))])


def test_counts_of_a_small_text() -> None:
    # "a b a </s>" and "a b </s>", a = 2, b = 3, <s> = 4; V + 1 = 5.
    # Trigrams, all raw: <s>ab 2, aba 1, ba</s> 1, ab</s> 1.
    # Bigrams: <s>a 2 (raw), ab 1 (after <s>), ba 1 (after a), a</s> 1 (after b), b</s> 1 (after a).
    # Unigrams: a after <s> and b: 2; b after a: 1; </s> after a and b: 2; <unk> and <s> nothing.
    text = Encoded.from_documents([[2, 3, 2, 1, 2, 3, 1]], Vocabulary(["<unk>", "</s>", "a", "b"]))
    one, two, three = ngrams.count(with_starts(text), 3, 4, 1)
    np.testing.assert_array_equal(one.adjusted, [0, 2, 2, 1, 0])
    pairs = zip(two.contexts.tolist(), two.words.tolist(), strict=True)
    bigrams = dict(zip(pairs, two.adjusted.tolist(), strict=True))
    assert bigrams == {(2, 1): 1, (2, 3): 1, (3, 1): 1, (3, 2): 1, (4, 2): 2}
    names = list(bigrams)  # the node of a bigram is its place among them
    trigrams = {
        (*names[h], w): (c, names[s])
        for h, w, c, s in zip(three.contexts, three.words, three.adjusted, three.shorter, strict=True)
    }
    assert trigrams == {
        (4, 2, 3): (2, (2, 3)),
        (2, 3, 2): (1, (3, 2)),
        (3, 2, 1): (1, (2, 1)),
        (2, 3, 1): (1, (3, 1)),
    }


def test_the_last_n_grams_are_found_block_by_block() -> None:
    words = np.full(2**21, 2, np.int32)  # <s> = 5, then the word 2, and at the end "3 2"
    words[0], words[-2] = 5, 3
    places = ngrams.places(words, 5, 1)
    tracemalloc.start()
    assert ngrams.latest_grams(words, places, 3) == [2**21 - 2, 2**21 - 2]
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def assert_equal(words: IntArray, order: int, room: Room, threads: int = 1) -> list[Counts]:
    expected = list(ngrams.count(words, order, SIZE, 1, threads=threads))
    found = list(bounded.count(words, order, SIZE, 1, room, threads))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in FIELDS:
            a, b = getattr(one, name), getattr(other, name)
            np.testing.assert_array_equal(a, b, err_msg=name)
            assert a.dtype == b.dtype, name
    return found


@given(
    documents=st.lists(st.lists(st.integers(0, SIZE - 1), max_size=20), min_size=1, max_size=6).filter(any),
    order=st.integers(1, 7),
    positions=st.integers(1, 40),  # of a block: up to 120 runs are merged
    threads=st.integers(1, 3),
)
def test_counts_are_those_in_memory(documents: list[list[int]], order: int, positions: int, threads: int) -> None:
    words = with_starts(Encoded.from_documents(documents, VOCABULARY))
    assert_equal(words, order, Room(positions * POSITION_BYTES), threads)


def test_counts_are_those_in_memory_where_all_arrays_are_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "SMALL", 0)
    monkeypatch.setattr(bounded, "MERGED", 3)  # n-grams are written a few at a time
    rng = np.random.default_rng(0)
    text = Encoded(rng.choice(SIZE, 3000).astype(np.int32), np.array([0, 1000, 1000]), VOCABULARY)
    room = Room(400 * POSITION_BYTES)
    words = with_starts(text, room)
    np.testing.assert_array_equal(words, with_starts(text))
    found = assert_equal(words, 5, room)
    assert isinstance(found[3].shorter.base, np.memmap)
    assert isinstance(found[3].words.base, np.memmap)


@pytest.mark.parametrize("room", [IN_MEMORY, Room(10**9)])
def test_a_text_with_more_positions_than_31_bits_is_refused(room: Room) -> None:
    words = np.broadcast_to(np.int32(2), 2**31)  # which takes no memory
    with pytest.raises(LmcompareError, match="2,147,483,648 tokens"):
        bounded.count(words, 2, SIZE, 1, room)


def test_an_array_is_in_a_file_if_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert Room().empty(10**6, np.int32).base is None
    assert Room(100).empty(SMALL, np.bool_).base is None
    array = Room(100).empty(10**6, np.int32)
    array[:] = np.arange(10**6)
    assert isinstance(array.base, np.memmap)
    np.testing.assert_array_equal(array[-3:], [999_997, 999_998, 999_999])
    column = Column(np.int32)
    assert column.append(np.arange(10**6)) == 0
    # of a process that is killed now nothing is left: the files have no names (other systems give them one)
    assert sys.platform != "linux" or not list(tmp_path.iterdir())


def test_a_column_grows() -> None:
    column = Column(np.int32)
    assert len(column.finish()) == 0
    assert [column.append(np.array(part)) for part in ([1, 2], [], [3])] == [0, 2, 2]
    np.testing.assert_array_equal(column.finish(), [1, 2, 3])


def test_the_room_is_what_the_process_may_take() -> None:
    assert Room.allowed().limit is None
    with memory.limited(10**12):
        limit = Room.allowed().limit
    assert limit is not None
    assert 10**11 < limit < 10**12 or not Path("/proc/self/status").exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system takes no room ahead")
def test_a_full_disk_is_an_error_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, before[1]))
    try:
        with pytest.raises(LmcompareError, match="the temporary folder"):
            Room(1).empty(10**6, np.int64)
        with pytest.raises(LmcompareError, match="the temporary folder"):
            Column(np.int64).append(np.zeros(10**6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
