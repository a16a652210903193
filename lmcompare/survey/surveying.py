"""Measures a corpus: what ``lmcompare corpora show`` says of it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lmcompare.corpora import SPLITS, Corpus, Document, Texts
from lmcompare.survey.figures import HeldOut, Line, Sample, SplitFigures, Survey
from lmcompare.survey.laws import heaps, zipf
from lmcompare.tokens import (
    Tokenised,
    Tokenizer,
    Vocabulary,
    build_vocabulary,
    fit_tokenizer,
    make_tokenizer,
    tokenise,
)

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
