"""The compact binary file: the same table back, every damage found, nothing hostile let in."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
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
    # 5 unigrams with their words and two numbers, 2 offsets; bigrams: a word and two numbers each, 6 offsets; a
    # trigram: word, number, 4 offsets
    sizes = [array.nbytes for array in load_file(tmp_path / "a").values()]
    assert sum(sizes) == 5 * 12 + 2 * 4 + 3 * 12 + 6 * 4 + 1 * 8 + 4 * 4


def test_tokens_and_arrays_are_there_for_other_tools(tmp_path: Path) -> None:
    binary.write(SMALL, vocabulary(4), tmp_path / "a")
    with safe_open(tmp_path / "a", "numpy") as file:
        assert json.loads(file.metadata()["lmcompare n-grams 2"]) == list(vocabulary(4).tokens)
        assert file.get_tensor("words_2").tolist() == [2, 3, 2]


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


def forge(path: Path, tokens: object = None, **changed: np.ndarray | None) -> None:
    """Write a file with some arrays changed, None for one that is left out."""
    binary.write(SMALL, vocabulary(4), path)
    arrays = {**load_file(path), **changed}
    kept = {name: array for name, array in arrays.items() if array is not None}
    save_file(kept, path, {binary.FORMAT: json.dumps(tokens or vocabulary(4).tokens)})


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
    ({"words_2": whole(2, 3, 2)[:, None]}, r"words_2 has the type int32 and the shape \(3, 1\)"),
    ({"offsets_2": whole(0, 0, 0, 2, 2, 10**9)}, "offsets_2 does not rise"),
    ({"offsets_2": whole(0, 0, -5, 2, 2, 3)}, "offsets_2 does not rise"),
    ({"offsets_2": whole(1, 1, 1, 2, 2, 3)}, "offsets_2 does not rise"),
    ({"offsets_2": whole(0, 3)}, r"offsets_2 has the type int32 and the shape \(2,\)"),
    ({"offsets_2": np.array([0.0] * 6)}, "offsets_2 has the type float64"),
    ({"log10_probs_2": real(-1, np.nan, -1)}, "log10_probs_2 has numbers"),
    ({"log10_probs_2": real(-1, 0.5, -1)}, "log10_probs_2 has numbers"),
    ({"log10_backoffs_2": real(-1, np.inf, -1)}, "log10_backoffs_2 has numbers"),
    ({"log10_backoffs_3": real(0)}, r"log10_backoffs_3 has the type float32 and the shape \(1,\)"),
    ({"words_1": whole(0, 1, 3, 2, 4)}, "the n-grams of order 1 are not the words"),
    ({"words_4": whole(0)}, "log10_backoffs_3 has the type float32"),
]
TOKENS: list[tuple[object, str]] = [
    (["<unk>", "</s>", "a"], "3 tokens and 4 words"),
    (["</s>", "<unk>", "a", "b"], "must begin with <unk>"),
    (["<unk>", "</s>", "a", "a"], "occur twice"),
    (["<unk>", "</s>", "a", 3], "not a list of texts"),
    ({"<unk>": 0}, "not a list of texts"),
]


def test_wrong_arrays_and_tokens_are_refused(tmp_path: Path) -> None:
    forge(tmp_path / "unchanged")
    assert plainly(binary.read(tmp_path / "unchanged")[0]) == plainly(SMALL)
    for at, (changed, said) in enumerate(HOSTILE):
        forge(tmp_path / str(at), **changed)
        with pytest.raises(LmcompareError, match=said):
            binary.read(tmp_path / str(at))
    for tokens, said in TOKENS:
        forge(tmp_path / "tokens", tokens)
        with pytest.raises(LmcompareError, match=f"is damaged.*{said}"):
            binary.read(tmp_path / "tokens", verify=False)
        (tmp_path / "tokens").unlink()


def test_another_safetensors_file_and_none_at_all(tmp_path: Path) -> None:
    save_file({"a": whole(1)}, tmp_path / "a")
    with pytest.raises(LmcompareError, match="a safetensors file of another kind"):
        binary.read(tmp_path / "a")
    with pytest.raises(LmcompareError, match="there is no file"):
        binary.read(tmp_path / "b")
    with pytest.raises(LmcompareError, match=r"can't be read|not an n-gram file"):
        binary.read(tmp_path)
