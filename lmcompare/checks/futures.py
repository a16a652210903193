"""Other futures of a text: documents that are the same up to a cut and go on differently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.checks.asked import Asked, distributions, scores
from lmcompare.checks.kit import Finding, within
from lmcompare.checks.measure import AGREEMENT, differences, largest, largest_of_rows, others, place
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
