"""Documents cut into tokens once, for all that counts, encodes or charges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray

if TYPE_CHECKING:
    from lmcompare.corpora import Document


class Separator(NamedTuple):
    """What follows a sentence: the text up to the next one, or up to the end of the document, which it closes."""

    text: str
    closes: bool


@dataclass(frozen=True, eq=False)
class Tokenised:
    """D documents as N tokens, the ``</s>`` that closes each sentence included; whole, so the text can be rebuilt.

    ``types``: the distinct token strings; ``types[0]`` is the closing ``</s>``, which a literal ``</s>`` in the text
    is not. ``tokens``: (N,) int32, the type of each token. ``spans``: (N, 2) int64, byte offsets in the document's
    UTF-8. ``starts``: (D,) int64, the position of each document's first token. ``gaps``: (N,) int32, which of
    ``gap_types`` stands between a token and the one before it in its sentence (or the beginning of the sentence).
    ``separators``: (N,) int32, which of ``separator_types`` follows a ``</s>``; -1 at other tokens. ``n_bytes``:
    (D,) int64, the length of each document. ``names``: the D names.
    """

    types: tuple[str, ...]
    tokens: IntArray
    spans: IntArray
    starts: IntArray
    gap_types: tuple[str, ...]
    gaps: IntArray
    separator_types: tuple[Separator, ...]
    separators: IntArray
    n_bytes: IntArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def closing(self) -> npt.NDArray[np.bool_]:
        """(N,) where a sentence is closed."""
        return np.equal(self.tokens, 0)

    def first_of_sentence(self) -> npt.NDArray[np.bool_]:
        """(N,) where a sentence begins (a ``</s>`` if it is empty)."""
        return np.concatenate([[True], self.closing[:-1]]) if len(self) else np.zeros(0, np.bool_)

    def surface(self) -> npt.NDArray[np.object_]:
        """(N,) the token strings as they stand in the text, ``</s>`` at sentence ends."""
        strings: npt.NDArray[np.object_] = np.array(self.types, object)[self.tokens]
        return strings

    def counts(self) -> IntArray:
        """(T,) how often each of ``types`` occurs."""
        return np.bincount(self.tokens, minlength=len(self.types))

    def sentences(self) -> Iterator[list[str]]:
        """Yield the tokens of each sentence, ``</s>`` left out."""
        strings = self.surface().tolist()
        first = 0
        for end in np.flatnonzero(self.closing).tolist():
            yield strings[first:end]
            first = end + 1


Text: TypeAlias = "Sequence[Document] | Tokenised"


def tokenised(text: Text, tokenizer: Tokenizer) -> Tokenised:
    """Return ``text`` itself if it is cut already, else its documents cut by ``tokenizer``."""
    return text if isinstance(text, Tokenised) else tokenise(text, tokenizer)


def tokenise(documents: Iterable[Document], tokenizer: Tokenizer) -> Tokenised:
    """Cut each sentence of each document and close it with ``</s>``.

    Raises ``LmcompareError`` for a document that is no valid Unicode, or whose sentences leave bytes at its
    beginning, overlap or reach beyond its text.
    """
    token_types, separator_types = _Numbers([None]), _Numbers()
    blocks: list[IntArray] = []  # per document: the types of its tokens
    spans: list[IntArray] = []  # per sentence: byte offsets in all the text
    begins: list[int] = []  # per sentence: where it begins, in bytes of all the text
    separators: list[Separator] = []
    raw: list[bytes] = []
    names: list[str] = []
    position = 0  # bytes of text so far, all documents
    for document in documents:
        _check(document)
        text = document.text
        strings: list[str | None] = []
        names.append(document.name)
        raw.append(_utf8(document))
        width = len if text.isascii() else _width
        sentences = document.sentences
        nexts = [(start, False) for start, _ in sentences[1:]] + [(len(text), True)]
        for (start, end), (until, closes) in zip(sentences, nexts, strict=False):
            sentence = text[start:end]
            found, offsets = tokenizer.tokenize(sentence)
            strings += found
            strings.append(None)
            begins.append(position)
            spans.append(offsets + position)
            position += width(sentence)
            spans.append(np.array([[position, position]]))
            separators.append(Separator(text[end:until], closes))
            position += width(separators[-1].text)
        blocks.append(token_types.of(strings))
    lengths = np.array([len(b) for b in blocks], np.int64)
    starts = np.cumsum(lengths) - lengths
    tokens = np.concatenate([*blocks, np.zeros(0, np.int32)])
    places = np.concatenate([*spans, np.zeros((0, 2), np.int64)]).astype(np.int64)
    gap_types, gaps = _gaps(b"".join(raw), tokens, places, np.array(begins, np.int64), tokenizer.gapless)
    after = np.full(len(tokens), -1, np.int32)
    after[tokens == 0] = separator_types.of(separators)
    n_bytes = np.array([len(r) for r in raw], np.int64)
    return Tokenised(
        types=(END_TOKEN, *token_types.values[1:]),
        tokens=tokens,
        spans=places - np.repeat(np.cumsum(n_bytes) - n_bytes, lengths)[:, None],
        starts=starts,
        gap_types=gap_types,
        gaps=gaps,
        separator_types=tuple(separator_types.values),
        separators=after,
        n_bytes=n_bytes,
        names=tuple(names),
    )


class _Numbers:
    """Numbers values in order of first appearance; the numbering of a list runs in C."""

    def __init__(self, known: Sequence[Hashable] = ()) -> None:
        self._index: defaultdict[Hashable, int] = defaultdict()
        self._index.default_factory = self._index.__len__
        self.of(known)

    def of(self, values: Sequence[Hashable]) -> IntArray:
        """(n,) int32: the number of each value, a new one where it is new."""
        return np.fromiter(map(self._index.__getitem__, values), np.int32, len(values))

    @property
    def values(self) -> list[Any]:
        return list(self._index)


def _gaps(
    raw: bytes, tokens: IntArray, spans: IntArray, begins: IntArray, gapless: bool
) -> tuple[tuple[str, ...], IntArray]:
    """Return the distinct gaps and (N,) which of them stands before each token; gap 0 is the empty one."""
    numbers = _Numbers([""])
    gaps = np.zeros(len(tokens), np.int32)
    if gapless or not len(tokens):
        return ("",), gaps
    first = np.concatenate([[True], tokens[:-1] == 0])
    before = np.concatenate([[0], spans[:-1, 1]])
    before[first] = begins
    lengths = spans[:, 0] - before
    single = np.flatnonzero(lengths == 1)  # nearly all of them, so their bytes are looked up at once
    bytes_before = np.frombuffer(raw, np.uint8)[before[single]]
    table = np.zeros(256, np.int32)
    seen = np.unique(bytes_before)
    table[seen] = numbers.of([chr(b) for b in seen.tolist()])
    gaps[single] = table[bytes_before]
    longer = np.flatnonzero(lengths > 1)
    pairs = zip(before[longer].tolist(), spans[longer, 0].tolist(), strict=True)
    gaps[longer] = numbers.of([raw[start:end].decode() for start, end in pairs])
    return tuple(numbers.values), gaps


def _width(text: str) -> int:
    return len(text.encode())


def _utf8(document: Document) -> bytes:
    try:
        return document.text.encode()
    except UnicodeEncodeError as error:
        raise LmcompareError(
            f"document '{document.name}' holds half a surrogate pair at character {error.start}, "
            "which no UTF-8 text can: read it with the encoding it was written in"
        ) from None


def _check(document: Document) -> None:
    """Raise ``LmcompareError`` unless sentences and what lies between them make up the whole text."""
    reached = 0
    for index, (start, end) in enumerate(document.sentences):
        if start < reached or end < start or end > len(document.text) or (index == 0 and start != 0):
            raise LmcompareError(
                f"sentence {start}…{end} of document '{document.name}' overlaps another or leaves the text: "
                "sentences are in order, the first begins at 0"
            )
        reached = end
    if document.text and not document.sentences:
        raise LmcompareError(f"document '{document.name}' has text but no sentence: give it one, (0, length)")
