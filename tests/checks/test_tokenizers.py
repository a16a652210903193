"""The kits of tokenizers: every wrong one is caught by the right check, every check catches one, no honest one is."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from lmcompare.checks.tokenizers import TOKENIZER_CHECKS, VALUE_CHECKS, run_tokenizer_checks
from lmcompare.corpora.series import Line
from lmcompare.errors import LmcompareError
from lmcompare.state import State
from lmcompare.testing import parametrize_with_tokenizer_checks
from lmcompare.tokens import Tokenizer
from lmcompare.tokens.values import UniformBins, Way
from tests.checks.tokenizer_rogues import GALLERY, HONEST, Honest
from tests.tokens.texts import BYTE_PAIRS, KINDS


@pytest.mark.parametrize(("rogue", "checks"), GALLERY, ids=[rogue.__name__ for rogue, _ in GALLERY])
def test_a_wrong_tokenizer_is_caught_by_the_right_checks(rogue: type[Tokenizer], checks: list[str]) -> None:
    options = {"width": 2} if "width" in rogue.option_names() else {}
    found = {r.name: r for r in run_tokenizer_checks(rogue, options)}
    for check in checks:
        assert not found[check].passed
        assert len(found[check].reason) > 15


def test_every_check_catches_a_wrong_tokenizer() -> None:
    assert {check for _, checks in GALLERY for check in checks} == {check.name for check in TOKENIZER_CHECKS}
    assert all(check.summary.endswith(".") for check in TOKENIZER_CHECKS)


@pytest.mark.parametrize(
    "honest",
    [*HONEST, *KINDS, Honest(width=5)],
    ids=lambda each: each.__name__ if inspect.isclass(each) else str(each),
)
def test_honest_tokenizers_pass(honest: type[Tokenizer] | Tokenizer | str) -> None:
    assert [(r.name, r.reason) for r in run_tokenizer_checks(honest) if not r.passed] == []


@parametrize_with_tokenizer_checks([Honest(width=3)])
def test_from_pytest(tokenizer, check) -> None:  # type: ignore[no-untyped-def]
    check(tokenizer)


def test_the_file_of_a_tokenizer_is_read_and_unknown_ones_are_refused() -> None:
    assert run_tokenizer_checks(BYTE_PAIRS, {"merges": 5})[0].passed
    with pytest.raises(LmcompareError, match="did you mean 'word'"):
        run_tokenizer_checks("wrod")
    with pytest.raises(LmcompareError, match="did you mean 'width'"):
        run_tokenizer_checks(Honest, {"widht": 3})
    with pytest.raises(LmcompareError, match="derived from"):
        run_tokenizer_checks(int)  # type: ignore[arg-type]


# Tokenizers of values


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
def test_the_tokenizers_of_values_of_lmcompare_pass(kind: str) -> None:
    results = run_tokenizer_checks(kind)
    assert [each.name for each in results] == [check.name for check in VALUE_CHECKS]
    assert [result.reason for result in results if not result.passed] == []


@pytest.mark.parametrize(
    ("cls", "failing"), [(LooksAhead, "the-future-changes-no-token"), (Forgets, "state-can-be-stored")]
)
def test_a_fault_of_a_tokenizer_of_values_is_found_and_named(cls: type[UniformBins], failing: str) -> None:
    assert [result.name for result in run_tokenizer_checks(cls) if not result.passed] == [failing]
