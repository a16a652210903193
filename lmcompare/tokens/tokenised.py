"""Documents cut into tokens once, for everything that counts, encodes or charges them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lmcompare.errors import PluginError, blamed_on, kind_of
from lmcompare.scratch import GrowingArray
from lmcompare.tokens.tokenizer import Tokenizer
from lmcompare.tokens.vocabulary import IntArray

if TYPE_CHECKING:
    from lmcompare.corpora import Document


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
