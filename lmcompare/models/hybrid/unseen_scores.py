"""What a model of counts gives to each token of a text that it has not seen: the text is left out part by part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmcompare.model import FloatArray, LanguageModel
from lmcompare.tokens import Encoded

PARTS = 10


def unseen_scores(train: Encoded, fitted_to: Callable[[Encoded], LanguageModel]) -> FloatArray:
    """Return (N,) nats of the tokens of a text, each by a model that was trained without the part it is in.

    Parameters
    ----------
    train : Encoded
    fitted_to : callable
        Returns a model that is trained on a text.
    """
    edges = np.unique(np.linspace(0, len(train), PARTS + 1).astype(np.int64))
    scores = np.zeros(len(train), np.float64)
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if last - first < len(train):
            scores[first:last] = fitted_to(without(train, first, last)).log_probs(train)[first:last]
        else:  # a single token
            scores[first:last] = -np.log(len(train.vocabulary))
    return scores


def without(text: Encoded, first: int, last: int) -> Encoded:
    """Return a text without the tokens from ``first`` to ``last`` - 1; what follows them begins a document."""
    starts = text.starts
    kept = np.concatenate([starts[starts < first], starts[starts >= last] - (last - first)])
    if last < len(text):
        kept = np.union1d(kept, [first])
    ids = np.concatenate([text.ids[:first], text.ids[last:]])
    return Encoded(ids, kept.astype(starts.dtype), text.vocabulary)
