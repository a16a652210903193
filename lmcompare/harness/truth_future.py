"""The truth check that needs most care: a future that is changed, cut off or extended leaves the past alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.checks.measure import AGREEMENT, as_sentence_number, differences, largest, others, place
from lmcompare.harness.truth_view import Found, View
from lmcompare.tokens import Encoded, IntArray

FUTURE_TOKENS = 800  # of documents with another future to be scored by log_probs
TAIL = 64  # tokens that follow a cut where the future is changed
EXTENSION = 200  # where it is extended


def future(view: View) -> Found:
    figure, where, compared = 0.0, "", 0
    cuts = view.here(view.chosen.cuts)
    documents = view.text.document_of(cuts)
    prefixes = [view.text.ids[view.text.starts[d] : cut] for d, cut in zip(documents, cuts, strict=True)]
    for how, tails in (
        ("changed", [_changed(view, int(cut)) for cut in cuts]),
        ("cut off", [np.zeros(0, np.int32)] * len(cuts)),
        ("extended", [others(view.text, EXTENSION, view.generator) for _ in cuts]),
    ):
        for group in _groups(view, documents):
            earlier = list(view.text.documents())[: documents[group[0]]] if view.adaptive else []
            altered = Encoded.from_documents(
                [*earlier, *(np.append(prefixes[k], tails[k]) for k in group)], view.text.vocabulary
            )
            at, original = _before(view, altered, len(earlier), [int(cuts[k]) for k in group])
            gaps = differences(view.model.next_log_probs(altered, at.copy()), view.rows[original])
            gap, row = largest(gaps)
            compared += len(at)
            if gap > figure:
                figure = gap
                where = place(view.text, int(view.at[original[row]]))
                where = (
                    f"the distribution {where} changes by {as_sentence_number(gap)} nats when what follows is {how}"
                )
    gap, told, scored = _future_of_scores(view, cuts, documents, prefixes)
    if gap > figure:
        figure, where = gap, told
    return Found(
        figure,
        AGREEMENT,
        where,
        f"changed, cut off and extended behind {len(cuts)} positions, the future moves {compared} distributions and "
        f"{scored:,} scores before it by at most {figure:.2g} nats",
    )


def _groups(view: View, documents: IntArray) -> list[list[int]]:
    """Which cuts go into one text: all, or for a model that learns from earlier documents each into its own."""
    if view.adaptive:
        return [[k] for k in np.argsort(documents, kind="stable")[:2].tolist()]
    return [list(range(len(documents)))]


def _changed(view: View, cut: int) -> IntArray:
    """What follows a cut with its first token changed; a token where nothing follows."""
    d = int(view.text.document_of(np.array([cut]))[0])
    tail = view.text.ids[cut : min(cut + TAIL, int(view.text.ends[d]))].copy()
    if not len(tail):
        return others(view.text, 1, view.generator)
    V = len(view.text.vocabulary)
    tail[0] = (tail[0] + view.generator.integers(1, V)) % V
    return tail


def _before(view: View, altered: Encoded, first: int, cuts: Sequence[int]) -> tuple[IntArray, IntArray]:
    """The positions at and before each cut in the altered text, and the rows that hold their first distributions.

    The document of cut k is document ``first`` + k of the altered text. What stands behind a document that was cut
    off can only be asked for at the end of the text.
    """
    at: list[int] = []
    rows: list[int] = []
    for k, cut in enumerate(cuts):
        d = int(view.text.document_of(np.array([cut]))[0])
        start = int(view.text.starts[d])
        known = view.at[(view.at >= start) & (view.at <= cut)]
        there = altered.starts[first + k] + known - start
        last = altered.ends[first + k]
        askable = (there < last) | (first + k == altered.n_documents - 1)
        at.extend(there[askable].tolist())
        rows.extend(view.row_of(int(p)) for p in known[askable])
    return np.array(at, np.int64), np.array(rows, np.int64)


def _future_of_scores(
    view: View, cuts: IntArray, documents: IntArray, prefixes: Sequence[IntArray]
) -> tuple[float, str, int]:
    """The same by ``log_probs``, on the shortest of the altered documents: gap, where, how many scores."""
    if view.adaptive:
        return 0.0, "", 0
    taken: list[int] = []
    for k in sorted(range(len(cuts)), key=lambda k: len(prefixes[k])):
        if not taken or sum(len(prefixes[j]) for j in taken) + len(prefixes[k]) <= FUTURE_TOKENS:
            taken.append(k)
    tails = [others(view.text, TAIL, view.generator) for _ in taken]
    altered = Encoded.from_documents(
        [np.append(prefixes[k], tail) for k, tail in zip(taken, tails, strict=True)], view.text.vocabulary
    )
    scores = np.asarray(view.model.log_probs(altered))
    worst, where = 0.0, ""
    for k, start in zip(taken, altered.starts, strict=True):
        n, first = len(prefixes[k]), int(view.text.starts[documents[k]])
        gap, row = largest(differences(scores[start : start + n], view.scores[first : first + n]))
        if gap > worst:
            worst = gap
            where = (
                f"the score of the token {place(view.text, first + row)} changes by {as_sentence_number(gap)} nats"
            )
            where += " when what follows later is changed"
    return worst, where, sum(len(prefixes[k]) for k in taken)
