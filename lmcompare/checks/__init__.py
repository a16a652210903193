"""The conformance kit: does a plug-in keep the contract? It runs against any model, built in or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcompare.checks import (
    agreement,
    causality,
    edges,
    extras,
    learning,
    lifecycle,
    parameters,
    persistence,
    probability,
)
from lmcompare.checks.kit import Check, Finding, Result, run_one, select, unknown_excuses
from lmcompare.checks.probe import LEARNING, Probe, Subject, maker
from lmcompare.model import Budget

__all__ = ["CHECKS", "Check", "Finding", "Probe", "Result", "Subject", "run_checks"]

CHECKS: tuple[Check, ...] = (
    *parameters.CHECKS,
    *lifecycle.CHECKS,
    *probability.CHECKS,
    *agreement.CHECKS,
    *causality.CHECKS,
    *edges.CHECKS,
    *learning.CHECKS,
    *persistence.CHECKS,
    *extras.CHECKS,
)


def run_checks(
    subject: Subject,
    *,
    parameters: Mapping[str, Any] | None = None,
    preset: str = "quick",
    seed: int = 0,
    budget: Budget = LEARNING,
    device: str = "cpu",
    only: Sequence[str] | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Run the kit against a plug-in and return a result for each check, in their order.

    Parameters: ``subject``, a plug-in's name, a class, an untrained model or a function that makes one;
    ``parameters``, hyper-parameters, which go before those of ``preset``; ``seed`` of texts and trainings;
    ``budget``, a limit on the training that the learning checks judge; ``only``, the names of some checks;
    ``on_result``, called with each result as it comes. Whatever the plug-in raises becomes a failed result.
    Raises ``PluginError`` for a plug-in that can't be found or does not have these hyper-parameters and
    ``LmcompareError`` for an unknown check.
    """
    checks = select(CHECKS, only)
    probe = Probe(maker(subject, parameters or {}, preset), seed, budget, device)
    results = []

    def told(result: Result) -> None:
        results.append(result)
        if on_result is not None:
            on_result(result)

    for one in checks:
        told(run_one(one, probe))
    if only is None:
        for result in unknown_excuses(probe, CHECKS):
            told(result)
    return results
