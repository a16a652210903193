"""Documents as token ids, the form in which every model reads a text; the vocabulary, prompts and the fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.memory import GrowingArray
from lmcompare.registry import source_of
from lmcompare.state import State
from lmcompare.tokens.codelength import CODE_VERSION
from lmcompare.tokens.cutting import BLOCK_TOKENS, Text, tokenised
from lmcompare.tokens.tokenizer import Tokenizer, is_built_in
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray, Vocabulary

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


def build_vocabulary(train: Text, tokenizer: Tokenizer, min_count: int = 1, size: int | None = None) -> Vocabulary:
    """Return the vocabulary of the training documents.

    Parameters
    ----------
    train : sequence of Document, or Tokenised
    tokenizer : Tokenizer
    min_count : int
        The least count of a token in the vocabulary.
    size : int, optional
        The largest number of tokens in the vocabulary, ``<unk>`` and ``</s>`` included.

    Raises
    ------
    LmcompareError
        If the training text has too few types for ``size``, or none at all.
    """
    cut = tokenised(train, tokenizer)
    if tokenizer.types is not None:
        ends, *counts = cut.counts().tolist()
        counted = dict(zip(cut.types[1:], counts, strict=True)) | {END_TOKEN: ends}
        return Vocabulary(tokenizer.types, np.array([counted.get(token, 0) for token in tokenizer.types]))
    sentences, *counts = cut.counts().tolist()
    return Vocabulary.of_counts(
        dict(zip(cut.types[1:], counts, strict=True)),
        sentences,
        min_count=min_count,
        size=size,
        always=tokenizer.always_tokens,
    )


def encode(documents: Text, tokenizer: Tokenizer, vocabulary: Vocabulary) -> Encoded:
    """Return the documents as ids, with byte spans in each document's UTF-8.

    ``</s>`` closes each sentence or, if the tokenizer cuts whole documents, each document.
    """
    cut = tokenised(documents, tokenizer)
    ids = np.append(vocabulary.end, vocabulary.ids(cut.types[1:])).astype(np.int32)  # by type; type 0 is </s>
    of_tokens = GrowingArray(np.int32)
    for start in range(0, len(cut), BLOCK_TOKENS):
        of_tokens.append(ids[cut.tokens[start : start + BLOCK_TOKENS]])
    return Encoded(of_tokens.finish(), cut.starts, vocabulary, cut.spans, cut.names)


def prompt_pieces(text: str, tokenizer: Tokenizer) -> list[str]:
    """Return the pieces of a prompt for a tokenizer: its lines, or the whole prompt if it cuts whole documents."""
    return [text] if tokenizer.covers == "documents" else text.replace("\r\n", "\n").split("\n")


def encode_prompt(text: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> IntArray:
    """Return the ids of the beginning of a document.

    A line end closes a sentence, if the tokenizer cuts sentences; the end of the prompt does not.

    Returns
    -------
    (n,) int32 array

    Raises
    ------
    LmcompareError
        For a text that is not valid Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LmcompareError("the prompt is not valid UTF-8: check the encoding of the terminal") from None
    ids: list[int] = []
    for index, piece in enumerate(prompt_pieces(text, tokenizer)):
        if index:
            ids.append(vocabulary.end)
        ids.extend(vocabulary.ids(tokenizer.tokenize(piece)[0]).tolist())
    return np.array(ids, np.int32)


def fingerprint_parts(tokenizer: Tokenizer, vocabulary: Vocabulary) -> dict[str, str]:
    """Return digests of the parts of ``tokens_fingerprint`` without the corpus, to find out in which two differ."""
    parts = {
        "tokenizer": _identity(tokenizer),
        "vocabulary": vocabulary.tokens,
        "charged": CODE_VERSION,
    }
    return {name: _digest(part) for name, part in parts.items()}


def tokens_fingerprint(corpus_fingerprint: str, tokenizer: Tokenizer, vocabulary: Vocabulary) -> str:
    """Return 16 hexadecimal digits: figures per token or per byte are comparable if and only if the digits are equal.

    The fingerprint covers the corpus, the tokenizer with its options, its code and what it has learnt, the vocabulary
    in order, and the version of the code length.
    """
    return _digest([corpus_fingerprint, *_identity(tokenizer), vocabulary.tokens, CODE_VERSION])


def tokenizer_code(tokenizer: Tokenizer) -> str:
    """Return a digest of the code of a tokenizer plug-in; "" for a built-in tokenizer, whose ``rule`` decides."""
    return "" if is_built_in(tokenizer) else hashlib.sha256(source_of([type(tokenizer)])).hexdigest()[:16]


def _identity(tokenizer: Tokenizer) -> list[Any]:
    """Return the JSON values that decide how the tokenizer cuts, without the paths of its files."""
    state = tokenizer.state()
    spec = {name: value for name, value in tokenizer.spec.items() if name not in tokenizer.files}
    if is_built_in(tokenizer):
        learnt = [_learnt(state)] if state.arrays or state.values else []
        return [spec, tokenizer.rule, *learnt]
    spec["kind"] = type(tokenizer).__qualname__
    return [spec, [tokenizer.rule, tokenizer_code(tokenizer), *_learnt(state)]]


def _learnt(state: State) -> list[Any]:
    arrays = hashlib.sha256()
    for name in sorted(state.arrays):
        array = np.ascontiguousarray(state.arrays[name])
        arrays.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return [dict(state.values), arrays.hexdigest()]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
