"""The conformance kits for the tests of plug-ins: of models, and of kinds of exhibit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lmcompare.checks import CHECKS, Check, Probe
from lmcompare.checks.kit import model_name, run_one, select, unknown_excuses
from lmcompare.checks.probe import LEARNING, Subject, maker
from lmcompare.checks.tokenizers import (
    TOKENIZER_CHECKS,
    TokenizerCheck,
    TokenizerProbe,
    run_tokenizer_check,
    table_of,
)
from lmcompare.checks.tokenizers import Subject as TokenizerSubject
from lmcompare.model import Budget
from lmcompare.report.kinds.conformance import check_exhibit_kind

if TYPE_CHECKING:
    import pytest

Run = Callable[[Subject], None]

__all__ = ["check_exhibit_kind", "parametrize_with_checks", "parametrize_with_tokenizer_checks"]


def parametrize_with_checks(
    models: Sequence[Subject],
    *,
    parameters: Mapping[str, Any] | None = None,
    preset: str = "quick",
    seed: int = 0,
    budget: Budget = LEARNING,
    only: Sequence[str] | None = None,
) -> pytest.MarkDecorator:
    """Return a decorator that runs a test once for each model and check of the kit.

    For example::

        @parametrize_with_checks([MyModel(order=3)])
        def test_contract(model, check):
            check(model)

    The checks of a model share its trainings. A failed check fails the test with its reason; one that the model's
    ``known_failures`` names is an expected failure, and a check that is named there but passes fails the test.

    Parameters
    ----------
    models : sequence
        Untrained models, classes, names of plug-ins, or functions that return an untrained model.
    parameters : mapping, optional
        Hyper-parameters, which replace those of the preset.
    preset : str
        "quick", "default" or "full".
    seed : int
        The seed of the texts and trainings.
    budget : Budget
        A limit on the training.
    only : sequence of str, optional
        The names of the checks to run. By default all are run.

    Raises
    ------
    LmcompareError
        There is no check of a name in ``only``.
    PluginError
        There is no such plug-in, or it does not have these hyper-parameters.
    """
    import pytest

    checks = select(CHECKS, only)
    cases = []
    for model in models:
        probe = Probe(maker(model, parameters or {}, preset), seed, budget)
        name = model_name(model)
        cases += [pytest.param(model, _run(one, probe), id=f"{name}-{one.name}") for one in checks]
        cases.append(pytest.param(model, _run_excuses(probe), id=f"{name}-known_failures"))
    return pytest.mark.parametrize(("model", "check"), cases)


def _run(one: Check, probe: Probe) -> Run:
    def check(model: Subject) -> None:
        import pytest

        result = run_one(one, probe)
        if result.passed:
            return
        if result.ok:
            pytest.xfail(f"{result.expected_failure}: {result.reason}")
        pytest.fail(f"{one.name}: {result.reason}", pytrace=False)

    return check


def _run_excuses(probe: Probe) -> Run:
    def check(model: Subject) -> None:
        import pytest

        for result in unknown_excuses(probe, CHECKS):
            pytest.fail(result.reason, pytrace=False)

    return check


def parametrize_with_tokenizer_checks(
    tokenizers: Sequence[TokenizerSubject], *, options: Mapping[str, Any] | None = None
) -> pytest.MarkDecorator:
    """Return a decorator that runs a test once for each tokenizer and check of the tokenizers' kit::

        @parametrize_with_tokenizer_checks([MyTokenizer(merges=50)])
        def test_contract(tokenizer, check):
            check(tokenizer)

    Parameters
    ----------
    tokenizers : sequence of str, class or Tokenizer
        As in ``run_tokenizer_checks``.
    options : mapping, optional
        Options of all of them.
    """
    import pytest

    cases = []
    for subject in tokenizers:
        probe = TokenizerProbe(table_of(subject, options))
        name = probe.cls.__name__
        cases += [
            pytest.param(subject, _run_on_tokenizer(one, probe), id=f"{name}-{one.name}") for one in TOKENIZER_CHECKS
        ]
    return pytest.mark.parametrize(("tokenizer", "check"), cases)


def _run_on_tokenizer(one: TokenizerCheck, probe: TokenizerProbe) -> Callable[[TokenizerSubject], None]:
    def check(_: TokenizerSubject) -> None:
        import pytest

        result = run_tokenizer_check(one, probe)
        if not result.passed:
            pytest.fail(f"{one.name}: {result.reason}", pytrace=False)

    return check
