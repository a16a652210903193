"""A check, its finding and its result, and how one check is run."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmcompare.checks.measure import as_sentence_number
from lmcompare.checks.probe import FitFailedError, Probe, excuses_are_texts
from lmcompare.errors import LmcompareError, PluginError, said, unknown
from lmcompare.model import LanguageModel

STALE = "known_failures"  # the class attribute, and the name of the check that watches over it


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    passed : bool
        Whether the check passed.
    reason : str
        Why it failed, or what was measured.
    figure, tolerance : float, optional
        The measured deviation and the largest that passes, in the unit that the reason names.
    """

    passed: bool
    reason: str = ""
    figure: float | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class Check:
    """One promise of the contract.

    Attributes
    ----------
    name : str
        The name, as in "sums-to-one".
    summary : str
        What a model must do to pass.
    run : callable
        Returns a ``Finding`` for a ``Probe``.
    """

    name: str
    summary: str
    run: Callable[[Probe], Finding]


@dataclass(frozen=True)
class Result:
    """The result of one check for one model.

    Attributes
    ----------
    name : str
        The name of the check.
    passed : bool
        Whether it passed.
    reason : str
        Why it failed, or what was measured.
    figure, tolerance : float, optional
        The measured deviation and the largest that passes, in nats or in the unit that the reason names.
    expected_failure : str, optional
        The reason that the model's ``known_failures`` gives for a failure of this check.
    seconds : float
        How long the check took.
    """

    name: str
    passed: bool
    reason: str = ""
    figure: float | None = None
    tolerance: float | None = None
    expected_failure: str | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the check passed, or failed as the model's ``known_failures`` says it must."""
        return self.passed or self.expected_failure is not None


def check(name: str) -> Callable[[Callable[[Probe], Finding]], Check]:
    """Make a ``Check`` of a function; its docstring is the summary."""

    def made(function: Callable[[Probe], Finding]) -> Check:
        summary = " ".join((function.__doc__ or "").partition("\n\n")[0].split())
        return Check(name, summary, function)

    return made


def within(figure: float, tolerance: float, failing: str, passing: str) -> Finding:
    """Return a finding that passes if ``figure`` is at most ``tolerance``.

    ``{figure}`` and ``{tolerance}`` are filled in in the sentence for either case.
    """
    passed = figure <= tolerance
    sentence = passing if passed else failing
    figures = {"figure": as_sentence_number(figure), "tolerance": as_sentence_number(tolerance)}
    for name, value in figures.items():
        sentence = sentence.replace("{" + name + "}", value)
    return Finding(passed, sentence, figure, tolerance)


def select(checks: Sequence[Check], only: Sequence[str] | None) -> Sequence[Check]:
    """Return the checks of these names, or all for None. Raises ``LmcompareError`` for an unknown name."""
    if only is None:
        return checks
    names = [c.name for c in checks]
    for name in only:
        if name not in names:
            raise LmcompareError(unknown("check", name, names))
    return [c for c in checks if c.name in only]


def run_one(one: Check, probe: Probe) -> Result:
    """Run a check; whatever the plug-in raises is a failure with its reason."""
    started = time.perf_counter()
    try:
        found = one.run(probe)
    except FitFailedError as error:
        found = Finding(False, str(error))
    except Exception as error:
        found = Finding(False, raised(error, probe))
    seconds = time.perf_counter() - started
    excuse = probe.known_failures.get(one.name)
    if excuse is not None and found.passed:
        stale = f"it passes, though known_failures excuses it ('{excuse}'): take the excuse out"
        return Result(one.name, False, stale, found.figure, found.tolerance, None, seconds)
    return Result(one.name, found.passed, found.reason, found.figure, found.tolerance, excuse, seconds)


def unknown_excuses(probe: Probe, checks: Sequence[Check]) -> list[Result]:
    """Return a failed result for each name in ``known_failures`` that is not the name of a check."""
    if not excuses_are_texts(probe.declared_failures):
        return [
            Result(STALE, False, "known_failures is a table from the names of checks to reasons, all of them texts")
        ]
    names = [c.name for c in checks]
    strange = [n for n in probe.known_failures if n not in names]
    return [Result(STALE, False, f"known_failures excuses an {unknown('check', n, names)}") for n in strange]


def raised(error: Exception, probe: Probe) -> str:
    """Return what a plug-in raised and where: in its own file if the error passed through it."""
    sentence = said(error)[:300]
    if isinstance(error, PluginError):  # a sentence already
        return sentence
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if probe.source is not None and Path(f.filename) == probe.source]
    last = (own or frames)[-1]
    return (
        f"raised {type(error).__name__}: {sentence or 'no message'} ({Path(last.filename).name}, line {last.lineno})"
    )


def model_name(subject: object) -> str:
    """Return what to call the model in a line of output."""
    if isinstance(subject, LanguageModel):
        return type(subject).__name__
    return str(getattr(subject, "__name__", subject))
