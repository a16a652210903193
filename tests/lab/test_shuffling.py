"""Contexts are changed where they should be, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.lab.shuffling import TREATMENTS, treated
from tests.training.texts import ragged

contexts = st.lists(st.lists(st.integers(0, 11), max_size=40).map(np.array), min_size=1, max_size=6)


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


def test_a_part_of_a_text_can_be_shuffled() -> None:
    context = ragged(lengths=(20,)).ids[2:14]  # which is read-only
    assert sorted(treated([context], "shuffled", 3)[0].tolist()) == sorted(context.tolist())


def test_shuffling_is_the_same_for_the_same_seed() -> None:
    given = [np.arange(12)]
    assert treated(given, "shuffled", 2)[0].tolist() == treated(given, "shuffled", 2)[0].tolist()
    assert treated(given, "shuffled", 2)[0].tolist() != treated(given, "shuffled", 2, seed=1)[0].tolist()


@pytest.mark.parametrize("kept", [0, 3])
def test_a_context_that_is_shorter_stays(kept: int) -> None:
    assert treated([np.array([], np.int64)], "shuffled", kept)[0].tolist() == []


@pytest.mark.parametrize("how", ["shuffled", "reversed"])
def test_a_model_sees_the_same_words_in_another_order(how: str) -> None:
    context = np.arange(20)
    (changed,) = treated([context], how, 2, seen=[7])
    assert changed[:13].tolist() == context[:13].tolist()
    assert sorted(changed[13:18].tolist()) == list(range(13, 18))
    assert treated([context], how, 7, seen=[3])[0].tolist() == context.tolist()
