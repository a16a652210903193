"""The attention model that sees its own answer: why the library's looks at the past only."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.checks import run_checks
from lmcompare.checks.sampled import Scored, run_sampled_checks
from lmcompare.checks.texts import MarkovTexts
from lmcompare.model import Setting
from tests.checks.leaky import Leaky

TEXTS = MarkovTexts(0)


@pytest.fixture(scope="module")
def trained() -> Leaky:
    return Leaky().fit(TEXTS.train, TEXTS.valid, Setting(TEXTS.vocabulary))


def test_it_does_better_than_is_possible(trained: Leaky) -> None:
    """Its loss lies below the entropy of the text, which no model of the past can reach."""
    loss = -np.mean(trained.log_probs(TEXTS.test))
    assert loss < -np.mean(TEXTS.log_probs(TEXTS.test)) - 0.3


def test_the_kit_sees_that_it_sees_the_future() -> None:
    results = {r.name: r for r in run_checks(Leaky(steps=20), only=["future-leaves-past-alone", "sums-to-one"])}
    assert not results["future-leaves-past-alone"].passed
    assert "it sees the future" in results["future-leaves-past-alone"].reason
    assert results["sums-to-one"].passed  # its distributions are distributions


def test_a_run_sees_it_too(trained: Leaky) -> None:
    scores = trained.log_probs(TEXTS.test)
    results = run_sampled_checks(trained, Scored(TEXTS.test, scores, TEXTS.floor(TEXTS.test)))
    failing = {result.name for result in results if not result.passed}
    assert "later words change no earlier score" in failing
    assert "probabilities sum to one" not in failing
