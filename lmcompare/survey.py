"""A corpus before any model reads it: sizes, unknown words, two laws of its words, repetitions, lines and samples."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.corpora import SPLITS, Corpus, Document, ReadFile, Repeat, Texts
from lmcompare.tokens import (
    IntArray,
    Tokenised,
    Tokenizer,
    Vocabulary,
    build_vocabulary,
    fit_tokenizer,
    make_tokenizer,
    tokenise,
)

PER_DECADE = 12  # points of a curve: enough to see its form, and each decade counts the same in the fit
LEAST_COUNT = 5  # the counts of rarer types form steps, which no line describes
LEAST_LENGTH = 100  # tokens: nearly every token of a shorter text is a new type


@dataclass(frozen=True)
class Law:
    """A curve, and the power law ``y = factor * x ** exponent`` that was fitted to it.

    Parameters
    ----------
    x, y : tuple of float
        Points of the curve, evenly spaced on a logarithmic axis.
    exponent, factor : float or None
        The least-squares line on logarithmic axes; None if fewer than three points take part in the fit.
    fitted : tuple of float
        The first and the last x that took part in the fit; empty without one.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    exponent: float | None = None
    factor: float | None = None
    fitted: tuple[float, ...] = ()

    def at(self, x: float) -> float:
        """Return the fitted law at x."""
        assert self.exponent is not None
        assert self.factor is not None
        return float(self.factor * x**self.exponent)


def zipf(counts: IntArray | Sequence[int]) -> Law:
    """Return the frequency of types by their rank.

    The law is fitted to the types that occur ``LEAST_COUNT`` times or more; its exponent is negative.

    Parameters
    ----------
    counts : (T,) int array
        The count of each type, in any order.
    """
    ordered = np.sort(np.asarray(counts, np.int64))[::-1]
    ordered = ordered[ordered > 0]
    ranks = _spaced(len(ordered))
    return _law(ranks, ordered[ranks - 1], ordered[ranks - 1] >= LEAST_COUNT)


def heaps(types: IntArray | Sequence[int]) -> Law:
    """Return the number of different types in the first n tokens of a text.

    The law is fitted from ``LEAST_LENGTH`` tokens on.

    Parameters
    ----------
    types : (N,) int array
        The type of each token, in the order of the text.
    """
    tokens = np.asarray(types, np.int64)
    lengths = _spaced(len(tokens))
    _, first = np.unique(tokens, return_index=True)  # where each type occurs first
    grown = np.searchsorted(np.sort(first), lengths)
    return _law(lengths, grown, lengths >= LEAST_LENGTH)


def _spaced(most: int) -> IntArray:
    """Return whole numbers from 1 to ``most``, evenly spaced on a logarithmic axis; the last one is ``most``."""
    if not most:
        return np.zeros(0, np.int64)
    points = 1 + round(PER_DECADE * float(np.log10(most)))
    found: IntArray = np.unique(np.rint(np.geomspace(1, most, points)).astype(np.int64))
    return found


def _law(x: IntArray, y: IntArray, fits: npt.NDArray[np.bool_]) -> Law:
    points = tuple(map(float, x)), tuple(map(float, y))
    chosen = np.flatnonzero(fits)
    if len(chosen) < 3:
        return Law(*points)
    exponent, constant = np.polyfit(np.log(x[chosen]), np.log(y[chosen]), 1)
    ends = float(x[chosen[0]]), float(x[chosen[-1]])
    return Law(*points, float(exponent), float(np.exp(constant)), ends)


@dataclass(frozen=True)
class SplitFigures:
    """The figures of one split.

    Parameters
    ----------
    documents, sentences, words, characters, bytes : int
        Its size; words are separated by white space.
    tokens : int
        The tokens of the tokenizer, ``</s>`` included, as a run counts them.
    types : int
        The different tokens, without ``</s>``.
    unseen : int or None
        The tokens whose type never occurs in the training text; None for the training text itself.
    unknown : int
        The tokens whose type is not in the vocabulary.
    copies : int
        The documents with the text of an earlier document of the split.
    """

    documents: int
    sentences: int
    words: int
    characters: int
    bytes: int
    tokens: int
    types: int
    unseen: int | None
    unknown: int
    copies: int


@dataclass(frozen=True)
class HeldOut:
    """A held-out document that also occurs in earlier text, and how many bytes of it do."""

    split: str
    document: str
    repeat: Repeat
    bytes: int


