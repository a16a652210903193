"""How long a model takes to suggest the next words while a text is typed."""

from __future__ import annotations

import time

import numpy as np

from lmcompare.model import LanguageModel, check_stepper
from lmcompare.runfolder.tokens import TokenizedCorpus

CONTEXT = 64  # tokens that are read before the clock starts
LISTS = 32  # lists that are timed; the median counts
SUGGESTED = 5  # words in a list
LONGEST = 5.0  # seconds after which no further list is made


def microseconds_per_list(model: LanguageModel, corpus: TokenizedCorpus) -> float | None:
    """Return the median time in which a model reads one more token and lists the most likely next ones.

    The text is the beginning of the longest validation document, read alone. None for an adaptive model, which would
    learn from it, and for a validation text of one token.
    """
    text = corpus.valid
    ids = max(text.documents(), key=len, default=text.ids)[: CONTEXT + LISTS]
    if model.traits.adaptive or len(ids) < 2:
        return None
    start = min(CONTEXT, len(ids) - 1)
    stepper = model.stepper(ids[:start], corpus.vocabulary)
    check_stepper(stepper, type(model).__name__)
    stepper.top_k(SUGGESTED)
    seconds: list[float] = []
    for token in ids[start:].tolist():
        began = time.perf_counter()
        stepper.push(token)
        stepper.top_k(SUGGESTED)
        seconds.append(time.perf_counter() - began)
        if sum(seconds) > LONGEST:
            break
    return 1e6 * float(np.median(seconds))
