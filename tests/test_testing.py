"""The pytest helper for authors of plug-ins: a case for each check, which passes, fails or is expected to fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lmcompare.checks import CHECKS
from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.testing import parametrize_with_checks
from lmcompare.tokens import Encoded
from tests.checks import honest, rogues, sloppy


@parametrize_with_checks([honest.Honest(alpha=0.1), honest.Honest], seed=3, only=["sums-to-one", "save-and-load"])
def test_honest_models_pass(model: LanguageModel, check: Callable[[LanguageModel], None]) -> None:
    check(model)


def cases(*models: Any, **options: Any) -> dict[str, Callable[[], None]]:
    """The cases of the decorator by name, each to be run."""
    mark = parametrize_with_checks(models, **options).mark
    assert mark.args[0] == ("model", "check")
    return {case.id: partial(case.values[1], case.values[0]) for case in mark.args[1]}


def test_a_failing_check_fails_its_test_with_the_reason() -> None:
    found = cases(rogues.SentenceStart())
    assert list(found) == [f"SentenceStart-{name}" for name in [*(check.name for check in CHECKS), "known_failures"]]
    with pytest.raises(
        pytest.fail.Exception, match=r"sums-to-one: .* sum to 1.05 at the beginning of document 0"
    ) as failed:
        found["SentenceStart-sums-to-one"]()
    assert not failed.value.pytrace
    found["SentenceStart-empty-document"]()


def test_declared_failures_are_expected_and_stale_or_misspelt_ones_fail() -> None:
    found = cases(sloppy.Excused, only=["sums-to-one", "word-vectors-fit"])
    with pytest.raises(pytest.xfail.Exception, match="answers in bits: the probabilities"):
        found["Excused-sums-to-one"]()
    for name in ("word-vectors-fit", "known_failures"):
        with pytest.raises(pytest.fail.Exception):
            found[f"Excused-{name}"]()


def test_only_some_checks_can_be_asked_with_a_seed_and_a_budget() -> None:
    seen: list[Setting] = []

    class Notes(honest.Honest):
        def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Notes:
            seen.append(setting)
            super().fit(train, valid, setting)
            return self

    found = cases(Notes, only=["sums-to-one", "save-and-load"], seed=5, budget=Budget(epochs=2))
    assert list(found) == ["Notes-save-and-load", "Notes-sums-to-one", "Notes-known_failures"]
    for case in found.values():
        case()
    assert [(setting.seed, setting.budget) for setting in seen] == [(5, Budget(epochs=2))], "one training for all"
    with pytest.raises(LmcompareError, match="sum-to-one"):
        parametrize_with_checks([Notes], only=["sum-to-one"])
