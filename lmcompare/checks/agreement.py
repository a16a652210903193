"""Checks that all ways to ask for a probability give the same one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.checks.asked import (
    AGREEMENT,
    Asked,
    differences,
    distributions,
    largest,
    largest_of_rows,
    place,
    probability_sums,
    scores,
    stepper_of,
)
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.probe import Probe
from lmcompare.model import FloatArray, Stepper, check_array, greatest, most_likely, streamed
from lmcompare.tokens import IntArray

LISTED = 5  # of the most likely tokens, besides a list of all


def scores_agree(asked: Asked) -> Finding:
    """Return whether the scores are what the distributions give the tokens at the positions of ``asked``."""
    text = asked.text
    at = asked.at[asked.at < len(text)]
    chain = asked.rows[np.arange(len(at)), text.ids[at]]  # the position after the end, if asked for, is the last
    figure, row = largest(differences(asked.scores[at], chain))
    where = int(at[row])
    return within(
        figure,
        AGREEMENT,
        f"log_probs gives '{text.vocabulary[int(text.ids[where])]}' {asked.scores[where]:.6g} nats and "
        f"next_log_probs {chain[row]:.6g} {place(text, where)}; they may differ by {{tolerance}}",
        f"{len(at):,} tokens differ by at most {{figure}} nats; {{tolerance}} is allowed",
    )


def stream_is_the_same(asked: Asked, known: Sequence[FloatArray] = ()) -> Finding:
    """Return whether ``stream`` yields each position once, with the right distribution.

    Parameters
    ----------
    asked : Asked
        At its positions the whole distribution is compared with ``next_log_probs``. Elsewhere a normalised model's
        distribution must sum to one.
    known : sequence of array, shape (N,)
        Scores of all tokens by other ways, in nats, which the distributions of ``stream`` must agree with.
    """
    text = asked.text
    worst, reason = 0.0, ""

    def compare(gaps: FloatArray, at: IntArray, sentence: str) -> None:
        nonlocal worst, reason
        figure, row = largest(gaps)
        if figure > worst:
            worst, reason = figure, f"{sentence} {place(text, int(at[row]))}"

    for at, block in streamed(asked.model, text):
        own = block[np.arange(len(at)), text.ids[at]]
        for scores_so_far in known:
            compare(differences(own, scores_so_far[at]), at, "stream and log_probs differ by {figure} nats")
        here = np.isin(at, asked.at)
        if here.any():
            rows = asked.rows[np.searchsorted(asked.at, at[here])]
            compare(differences(block[here], rows), at[here], "stream and next_log_probs differ by {figure} nats")
        if asked.model.traits.normalised and not here.all():
            sums = probability_sums(block[~here])
            compare(
                differences(sums, np.ones_like(sums)),
                at[~here],
                "the sum of stream's probabilities differs from one by {figure}",
            )
    return within(
        worst,
        AGREEMENT,
        f"{reason}; {{tolerance}} is allowed",
        f"{len(text):,} positions once each, at most {{figure}} nats from the other ways to ask",
    )


def scored_the_same(asked: Asked, how: str, cause: str = "") -> Finding:
    """Return whether ``log_probs`` gives the scores of ``asked`` once more, and the same distributions.

    ``how`` begins the sentence of the result ("scored again"); ``cause`` ends that of a failure.
    """
    figure, row = largest(differences(scores(asked.model, asked.text), asked.scores))
    if len(asked.at):
        other, other_row = largest_of_rows(distributions(asked.model, asked.text, asked.at), asked.rows)
        if other > figure:
            figure, row = other, int(asked.at[other_row])
    return within(
        figure,
        AGREEMENT,
        f"{how}, the figures {place(asked.text, row)} change by {{figure}} nats{cause}",
        f"{how}, {len(asked.text):,} tokens differ by at most {{figure}} nats",
    )


@check("log-probs-agree")
def log_probs_agree(probe: Probe) -> Finding:
    """``log_probs`` gives each token what ``next_log_probs`` gives it, position by position."""
    texts = probe.texts
    long = texts.text("chain", tokens=1000)
    text = texts.encoded(*texts.contexts("chain").documents(), *long.documents())
    return scores_agree(probe.ask(text, np.arange(len(text))))


@check("positions-do-not-mix")
def positions_do_not_mix(probe: Probe) -> Finding:
    """A distribution does not depend on which other positions are asked for, in what order or how often."""
    text = probe.texts.text("mix", documents=3, tokens=60)
    none = probe.distributions(text, [])
    generator = np.random.default_rng(probe.seed)
    together = np.arange(len(text) + 1)
    straight = probe.distributions(text, together)
    shuffled = generator.permutation(np.concatenate([together[:50], together[40:60], [len(text)]]))
    worst, where = largest(differences(probe.distributions(text, shuffled), straight[shuffled]))
    at = int(shuffled[where])
    for single in (0, 1, 37, int(text.starts[1]), len(text) - 1, len(text)):
        gap, _ = largest(differences(probe.distributions(text, [single]), straight[[single]]))
        if gap > worst:
            worst, at = gap, single
    return within(
        worst,
        AGREEMENT,
        f"the distribution {place(text, at)} changes by {{figure}} nats with the other positions that are asked for",
        f"{len(shuffled) + 6 + len(none)} positions asked for otherwise differ by at most {{figure}} nats",
    )


@check("stream-agrees")
def stream_agrees(probe: Probe) -> Finding:
    """``stream`` yields every position once, with the distribution that ``next_log_probs`` gives."""
    text = probe.texts.contexts("stream")
    return stream_is_the_same(probe.ask(text, np.arange(len(text))))


@check("stepper-agrees")
def stepper_agrees(probe: Probe) -> Finding:
    """Token by token, ``stepper`` gives the distributions that ``next_log_probs`` gives, and steppers do not mix.

    If it has a ``top_k`` of its own, that lists what is most likely in them.
    """
    texts = probe.texts
    model, vocabulary = probe.fitted, texts.vocabulary
    unknown, end = texts.unknown, vocabulary.end
    for prefix in ([], [5], [end], [3, 4, unknown, end], list(texts.text("step").ids)):
        pushed = [*texts.text(f"step {len(prefix)}", tokens=12).ids, unknown]
        text = texts.encoded([*prefix, *pushed])
        stepper = stepper_of(model, np.array(prefix, np.int32), vocabulary)
        other = model.stepper(np.array([2], np.int32), vocabulary)
        for k, token in enumerate([*pushed, None]):
            at = len(prefix) + k
            asked = stepper.log_probs()
            check_array(asked, (len(vocabulary),), "a stepper's log_probs")
            gaps = differences(asked, probe.distributions(text, [at])[0])
            if gaps.max() > AGREEMENT:
                reason = f"the stepper and next_log_probs differ by {gaps.max():.4g} nats {place(text, at)}"
                return Finding(False, reason, float(gaps.max()), AGREEMENT)
            if differences(stepper.log_probs(), asked).max() > AGREEMENT:
                return Finding(False, f"a stepper that is asked twice gives another answer {place(text, at)}")
            if wrong := _wrong_list(stepper, asked, type(model).__name__):
                return Finding(False, f"{wrong} {place(text, at)}")
            if token is not None:
                stepper.push(int(token))
                other.push(9)
    return Finding(True, f"steppers agree with next_log_probs within {AGREEMENT} nats", None, AGREEMENT)


def _wrong_list(stepper: Stepper, log_probs: FloatArray, whose: str) -> str:
    """Return how ``top_k`` differs from the (V,) distribution, "" if it does not; the default is computed from it."""
    if getattr(type(stepper), "top_k", None) is Stepper.top_k:
        return ""
    for k in (min(LISTED, len(log_probs)), len(log_probs)):
        ids, nats = most_likely(stepper, k, whose)
        if len(np.unique(ids)) < k or ids.min() < 0 or ids.max() >= len(log_probs):
            return f"top_k({k}) does not list {k} different tokens of the vocabulary"
        if (nats[1:] > nats[:-1]).any() or ((nats[1:] == nats[:-1]) & (ids[1:] < ids[:-1])).any():
            return f"top_k({k}) does not list the most likely tokens first and equally likely ones by id"
        for wanted, which in ((log_probs[ids], "its tokens"), (log_probs[greatest(log_probs, k)], "the most likely")):
            if (gap := differences(nats, wanted).max()) > AGREEMENT:
                return f"top_k({k}) differs by {gap:.4g} nats from what log_probs gives {which}"
    return ""


@check("same-when-scored-again")
def same_when_scored_again(probe: Probe) -> Finding:
    """Scoring a text again gives the same: a model does not remember what it was scored on."""
    text = probe.texts.text("again", documents=4, tokens=60)
    at = np.arange(0, len(text) + 1, 7)
    asked = Asked(probe.fitted, text, at, probe.scores(text).copy())
    _ = asked.rows  # asked for before the other text is scored
    probe.scores(probe.texts.text("between", documents=2, tokens=40))
    return scored_the_same(asked, "scored again", ": it remembers what it has scored")
