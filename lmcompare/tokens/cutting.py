"""Documents cut into tokens once, for all that counts, encodes or charges them; and tokens as text for people."""

from __future__ import annotations

import hashlib
import reprlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, PluginError, blamed_on, check_notes, kind_of
from lmcompare.memory import GrowingArray
from lmcompare.tokens.tokenizer import Tokenizer, is_built_in
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray

if TYPE_CHECKING:
    from lmcompare.corpora import Document
    from lmcompare.corpora.sentences import Spans


BLOCK_TOKENS = 1 << 18


class Separator(NamedTuple):
    """The text after a sentence, up to the next sentence or to the document's end, and whether the document ends."""

    text: str
    closes: bool


@dataclass(frozen=True, eq=False)
class Tokenised:
    """D documents cut into N tokens, ``</s>`` included, with everything from which the text can be rebuilt.

    ``</s>`` closes each sentence or, if the tokenizer cuts whole documents, each document.

    Parameters
    ----------
    types : tuple of str
        The distinct token strings. ``types[0]`` is the closing ``</s>``; a literal ``</s>`` in the text is another
        type.
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
        Which of ``space_types`` is between each token and the previous token, or the beginning of the sentence.
    separator_types : tuple of Separator
        The distinct separators.
    separators : (N,) int32 array
        Which of ``separator_types`` is after a ``</s>``; -1 at other tokens.
    n_bytes : (D,) int64 array
        The number of bytes of each document.
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

    def closing_at(self) -> IntArray:
        """(S,) int64: the positions of the ``</s>`` that close a sentence or document."""
        found = GrowingArray(np.int64)
        for start in range(0, len(self), BLOCK_TOKENS):
            found.append(np.flatnonzero(self.tokens[start : start + BLOCK_TOKENS] == 0) + start)
        return found.finish()

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
        """Yield slices of tokens, for data that would not fit into memory at once.

        A slice begins where a sentence does, except inside a sentence that is longer than two blocks.
        """
        begins = np.append(0, self.closing_at() + 1)
        start = 0
        if not len(self):
            yield slice(0, 0)
        while start < len(self):
            stop = int(begins[min(int(np.searchsorted(begins, start + BLOCK_TOKENS)), len(begins) - 1)])
            stop = stop if stop - start <= 2 * BLOCK_TOKENS else start + BLOCK_TOKENS
            yield slice(start, stop)
            start = stop


Text: TypeAlias = "Sequence[Document] | Tokenised"


def rebuilt(text: Tokenised, tokenizer: Tokenizer) -> bytes:
    """Return the UTF-8 of all documents, put together from white space, tokens and separators alone."""
    return b"".join(rebuilt_parts(text, tokenizer))


def rebuilt_parts(text: Tokenised, tokenizer: Tokenizer) -> Iterator[bytes]:
    """Yield the UTF-8 of all documents in parts."""
    spaces = np.array([space.encode() for space in text.space_types], object)
    name = f"{type(tokenizer).__name__}'s token_bytes"
    with blamed_on(name):
        of_types = [tokenizer.token_bytes(token) for token in text.types[1:]]
    if wrong := [spelled for spelled in of_types if not isinstance(spelled, bytes)]:
        raise PluginError(f"{name} returned {kind_of(wrong[0])}: return bytes")
    tokens = np.array([b"", *of_types], object)
    after = np.array([*(separator.text.encode() for separator in text.separator_types), b""], object)
    for block in text.blocks():
        parts = [spaces[text.spaces[block]], tokens[text.tokens[block]], after[text.separators[block]]]
        yield b"".join(np.stack(parts, axis=1).ravel().tolist())


BLOCK_BYTES = 1 << 22  # bytes of text that are cut at a time


def fit_tokenizer(tokenizer: Tokenizer, texts: Sequence[str]) -> None:
    """Fit a tokenizer on the texts of the training documents.

    Raises
    ------
    LmcompareError
        If a tokenizer plug-in fails, if its ``always_tokens`` or ``types`` are not texts, or if a report can't hold
        its ``notes``.
    """
    name = type(tokenizer).__name__
    with blamed_on(f"{name}'s fit"):
        tokenizer.fit(texts)
    if is_built_in(tokenizer):
        return
    with blamed_on(f"{name}'s notes"):
        check_notes(tokenizer.notes, name)
    for key in ("always_tokens", "types"):
        with blamed_on(f"{name}'s {key}"):
            value = getattr(tokenizer, key)
        if key == "types" and value is None:
            continue
        if not isinstance(value, tuple | list) or not all(map(_is_text, value)):
            raise PluginError(f"{key} of {name} must be a tuple of texts, not {reprlib.repr(value)}")


def as_text(tokenizer: Tokenizer, tokens: Sequence[str]) -> str:
    """Return tokens as text for people. Raises ``PluginError`` if ``detokenize`` of a plug-in fails for them."""
    name = type(tokenizer).__name__
    with blamed_on(f"{name}'s detokenize"):
        text = tokenizer.detokenize(tokens)
    if not _is_text(text):
        raise PluginError(
            f"{name}'s detokenize returned {kind_of(text)} for {reprlib.repr([*tokens])}, not a text that UTF-8 can"
            " store"
        )
    return text


def text_after(tokenizer: Tokenizer, before: Sequence[str], tokens: Sequence[str]) -> str:
    """Return the text of ``tokens`` that follow the tokens ``before``."""
    known, whole = as_text(tokenizer, before), as_text(tokenizer, [*before, *tokens])
    if whole.startswith(known):
        return whole[len(known) :]
    last = before[-1:]  # a later quotation mark has moved a blank further back
    return as_text(tokenizer, [*last, *tokens]).removeprefix(as_text(tokenizer, last))


def _is_text(value: object) -> bool:
    """Return whether a value is a string without half a surrogate pair, which UTF-8 can't store."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def tokenised(text: Text, tokenizer: Tokenizer) -> Tokenised:
    """Return ``text`` itself if it is cut already, else its documents cut by ``tokenizer``."""
    return text if isinstance(text, Tokenised) else tokenise(text, tokenizer)


