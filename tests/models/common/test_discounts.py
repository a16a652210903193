"""Tests of the discounts: classes and arithmetic by hand, derivatives by differences, and that fitting fits."""

from __future__ import annotations

import numpy as np

from lmcompare.counts.suffixes import Contexts
from lmcompare.models import infinite_gram
from lmcompare.models.common import discounts
from lmcompare.models.common.discounts import CLASSES, FOLLOWERS, Discounts, class_of, own_and_rest
from lmcompare.tokens import Encoded, Vocabulary

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])


def drawn(seed: int, size: int) -> Encoded:
    """Return documents in which most tokens follow from the two before."""
    generator = np.random.default_rng(seed)
    ids = [2, 3]
    while len(ids) < size:
        follows = generator.random() < 0.8
        ids.append((ids[-1] * 2 + ids[-2]) % 5 + 1 if follows else int(generator.integers(0, 6)))
    return Encoded.from_documents([ids[at : at + 50] for at in range(0, size, 50)], WORDS)


def test_classes_by_hand() -> None:
    assert class_of(0, False, 1) == 0
    assert class_of(0, False, 4) == 2  # 3 and 4 different tokens are one class
    assert class_of(0, True, 1) == len(FOLLOWERS)
    assert class_of(7, False, 1) == class_of(6, False, 1) != class_of(8, False, 1)
    assert class_of(1000, True, 1000) == CLASSES - 1


def test_a_probability_by_hand() -> None:
    # Counts 1, 1, 3 after a context; D = 0.5, 0.8, 1, 1.2, and θ = 0.5: the sum is 5.5, and 2.5 are passed on
    sums, values = np.array([5, 2, 0, 1, 0], np.int32), np.array([0.5, 0.8, 1.0, 1.2, 0.5])
    assert own_and_rest(3, sums, values) == (2 / 5.5, 2.5 / 5.5)
    assert own_and_rest(1, sums, values) == (0.5 / 5.5, 2.5 / 5.5)
    assert own_and_rest(0, sums, values) == (0.0, 2.5 / 5.5)


def test_derivatives_are_differences() -> None:
    text = drawn(1, 400)
    gathered = infinite_gram.gather(Contexts.of(drawn(0, 400)), text, np.arange(len(text)))
    generator = np.random.default_rng(0)
    values = np.column_stack([generator.uniform(0.2, 0.8, (CLASSES, 4)) * [1, 2, 3, 4], generator.random(CLASSES)])
    slopes, spare = np.empty((CLASSES, 5)), np.empty((CLASSES, 5))
    _, by_share = discounts._log_likelihood(gathered, 1 / 6, values, 0.1, slopes)
    step = 1e-6
    above, below = (discounts._log_likelihood(gathered, 1 / 6, values, 0.1 + s, spare)[0] for s in (step, -step))
    np.testing.assert_allclose(by_share, (above - below) / (2 * step), rtol=1e-4)
    used = np.argsort(-np.abs(slopes).sum(axis=1))[:6]
    for row in used:
        for column in range(5):
            sides = []
            for sign in (step, -step):
                moved = values.copy()
                moved[row, column] += sign
                sides.append(discounts._log_likelihood(gathered, 1 / 6, moved, 0.1, spare)[0])
            np.testing.assert_allclose(slopes[row, column], (sides[0] - sides[1]) / (2 * step), rtol=1e-4, atol=1e-4)


def test_fitting_makes_the_held_out_text_more_likely() -> None:
    contexts, text = Contexts.of(drawn(0, 2000)), drawn(1, 1000)
    gathered, spare = infinite_gram.gather(contexts, text, np.arange(len(text))), np.empty((CLASSES, 5))
    before, after = Discounts.rules_of_thumb(), discounts.fit(gathered, 6)
    scores = [discounts._log_likelihood(gathered, 1 / 6, d.values, d.unknown, spare)[0] for d in (before, after)]
    assert scores[1] > scores[0] + 5
    assert (after.values[:, :4] > 0).all()
    assert (after.values[:, :4] < [1, 2, 3, 4]).all()
    assert 0 < after.unknown < 0.2


def test_without_unknown_words_none_are_expected() -> None:
    text = Encoded.from_documents([[2, 3, 4, 1] * 100], WORDS)
    assert discounts.fit(infinite_gram.held_out(Contexts.of(text), text), 6).unknown == 0
