"""Every form of every neural model that computes differently keeps the contract, and what neural models promise."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from lmcompare.model import Budget
from lmcompare.testing import parametrize_with_checks
from lmcompare.tokens import Encoded
from tests.models.neural_cases import CASES, factory, trained
from tests.models.test_neural import context_vectors_predict, layer_vectors_end_in_those_in_context, meets_a_size
from tests.training.texts import TYPES, VOCABULARY

KIT = (  # the checks of the kit that depend on how a network computes
    *("sums-to-one", "finite-and-at-most-zero", "log-probs-agree", "positions-do-not-mix", "stream-agrees"),
    *("stepper-agrees", "future-leaves-past-alone", "independent-of-neighbours", "carries-state-as-declared"),
    *("empty-document", "very-long-document", "save-and-load", "notes-are-sentences", "context-vectors-fit"),
    "same-seed-same-bits",
)
every_case = pytest.mark.parametrize("case", CASES)


@parametrize_with_checks([factory(case) for case in CASES], budget=Budget(steps=8), only=KIT)
def test_every_case_keeps_the_contract(model: object, check: Callable[[object], None]) -> None:
    check(model)


@every_case
def test_vectors_of_contexts_and_layers(case: str) -> None:
    context_vectors_predict(trained(case))
    layer_vectors_end_in_those_in_context(trained(case))


@every_case
def test_it_yields_well_formed_exhibits(case: str) -> None:
    model = trained(case)
    text = Encoded.from_documents([[2, 3, 4, 5, 6, 7, 8, 1], [2, 1], []], VOCABULARY)
    titles = [exhibit.title for exhibit in model.exhibits(text)]
    assert "Nearest words" in titles
    assert "Its equation" in titles
    vectors = model.word_vectors()
    assert vectors is not None
    assert vectors.shape[0] == TYPES


@pytest.mark.parametrize("case", [case for case in CASES if case != "no-positions"])
@pytest.mark.parametrize("wanted", [100_000, 1_000_000])
def test_a_requested_size_is_met(case: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # torch's compiler, which takes seconds to import
    meets_a_size(case, wanted)
