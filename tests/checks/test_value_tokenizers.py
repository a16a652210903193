"""The kit of tokenizers of values passes those of lmcompare, and finds what is wrong with others."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.checks.tokenizers import run_tokenizer_checks
from lmcompare.checks.value_tokenizers import VALUE_CHECKS
from lmcompare.corpora.series.values import Line
from lmcompare.state import State
from lmcompare.tokens.values.tokenizer import Way
from lmcompare.tokens.values.uniform import UniformBins


class LooksAhead(UniformBins):
    """Scales by all values, later ones too."""

    description = "It scales by the whole series."

    def way(self, line: Line) -> Way:
        known = np.abs(line.values[np.isfinite(line.values)])
        return Way(float(known.mean()) or 1.0)


class Forgets(UniformBins):
    """Stores other bins than it has learnt."""

    description = "It stores half of its scale."

    def state(self) -> State:
        kept = super().state()
        return State({"edges": kept.arrays["edges"] / 2}, dict(kept.values))


@pytest.mark.parametrize("kind", ["bins", "quantiles", "sax"])
def test_those_of_lmcompare_pass(kind: str) -> None:
    results = run_tokenizer_checks(kind)
    assert len(results) == len(VALUE_CHECKS)
    assert [result.reason for result in results if not result.passed] == []


@pytest.mark.parametrize(
    ("cls", "failing"), [(LooksAhead, "the-future-changes-no-token"), (Forgets, "learnt-bins-can-be-stored")]
)
def test_a_fault_is_found_and_named(cls: type[UniformBins], failing: str) -> None:
    assert [result.name for result in run_tokenizer_checks(cls) if not result.passed] == [failing]
