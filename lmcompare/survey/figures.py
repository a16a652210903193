"""What a survey of a corpus finds, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from lmcompare.corpora import ReadFile, Repeat
from lmcompare.survey.laws import Law


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
