"""A part of a text that stands for the whole: the beginnings of many documents, or many places of a few long ones."""

from __future__ import annotations

import numpy as np

from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.vocabulary import IntArray

SAMPLE = 4096  # tokens of the validation text, on which training measures its loss
STRETCH = 512  # tokens of a part of a long document


def excerpt(text: Encoded, tokens: int) -> Encoded:
    """Return about ``tokens`` tokens of a text, as documents.

    These are the beginnings of the text's documents, all cut in the same proportion; or, if the text has only a few
    long documents, parts of ``STRETCH`` tokens that are evenly spread over the text.
    """
    if len(text) <= tokens:
        return text
    parts = zip(*excerpt_parts(text, tokens), strict=True)
    return Encoded.from_documents([text.ids[begin:end] for begin, end in parts], text.vocabulary)


def excerpt_parts(text: Encoded, tokens: int) -> tuple[IntArray, IntArray]:
    """Return where the parts of the text that ``excerpt`` takes begin and end, (D,) each."""
    if len(text) <= tokens:
        return text.starts, text.ends
    lengths = text.ends - text.starts
    if (lengths > 0).sum() * STRETCH < tokens:
        sentences = text.sentence_starts()
        wanted = np.linspace(0, len(text), tokens // STRETCH, endpoint=False)
        starts = np.unique(sentences[np.searchsorted(sentences, wanted, side="right") - 1])
        return starts, np.minimum(starts + -(-tokens // len(starts)), text.ends[text.document_of(starts)])
    return text.starts, text.starts + np.minimum(np.ceil(lengths * (tokens / len(text))).astype(np.int64), lengths)
