"""A check, its finding and its result, and how one check is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from lmcompare.checks.asked import as_sentence_number
from lmcompare.errors import LmcompareError, unknown, what_went_wrong


class Examined(Protocol):
    """A plug-in that checks examine.

    Attributes
    ----------
    source : Path or None
        The file that the plug-in is written in.
    known_failures : mapping of str to str
        The checks that its author says it fails, with the reasons.
    """

    @property
    def source(self) -> Path | None: ...

    @property
    def known_failures(self) -> Mapping[str, str]: ...


P = TypeVar("P", bound=Examined)


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
class Check(Generic[P]):
    """One promise of the contract.

    Attributes
    ----------
    name : str
        The name, as in "sums-to-one".
    summary : str
        What a plug-in must do to pass.
    run : callable
        Returns a ``Finding`` for a probe.
    """

    name: str
    summary: str
    run: Callable[[P], Finding]


@dataclass(frozen=True)
class Result(Finding):
    """The result of one check for one plug-in.

    Attributes
    ----------
    name : str
        The name of the check.
    expected_failure : str, optional
        The reason that the model's ``known_failures`` gives for a failure of this check.
    seconds : float
        How long the check took.
    """

    name: str = ""
    expected_failure: str | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the check passed, or failed as the model's ``known_failures`` says it must."""
        return self.passed or self.expected_failure is not None


def check(name: str) -> Callable[[Callable[[P], Finding]], Check[P]]:
    """Make a ``Check`` of a function; the first paragraph of its docstring is the summary."""

    def made(function: Callable[[P], Finding]) -> Check[P]:
        summary = " ".join((function.__doc__ or "").partition("\n\n")[0].split())
        return Check(name, summary, function)

    return made


def checks_in(*modules: ModuleType) -> tuple[Check[Any], ...]:
    """Return all checks that modules define, in the order of their definitions."""
    return tuple(value for module in modules for value in vars(module).values() if isinstance(value, Check))


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


def select(checks: Sequence[Check[P]], only: Sequence[str] | None) -> Sequence[Check[P]]:
    """Return the checks of these names, or all for None. Raises ``LmcompareError`` for an unknown name."""
    if only is None:
        return checks
    names = [c.name for c in checks]
    for name in only:
        if name not in names:
            raise LmcompareError(unknown("check", name, names))
    return [c for c in checks if c.name in only]


def run_one(one: Check[P], probe: P) -> Result:
    """Run a check; whatever the plug-in raises is a failure with its reason."""
    started = time.perf_counter()
    try:
        found = one.run(probe)
    except Exception as error:
        raised = "" if isinstance(error, LmcompareError) else "raised "
        found = Finding(False, raised + what_went_wrong(error, probe.source))
    passed, reason, excuse = found.passed, found.reason, probe.known_failures.get(one.name)
    if excuse is not None and passed:
        passed, reason = False, f"it passes, though known_failures excuses it ('{excuse}'): take the excuse out"
        excuse = None
    seconds = time.perf_counter() - started
    return Result(passed, reason, found.figure, found.tolerance, one.name, excuse, seconds)


def run_all(
    checks: Sequence[Check[P]], probe: P, on_result: Callable[[Result], object] = lambda _: None
) -> list[Result]:
    """Run checks; ``on_result`` is called with each result as it comes."""
    results = []
    for one in checks:
        results.append(run_one(one, probe))
        on_result(results[-1])
    return results