@dataclass(frozen=True)
class Line:
    """A line of the text: its split, document and number there, its length in characters and how it begins."""

    split: str
    document: str
    number: int
    characters: int
    beginning: str


@dataclass(frozen=True)
class Sample:
    """Some sentences from the middle of a split."""

    split: str
    document: str
    text: str


@dataclass(frozen=True)
class Survey:
    """A corpus as ``lmcompare corpora show`` describes it.

    Parameters
    ----------
    name, source : str
        The corpus, and where its text comes from.
    said, notes : tuple of str
        How the files and columns were interpreted, and notes on how the text was read and split.
    files : tuple of ReadFile
        The files that were read.
    splits : mapping of str to SplitFigures
        By "train", "valid" and "test".
    tokenizer : str
        The tokenizer, in words.
    tokenizer_notes : tuple of str
        The tokenizer's notes on the training text.
    vocabulary : int
        The number of types that a model would know, ``<unk>`` and ``</s>`` included.
    min_count : int
        How often a type must occur to be in the vocabulary.
    zipf, heaps : Law
        Of the training text.
    frequent : tuple of tuple of str and int
        The most frequent types of the training text with their counts.
    once : int
        The number of types that occur once in it.
    repeated : tuple of HeldOut
        The held-out documents that also occur in the training text, the largest share first.
    repeated_lines : tuple of tuple of str and int
        The lines that occur most often in the training text, of those that occur more than once.
    again : int
        The lines of the training text that have occurred in it before.
    lines : int
        The lines of the training text with words in them.
    longest : tuple of Line
        The longest lines of all splits.
    samples : tuple of Sample
        One of each split.
    line_ends : mapping of str to int
        The number of lines that end with ``\\n`` and with ``\\r\\n``.
    alphabet : int
        The number of different characters.
    not_nfc : int
        The documents that are not in Unicode NFC.
    """

    name: str
    source: str
    said: tuple[str, ...]
    notes: tuple[str, ...]
    files: tuple[ReadFile, ...]
    splits: Mapping[str, SplitFigures]
    tokenizer: str
    tokenizer_notes: tuple[str, ...]
    vocabulary: int
    min_count: int
    zipf: Law
    heaps: Law
    frequent: tuple[tuple[str, int], ...]
    once: int
    repeated: tuple[HeldOut, ...]
    repeated_lines: tuple[tuple[str, int], ...]
    again: int
    lines: int
    longest: tuple[Line, ...]
    samples: tuple[Sample, ...]
    line_ends: Mapping[str, int] = field(default_factory=dict)
    alphabet: int = 0
    not_nfc: int = 0

    @property
    def encodings(self) -> dict[str, int]:
        """The number of files by their encoding, the most frequent first; without binary tables."""
        return dict(Counter(file.encoding for file in self.files if file.encoding).most_common())


FREQUENT = 12
LONGEST = 5
REPEATED_LINES = 5
BEGINNING = 100  # characters of a line that are shown
SAMPLE = 400  # characters of a sample, about


