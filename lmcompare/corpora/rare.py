"""Replaces the rare words of a corpus by one word, as in classic settings of word models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lmcompare.corpora.document import Document
from lmcompare.errors import LmcompareError

_WORD = re.compile(r"\S+")

Documents = Mapping[str, tuple[Document, ...]]


def replace_rare(split: Documents, count: int, word: str) -> tuple[dict[str, tuple[Document, ...]], str]:
    """Replace each word that occurs ``count`` times or less in all splits together by ``word``.

    Words are separated by white space inside a sentence. The white space itself, also between sentences, stays.

    Returns
    -------
    tuple of dict and str
        The splits, with the sentence spans of the new texts, and a sentence for the report.

    Raises
    ------
    LmcompareError
        If no word occurs more often.
    """
    counts = Counter(w for documents in split.values() for document in documents for w in _words(document))
    rare = {w for w, n in counts.items() if n <= count}
    if len(rare) == len(counts):
        raise LmcompareError(f"no word occurs more than {count:,} times in the corpus; give a smaller rare_count")
    replaced = {which: tuple(_replaced(d, rare, word) for d in documents) for which, documents in split.items()}
    total, gone = counts.total(), sum(counts[w] for w in rare)
    note = (
        f"Words that occur {count:,} times or less in the whole corpus, test included, were replaced by {word}: "
        f"{gone:,} of {total:,} words ({100 * gone / total:.1f} %), {len(rare):,} of {len(counts):,} types."
    )
    return replaced, note


def _words(document: Document) -> Iterator[str]:
    for start, end in document.sentences:
        yield from document.text[start:end].split()


def _replaced(document: Document, rare: set[str], word: str) -> Document:
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    before, length = 0, 0  # the end of the last sentence, and the length of the new text
    for start, end in document.sentences:
        gap = document.text[before:start]
        sentence = _WORD.sub(lambda m: word if m[0] in rare else m[0], document.text[start:end])
        parts += [gap, sentence]
        spans.append((length + len(gap), length + len(gap) + len(sentence)))
        before, length = end, spans[-1][1]
    parts.append(document.text[before:])
    return replace(document, text="".join(parts), sentences=tuple(spans))
