"""From a corpus specification to a corpus: read, split, cut into documents and sentences."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from lmcompare.corpora.contract import Found
from lmcompare.corpora.document import (
    SPLITS,
    Corpus,
    Document,
    Piece,
    cut_all,
    text_fingerprint,
    texts_on_disk,
)
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.paths import read_path
from lmcompare.corpora.sentences import PunktSplitter, Spans, block_sentences, line_sentences, whole_sentence
from lmcompare.corpora.sources import Source, read_source
from lmcompare.corpora.splits import (
    Split,
    by_hash,
    cut_by_words,
    split_as_usual,
    split_by_hash,
    split_by_words,
    split_contiguously,
    valid_out_of_train,
)
from lmcompare.errors import LmcompareError, expanded, kind_of

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


def first_fraction(
    pieces: Sequence[Piece], share: float, key: Callable[[str], str], sentences: Callable[[Piece], Spans]
) -> tuple[list[Piece], str]:
    """Return the training text up to a share of its words, and a sentence for the report.

    The documents are taken by a hash of their text, so that a smaller share is a part of every larger one. The last
    is cut where the sentence ends that reaches the share, and a document of a single sentence as by `cut_by_words`.

    Parameters
    ----------
    pieces : sequence of Piece
        The documents, at least one.
    share : float
        Above 0, and up to 1.
    key : callable
        From a text to the text that is hashed.
    sentences : callable
        Finds the sentences of a document from that document alone: if they depended on the share, a smaller one might
        end after a larger one.
    """
    total = sum(piece.words for piece in pieces)
    taken: set[int] = set()
    cut: dict[int, Piece] = {}
    words = 0
    order = [number for group in by_hash(pieces, key) for number in group]
    for number in order:
        taken.add(number)
        wanted = share * total - words
        if pieces[number].words > wanted:
            cut[number] = _beginning(pieces[number], wanted, sentences)
            words += cut[number].words
        else:
            words += pieces[number].words
        if words >= share * total - 1e-9:
            break
    found = [cut.get(number, pieces[number]) for number in sorted(taken)]
    note = (
        f"The models are trained on {words:,} of the {total:,} words of training text, for a share of"
        f" {100 * share:g} %: documents by a hash of their text, the last up to the end of a sentence."
    )
    return found, note


def _beginning(piece: Piece, words: float, sentences: Callable[[Piece], Spans]) -> Piece:
    """Return a document up to the sentence that reaches a number of words; it is less than those of the document."""
    spans = sentences(piece)
    text, held = piece.text, 0
    for (start, end), (following, _) in pairwise(spans):
        held += len(text[start:end].split())
        if held and held >= words:
            return replace(piece, name=f"{piece.name} (beginning)", text=text[:following])
    return cut_by_words(piece, words) if len(spans) < 2 and words <= piece.words - 1 else piece


_DEFAULT = CorpusOptions()
MOST_MARKS = 1_000  # in a row: NFC sorts them in quadratic time; UAX 15 of the Unicode standard calls 30 enough
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{MOST_MARKS + 1},}}")


def load(
    source: Source,
    options: CorpusOptions = _DEFAULT,
    *,
    base: Path | None = None,
    stdin: BinaryIO | None = None,
) -> Corpus:
    """Read a corpus and split it into training, validation and test text.

    Parameters
    ----------
    source : str, path, mapping or iterable
        The name of a corpus, such as "lee" or "nltk:brown" (`catalogue` lists them); the path of a file or a folder;
        a pattern that matches files, such as "books/*.txt"; "-" for standard input; "train=a.txt,valid=b.txt,
        test=c.txt" or a mapping of these keys to paths or texts (valid can be left out); or texts, one document each:
        a list, a generator, a pandas Series or DataFrame, or rows with the text under the key "text". A name goes
        before a path: ``./lee`` is a file.
    options : CorpusOptions
        How the text is read, cut and changed.
    base : Path, optional
        The folder that relative paths start from; the default is the working directory.
    stdin : binary file, optional
        What "-" reads; the default is standard input.

    Raises
    ------
    LmcompareError
        If there is no such corpus, it cannot be read, or it has too little text.
    """
    if not isinstance(options, CorpusOptions):
        raise LmcompareError(f"options must be an lmcompare.corpora.CorpusOptions, not {kind_of(options)}")
    options.check()
    with texts_on_disk():
        return _loaded(read_source(source, options, base or Path(), stdin), options)


def _loaded(found: Found, options: CorpusOptions) -> Corpus:
    """Split the documents that were read, and find their sentences and what they repeat."""
    from lmcompare.corpora.repeats import repeats, repeats_noted  # it loads numba, which takes half a second

    _check_used(found, options)
    if found.kind != "text":
        return _as_split(found)
    found = _with_test(found)
    split, notes = _split(found, options)
    if options.fraction is not None and options.fraction < 1:
        split["train"], note = first_fraction(
            split["train"],
            options.fraction,
            key=lambda text: _final(text, options),
            sentences=lambda piece: _sentence_finder(found, options, [piece])(piece.text),
        )
        notes.append(note)
    find = _sentence_finder(found, options, split["train"])
    documents: dict[str, Any] = {
        which: tuple(_document(piece, find, options) for piece in split[which]) for which in SPLITS
    }
    if options.rare_count is not None and options.rare_word is not None:
        documents, note = replace_rare(documents, options.rare_count, options.rare_word)
        notes.append(note)
    repeated = repeats(documents)
    for which, found_in in repeated.items():
        pairs = zip(documents[which], found_in, strict=True)
        documents[which] = tuple(replace(document, repeat=repeat) for document, repeat in pairs)
    return Corpus(
        found.name,
        **documents,
        notes=(*found.said, *found.notes, *notes, *repeats_noted(documents, repeated)),
        said=found.said,
        source=found.source,
        read=text_fingerprint(piece.text for piece in found.all_pieces()),
        changes=options.changes,
        files=found.files,
    )


def _with_test(found: Found) -> Found:
    """Return a folder's split with its validation text as test text, if it has no test text of its own."""
    if found.splits is None or "test" in found.splits:
        return found
    said = f"{found.source} has no test text of its own, so its validation text is the test text."
    splits = {"train": found.splits["train"], "test": found.splits["valid"]}
    return replace(found, splits=splits, said=(*found.said, said))


