"""Which of the example sentences are shown, and how their beginning is written."""

from __future__ import annotations

from lmcompare.tokens import Encoded, IntArray

BEGINNING = "<s>"  # what a document's first input is called in charts
LONGEST = 20  # tokens of a sentence shown in a map


def readable(text: Encoded, most: int) -> list[IntArray]:
    """Return the first documents of at least 4 tokens, cut to ``LONGEST``."""
    return [ids[:LONGEST] for ids in text.documents() if len(ids) >= 4][:most]