def survey(
    corpus: Corpus,
    tokens: Mapping[str, Any] | str = "word",
    *,
    min_count: int = 1,
    size: int | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Survey:
    """Describe a corpus under one tokenizer.

    Parameters
    ----------
    corpus : Corpus
    tokens : str or mapping
        The tokenizer, as in ``[tokens]``: its kind, or a table of its kind and options.
    min_count, size
        The limits of the vocabulary, as in ``[tokens]``; they decide which tokens are unknown.
    say : callable
        Is told what is being done, for a long text.

    Raises
    ------
    LmcompareError
        For a tokenizer that does not exist, or limits that no vocabulary of this text can have.
    """
    tokenizer = make_tokenizer({"kind": tokens} if isinstance(tokens, str) else tokens)
    say("Cutting the text into tokens …")
    fit_tokenizer(tokenizer, Texts(corpus.train))
    cut = {which: tokenise(corpus.split(which), tokenizer) for which in SPLITS}
    vocabulary = build_vocabulary(cut["train"], tokenizer, min_count=min_count, size=size)
    known = set(cut["train"].types[1:])
    say("Counting …")
    counts = cut["train"].counts()[1:]
    order = np.argsort(-counts, kind="stable")[:FREQUENT]
    train = cut["train"].tokens
    lines = Counter(line.strip() for d in corpus.train for line in d.text.split("\n") if line.strip())
    windows = sum(d.text.count("\r\n") for d in _all(corpus))
    line_ends = {"\\n": sum(d.text.count("\n") for d in _all(corpus)) - windows, "\\r\\n": windows}
    return Survey(
        name=corpus.name,
        source=corpus.source,
        said=corpus.said,
        notes=corpus.notes,
        files=corpus.files,
        splits={
            which: _figures(
                corpus.split(which), cut[which], tokenizer, vocabulary, None if which == "train" else known
            )
            for which in SPLITS
        },
        tokenizer=tokenizer.description,
        tokenizer_notes=tuple(tokenizer.notes),
        vocabulary=len(vocabulary),
        min_count=min_count,
        zipf=zipf(counts),
        heaps=heaps(train[train > 0]),
        frequent=tuple((cut["train"].types[1 + n], int(counts[n])) for n in order),
        once=int((counts == 1).sum()),
        repeated=tuple(sorted(_repeated(corpus), key=lambda found: -found.repeat.share)),
        repeated_lines=tuple((line, n) for line, n in lines.most_common(REPEATED_LINES) if n > 1),
        again=lines.total() - len(lines),
        lines=lines.total(),
        longest=_longest(corpus),
        samples=tuple(_sample(which, corpus.split(which)) for which in SPLITS),
        line_ends={end: n for end, n in line_ends.items() if n},
        alphabet=len(set[str]().union(*(d.text for d in _all(corpus)))),
        not_nfc=sum(not unicodedata.is_normalized("NFC", document.text) for document in _all(corpus)),
    )


def _figures(
    documents: Sequence[Document],
    cut: Tokenised,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    known: set[str] | None,
) -> SplitFigures:
    counts = cut.counts().tolist()[1:]
    unknown = vocabulary.is_unknown(vocabulary.ids(cut.types[1:]))
    return SplitFigures(
        documents=len(documents),
        sentences=sum(len(d.sentences) for d in documents),
        words=sum(d.words for d in documents),
        characters=sum(len(d.text) for d in documents),
        bytes=int(cut.n_bytes.sum()),
        tokens=len(cut),
        types=len(cut.types) - 1,
        unseen=None
        if known is None
        else sum(n for token, n in zip(cut.types[1:], counts, strict=True) if token not in known),
        unknown=int(np.dot(unknown, counts)) if counts else 0,
        copies=len(documents) - len({d.text for d in documents}),
    )


def _all(corpus: Corpus) -> Iterator[Document]:
    for which in SPLITS:
        yield from corpus.split(which)


def _repeated(corpus: Corpus) -> Iterator[HeldOut]:
    for which in ("valid", "test"):
        for document in corpus.split(which):
            if document.repeat is not None:
                yield HeldOut(which, document.name, document.repeat, round(document.repeat.share * document.n_bytes))


def _longest(corpus: Corpus) -> tuple[Line, ...]:
    """Return the longest lines; of lines that are equal, the first."""
    longest: list[tuple[str, Line]] = []
    for which in SPLITS:
        for document in corpus.split(which):
            for number, line in enumerate(document.text.split("\n"), 1):
                is_long = line and (len(longest) < LONGEST or len(line) > longest[-1][1].characters)
                if is_long and all(line != other for other, _ in longest):
                    found = Line(which, document.name, number, len(line), line[:BEGINNING].strip())
                    longest.append((line, found))
                    longest = sorted(longest, key=lambda pair: -pair[1].characters)[:LONGEST]
    return tuple(line for _, line in longest)


def _sample(which: str, documents: Sequence[Document]) -> Sample:
    """Return sentences from the middle of the middle document, or its last ones if few follow."""
    document = documents[len(documents) // 2]
    starts = [start for start, _ in document.sentences]
    middle = min(starts[len(starts) // 2], max(len(document.text) - SAMPLE, 0))
    first = max(start for start in starts if start <= middle)
    ends = [end for _, end in document.sentences if first + SAMPLE / 3 <= end <= first + SAMPLE]
    last = ends[-1] if ends else first + SAMPLE
    return Sample(
        which,
        document.name,
        document.text[first:last].strip() + (" …" if not ends and last < len(document.text) else ""),
    )
