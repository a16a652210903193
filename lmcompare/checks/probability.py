"""Is every next-token distribution one? Sums, signs, and what the model says of itself."""

from __future__ import annotations

import numpy as np

from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.measure import largest, place, probability_sums, sum_tolerance
from lmcompare.checks.probe import Probe
from lmcompare.model import FloatArray, Traits
from lmcompare.tokens import Encoded, IntArray


def _everywhere(probe: Probe) -> tuple[Encoded, IntArray, FloatArray]:
    """Distributions after contexts of every kind, the end of a text and a long context among them."""
    short = probe.texts.contexts("sums")
    long = probe.texts.text("sums", tokens=700)
    text = probe.texts.encoded(*short.documents(), *long.documents())
    last = len(text)
    at = np.concatenate([np.arange(len(short) + 1), np.arange(last - 300, last, 29), [last]])
    return text, at, probe.distributions(text, at)


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


@check("sums-to-one")
def sums_to_one(probe: Probe) -> Finding:
    """The probabilities of all V tokens sum to one after every context."""
    text, at, block = _everywhere(probe)
    tolerance = sum_tolerance(block)
    sums = probability_sums(block)
    gaps = np.abs(sums - 1)
    if np.isnan(gaps).any():
        return Finding(False, f"the probabilities are not numbers {place(text, int(at[np.isnan(gaps)][0]))}")
    figure, row = largest(gaps)
    return within(
        figure,
        tolerance,
        f"the probabilities sum to {sums[row]:.6g} {place(text, int(at[row]))}; they may be {{tolerance}} from 1",
        f"{len(at)} sums are within {{figure}} of 1; {{tolerance}} is allowed",
    )


@check("finite-and-at-most-zero")
def finite_and_at_most_zero(probe: Probe) -> Finding:
    """No token is impossible and none is more than certain: log-probabilities are finite and at most zero."""
    text, at, block = _everywhere(probe)
    scores = probe.scores(text)
    for what, values, where in (("next_log_probs", block, at), ("log_probs", scores, np.arange(len(text)))):
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
                f"{what} gives a log-probability of {figure:.4g} nats {place(text, int(where[row]))}: at most 0",
                figure,
                tolerance,
            )
    return Finding(True, f"{block.size + scores.size:,} log-probabilities are finite and at most 0")


CHECKS = (declares_a_language_model, sums_to_one, finite_and_at_most_zero)
