"""The conformance kits for the tests of plug-ins: of models, tokenizers, studies and kinds of exhibit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lmcompare.checks import CHECKS, Check, Probe, known_failures
from lmcompare.checks.exhibit_kind import check_exhibit_kind
from lmcompare.checks.kit import P, run_one, select
from lmcompare.checks.probe import LEARNING, Subject, maker
from lmcompare.checks.tokenizers import Subject as TokenizerSubject
from lmcompare.checks.tokenizers import TokenizerProbe, kit_of
from lmcompare.model import Budget, LanguageModel

if TYPE_CHECKING:
    import pytest

    from lmcompare.study import Study

__all__ = [
    "check_exhibit_kind",
    "parametrize_with_checks",
    "parametrize_with_study_checks",
    "parametrize_with_tokenizer_checks",
]


def parametrize_with_checks(
    models: Sequence[Subject],
    *,
    seed: int = 0,
    budget: Budget = LEARNING,
    only: Sequence[str] | None = None,
) -> pytest.MarkDecorator:
    """Return a decorator that runs a test once for each model and check of the kit.

    For example::

        @parametrize_with_checks([MyModel(order=3)])
        def test_contract(model, check):
            check(model)

    The checks of a model share its trainings. A failed check fails the test with its reason. A failed check that the
    model's ``known_failures`` names is an expected failure; if a check that is named there passes, the test fails.

    Parameters
    ----------
    models : sequence
        Untrained models, classes, names of plug-ins, or functions that return an untrained model.
    seed : int
        The seed of the texts and trainings.
    budget : Budget
        A limit on the training.
    only : sequence of str, optional
        The names of the checks to run. By default all are run.

    Raises
    ------
    LmcompareError
        If a name in ``only`` is not the name of a check.
    PluginError
        If there is no plug-in of a name in ``models``, or if a model does not have its hyper-parameters.
    """
    import pytest

    checks = (*select(CHECKS, only), known_failures)
    cases = []
    for model in models:
        probe = Probe(maker(model, {}), seed, budget)
        named = type(model) if isinstance(model, LanguageModel) else model
        cases += _cases(model, str(getattr(named, "__name__", named)), checks, probe)
    return pytest.mark.parametrize(("model", "check"), cases)


def parametrize_with_tokenizer_checks(
    tokenizers: Sequence[TokenizerSubject],
) -> pytest.MarkDecorator:
    """Return a decorator that runs a test once for each tokenizer and check of the tokenizers' kit::

        @parametrize_with_tokenizer_checks([MyTokenizer(merges=50)])
        def test_contract(tokenizer, check):
            check(tokenizer)

    Parameters
    ----------
    tokenizers : sequence of str, class or Tokenizer
        As in ``run_tokenizer_checks``.
    """
    import pytest

    cases = []
    for subject in tokenizers:
        cls = TokenizerProbe(subject).cls
        checks, probe_of = kit_of(cls)
        cases += _cases(subject, cls.__name__, checks, probe_of(subject))
    return pytest.mark.parametrize(("tokenizer", "check"), cases)


def parametrize_with_study_checks(studies: Sequence[str | type[Study]]) -> pytest.MarkDecorator:
    """Return a decorator that runs a test once for each study and check of the studies' kit::

        @parametrize_with_study_checks([MyStudy])
        def test_contract(study, check):
            check(study)

    Parameters
    ----------
    studies : sequence of str or class
        Names of studies, or classes.
    """
    import pytest

    from lmcompare.conformance.studies import STUDY_CHECKS, StudyProbe  # which loads the whole of a run and a report

    cases = []
    for subject in studies:
        probe = StudyProbe(subject)
        cases += _cases(subject, probe.cls.__name__, STUDY_CHECKS, probe)
    return pytest.mark.parametrize(("study", "check"), cases)


def _cases(subject: object, name: str, checks: Sequence[Check[P]], probe: P) -> list[Any]:
    """Return a case for each check: the subject, and a function that runs the check and fails with its reason."""
    import pytest

    def case(one: Check[P]) -> Callable[[object], None]:
        def run(_: object) -> None:
            result = run_one(one, probe)
            if not result.ok:
                pytest.fail(f"{one.name}: {result.reason}", pytrace=False)
            if not result.passed:
                pytest.xfail(f"{result.expected_failure}: {result.reason}")

        return run

    return [pytest.param(subject, case(one), id=f"{name}-{one.name}") for one in checks]
