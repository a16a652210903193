"""Token features against a brute-force reading of small texts."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.measure import features
from lmcompare.measure.features import ORDERS, seen_orders, token_features
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
