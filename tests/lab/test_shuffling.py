"""Contexts are changed where they should be, and nowhere else; and how far a model sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.lab.experiments.order import TREATMENTS, seen_by, treated
from lmcompare.model import LanguageModel
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from tests.training.texts import ragged

contexts = st.lists(st.lists(st.integers(0, 11), max_size=40).map(np.array), min_size=1, max_size=6)
END = 1


@given(contexts, st.sampled_from(list(TREATMENTS)), st.integers(0, 20))
def test_the_last_words_stay(given: list[np.ndarray], how: str, kept: int) -> None:
    for before, after in zip(given, treated(given, how, kept), strict=True):
        size = min(kept, len(before))
        assert after[len(after) - size :].tolist() == before[len(before) - size :].tolist()
        begin, changed = before[: len(before) - size], after[: len(after) - size]
        if how == "shuffled":
            assert sorted(changed.tolist()) == sorted(begin.tolist())
        if how == "reversed":
            assert changed.tolist() == begin[::-1].tolist()
        if how == "cut":
            assert not len(changed)


def test_replaced_words_come_from_another_context() -> None:
    one, two = treated([np.array([2, 3, 4, 5]), np.array([6, 7])], "replaced", 1)
    assert one.tolist() == [6, 7, 6, 5]
    assert two.tolist() == [2, 7]


def test_shuffling_is_the_same_for_the_same_seed_and_leaves_the_text_alone() -> None:
    context = ragged(lengths=(20,)).ids[2:14]  # which is read-only
    one, again, other = (treated([context], "shuffled", 2, seed=seed)[0].tolist() for seed in (0, 0, 1))
    assert one == again != other
    assert sorted(one) == sorted(context.tolist())


@pytest.mark.parametrize("how", ["shuffled", "reversed"])
def test_a_model_sees_the_same_words_in_another_order(how: str) -> None:
    context = np.arange(20)
    (changed,) = treated([context], how, 2, seen=[7])
    assert changed[:13].tolist() == context[:13].tolist()
    assert sorted(changed[13:18].tolist()) == list(range(13, 18))
    assert changed[13:18].tolist() != list(range(13, 18))
    assert treated([context], how, 7, seen=[3])[0].tolist() == context.tolist()


@pytest.mark.parametrize(
    ("model", "seen", "in_sentences"),
    [
        (NGram(order=5), 4, 2),
        (NGram(order=3), 2, 2),
        (Word2VecBow(window=4), 4, 2),
        (Transformer(window=3, layers=2), 5, 5),
        (Rnn(), 9, 5),
    ],
)
def test_how_far_a_model_sees(model: LanguageModel, seen: int, in_sentences: int) -> None:
    assert seen_by(model, np.arange(2, 11), END) == seen
    assert seen_by(model, np.array([5]), END) == 1
    assert seen_by(model, np.array([2, 3, END, 4, 5]), END) == in_sentences
