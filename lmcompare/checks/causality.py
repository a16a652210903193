"""Checks of what is visible at a position: its document's past and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.checks.futures import Future, alter, changed, nothing, past_unchanged
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.measure import AGREEMENT, differences, largest, others, place
from lmcompare.checks.probe import Probe
from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray

CUTS = (1, 2, 3, 5, 17, 64, 129, 254)  # before, at and after the places where windows are often cut
LENGTH = 260


@check("future-leaves-past-alone")
def future_leaves_past_alone(probe: Probe) -> Finding:
    """Changing, cutting off or extending what follows a position leaves its distribution and its past's scores."""
    text = probe.texts.text("future", tokens=LENGTH)
    N, generator = len(text), np.random.default_rng([probe.seed, 1])
    cuts = np.array([*CUTS, N - 2, N])
    before = np.concatenate([[0], cuts - 2, cuts - 1, cuts])
    asked = probe.ask(text, np.unique(before[before >= 0]))

    def futures() -> Iterator[Future]:
        for cut in CUTS:
            yield alter(asked, "changed", [cut], [others(text, N - cut, generator)])
            yield alter(asked, "cut off", [cut], [nothing()])
        yield alter(asked, "changed", [N - 2], [changed(text, N - 2, N, generator)])
        yield alter(asked, "extended", [N], [others(text, 300, generator)])
        yield alter(asked, "extended", [64], [others(text, 2 * N, generator)])

    return past_unchanged(asked, futures())


@check("independent-of-neighbours")
def independent_of_neighbours(probe: Probe) -> Finding:
    """A document's scores are the same alone, beside others, in another order and in a bigger batch."""
    texts = probe.texts
    parts = [*texts.text("near", documents=3, tokens=40).documents(), texts.text("far", tokens=180).ids]
    parts = [parts[0], np.zeros(0, np.int32), *parts[1:], np.array([4], np.int32)]
    adaptive = probe.untrained.traits.adaptive
    together = texts.encoded(*parts)
    scores = _split(probe, together)
    if adaptive:  # such a model may use the documents before, never those after
        trials = [(f"the first {n} documents alone", list(range(n))) for n in range(1, len(parts))]
    else:
        trials = [(f"document {d} alone", [d]) for d in range(len(parts))]
        trials += [
            ("the other way round", list(range(len(parts)))[::-1]),
            ("every document five times", list(range(len(parts))) * 5),
            ("without the longest document", [0, 1, 2, 3, 5]),
        ]
    worst, reason = 0.0, ""
    for how, order in trials:
        arranged = texts.encoded(*(parts[d] for d in order))
        for d, got in zip(order, _split(probe, arranged), strict=True):
            gap, row = largest(differences(got, scores[d]))
            if gap > worst:
                worst = gap
                where = place(together, int(together.starts[d]) + row)
                reason = f"scored {how}, the token {where} changes by {{figure}} nats: it sees its neighbours"
    kept = "documents after it" if adaptive else f"{len(trials)} arrangements"
    return within(worst, AGREEMENT, reason, f"{kept}: a document's scores change by at most {{figure}} nats")


@check("carries-state-as-declared")
def carries_state_as_declared(probe: Probe) -> Finding:
    """``traits.carries_state`` is set where what came before the current sentence matters, and only there."""
    text = probe.texts.text("reset", documents=4, tokens=80)
    gaps = differences(probe.scores(text.split_sentences()), probe.scores(text))
    if probe.untrained.traits.adaptive:  # every sentence becomes a document, and documents may matter
        return Finding(True, "an adaptive model: not to be told apart from one that carries state")
    figure, row = largest(gaps)
    if probe.untrained.traits.carries_state:
        passed = figure > AGREEMENT  # less may be rounding
        reason = "it declares carries_state=True, but what came before the sentence changes nothing"
        return Finding(passed, f"what came before matters by up to {figure:.4g} nats" if passed else reason, figure)
    return within(
        figure,
        AGREEMENT,
        f"it declares carries_state=False, but {place(text, row)} what came before the sentence changes the score by "
        "{figure} nats: write traits = lmcompare.Traits(carries_state=True) in the class",
        "every sentence's scores are the same without what came before it",
    )


def _split(probe: Probe, text: Encoded) -> list[FloatArray]:
    scores = probe.scores(text)
    ends: IntArray = text.ends
    return [scores[start:end] for start, end in zip(text.starts, ends, strict=True)]
