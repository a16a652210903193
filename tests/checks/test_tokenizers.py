"""The kit of tokenizers: every rogue is caught by the right check, every check catches a rogue, no honest one is."""

from __future__ import annotations

import pytest

from lmcompare.checks.tokenizers import TOKENIZER_CHECKS, run_tokenizer_checks
from lmcompare.errors import LmcompareError
from lmcompare.testing import parametrize_with_tokenizer_checks
from lmcompare.tokens import Tokenizer
from tests.checks.tokenizer_rogues import GALLERY, HONEST, Honest
from tests.tokens.texts import BYTE_PAIRS, KINDS


@pytest.mark.parametrize(("rogue", "check"), GALLERY, ids=lambda v: getattr(v, "__name__", v))
def test_rogue_is_caught_by_the_right_check(rogue: type[Tokenizer], check: str) -> None:
    options = {"width": 2} if "width" in rogue.option_names() else {}
    (result,) = [r for r in run_tokenizer_checks(rogue, options) if r.name == check]
    assert not result.passed
    assert len(result.reason) > 15


def test_every_check_catches_a_rogue() -> None:
    assert {check for _, check in GALLERY} == {check.name for check in TOKENIZER_CHECKS}
    assert all(check.summary.endswith(".") for check in TOKENIZER_CHECKS)


@pytest.mark.parametrize("honest", [*HONEST, *KINDS, BYTE_PAIRS, Honest(width=5)], ids=str)
def test_honest_tokenizers_pass(honest: type[Tokenizer] | Tokenizer | str) -> None:
    assert [(r.name, r.reason) for r in run_tokenizer_checks(honest) if not r.passed] == []


@parametrize_with_tokenizer_checks([Honest(width=3), "byte"])
def test_from_pytest(tokenizer, check) -> None:  # type: ignore[no-untyped-def]
    check(tokenizer)


def test_unknown_ones_are_refused() -> None:
    with pytest.raises(LmcompareError, match="did you mean 'word'"):
        run_tokenizer_checks("wrod")
    with pytest.raises(LmcompareError, match="did you mean 'width'"):
        run_tokenizer_checks(Honest, {"widht": 3})
    with pytest.raises(LmcompareError, match="derived from"):
        run_tokenizer_checks(int)  # type: ignore[arg-type]
