"""The validity checks: the conformance kit asks all of them of a plug-in, a run asks some of the model it scores.

``run_checks`` is the kit; ``sampled.run_sampled_checks`` is what a run asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcompare.checks import agreement, causality, extras, lifecycle, probability
from lmcompare.checks.kit import Check, Finding, Result, check, checks_in, run_all, run_one, select
from lmcompare.checks.probe import Probe, Subject, maker
from lmcompare.errors import unknown

__all__ = ["CHECKS", "Check", "Finding", "Probe", "Result", "Subject", "run_checks"]

CHECKS: tuple[Check[Probe], ...] = checks_in(lifecycle, probability, agreement, causality, extras)


@check("known_failures")
def known_failures(probe: Probe) -> Finding:
    """``known_failures`` names checks, each with a reason. Only a failure of this check is reported."""
    if probe.declared_failures != probe.known_failures:
        return Finding(False, "known_failures must map names of checks to reasons, all of them texts")
    names = [c.name for c in CHECKS]
    for name in probe.known_failures:
        if name not in names:
            return Finding(False, f"known_failures excuses an {unknown('check', name, names)}")
    return Finding(True)


def run_checks(
    subject: Subject,
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    only: Sequence[str] | None = None,
    on_result: Callable[[Result], object] = lambda _: None,
) -> list[Result]:
    """Run the conformance kit against a plug-in. Whatever the plug-in raises becomes a failed result.

    Parameters
    ----------
    subject : str, class, LanguageModel or callable
        The name of a plug-in, a class, an untrained model, or a function that returns one.
    parameters : mapping, optional
        Hyper-parameters, which replace those of the preset "quick".
    seed : int
        The seed of the texts and trainings.
    only : sequence of str, optional
        The names of the checks to run. By default all are run.
    on_result : callable
        Called with each result as it comes.

    Returns
    -------
    list of Result
        One result for each selected check, in the order of ``CHECKS``, and one of ``known_failures`` if it fails.

    Raises
    ------
    PluginError
        The plug-in is not found, or does not have these hyper-parameters.
    LmcompareError
        There is no check of a name in ``only``.
    """
    checks = select(CHECKS, only)
    probe = Probe(maker(subject, parameters or {}), seed)
    results = run_all(checks, probe, on_result)
    if not run_one(known_failures, probe).passed:
        results += run_all([known_failures], probe, on_result)
    return results
