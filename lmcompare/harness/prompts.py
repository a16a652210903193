"""Prompts out of the text, for experiments that name none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lmcompare.corpora import Document
from lmcompare.measure.selection import digest_of

COUNT = 4
_WORDS = re.compile(r"\s*(\S+\s+\S+\s+\S+)(?:\s+\S+){3}")  # three words, with three more behind them
_CHARACTERS = re.compile(r"\s*(\S{5})\S{5}")  # of text without white space between words


def prompts_of(documents: Iterable[Document]) -> tuple[str, ...]:
    """Return the beginnings of some sentences: three words, or five characters of text without white space.

    They are drawn by a hash of themselves, so that the same text gives the same prompts.
    """
    found: set[str] = set()
    for document in documents:
        for start, end in document.sentences:
            sentence = document.text[start : min(end, start + 200)]
            if match := _WORDS.match(sentence) or _CHARACTERS.match(sentence):
                found.add(match[1])
    return tuple(sorted(found, key=digest_of)[:COUNT])
