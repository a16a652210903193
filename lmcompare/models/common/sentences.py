"""The example sentences in exhibits: their selection, their labels, and the probability of the next word."""

from __future__ import annotations

import numpy as np

from lmcompare.model import LanguageModel
from lmcompare.tokens import Encoded, IntArray

ALONE = "the sentence read by itself"  # for models whose context continues across sentences
BEGINNING = "<s>"  # the label of a document's first input
LONGEST = 20  # tokens of a sentence in a map


def readable(text: Encoded, most: int) -> list[IntArray]:
    """Return the first ``most`` documents of at least 4 tokens, cut to ``LONGEST``."""
    return [ids[:LONGEST] for ids in text.documents() if len(ids) >= 4][:most]


def labels(text: Encoded, ids: IntArray) -> tuple[str, ...]:
    """Return the labels of the inputs of a document: ``<s>`` and its words."""
    return (BEGINNING, *(text.vocabulary[int(i)] for i in ids))


def came_next(model: LanguageModel, text: Encoded, ids: IntArray, at: int) -> tuple[str, float]:
    """Return the line of a worked equation for P(ids[at]) after the first ``at`` ids of a document."""
    document = Encoded.from_documents([ids[:at]], text.vocabulary)
    log_prob = model.next_log_probs(document, np.array([at]))[0][ids[at]]
    return f"P({text.vocabulary[int(ids[at])]}), which came next", float(np.exp(log_prob))
