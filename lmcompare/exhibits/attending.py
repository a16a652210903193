"""What attention computes, from the queries, keys and values of its exhibit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcompare.exhibits.attention import Attention, AttentionHead

Numbers = NDArray[np.float64]
BEGINNING = "<s>"  # the label of the beginning of a text
DIGITS = 5  # decimals of what the last word reads
FAR = 3  # places back: what a nearer head does, a table of phrases can mostly do as well


def terms(exhibit: Attention, query: Numbers, key: Numbers) -> Numbers:
    """(…, d) the terms whose sum is the score of turned queries and keys, before it is scaled."""
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
    """Return what the last word reads in one head.

    The head is chosen among the heads whose greatest weight is on a word ``FAR`` or more places back. If there are
    none, it is chosen among the heads whose greatest weight is on any earlier word; if there are none either, among
    all heads. Of these it is the head that changes the logits of next words most, or, where no effects are known, the
    head with the greatest weight. The beginning of the text does not count as an earlier word.

    Returns
    -------
    dict or None
        The name of the ``head``, the number of ``heads``, of those ``looking_back`` and ``looking_far``, how many
        numbers a query has (``width``), whether scores are ``additive``, and for each of the ``words`` that are seen
        the sum of ``products``, the ``scores``, the ``weights`` and the first number of the ``values``. ``strips``
        are the query of the last word, the key and the value of the word that it gives the most weight, and the
        ``terms`` that add up to the product (turned, if they are). ``adds`` has next words with what the head adds to
        their logits. ``map`` has the weights of all words, a row for each word that reads, with None for a word that
        is hidden from it. None if there is no earlier word.
    """
    begin = int(exhibit.words[0] == BEGINNING)
    if len(exhibit.words) < begin + 2:
        return None
    every = [_read(exhibit, head) for head in exhibit.heads]
    most, back, far = _telling(every, begin, len(exhibit.words) - 1)
    first, end = exhibit.seen[-1]
    seen, at = slice(first, end), int(most.weights[-1].argmax())
    values, added = np.array(most.head.values, float), terms(exhibit, most.queries[-1], most.keys)
    return {
        "head": most.head.name,
        "heads": len(exhibit.heads),
        "looking_back": back,
        "looking_far": far,
        "width": most.queries.shape[1],
        "additive": bool(exhibit.weigh),
        "words": list(exhibit.words[seen]),
        "products": added.sum(-1)[seen].round(DIGITS).tolist(),
        "scores": most.scores[-1, seen].round(DIGITS).tolist(),
        "weights": most.weights[-1, seen].round(DIGITS).tolist(),
        "values": values[seen, 0].round(DIGITS).tolist(),
        "strips": {
            "query": most.queries[-1].round(DIGITS).tolist(),
            "key": most.keys[at].round(DIGITS).tolist(),
            "terms": added[at].round(DIGITS).tolist(),
            "value": values[at].round(DIGITS).tolist(),
        },
        "adds": [{"token": word, "logit": amount} for word, amount in (most.head.adds or ((),))[-1]],
        "map": [
            [round(weight, 3) if a <= j < b else None for j, weight in enumerate(row)]
            for row, (a, b) in zip(most.weights.tolist(), exhibit.seen, strict=True)
        ],
    }


def telling_head(exhibit: Attention, word: int) -> int:
    """Return the place of the head that is chosen as in ``at_last_word``, for another word that reads."""
    every = [_read(exhibit, head) for head in exhibit.heads]
    return every.index(_telling(every, int(exhibit.words[0] == BEGINNING), word)[0])


def _telling(every: list[_Read], begin: int, word: int) -> tuple[_Read, int, int]:
    """Return the head that tells most at a word, and how many look most at an earlier word, and at a far one."""
    back = [one for one in every if begin <= one.weights[word].argmax() < word]
    far = [one for one in back if one.weights[word].argmax() <= word - FAR]
    most = max(
        far or back or every,
        key=lambda one: (one.effect(word), float(one.weights[word, begin:word].max(initial=0.0))),
    )
    return most, len(back), len(far)


@dataclass(frozen=True, eq=False)
class _Read:
    """A head with what it computes: turned queries and keys (T, d), scores and weights (T, T)."""

    head: AttentionHead
    queries: Numbers
    keys: Numbers
    scores: Numbers
    weights: Numbers

    def effect(self, word: int) -> float:
        """Return the most that the head changes a logit by after a word; 0 if that is not known."""
        return max((abs(amount) for _, amount in self.head.adds[word]), default=0.0) if self.head.adds else 0.0


def _read(exhibit: Attention, head: AttentionHead) -> _Read:
    queries, keys = (turned(np.array(rows, float), exhibit.turns) for rows in (head.queries, head.keys))
    found = scores(exhibit, queries, keys, head.bias)
    return _Read(head, queries, keys, found, weights(exhibit, found))


def turned(x: Numbers, turns: tuple[float, ...]) -> Numbers:
    """Return vectors (T, d) with the pair (n, n + d/2) of the one at place t turned by t · turns[n]."""
    if not turns:
        return x
    angle = np.arange(len(x))[:, None] * np.array(turns)
    first, second = np.split(x, 2, axis=1)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], axis=1)


def softmax(scores: Numbers) -> Numbers:
    """Return weights (n,) that sum to one, given scores (n,); an empty array if n is 0."""
    raised: Numbers = np.exp(scores - scores.max(initial=-np.inf))
    return raised / raised.sum() if len(scores) else raised
