"""The compact binary file: the same table back, every damage found, nothing hostile let in."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from lmcompare.counts import binary
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.tokens import Vocabulary
from tests.counts.random_tables import plainly, table_of, tables, vocabulary

SMALL = table_of(
    [
        {(w,): (-0.5 - w, -0.25) for w in range(5)},
        {(4, 2): (-0.5, -0.5), (2, 3): (-0.25, 0.0), (2, 2): (-1.0, 0.0)},
        {(4, 2, 3): (-0.125, 0.0)},
    ],
    5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


@given(tables(), st.booleans())
def test_what_was_written_comes_back(folder: Path, table: BackoffTable, verify: bool) -> None:
    path, words = folder / "model.safetensors", vocabulary(table.start)
    path.unlink(missing_ok=True)  # the last one is still mapped
    binary.write(table, words, path)
    again, same = binary.read(path, verify)
    assert same == words
    assert plainly(again) == plainly(table)


def test_any_token_can_be_stored(tmp_path: Path) -> None:
    words = Vocabulary(["<unk>", "</s>", "\n a\t", ""])
    binary.write(SMALL, words, tmp_path / "a")
    assert binary.read(tmp_path / "a")[1].tokens == words.tokens


def test_arrays_lie_in_the_file_and_can_not_be_written_to(tmp_path: Path) -> None:
    binary.write(SMALL, vocabulary(4), tmp_path / "a")
    for level in binary.read(tmp_path / "a")[0].levels:
        assert not level.log10_probs.flags.owndata
        assert not level.log10_probs.flags.writeable


def test_the_same_table_gives_the_same_bytes_and_it_is_compact(tmp_path: Path) -> None:
    for name in "ab":
        binary.write(SMALL, vocabulary(4), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    # 5 unigrams with two numbers; bigrams: a word and two numbers each, 6 offsets; a trigram: word, number, 4 offsets
    arrays = load_file(tmp_path / "a")
    sizes = {name: array.nbytes for name, array in arrays.items() if not name.startswith("token")}
    assert sum(sizes.values()) == 5 * 8 + 3 * 12 + 6 * 4 + 1 * 8 + 4 * 4


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    binary.write(SMALL, vocabulary(4), path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at + 3) % 8
        path.unlink()
        path.write_bytes(damaged)
        with pytest.raises(LmcompareError, match="is damaged"):
            binary.read(path)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    binary.write(SMALL, vocabulary(4), tmp_path / "whole")
    for size in (0, 1, 7, 8, 9, 100, 1000, -100, -1):
        path = tmp_path / f"cut {size}"
        path.write_bytes((tmp_path / "whole").read_bytes()[:size])
        for verify in (True, False):
            with pytest.raises(LmcompareError, match="is damaged"):
                binary.read(path, verify)


@given(st.data(), st.booleans())
def test_a_damaged_file_is_an_error_and_no_crash(folder: Path, data: st.DataObject, verify: bool) -> None:
    path = folder / "damaged"
    path.unlink(missing_ok=True)
    binary.write(SMALL, vocabulary(4), path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path.unlink()
    path.write_bytes(content)
    with contextlib.suppress(LmcompareError):
        table, _ = binary.read(path, verify)
        nodes = table.advance(table.advance(table.beginning(2), np.array([4, 3])), np.array([2, 2]))
        table.levels[2].find(nodes[1], np.array([3, 2]))


def forge(path: Path, **changed: np.ndarray | None) -> None:
    """Write a file with some arrays changed, None for one that is left out, and all checksums right."""
    binary.write(SMALL, vocabulary(4), path)
    arrays = {**load_file(path), **changed}
    kept = {name: array for name, array in arrays.items() if array is not None}
    said = {"version": binary.VERSION, "order": "3"}
    said |= {f"sha256 {name}": binary._digest(array) for name, array in kept.items()}
    said["sha256"] = binary._digest_of_header(said, kept)
    save_file(kept, path, {binary.FORMAT: json.dumps(said, sort_keys=True)})


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def real(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


HOSTILE: list[tuple[dict[str, np.ndarray | None], str]] = [
    ({"words_2": whole(2, 3, 9)}, "words_2 has numbers that are not from 0 to 3"),
    ({"words_2": whole(2, 3, -1)}, "words_2 has numbers"),
    ({"words_2": whole(2, 3, 4)}, "words_2 has numbers"),
    ({"words_2": whole(3, 2, 2)}, "words_2 does not rise"),
    ({"words_2": whole(2, 2, 2)}, "words_2 does not rise"),
    ({"words_2": whole(2, 3)}, r"log10_probs_2 has the type float32 and the shape \(3,\)"),
    ({"words_2": None}, "no array words_2"),
    ({"words_2": real(2, 3, 2)}, "words_2 has the type float32"),
    ({"words_2": whole(2, 3, 2)[:, None]}, r"words_2 is of kind I32 and shape \[3, 1\]"),
    ({"offsets_2": whole(0, 0, 0, 2, 2, 10**9)}, "offsets_2 does not rise"),
    ({"offsets_2": whole(0, 0, -5, 2, 2, 3)}, "offsets_2 does not rise"),
    ({"offsets_2": whole(1, 1, 1, 2, 2, 3)}, "offsets_2 does not rise"),
    ({"offsets_2": whole(0, 3)}, r"offsets_2 has the type int32 and the shape \(2,\)"),
    ({"offsets_2": np.array([0.0] * 6)}, "offsets_2 is of kind F64"),
    ({"log10_probs_2": real(-1, np.nan, -1)}, "log10_probs_2 has numbers"),
    ({"log10_probs_2": real(-1, 0.5, -1)}, "log10_probs_2 has numbers"),
    ({"log10_backoffs_2": real(-1, np.inf, -1)}, "log10_backoffs_2 has numbers"),
    ({"log10_backoffs_3": real(0)}, "log10_backoffs_3, which does not belong"),
    ({"more": whole(0)}, "it holds more, which does not belong"),
    ({"token_ends": whole(5, 9, 5, 8)}, "the ends of its tokens"),
    ({"token_ends": whole(5)}, "the ends of its tokens"),
    ({"token_ends": whole(6, 9, 14, 19)}, "must begin with <unk>"),
    ({"tokens": np.frombuffer(b"<unk></s>\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", np.uint8)}, "can't decode"),
]


def test_right_checksums_make_no_table(tmp_path: Path) -> None:
    forge(tmp_path / "unchanged")
    assert plainly(binary.read(tmp_path / "unchanged")[0]) == plainly(SMALL)
    for at, (changed, said) in enumerate(HOSTILE):
        forge(tmp_path / str(at), **changed)
        with pytest.raises(LmcompareError, match=said):
            binary.read(tmp_path / str(at))


def test_another_safetensors_file_and_none_at_all(tmp_path: Path) -> None:
    save_file({"a": whole(1)}, tmp_path / "a")
    with pytest.raises(LmcompareError, match="lmcompare-ngrams, version 1"):
        binary.read(tmp_path / "a")
    with pytest.raises(LmcompareError, match="there is no file"):
        binary.read(tmp_path / "b")
    with pytest.raises(LmcompareError, match=r"can't be read|not an n-gram file"):
        binary.read(tmp_path)