def tokenise(
    documents: Sequence[Document], tokenizer: Tokenizer, progress: Callable[[int], object] = lambda _: None
) -> Tokenised:
    """Cut documents into tokens and close each sentence, or each whole document, with ``</s>``.

    Parameters
    ----------
    documents : sequence of Document
    tokenizer : Tokenizer
        It cuts each sentence or, if it ``covers`` documents, the whole text of each document.
    progress : callable
        Called with the number of bytes cut so far, after each block of `BLOCK_BYTES`.

    Raises
    ------
    LmcompareError
        For a document that is not valid Unicode, or whose sentences leave out its beginning, overlap or go beyond its
        text; and for a tokenizer plug-in that fails, whose tokens leave words out, or can't be joined to the same
        text again.
    """
    n_bytes = np.array([_n_bytes(document) for document in documents], np.int64)
    pieces = _Pieces(tokenizer, np.int32 if max(n_bytes, default=0) < 2**31 else np.int64, progress)
    sentences = array("q")  # the positions at which a sentence begins
    starts = array("q")  # the positions at which a document begins
    for document in documents:
        starts.append(len(pieces))
        text, spans = _checked(document)
        whole = tokenizer.covers == "documents"
        begins = sentence_begins(text.encode(), spans) if whole else None
        begin, sentence = 0, -1  # the bytes before this piece, and the sentence of the token before it
        opens = True  # whether the piece begins a sentence
        parts = (
            _parts(text, Separator("", True), tokenizer) if whole and spans else _sentences(text, spans, tokenizer)
        )
        for piece, after in parts:
            found, offsets = _cut(tokenizer, piece)
            if begins is None:
                if opens:
                    sentences.append(len(pieces))
                opens = after is not None
            elif len(offsets):
                last = np.maximum(begin + offsets[:, 1] - 1, 0)  # a blank before the text may be no part of it
                of_tokens = np.searchsorted(begins, last, side="right")
                new = of_tokens != np.append(sentence, of_tokens[:-1])
                sentences.extend((len(pieces) + np.flatnonzero(new)).tolist())
                sentence = of_tokens[-1]
            elif sentence < 0 and after is not None:
                sentences.append(len(pieces))  # a document without a token is a sentence
            begin += pieces.add(begin, piece, found, offsets, after)
    text_of_all = Tokenised(
        **pieces.finish(),
        starts=np.array(starts, np.int64),
        sentence_starts=np.array(sentences, np.int64),
        n_bytes=n_bytes,
        names=tuple(document.name for document in documents),
    )
    if not is_built_in(tokenizer) and _digest(rebuilt_parts(text_of_all, tokenizer)) != _digest(
        document.text.encode() for document in documents
    ):
        raise PluginError(
            f"the tokens of {type(tokenizer).__name__} can't be joined to the same text again, so some bytes would "
            "not be charged: 'lmcompare check' shows an example"
        )
    if lost := next((space.strip() for space in text_of_all.space_types[1:] if not space.isspace()), ""):
        raise PluginError(
            f"the tokens of {type(tokenizer).__name__} leave out {reprlib.repr(lost)}: everything that is not white"
            " space must be in a token"
        )
    return text_of_all


