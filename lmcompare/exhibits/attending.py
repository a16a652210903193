"""What attention computes, from the queries, keys and values of its exhibit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcompare.exhibits.attention import Attention

Numbers = NDArray[np.float64]
BEGINNING = "<s>"  # the label of the beginning of a text
DIGITS = 5  # decimals of what the last word reads


def terms(exhibit: Attention, query: Numbers, key: Numbers) -> Numbers:
    """(…, d) what is added up to the score of turned queries and keys, before the scale."""
    found: Numbers = np.array(exhibit.weigh) * np.tanh(query + key) if exhibit.weigh else query * key
    return found


def scores(exhibit: Attention, queries: Numbers, keys: Numbers, bias: tuple[float, ...] = ()) -> Numbers:
    """(T, T) the scores before the mask, of turned queries and keys (T, d)."""
    found: Numbers = exhibit.scale * terms(exhibit, queries[:, None], keys[None]).sum(-1)
    size = len(exhibit.words)
    return found + np.array(bias)[np.subtract.outer(range(size), range(size)) + size - 1] if bias else found


def weights(exhibit: Attention, scores: Numbers) -> Numbers:
    """(T, T) the softmax of the scores of what each word sees; zero elsewhere."""
    found = np.zeros_like(scores)
    for i, (first, end) in enumerate(exhibit.seen):
        found[i, first:end] = softmax(scores[i, first:end])
    return found


def at_last_word(exhibit: Attention) -> dict[str, Any] | None:
    """Return what the last word reads in the head that gives one earlier word the greatest weight.

    The beginning of the text does not count as a word.

    Returns
    -------
    dict or None
        The name of the ``head``, the number of ``heads``, how many numbers a query has (``width``), whether scores
        are ``additive``, and for each of the ``words`` that are seen the sum of ``products``, the ``scores``, the
        ``weights`` and the first number of the ``values``. ``map`` has the weights of all words, a row for each
        word that reads, with None for a word that is hidden from it. None if there is no earlier word.
    """
    begin = int(exhibit.words[0] == BEGINNING)
    if len(exhibit.words) < begin + 2:
        return None
    every = []
    for head in exhibit.heads:
        queries, keys = (turned(np.array(rows, float), exhibit.turns) for rows in (head.queries, head.keys))
        found = scores(exhibit, queries, keys, head.bias)
        every.append((head, terms(exhibit, queries[-1], keys).sum(-1), found, weights(exhibit, found)))
    head, products, scored, weighed = max(every, key=lambda each: float(each[-1][-1, begin:-1].max()))
    first, end = exhibit.seen[-1]
    seen = slice(first, end)
    return {
        "head": head.name,
        "heads": len(exhibit.heads),
        "width": len(head.queries[0]),
        "additive": bool(exhibit.weigh),
        "words": list(exhibit.words[seen]),
        "products": products[seen].round(DIGITS).tolist(),
        "scores": scored[-1, seen].round(DIGITS).tolist(),
        "weights": weighed[-1, seen].round(DIGITS).tolist(),
        "values": [round(float(row[0]), DIGITS) for row in head.values[seen]],
        "map": [
            [round(weight, 3) if a <= j < b else None for j, weight in enumerate(row)]
            for row, (a, b) in zip(weighed.tolist(), exhibit.seen, strict=True)
        ],
    }


def turned(x: Numbers, turns: tuple[float, ...]) -> Numbers:
    """Return vectors (T, d) with the pair (n, n + d/2) of the one at place t turned by t · turns[n]."""
    if not turns:
        return x
    angle = np.arange(len(x))[:, None] * np.array(turns)
    first, second = np.split(x, 2, axis=1)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], axis=1)


def softmax(scores: Numbers) -> Numbers:
    """Return weights (n,) that sum to one; none for no scores."""
    raised: Numbers = np.exp(scores - scores.max(initial=-np.inf))
    return raised / raised.sum() if len(scores) else raised
