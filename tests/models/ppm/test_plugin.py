"""Prediction by partial matching against a dictionary of contexts, by hand, and of what it shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Bars, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.common.discounts import LEAST, class_of, own_and_rest
from lmcompare.models.ppm import plugin, tables
from lmcompare.models.ppm.plugin import Ppm
from lmcompare.tokens import Encoded, FloatArray, Vocabulary
from tests.models.agreement import comes_back, steps_agree

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
DOCUMENTS = st.lists(st.lists(st.integers(0, 5), max_size=20), min_size=1, max_size=4)
START = 6


class Plain:
    """The same counts in a dictionary from contexts to Counters."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)

    def contexts(self, past: list[int]) -> list[tuple[int, ...]]:
        """Return the contexts of 0, 1 … tokens that were read before, and one more."""
        padded = [START] * self.order + past
        found = [tuple(padded[len(padded) - length :]) for length in range(self.order + 1)]
        known = next((n for n, context in enumerate(found) if context not in self.after), len(found))
        return found[: known + 1]

    def read(self, past: list[int], token: int) -> None:
        """Count a token in its longest context, and in shorter ones while it was seen less than twice."""
        for context in reversed(self.contexts(past)):
            self.after[context][token] += 1
            if self.after[context][token] > 2:
                break

    def distribution(self, past: list[int], values: FloatArray) -> FloatArray:
        known = [c for c in self.contexts(past) if c in self.after]
        p = np.full(6, 1 / 6)
        for context in known:
            counts = np.array([self.after[context][w] for w in range(6)])
            sums = np.array([counts.sum(), *((np.minimum(counts, 4) == j).sum() for j in range(1, 5))])
            of_class = values[class_of(len(context), context is known[-1], int((counts > 0).sum()))]
            parts = [own_and_rest(int(n), sums, of_class) for n in counts]
            p = np.array([own + rest * below for (own, rest), below in zip(parts, p, strict=True)])
        return p


def encoded(documents: list[list[int]]) -> Encoded:
    return Encoded.from_documents(documents, WORDS)


def trained(train: list[list[int]], order: int, valid: list[list[int]] | None = None) -> Ppm:
    return Ppm(order).fit(encoded(train), encoded(valid or []), Setting(WORDS))


def expected(train: list[list[int]], test: list[list[int]], model: Ppm) -> FloatArray:
    """Return the distributions before each token of the test documents, and after the last one."""
    assert model._discounts is not None
    rows = []
    for number, document in enumerate(test):
        plain = Plain(model.order)
        for read in train:
            for at, token in enumerate(read):
                plain.read(read[:at], token)
        for at in range(len(document) + (number == len(test) - 1)):
            rows.append(plain.distribution(document[:at], model._discounts.values))
            if at < len(document):
                plain.read(document[:at], document[at])
    found = np.array(rows) * (1 - model._discounts.unknown)
    found[:, 0] += model._discounts.unknown
    return found


@given(train=DOCUMENTS.filter(any), test=DOCUMENTS, order=st.integers(0, 5))
def test_distributions_equal_a_dictionary(train: list[list[int]], test: list[list[int]], order: int) -> None:
    model, text = trained(train, order), encoded(test)
    found = np.exp(model.next_log_probs(text, np.arange(len(text) + 1)))
    np.testing.assert_allclose(found, expected(train, test, model), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    scores = np.exp(model.log_probs(text))
    np.testing.assert_allclose(scores, found[np.arange(len(text)), text.ids], rtol=1e-12)


def test_fitted_discounts_and_small_tables_change_nothing_of_this() -> None:
    """Blocks of five tokens, and tables that grow within a document, give the same distributions."""
    generator = np.random.default_rng(0)
    train = [generator.integers(1, 6, n).tolist() for n in (60, 7, 90)]
    test = [generator.integers(0, 6, n).tolist() for n in (33, 0, 21)]
    valid = [generator.integers(0, 6, LEAST).tolist()]
    with patch.object(plugin, "BLOCK", 5), patch.object(tables, "SMALLEST", 8):
        model = trained(train, 3, valid)
        found = np.exp(model.next_log_probs(encoded(test), np.arange(55)))
    np.testing.assert_allclose(found, expected(train, test, model), rtol=1e-12)
    assert (found > 0).all()


def test_what_a_document_added_is_taken_back() -> None:
    model = trained([[2, 3, 2, 4, 1] * 3], 4)
    before = model.state().arrays
    model.log_probs(encoded([[5, 5, 3, 2, 0] * 10, [2, 3]]))
    model.next_log_probs(encoded([[5, 2, 3]]), np.array([2, 0, 3]))
    after = model.state().arrays
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])


@pytest.mark.parametrize("written", [0, 3])
def test_an_interrupted_reading_leaves_nothing_behind(written: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained([[2, 3, 2, 4, 1] * 3], 4)
    before = model.state().arrays
    predict = tables.predict

    def interrupted(*given: Any) -> int:
        predict(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.log_probs(encoded([[5, 5, 3, 2, 0] * written or [2]]))
    after = model.state().arrays
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])


def test_the_documents_own_past_counts() -> None:
    model = trained([[2, 3, 1]], 3)
    often = np.exp(model.next_log_probs(encoded([[4, 5, 4, 5, 4]]), np.array([5])))[0]
    assert often.argmax() == 5
    anew = np.exp(model.next_log_probs(encoded([[4, 5, 4, 5], [4]]), np.array([5])))[0]
    assert anew[5] < often[5] / 2


def test_agrees_with_itself() -> None:
    generator = np.random.default_rng(0)
    train = [generator.integers(0, 5, n).tolist() for n in (80, 3, 200)]
    model = trained(train, 3, [generator.integers(0, 6, 300).tolist()])
    steps_agree(model, encoded([generator.integers(0, 6, 12).tolist()]))
    comes_back(model, Ppm(), encoded([[2, 3, 4, 5, 1], [2, 2, 3, 1]]))


def test_exhibits() -> None:
    train, document = [[2, 3, 4, 1, 2, 3, 5, 1], [5, 3, 4, 1, 3, 3, 1]], [2, 3, 4, 3]
    model, text = trained(train, 3), encoded([document])
    equation, lengths = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    probabilities = np.exp(model.log_probs(text))
    assert any(equation.lines[-1][1] == pytest.approx(p) for p in probabilities)
    assert isinstance(lengths, Bars)
    plain, longest = Plain(3), []
    for read in [*train, document]:
        for at, token in enumerate(read):
            if read is document:
                known = sum(context in plain.after for context in plain.contexts(read[:at])) - 1
                longest.append(min(known, at))  # before a document there are no tokens
            plain.read(read[:at], token)
    assert lengths.values == tuple(np.bincount(longest))
    assert list(model.exhibits(encoded([]))) == []


@pytest.mark.parametrize("order", [-1, 101, 1.5, True])
def test_wrong_orders_are_refused(order: Any) -> None:
    with pytest.raises(PluginError, match="order"):
        Ppm(order)


def test_no_text_is_an_error() -> None:
    with pytest.raises(LmcompareError, match="no tokens"):
        trained([[]], 2)