def _sentences(text: str, spans: Spans, tokenizer: Tokenizer) -> Iterator[tuple[str, Separator | None]]:
    """Yield each sentence of a document, in one part or several, and the text after it."""
    nexts = [(start, False) for start, _ in spans[1:]] + [(len(text), True)]
    for (start, end), (until, closes) in zip(spans, nexts, strict=False):
        yield from _parts(text[start:end], Separator(text[end:until], closes), tokenizer)


def _parts(text: str, after: Separator, tokenizer: Tokenizer) -> Iterator[tuple[str, Separator | None]]:
    """Yield a sentence or document in one part or several; its ``</s>`` follows the last part."""
    parts = iter(tokenizer.parts(text))
    part = next(parts)
    for following in parts:
        yield part, None
        part = following
    yield part, after


class _Pieces:
    """The tokens of the pieces that a tokenizer has cut, with the text around them; ``len`` is the number of tokens.

    Parameters
    ----------
    tokenizer : Tokenizer
    offsets : dtype
        The data type of the byte spans.
    progress : callable
        Called with the number of bytes so far, after each block.
    """

    def __init__(
        self, tokenizer: Tokenizer, offsets: type[np.signedinteger[Any]], progress: Callable[[int], object]
    ) -> None:
        self._progress, self._bytes = progress, 0
        self._has_spaces = tokenizer.covers == "words"
        self._types, self._separator_types, self._space_types = _Numbers([None]), _Numbers(), _Numbers([""])
        self._tokens, self._spaces, self._separators = (GrowingArray(np.int32) for _ in range(3))
        self._spans = GrowingArray(offsets, (2,))
        self._length = 0
        self._begin_block()

    def __len__(self) -> int:
        return self._length

    def _begin_block(self) -> None:
        self._raw: list[bytes] = []  # the text of the block: its pieces and the text after them
        self._position = 0  # the number of bytes in the block so far
        self._strings: list[str | None] = []
        self._places: list[IntArray] = [np.zeros((0, 2), np.int64)]  # the tokens' spans in the block, without </s>
        self._ends: list[int] = []  # the offset of each </s> in the block
        self._begins: list[int] = []  # the offset of the beginning of the block and of each sentence in it
        self._shifts: list[int] = []  # the offset of each piece in its document, less its offset in the block
        self._numbers: list[int] = []  # the number of tokens of each piece, </s> included
        self._after: list[Separator] = []

    def add(self, begin: int, piece: str, tokens: list[str], offsets: IntArray, after: Separator | None) -> int:
        """Add a piece that begins at byte ``begin`` of its document, closed by ``</s>`` if ``after`` is not None.

        Returns the number of bytes of the piece and of the text after it.
        """
        if not self._strings or self._strings[-1] is None:
            self._begins.append(self._position)
        self._shifts.append(begin - self._position)
        self._places.append(offsets + self._position)
        self._raw.append(piece.encode())
        self._strings += tokens
        size = len(self._raw[-1])
        if after is not None:
            self._ends.append(self._position + size)
            self._raw.append(after.text.encode())
            self._strings.append(None)
            self._after.append(after)
            size += len(self._raw[-1])
        self._numbers.append(len(tokens) + (after is not None))
        self._length += self._numbers[-1]
        self._position += size
        if self._position > BLOCK_BYTES:
            self._end_block()
        return size

    def _end_block(self) -> None:
        tokens = self._types.of(self._strings)
        closing = tokens == 0
        places = np.empty((len(tokens), 2), np.int64)
        places[~closing] = np.concatenate(self._places)
        places[closing] = np.array(self._ends, np.int64)[:, None]
        spaces: IntArray = np.zeros(len(tokens), np.int32)
        if self._has_spaces and len(tokens):
            begins = np.array(self._begins, np.int64)
            spaces = _spaces(b"".join(self._raw), tokens, places, begins, self._space_types)
        separators = np.full(len(tokens), -1, np.int32)
        separators[closing] = self._separator_types.of(self._after)
        self._tokens.append(tokens)
        self._spans.append(places + np.repeat(np.array(self._shifts, np.int64), self._numbers)[:, None])
        self._spaces.append(spaces)
        self._separators.append(separators)
        self._bytes += self._position
        self._progress(self._bytes)
        self._begin_block()

    def finish(self) -> dict[str, Any]:
        """Return the fields of `Tokenised` for all pieces."""
        self._end_block()
        return {
            "types": (END_TOKEN, *self._types.values[1:]),
            "tokens": self._tokens.finish(),
            "spans": self._spans.finish(),
            "space_types": tuple(self._space_types.values),
            "spaces": self._spaces.finish(),
            "separator_types": tuple(self._separator_types.values),
            "separators": self._separators.finish(),
        }


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _cut(tokenizer: Tokenizer, text: str) -> tuple[list[str], IntArray]:
    return tokenizer.tokenize(text) if is_built_in(tokenizer) else checked_cut(tokenizer, text)


