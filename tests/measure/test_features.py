"""Token features against a brute-force reading of small texts, and what compressors need for a text."""

from __future__ import annotations

import bz2
import lzma
import random
import sys
import zlib
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.measure import features
from lmcompare.measure import features as module
from lmcompare.measure.features import COMPRESSORS, ORDERS, compressed, seen_orders, token_features
from lmcompare.tokens import Encoded, OverheadBits, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c"], np.array([1, 4, 3, 2, 0]))
documents = st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=4)


@given(documents, documents, st.integers(1, 30))
def test_seen_n_grams_are_those_that_stand_within_a_document_of_train(
    train: list[list[int]], text: list[list[int]], block: int
) -> None:
    with patch.object(features, "BLOCK", block):
        got = seen_orders(Encoded.from_documents(train, VOCABULARY), Encoded.from_documents(text, VOCABULARY))
    for order in ORDERS:
        grams = {tuple(d[i : i + order]) for d in train for i in range(len(d) - order + 1)}
        wanted = [i >= order - 1 and tuple(d[i - order + 1 : i + 1]) in grams for d in text for i in range(len(d))]
        assert got[order].tolist() == wanted


def test_the_feature_table_of_a_worked_text() -> None:
    # two documents: "a b </s> a </s>" and "a <unk> </s>"
    charged = OverheadBits(spelling=np.arange(8) * 0.04, white_space=np.arange(8) * 0.06, separator=np.zeros(8))
    train = Encoded.from_documents([[2, 3, 1, 2, 1]], VOCABULARY)
    text = Encoded.from_documents([[2, 3, 1, 2, 1], [2, 0, 1]], VOCABULARY)
    table = token_features(train, text, text.sentence_starts(), charged, "test")
    assert table["split"].eq("test").all()
    assert table["document"].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert table["position"].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert table["train_count"].tolist() == [3, 2, 4, 3, 4, 3, 0, 4]  # an unknown word was seen 0 times
    assert table["sentence"].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert table["position_in_sentence"].tolist() == [0, 1, 2, 0, 1, 0, 1, 2]
    assert table["repeated"].tolist() == [False, False, False, True, True, False, False, False]
    assert table["seen_2"].tolist() == [False, True, True, True, True, False, False, False]
    assert table["overhead_bits"].tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert table["spelling_bits"].tolist() == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28])


STANDARD: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: zlib.compress(data, 9),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def letters(seed: int, size: int = 4_000) -> str:
    """Random letters: each needs log2(16) = 4 bits."""
    return "".join(random.Random(seed).choices("abcdefghijklmnop", k=size))


def test_random_letters_need_their_entropy() -> None:
    found = compressed([letters(1)], [letters(2)])
    assert [*found] == [*COMPRESSORS]
    for name, bits in found.items():
        assert bits == pytest.approx(4.3, abs=0.5), name


def test_a_text_that_was_read_before_costs_nearly_nothing() -> None:
    found = compressed([letters(1), letters(2), letters(3)], [letters(2)])
    assert all(found[name] < 0.2 for name in ("gzip", "xz", "zstd", "ppmd"))
    assert found["bzip2"] > 1  # which does not refer to earlier passages


def test_gzip_looks_back_32_kilobytes_and_others_further() -> None:
    found = compressed([letters(2), letters(3, 40_000)], [letters(2)])
    assert found["gzip"] > 4
    assert all(found[name] < 0.5 for name in ("xz", "zstd", "ppmd"))


@pytest.mark.parametrize("name", STANDARD)
def test_the_length_of_the_past_is_subtracted(name: str) -> None:
    past, text = "an old text. " * 50, "a new text, with letters like these: ñ. " * 9
    both, alone = (len(STANDARD[name](each.encode())) for each in (past + text, past))
    assert compressed([past], [text[:40], text[40:]])[name] == 8 * (both - alone) / len(text.encode())


def test_only_the_end_of_a_long_past_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAST", 5_000)
    text = letters(9)
    assert compressed([text, letters(1, 6_000)], [text]) == compressed([letters(1, 6_000)[1_000:]], [text])
    assert compressed(["ñ" * 9_000], [text]) == compressed(["ñ" * 2_500], [text])


def test_bzip2_has_the_past_in_one_block_with_the_text() -> None:
    past, text = letters(1, 1_500_000), letters(2, 1_000)
    near = past[len(text) - 899_000 :].encode()
    bytes_more = len(bz2.compress(near + text.encode())) - len(bz2.compress(near))
    others = dict.fromkeys(set(COMPRESSORS) - {"bzip2"}, 0.0)  # which are slow
    assert compressed([past], [text], others)["bzip2"] == 8 * bytes_more / len(text)


def test_an_empty_text() -> None:
    assert compressed(["a"], []) == {}


def test_a_text_that_adds_no_byte_has_no_figure() -> None:
    found = compressed(["a b a b\n" * 400], ["a b a b\n"])
    assert all(figure > 0 for figure in found.values())
    assert "xz" not in found


def test_what_is_known_or_not_installed_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    found = compressed([letters(1)], [letters(2)], {"xz": 1.5})
    assert found["xz"] == 1.5
    assert [*found] == ["gzip", "bzip2", "xz", "zstd"]
