"""Documents cut into tokens once, for everything that counts, encodes or charges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, PluginError, blamed_on
from lmcompare.tokens.registered import is_built_in
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray

if TYPE_CHECKING:
    from lmcompare.corpora import Document


BLOCK_BYTES = 1 << 22  # of the text that is cut at a time
BLOCK_TOKENS = 1 << 20


class Separator(NamedTuple):
    """The text after a sentence, up to the next sentence or to the end of the document, which it then closes."""

    text: str
    closes: bool


@dataclass(frozen=True, eq=False)
class Tokenised:
    """D documents cut into N tokens, ``</s>`` included, with everything from which the text can be rebuilt.

    ``</s>`` closes each sentence or, if the tokenizer cuts whole documents, each document.

    Parameters
    ----------
    types : tuple of str
        The distinct token strings. ``types[0]`` is the closing ``</s>``; a literal ``</s>`` in the text is another.
    tokens : (N,) int32 array
        The type of each token.
    spans : (N, 2) int32 or int64 array
        The byte offsets of each token in its document's UTF-8.
    starts : (D,) int64 array
        The position of each document's first token.
    sentence_starts : (S,) int64 array
        The position of the first token of each sentence that has a token. A token that crosses the end of a sentence
        belongs to the sentence of its last byte, and white space between two sentences to the one before.
    space_types : tuple of str
        The distinct strings of white space between tokens, the empty one first.
    spaces : (N,) int32 array
        Which of ``space_types`` is before each token, after the token before it or the beginning of the sentence.
    separator_types : tuple of Separator
        The distinct separators.
    separators : (N,) int32 array
        Which of ``separator_types`` is after a ``</s>``; -1 at other tokens.
    n_bytes : (D,) int64 array
        The length of each document.
    names : tuple of str
        The names of the documents.
    """

    types: tuple[str, ...]
    tokens: IntArray
    spans: IntArray
    starts: IntArray
    sentence_starts: IntArray
    space_types: tuple[str, ...]
    spaces: IntArray
    separator_types: tuple[Separator, ...]
    separators: IntArray
    n_bytes: IntArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def closing(self) -> npt.NDArray[np.bool_]:
        """(N,) true at the ``</s>`` that close a sentence or document."""
        return np.equal(self.tokens, 0)

    def surface(self) -> npt.NDArray[np.object_]:
        """(N,) the token strings as in the text, ``</s>`` where a sentence is closed."""
        strings: npt.NDArray[np.object_] = np.array(self.types, object)[self.tokens]
        return strings

    def counts(self) -> IntArray:
        """(T,) the count of each of ``types``."""
        found = np.zeros(len(self.types), np.int64)
        for start in range(0, len(self), BLOCK_TOKENS):
            found += np.bincount(self.tokens[start : start + BLOCK_TOKENS], minlength=len(self.types))
        return found

    def blocks(self) -> Iterator[slice]:
        """Yield slices of tokens that begin where a sentence does, for what would not fit into memory at once."""
        begins = np.append(0, np.flatnonzero(self.closing) + 1)
        start = 0
        if not len(self):
            yield slice(0, 0)
        while start < len(self):
            stop = int(begins[min(int(np.searchsorted(begins, start + BLOCK_TOKENS)), len(begins) - 1)])
            yield slice(start, stop)
            start = stop


Text: TypeAlias = "Sequence[Document] | Tokenised"


def tokenised(text: Text, tokenizer: Tokenizer) -> Tokenised:
    """Return ``text`` itself if it is cut already, else its documents cut by ``tokenizer``."""
    return text if isinstance(text, Tokenised) else tokenise(text, tokenizer)


def tokenise(documents: Sequence[Document], tokenizer: Tokenizer) -> Tokenised:
    """Cut documents into tokens and close each sentence, or each whole document, with ``</s>``.

    Parameters
    ----------
    documents : sequence of Document
    tokenizer : Tokenizer
        It is given each sentence or, if it ``covers`` documents, the whole text of each document.

    Raises
    ------
    LmcompareError
        For a document that is not valid Unicode, or whose sentences leave out its beginning, overlap or go beyond its
        text; and for a tokenizer plug-in that fails, or whose tokens can't be put together to the same text again.
    """
    token_types, separator_types, space_types = _Numbers([None]), _Numbers(), _Numbers([""])
    parts: tuple[list[IntArray], ...] = ([], [], [])  # of each block: the tokens, their spans, and white space
    block = _Block()
    sentences: list[IntArray] = []  # per piece that is cut: the positions at which a sentence begins
    separators: list[Separator] = []
    names: list[str] = []
    n_tokens: list[int] = []  # of each document
    n_bytes: list[int] = []
    total = 0
    for document in documents:
        names.append(document.name)
        raw, text = _checked(document), document.text
        begin = block.position
        strings: list[str | None] = []
        width = len if text.isascii() else _width
        whole = tokenizer.covers == "documents" and len(document.sentences) > 0
        pieces = ((0, len(text)),) if whole else document.sentences
        nexts = [(start, False) for start, _ in pieces[1:]] + [(len(text), True)]
        for (start, end), (until, closes) in zip(pieces, nexts, strict=False):
            piece = text[start:end]
            found, offsets = _cut(tokenizer, piece)
            within: IntArray = np.zeros(1, np.int64)
            if whole:
                bounds = pairwise([0, *(first for first, _ in document.sentences)])
                within = _first_tokens(offsets[:, 1], np.cumsum([width(text[a:b]) for a, b in bounds]))
            sentences.append(total + within)
            total += len(found) + 1
            strings += found
            strings.append(None)
            separators.append(Separator(text[end:until], closes))
            block.add_piece(offsets, width(piece), width(separators[-1].text))
        block.add_document(raw, token_types.of(strings), begin)
        n_tokens.append(len(strings))
        n_bytes.append(len(raw))
        if block.position > BLOCK_BYTES:
            block.add_arrays(parts, tokenizer, space_types)
            block = _Block()
    block.add_arrays(parts, tokenizer, space_types)
    lengths = np.array(n_tokens, np.int64)
    tokens, spans, spaces = map(_emptied, parts)
    after = np.full(len(tokens), -1, np.int32)
    after[tokens == 0] = separator_types.of(separators)
    text_of_all = Tokenised(
        types=(END_TOKEN, *token_types.values[1:]),
        tokens=tokens,
        spans=spans,
        starts=np.cumsum(lengths) - lengths,
        sentence_starts=np.concatenate([*sentences, np.zeros(0, np.int64)]).astype(np.int64),
        space_types=tuple(space_types.values),
        spaces=spaces,
        separator_types=tuple(separator_types.values),
        separators=after,
        n_bytes=np.array(n_bytes, np.int64),
        names=tuple(names),
    )
    if not is_built_in(tokenizer) and rebuilt(text_of_all, tokenizer) != b"".join(d.text.encode() for d in documents):
        raise PluginError(
            f"the tokens of {type(tokenizer).__name__} can't be put together to the same text again, so that some "
            "bytes would not be charged: lmcompare check names an example"
        )
    return text_of_all


class _Block:
    """Some documents of which the tokens are found, one after the other; ``position`` is their length in bytes."""

    def __init__(self) -> None:
        self.position = 0
        self._raw: list[bytes] = []
        self._tokens: list[IntArray] = [np.zeros(0, np.int32)]
        self._begins: list[int] = []  # where each piece begins that is cut
        self._spans: list[IntArray] = [np.zeros((0, 2), np.int64)]
        self._documents: list[int] = []  # where each document begins

    def add_piece(self, offsets: IntArray, width: int, after: int) -> None:
        """Add a piece of ``width`` bytes, the offsets of its tokens, ``</s>``, and ``after`` bytes that follow."""
        self._begins.append(self.position)
        self._spans.append(offsets + self.position)
        self.position += width
        self._spans.append(np.array([[self.position, self.position]]))
        self.position += after

    def add_document(self, raw: bytes, tokens: IntArray, begin: int) -> None:
        """Add the document of the pieces that were added since the last: its text, tokens and first byte."""
        self._raw.append(raw)
        self._tokens.append(tokens)
        self._documents.append(begin)
        self.position = begin + len(raw)

    def add_arrays(self, parts: tuple[list[IntArray], ...], tokenizer: Tokenizer, space_types: _Numbers) -> None:
        """Add the types (n,), the spans (n, 2) in each document, and the white space before each token (n,)."""
        tokens = np.concatenate(self._tokens)
        places = np.concatenate(self._spans)
        spaces: IntArray = np.zeros(len(tokens), np.int32)
        if tokenizer.covers == "words" and len(tokens):
            spaces = _spaces(b"".join(self._raw), tokens, places, np.array(self._begins, np.int64), space_types)
        begins = np.repeat(self._documents, [len(of_document) for of_document in self._tokens[1:]])
        spans = places - begins.astype(np.int64)[:, None]
        small = max(map(len, self._raw), default=0) < 2**31
        for part, array in zip(parts, (tokens, spans.astype(np.int32) if small else spans, spaces), strict=True):
            part.append(array)


def rebuilt(text: Tokenised, tokenizer: Tokenizer) -> bytes:
    """Return the UTF-8 of all documents, put together from white space, tokens and separators alone."""
    spaces = np.array([space.encode() for space in text.space_types], object)[text.spaces]
    tokens = np.array([b"", *(tokenizer.token_bytes(token) for token in text.types[1:])], object)[text.tokens]
    after = np.array([*(separator.text.encode() for separator in text.separator_types), b""], object)[text.separators]
    return b"".join(np.stack([spaces, tokens, after], axis=1).ravel().tolist())


def _cut(tokenizer: Tokenizer, text: str) -> tuple[list[str], IntArray]:
    """Return what a tokenizer makes of a text. Raises ``PluginError`` for what is not tokens with their offsets."""
    if is_built_in(tokenizer):
        return tokenizer.tokenize(text)
    name = type(tokenizer).__name__
    with blamed_on(f"{name}'s tokenize"):
        tokens, offsets = tokenizer.tokenize(text)
        offsets = np.asarray(offsets, np.int64).reshape(-1, 2)
        if len(tokens) != len(offsets) or not all(isinstance(token, str) and token for token in tokens):
            raise PluginError(
                f"{name}'s tokenize returned {len(tokens)} tokens and {len(offsets)} offsets: return n strings that "
                "are not empty and an (n, 2) array"
            )
        if len(offsets) and (offsets.min() < 0 or offsets.max() > _width(text)):
            raise PluginError(f"{name}'s tokenize returned offsets outside of the text")
    return tokens, offsets


def _first_tokens(ends: IntArray, begins: IntArray) -> IntArray:
    """Return which tokens of a document are the first of a sentence.

    Parameters
    ----------
    ends : (n,) int array
        The byte after each token.
    begins : (s,) int array
        The byte at which each sentence begins.
    """
    sentence = np.searchsorted(begins, ends - 1, side="right")
    return np.flatnonzero(np.append(True, sentence[1:] != sentence[:-1]))  # [0], the </s>, if there are no tokens


class _Numbers:
    """Numbers values in order of first appearance; a list is numbered in C."""

    def __init__(self, known: Sequence[Hashable] = ()) -> None:
        self._index: defaultdict[Hashable, int] = defaultdict()
        self._index.default_factory = self._index.__len__
        self.of(known)

    def of(self, values: Sequence[Hashable]) -> IntArray:
        """(n,) int32: the number of each value; a new value gets a new number."""
        return np.fromiter(map(self._index.__getitem__, values), np.int32, len(values))

    @property
    def values(self) -> list[Any]:
        return list(self._index)


def _emptied(part: list[IntArray]) -> IntArray:
    """Return the arrays of a list as one, read-only, and empty the list: a long text would not fit twice."""
    joined: IntArray = np.concatenate(part)
    joined.flags.writeable = False
    part.clear()
    return joined


def _spaces(raw: bytes, tokens: IntArray, spans: IntArray, begins: IntArray, numbers: _Numbers) -> IntArray:
    """Return (N,) the number of the white space before each token; 0 for none."""
    spaces = np.zeros(len(tokens), np.int32)
    first = np.concatenate([[True], tokens[:-1] == 0])
    before = np.concatenate([[0], spans[:-1, 1]])
    before[first] = begins
    lengths = spans[:, 0] - before
    single = np.flatnonzero(lengths == 1)  # nearly all of them, so look their bytes up at once
    bytes_before = np.frombuffer(raw, np.uint8)[before[single]]
    table = np.zeros(256, np.int32)
    seen = np.unique(bytes_before)
    table[seen] = numbers.of([chr(b) for b in seen.tolist()])
    spaces[single] = table[bytes_before]
    longer = np.flatnonzero(lengths > 1)
    pairs = zip(before[longer].tolist(), spans[longer, 0].tolist(), strict=True)
    spaces[longer] = numbers.of([raw[start:end].decode() for start, end in pairs])
    return spaces


def _width(text: str) -> int:
    return len(text.encode())


def _checked(document: Document) -> bytes:
    """Return the UTF-8 of a document whose sentences, and the text between them, make up its whole text."""
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
    try:
        return document.text.encode()
    except UnicodeEncodeError as error:
        raise LmcompareError(
            f"document '{document.name}' contains half a surrogate pair at character {error.start}, "
            "which is not valid UTF-8: read it with the encoding it was written in"
        ) from None