def checked_cut(tokenizer: Tokenizer, text: str) -> tuple[list[str], IntArray]:
    """Return the tokens of a text and their offsets. Raises ``PluginError`` if a tokenizer returns anything else."""
    name = f"{type(tokenizer).__name__}'s tokenize"
    with blamed_on(name):
        answer = tokenizer.tokenize(text)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise PluginError(f"{name} returned {kind_of(answer)}: return a list of tokens and their offsets")
        tokens, offsets = answer[0], np.asarray(answer[1])
        if not isinstance(tokens, Collection):
            raise PluginError(f"{name} returned {kind_of(tokens)} as tokens: return a list of strings")
        for token in tokens:
            if not token or not _is_text(token):
                raise PluginError(
                    f"{name} returned the token {token!r}: tokens must be strings that are not empty and that UTF-8"
                    " can store"
                )
        if len(tokens) and (offsets.shape != (len(tokens), 2) or offsets.dtype.kind not in "iu"):
            raise PluginError(
                f"{name} returned {len(tokens)} tokens, but offsets of shape {offsets.shape} and type"
                f" {offsets.dtype}: return an (n, 2) array of whole numbers"
            )
        offsets = offsets.astype(np.int64, copy=False).reshape(len(tokens), 2)
        if len(offsets) and (offsets.min() < 0 or offsets.max() > _width(text)):
            raise PluginError(f"{name} returned offsets outside of the text: they must be from 0 to {_width(text)}")
    return list(tokens), offsets


def sentence_begins(data: bytes, sentences: Sequence[tuple[int, int]]) -> IntArray:
    """(S,) where the sentences of a document begin in its UTF-8, in bytes; their spans are in characters."""
    begins = np.array([start for start, _ in sentences], np.int64)
    if data.isascii():
        return begins
    continues = (np.frombuffer(data, np.uint8) & 0xC0) == 0x80  # every byte of a character except the first
    return np.append(np.flatnonzero(~continues), len(data))[begins]


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


def _checked(document: Document) -> tuple[str, Spans]:
    """Return the text and the sentences of a document. Raises ``LmcompareError`` if these do not divide the text."""
    reached = 0
    text, sentences = document.text, document.sentences
    for index, (start, end) in enumerate(sentences):
        if start < reached or end < start or end > len(text) or (index == 0 and start != 0):
            raise LmcompareError(
                f"sentence {start}…{end} of document '{document.name}' overlaps another or lies outside of the text: "
                "sentences must be in order, and the first must begin at 0"
            )
        reached = end
    if text and not sentences:
        raise LmcompareError(
            f"document '{document.name}' has text but no sentence: give it at least one, such as (0, {len(text)})"
        )
    return text, sentences


def _n_bytes(document: Document) -> int:
    try:
        return document.n_bytes
    except UnicodeEncodeError as error:
        raise LmcompareError(
            f"document '{document.name}' contains half a surrogate pair at character {error.start}, "
            "which is not valid UTF-8: read it with the encoding it was written in"
        ) from None
