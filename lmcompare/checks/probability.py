"""Checks of next-token distributions: their sums, their signs, and what the model declares about them."""

from __future__ import annotations

import numpy as np

from lmcompare.checks.asked import Asked
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.measure import differences, largest, place, probability_sums, sum_tolerance
from lmcompare.checks.probe import Probe
from lmcompare.model import Traits


def _everywhere(probe: Probe) -> Asked:
    """Return the model asked after contexts of every kind, the end of a text and a long context among them."""
    short = probe.texts.contexts("sums")
    long = probe.texts.text("sums", tokens=700)
    text = probe.texts.encoded(*short.documents(), *long.documents())
    last = len(text)
    at = np.concatenate([np.arange(len(short) + 1), np.arange(last - 300, last, 29), [last]])
    return probe.ask(text, at)


@check("is-a-language-model")
def declares_a_language_model(probe: Probe) -> Finding:
    """The traits say that scores are causal and normalised."""
    traits = probe.untrained.traits
    if not isinstance(traits, Traits):
        return Finding(False, f"traits is {type(traits).__name__}, not lmcompare.Traits")
    lacking = [name for name in ("causal", "normalised") if not getattr(traits, name)]
    if lacking:
        return Finding(
            False,
            f"it declares {' and '.join(f'{n}=False' for n in lacking)}: that is not a language model, and no run "
            "ranks it",
        )
    return Finding(True, "it declares itself causal and normalised")


def row_sums(asked: Asked) -> Finding:
    """Return whether the probabilities sum to one at the positions of ``asked``."""
    tolerance = sum_tolerance(asked.rows)
    sums = probability_sums(asked.rows)
    figure, row = largest(differences(sums, np.ones_like(sums)))
    return within(
        figure,
        tolerance,
        f"the probabilities sum to {sums[row]:.6g} {place(asked.text, int(asked.at[row]))}; they may be "
        "{tolerance} from 1",
        f"{len(asked.at)} sums are within {{figure}} of 1; {{tolerance}} is allowed",
    )


def all_possible(asked: Asked) -> Finding:
    """Return whether all log-probabilities and scores of ``asked`` are finite and at most zero."""
    text = asked.text
    for what, values, where in (
        ("next_log_probs", asked.rows, asked.at),
        ("log_probs", asked.scores, np.arange(len(text))),
    ):
        bad = ~np.isfinite(values)
        if bad.any():
            first = np.argwhere(bad)[0]
            token = text.ids[first[0]] if values.ndim == 1 else first[1]
            return Finding(
                False,
                f"{what} gives {values[tuple(first)]} nats to '{text.vocabulary[int(token)]}' "
                f"{place(text, int(where[first[0]]))}: every token of the vocabulary must be possible",
            )
        figure, row = largest(values)
        tolerance = sum_tolerance(values)
        if figure > tolerance:
            return Finding(
                False,
                f"{what} gives a log-probability of {figure:.4g} nats {place(text, int(where[row]))}: it must be at"
                " most 0",
                figure,
                tolerance,
            )
    return Finding(
        True, f"{asked.rows.size + asked.scores.size:,} log-probabilities are finite and at most 0", 0.0, 0.0
    )


@check("sums-to-one")
def sums_to_one(probe: Probe) -> Finding:
    """The probabilities of all V tokens sum to one after every context."""
    return row_sums(_everywhere(probe))


@check("finite-and-at-most-zero")
def finite_and_at_most_zero(probe: Probe) -> Finding:
    """No token is impossible and none is more than certain: log-probabilities are finite and at most zero."""
    return all_possible(_everywhere(probe))
