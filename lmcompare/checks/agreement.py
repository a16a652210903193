"""Do all the ways to a probability give the same one?"""

from __future__ import annotations

import numpy as np

from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.measure import AGREEMENT, differences, largest, place
from lmcompare.checks.probe import Probe
from lmcompare.tokens import IntArray, Vocabulary


@check("log-probs-agree")
def log_probs_agree(probe: Probe) -> Finding:
    """``log_probs`` gives each token what ``next_log_probs`` gives it, position by position."""
    texts = probe.texts
    long = texts.text("chain", tokens=1000)
    text = texts.encoded(*texts.contexts("chain").documents(), *long.documents())
    scores = probe.scores(text)
    chain = np.concatenate(
        [probe.distributions(text, at)[np.arange(len(at)), text.ids[at]] for at in _blocks(len(text), 230)]
    )
    figure, row = largest(differences(scores, chain))
    return within(
        figure,
        AGREEMENT,
        f"log_probs gives '{text.vocabulary[int(text.ids[row])]}' {scores[row]:.6g} nats and next_log_probs "
        f"{chain[row]:.6g} {place(text, row)}; they may differ by {{tolerance}}",
        f"{len(text):,} tokens differ by at most {{figure}} nats; {{tolerance}} is allowed",
    )


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
    """``stream`` comes by every position once, with the distribution that ``next_log_probs`` gives."""
    text = probe.texts.contexts("stream")
    seen: list[int] = []
    worst, where = 0.0, 0
    for at, block in probe.fitted.stream(text):
        if block.shape != (len(at), len(text.vocabulary)):
            return Finding(False, f"stream yields {len(at)} positions with a block of shape {block.shape}")
        seen.extend(int(a) for a in at)
        if len(at) and (min(seen) < 0 or max(seen) >= len(text)):
            return Finding(False, f"stream yields position {max(seen)} of a text of {len(text)} tokens")
        gap, row = largest(differences(block, probe.distributions(text, at)))
        if gap > worst:
            worst, where = gap, int(at[row])
    times = np.bincount(seen, minlength=len(text))
    if np.any(times != 1):
        wrong = int(np.flatnonzero(times != 1)[0])
        return Finding(False, f"stream yields the position {place(text, wrong)} {times[wrong]} times: once each")
    return within(
        worst,
        AGREEMENT,
        f"stream and next_log_probs differ by {{figure}} nats {place(text, where)}; {{tolerance}} is allowed",
        f"{len(text)} positions once each, at most {{figure}} nats from next_log_probs",
    )


@check("stepper-agrees")
def stepper_agrees(probe: Probe) -> Finding:
    """Token by token, ``stepper`` gives the distributions that ``next_log_probs`` gives, and steppers do not mix."""
    texts = probe.texts
    model, vocabulary = probe.fitted, texts.vocabulary
    unknown, end = Vocabulary.unknown, Vocabulary.end
    for prefix in ([], [5], [end], [3, 4, unknown, end], list(texts.text("step").ids)):
        pushed = [*texts.text(f"step {len(prefix)}", tokens=12).ids, unknown]
        text = texts.encoded([*prefix, *pushed])
        stepper = model.stepper(np.array(prefix, np.int32), vocabulary)
        other = model.stepper(np.array([2], np.int32), vocabulary)
        for k, token in enumerate([*pushed, None]):
            at = len(prefix) + k
            asked = np.asarray(stepper.log_probs())
            if asked.shape != (len(vocabulary),):
                return Finding(False, f"a stepper gives shape {asked.shape}: one figure for each of the V types")
            gaps = differences(asked, probe.distributions(text, [at])[0])
            if gaps.max() > AGREEMENT:
                reason = f"the stepper and next_log_probs differ by {gaps.max():.4g} nats {place(text, at)}"
                return Finding(False, reason, float(gaps.max()), AGREEMENT)
            if differences(stepper.log_probs(), asked).max() > AGREEMENT:
                return Finding(False, f"a stepper asked twice answers otherwise {place(text, at)}")
            if token is not None:
                stepper.push(int(token))
                other.push(9)
    return Finding(True, f"steppers agree with next_log_probs within {AGREEMENT} nats", None, AGREEMENT)


@check("same-when-scored-again")
def same_when_scored_again(probe: Probe) -> Finding:
    """Scoring a text again gives the same: a model does not remember what it was scored on."""
    text = probe.texts.text("again", documents=4, tokens=60)
    between = probe.texts.text("between", documents=2, tokens=40)
    at = np.arange(0, len(text) + 1, 7)
    first = probe.scores(text)
    distributions = probe.distributions(text, at)
    probe.scores(between)
    gaps = differences(probe.scores(text), first)
    figure, row = largest(gaps)
    other, other_row = largest(differences(probe.distributions(text, at), distributions))
    if other > figure:
        figure, row = other, int(at[other_row])
    return within(
        figure,
        AGREEMENT,
        f"scored again, the figures {place(text, row)} change by {{figure}} nats: it remembers what it has scored",
        f"{len(text)} tokens scored again differ by at most {{figure}} nats",
    )


def _blocks(count: int, size: int) -> list[IntArray]:
    return [np.arange(first, min(first + size, count)) for first in range(0, count, size)]


CHECKS = (log_probs_agree, positions_do_not_mix, stream_agrees, stepper_agrees, same_when_scored_again)
