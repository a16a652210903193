"""Documents as token ids, the form in which every model reads a text, and parts that stand for a whole text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.tokens.vocabulary import IntArray, Vocabulary

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


@dataclass(frozen=True, eq=False)
class Encoded:
    """D documents, one after the other, as N token ids; read-only.

    Parameters
    ----------
    ids : (N,) int32 array
        The ids. ``vocabulary.end`` closes each sentence or, if the tokenizer cuts whole documents, each document.
    starts : (D,) int64 array
        The position of each document's first token, in rising order. A document whose start is that of the next
        document is empty.
    vocabulary : Vocabulary
        The vocabulary of the ids.
    spans : (N, 2) int32 or int64 array, optional
        The byte offsets of each token in the UTF-8 text of its document; None if the ids do not come from a text.
        ``</s>`` has an empty span at the end of its sentence.
    names : tuple of str
        The names of the documents; by default their numbers.

    Raises
    ------
    LmcompareError
        For arrays of another shape, ids that are not in the vocabulary, and starts outside of the text.
    """

    ids: IntArray
    starts: IntArray
    vocabulary: Vocabulary
    spans: IntArray | None = None
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        ids = _array(self.ids)
        starts = np.ascontiguousarray(self.starts, np.int64)
        if ids.ndim != 1 or starts.ndim != 1:
            raise LmcompareError(
                f"ids and starts must have one dimension each, not the shapes {ids.shape} and {starts.shape}"
            )
        self.vocabulary.check(ids)
        if len(ids) and not len(starts):
            raise LmcompareError(
                "there are tokens but no documents: give starts, the position of each document's first token"
            )
        if len(starts) and (starts[0] != 0 or np.any(np.diff(starts) < 0) or starts[-1] > len(ids)):
            raise LmcompareError("starts must begin at 0, must not decrease and must stay within the text")
        object.__setattr__(self, "ids", _frozen(np.ascontiguousarray(ids, np.int32)))
        object.__setattr__(self, "starts", _frozen(starts))
        if self.spans is not None:
            object.__setattr__(self, "spans", _frozen(_offsets(self.spans)))
        if len(self.names) != len(starts):
            object.__setattr__(self, "names", tuple(str(d) for d in range(len(starts))))

    @classmethod
    def from_documents(cls, documents: Sequence[Sequence[int] | IntArray], vocabulary: Vocabulary) -> Encoded:
        """Join the id sequences of D documents; there are no byte spans."""
        lengths = np.array([len(d) for d in documents], np.int64)
        arrays = [_array(d) for d in documents]
        ids = np.concatenate(arrays) if arrays else np.zeros(0, np.int32)
        return cls(ids, np.cumsum(lengths) - lengths, vocabulary)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_documents(self) -> int:
        """D, the number of documents."""
        return len(self.starts)

    @property
    def ends(self) -> IntArray:
        """(D,) one past the position of each document's last token."""
        return np.append(self.starts[1:], len(self.ids)) if len(self.starts) else self.starts

    def document_of(self, at: IntArray) -> IntArray:
        """(n,) the index of each position's document; position N belongs to the last one.

        Raises ``LmcompareError`` for a position outside of the text.
        """
        self.check_positions(at)
        return np.searchsorted(self.starts, at, side="right") - 1

    def context_starts(self, at: IntArray) -> IntArray:
        """(n,) where the context of each position begins: the start of its document; 0 if there are no documents."""
        return self.starts[self.document_of(at)] if len(self.starts) else np.zeros(len(at), np.int64)

    def check_positions(self, at: IntArray) -> None:
        """Raise ``LmcompareError`` unless each of these is a position of the text, or N, one past its end."""
        found = np.asarray(at)
        if not found.size:
            return
        if found.dtype.kind not in "iu":
            raise LmcompareError(f"positions must be whole numbers, not {found.dtype}")
        if found.min() < 0 or found.max() > len(self):
            raise LmcompareError(
                f"positions in this text must be between 0 and {len(self)}, but {found.min()} … {found.max()} were"
                " given"
            )

    def sentence_starts(self) -> IntArray:
        """(S,) the position of each sentence's first token; ``</s>`` closes a sentence.

        The end of a document without ``</s>`` counts as a sentence. If the tokenizer cuts whole documents, these are
        the starts of the documents that are not empty.
        """
        begins = np.append(False, self.ids == self.vocabulary.end)[: len(self.ids)]  # at a token after </s>
        begins[self.starts[self.starts < len(self.ids)]] = True
        return np.flatnonzero(begins)

    def documents(self) -> Iterator[IntArray]:
        """Yield the ids of each document."""
        for start, end in zip(self.starts, self.ends, strict=True):
            yield self.ids[start:end]

    def select(self, documents: Sequence[int] | IntArray) -> Encoded:
        """Return the documents with these indices, in this order, as an ``Encoded``."""
        ends = self.ends
        where = [np.arange(self.starts[d], ends[d]) for d in documents]
        rows = np.concatenate(where) if where else np.zeros(0, np.int64)
        lengths = np.array([len(w) for w in where], np.int64)
        return Encoded(
            self.ids[rows],
            np.cumsum(lengths) - lengths,
            self.vocabulary,
            None if self.spans is None else self.spans[rows],
            tuple(self.names[d] for d in documents),
        )

    def parts(self, tokens: int) -> Iterator[Encoded]:
        """Yield the text in parts of whole documents; those of a part begin within the same ``tokens`` tokens."""
        if len(self) <= tokens:
            yield self
            return
        first = np.unique(self.starts // tokens, return_index=True)[1]
        for start, end in zip(first.tolist(), [*first[1:].tolist(), self.n_documents], strict=True):
            here = slice(self.starts[start], len(self) if end == self.n_documents else self.starts[end])
            yield Encoded(
                self.ids[here],
                self.starts[start:end] - self.starts[start],
                self.vocabulary,
                None if self.spans is None else self.spans[here],
                self.names[start:end],
            )

    def split_sentences(self) -> Encoded:
        """Return the same tokens with every sentence a document of its own, for per-sentence figures."""
        return Encoded(self.ids, self.sentence_starts(), self.vocabulary, self.spans)


def _array(ids: Sequence[int] | IntArray) -> IntArray:
    found = np.asarray(ids)
    return found if found.size else found.astype(np.int32)


def _offsets(spans: IntArray) -> IntArray:
    """Return byte offsets unchanged if they are int32, and otherwise as int64."""
    return np.ascontiguousarray(spans, np.int32 if np.asarray(spans).dtype == np.int32 else np.int64)


def _frozen(array: IntArray) -> IntArray:
    """Return the array read-only; a copy, if the caller could still write to it."""
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
