"""Which of the example sentences are shown, how what was read is written, and what came next."""

from __future__ import annotations

import numpy as np

from lmcompare.model import LanguageModel
from lmcompare.tokens import Encoded, IntArray

ALONE = "the sentence read by itself"  # said where a model reads on from sentence to sentence
BEGINNING = "<s>"  # what a document's first input is called in charts
LONGEST = 20  # tokens of a sentence shown in a map


def readable(text: Encoded, most: int) -> list[IntArray]:
    """Return the first documents of at least 4 tokens, cut to ``LONGEST``."""
    return [ids[:LONGEST] for ids in text.documents() if len(ids) >= 4][:most]


def labels(text: Encoded, ids: IntArray) -> tuple[str, ...]:
    """Return the inputs of a document of these ids: its beginning and the words."""
    return (BEGINNING, *(text.vocabulary[int(i)] for i in ids))


def came_next(model: LanguageModel, text: Encoded, ids: IntArray, at: int) -> tuple[str, float]:
    """Return the line of a worked equation on P(ids[at]) after a document's first ``at`` ids."""
    document = Encoded.from_documents([ids[:at]], text.vocabulary)
    log_prob = model.next_log_probs(document, np.array([at]))[0][ids[at]]
    return f"P({text.vocabulary[int(ids[at])]}), which came next", float(np.exp(log_prob))