def _as_split(found: Found) -> Corpus:
    """Return the corpus of splits that are final; each line of a document is a sentence."""
    documents: dict[str, Any] = {
        which: tuple(
            Document(piece.name, piece.stored, line_sentences(piece.text), dict(piece.metadata))
            for piece in (found.splits or {}).get(which, ())
        )
        for which in SPLITS
    }
    return Corpus(
        found.name,
        **documents,
        notes=(*found.said, *found.notes),
        said=found.said,
        source=found.source,
        read=text_fingerprint(piece.text for piece in found.all_pieces()),
        kind=found.kind,
    )


def read_documents(
    source: str | os.PathLike[str],
    options: CorpusOptions = _DEFAULT,
    *,
    base: Path | None = None,
    stdin: BinaryIO | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> tuple[Document, ...]:
    """Read a file, a folder or, for "-", standard input as documents in their own order, without splitting them.

    ``note`` is called with what there is to say of them, such as how many rows of a table have no text.

    Raises
    ------
    LmcompareError
        If the source cannot be read, or there is no text in it.
    """
    if not isinstance(source, str | os.PathLike):
        raise LmcompareError(f"texts are read from the path of a file, not from {kind_of(source)}; give a path")
    options.check()
    with texts_on_disk():
        if source == "-":
            found = read_source("-", options, Path(), stdin)
        else:
            found = read_path((base or Path()) / expanded(source), options)
        _check_used(found, options)
        for sentence in found.notes:
            note(sentence)
        pieces = cut_all(_normalised(found.all_pieces(), options), options.documents or "file")
        find = _sentence_finder(found, options, pieces)
        return tuple(_document(piece, find, options) for piece in pieces)


def documents_of(texts: Iterable[str]) -> tuple[Document, ...]:
    """Return a document for each text; each line of it is a sentence."""
    return tuple(Document(f"document {n}", text, line_sentences(text)) for n, text in enumerate(texts, 1))


def _split(found: Found, options: CorpusOptions) -> tuple[Split, list[str]]:
    """Split the documents as the source and the options say, and return sentences on how it was done."""
    how = options.documents or "file"
    if found.splits is not None:
        if options.train_words is not None:
            raise LmcompareError(
                f"{found.source} is split already, so train_words and valid_words have no effect; leave them out, or "
                "give one text as the corpus"
            )
        given = {which: cut_all(_normalised(pieces, options), how) for which, pieces in found.splits.items()}
        if "valid" in given:
            return given, []
        train, valid, note = valid_out_of_train(given["train"], found.source, key=lambda text: _final(text, options))
        return {"train": train, "valid": valid, "test": given["test"]}, [note]
    pieces = _normalised(found.pieces, options)
    if options.train_words is not None and options.valid_words is not None:
        split, notes = split_by_words(pieces, options.train_words, options.valid_words, found.name, found.source)
        return {which: cut_all(parts, how) for which, parts in split.items()}, notes
    if found.one_text and how == "file":
        return split_as_usual(pieces[0]) or split_contiguously(pieces[0], found.source)
    return split_by_hash(cut_all(pieces, how), found.source, key=lambda text: _final(text, options))


def _check_used(found: Found, options: CorpusOptions) -> None:
    """Refuse options on how files are read that this source can't use, as it has no columns or no files."""
    if options.text_column is not None and not found.table:
        raise LmcompareError(
            f"{found.source} has no columns, so it has no text column '{options.text_column}'; leave text_column "
            "out, or give a table, such as a .csv, .jsonl or .parquet file"
        )
    for name in ("file_format", "encoding"):
        value = getattr(options, name)
        if value not in (None, "utf-8") and not found.files:
            raise LmcompareError(
                f"{found.source} is not read from files of yours, so {name} '{value}' has no effect; leave {name} "
                "out, or give the path of a file or a folder"
            )


def _normalised(pieces: Iterable[Piece], options: CorpusOptions) -> list[Piece]:
    """The pieces with their text in Unicode NFC, if the options ask for it."""
    if not options.nfc:
        return list(pieces)
    found = []
    for piece in pieces:
        if any(_most_marks(run[0]) > MOST_MARKS for run in _MAYBE_MARKS.finditer(piece.text)):
            raise LmcompareError(
                f"{piece.name} has more than {MOST_MARKS:,} combining marks in a row, which would take too long to "
                "normalise; leave nfc out, or correct the text"
            )
        normal = unicodedata.is_normalized("NFC", piece.text)
        found.append(piece if normal else replace(piece, text=unicodedata.normalize("NFC", piece.text)))
    return found


def _most_marks(text: str) -> int:
    """Return how many combining marks follow each other at most."""
    return max(len(list(run)) if marks else 0 for marks, run in groupby(text, lambda c: unicodedata.combining(c) > 0))


def _final(text: str, options: CorpusOptions) -> str:
    return text.lower() if options.lowercase else text


def _sentence_finder(found: Found, options: CorpusOptions, train: list[Piece]) -> Callable[[str], Spans]:
    """The function that finds the sentences of a text; Punkt is trained on the training text, before lower-casing."""
    by_default = "line" if options.documents in ("line", "blank-line") else found.sentences
    if (options.sentences or by_default) == "punkt":
        return PunktSplitter(piece.text for piece in train).spans
    if options.documents == "line":
        return whole_sentence
    return block_sentences if options.documents == "blank-line" else line_sentences


def _document(piece: Piece, find: Callable[[str], Spans], options: CorpusOptions) -> Document:
    """The document of a piece, in lower case if the options ask for it."""
    text = piece.text
    spans = find(text)
    final = _final(text, options)
    if len(final) != len(text):
        grown = [0]  # the lower case of a letter can be two characters, which moves the spans after it
        for character in text:
            grown.append(grown[-1] + len(character.lower()))
        spans = tuple((grown[start], grown[end]) for start, end in spans)
    return Document(piece.name, piece.stored if final == text else final, spans, dict(piece.metadata))
