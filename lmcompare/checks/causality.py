"""Checks of what is visible at a position: its document's past and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.checks.asked import (
    AGREEMENT,
    Asked,
    differences,
    distributions,
    largest,
    largest_of_rows,
    others,
    place,
    scores,
)
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.probe import Probe
from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray


@dataclass(frozen=True)
class Future:
    """A text with another future, and what must be the same in it as in the original text.

    Attributes
    ----------
    how : str
        What was done to the tokens after the cut: "changed", "cut off", ...
    text : Encoded
        The altered text.
    at, rows : array of int, shape (B,)
        Positions of ``text`` whose distributions are compared, and their rows in the original's distributions.
    tokens, original : array of int, shape (T,)
        Positions of ``text`` whose scores are compared, and the same positions in the original text.
    """

    how: str
    text: Encoded
    at: IntArray
    rows: IntArray
    tokens: IntArray
    original: IntArray


def past_unchanged(asked: Asked, futures: Iterable[Future]) -> Finding:
    """Return whether the distributions and scores before each cut are the same in every future."""
    worst, reason, compared, scored = 0.0, "", 0, 0
    for future in futures:
        found = []
        if len(future.at):
            before = (asked.rows[row] for row in future.rows)
            gap, row = largest_of_rows(distributions(asked.model, future.text, future.at), before)
            found.append((gap, "distribution", int(asked.at[future.rows[row]])))
        if len(future.tokens):
            after = scores(asked.model, future.text)[future.tokens]
            gap, row = largest(differences(after, asked.scores[future.original]))
            found.append((gap, "score of the token", int(future.original[row])))
        for gap, what, at in found:
            if gap > worst:
                worst = gap
                reason = f"the {what} {place(asked.text, at)} changes by {{figure}} nats when what follows is "
                reason += f"{future.how}: it sees the future"
        compared += len(future.at)
        scored += len(future.tokens)
    return within(
        worst,
        AGREEMENT,
        reason,
        f"{compared:,} distributions and {scored:,} scores change by at most {{figure}} nats when what follows is "
        "changed, cut off or extended",
    )


def alter(
    asked: Asked,
    how: str,
    cuts: Sequence[int],
    tails: Sequence[IntArray],
    *,
    earlier: Sequence[IntArray] = (),
    compare: str = "distributions and scores",
) -> Future:
    """Return a text with one document for each cut: what precedes the cut in its document, then the tail.

    Parameters
    ----------
    asked : Asked
        The original text; the distributions at its positions up to each cut are compared.
    how : str
        What the tails are, for the sentence of a failure.
    cuts : sequence of int
        Positions of the original text. The token at a cut is the first that may differ.
    tails : sequence of array
        The tokens that follow each cut.
    earlier : sequence of array
        Documents that precede the altered ones.
    compare : str
        "distributions", "scores" or "distributions and scores".
    """
    text, cuts_array = asked.text, np.asarray(cuts, np.int64)
    starts = text.context_starts(cuts_array)
    documents = [np.append(text.ids[a:b], tail) for a, b, tail in zip(starts, cuts_array, tails, strict=True)]
    altered = Encoded.from_documents([*earlier, *documents], text.vocabulary)
    at: list[IntArray] = []
    rows: list[IntArray] = []
    tokens: list[IntArray] = []
    original: list[IntArray] = []
    for d, (start, cut) in enumerate(zip(starts, cuts_array, strict=True), len(earlier)):
        moved = int(altered.starts[d]) - int(start)
        known = np.flatnonzero((asked.at >= start) & (asked.at <= cut))
        # the position after a document's end can only be asked for at the end of the text
        askable = (asked.at[known] + moved < altered.ends[d]) | (d == altered.n_documents - 1)
        rows.append(known[askable])
        at.append(asked.at[known[askable]] + moved)
        original.append(np.arange(start, cut))
        tokens.append(original[-1] + moved)
    none = np.zeros(0, np.int64)
    with_rows, with_scores = "distributions" in compare, "scores" in compare
    return Future(
        how,
        altered,
        np.concatenate(at) if with_rows else none,
        np.concatenate(rows) if with_rows else none,
        np.concatenate(tokens) if with_scores else none,
        np.concatenate(original) if with_scores else none,
    )


def changed(text: Encoded, cut: int, longest: int, generator: np.random.Generator) -> IntArray:
    """Return at most ``longest`` tokens that follow a cut, the first replaced; one random token if none follows."""
    document = int(text.document_of(np.array([cut]))[0])
    tail = text.ids[cut : min(cut + longest, int(text.ends[document]))].copy()
    if not len(tail):
        return others(text, 1, generator)
    V = len(text.vocabulary)
    tail[0] = (tail[0] + generator.integers(1, V)) % V
    return tail


def nothing() -> IntArray:
    """Return the tail of a document that is cut off."""
    return np.zeros(0, np.int32)


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
