"""Word vectors that have a part for spelling in training, so that words that are written alike learn together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from lmcompare.errors import LmcompareError
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, IntArray
from lmcompare.training.softmax import Head

SHORTEST, LONGEST = 3, 5  # letters of an n-gram
LEAST = 5  # words of the vocabulary that have an n-gram, for it to have a vector


@contextmanager
def spelled(head: Head, tokens: Sequence[str]) -> Iterator[None]:
    """Let the word vectors of a head have a part for spelling; at the end the sum is the table of the head.

    Parameters
    ----------
    head : Head
        The head. Within the context its ``table`` is computed from its parameters: once in each ``table_made``, and
        outside of it whenever it is read.
    tokens : (V,) sequence of str
        The words of the vocabulary.

    Raises
    ------
    LmcompareError
        If no n-gram is shared by enough words.
    """
    parametrize.register_parametrization(head, "table", Spelling(tokens, head.table.shape[1]))
    try:
        yield
    finally:
        parametrize.remove_parametrizations(head, "table", leave_parametrized=True)


@contextmanager
def table_made(head: Head, *needed: Tensor) -> Iterator[None]:
    """Let the table of a head be computed once, where it has to be computed.

    Parameters
    ----------
    head : Head
        The head.
    *needed : Tensor of int64
        The ids of the words whose vectors are read; none for all.
    """
    parts = getattr(head, "parametrizations", None)
    spelling = parts["table"][0] if parts else None
    with parametrize.cached():
        if isinstance(spelling, Spelling) and needed:
            spelling.rows = torch.unique(torch.cat([ids.flatten().to(spelling.starts.device) for ids in needed]))
        try:
            yield
        finally:
            if isinstance(spelling, Spelling):
                spelling.rows = None


class Spelling(nn.Module):
    """v_w + Σ_{g in G_w} z_g / |G_w| for each word w, where G_w are its letter n-grams and its shape.

    This is how fastText makes word vectors (Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching word vectors with
    subword information", section 3.2), with the mean of the n-grams' vectors instead of the sum, and without shapes.
    Words without an n-gram that has a vector have v_w alone.

    Parameters
    ----------
    tokens : (V,) sequence of str
        The words.
    width : int
        d, the size of the vectors. The (G, d) vectors of the n-grams, ``grams``, are zeros at first.

    Attributes
    ----------
    rows : (n,) Tensor of int64 or None
        The words that get their part; None for all.
    """

    starts: Tensor  # (V + 2,), where the n-grams of each row begin; the last row, V, is a document's beginning
    columns: Tensor  # the n-grams of all rows, one after the other

    def __init__(self, tokens: Sequence[str], width: int) -> None:
        super().__init__()
        starts, columns, count = shared_grams(tokens)
        if not count:
            raise LmcompareError(
                f"spelling needs {LEAST} words of the vocabulary that share {SHORTEST} letters, and there are none:"
                " leave spelling out"
            )
        self.rows: Tensor | None = None
        self.grams = nn.Parameter(torch.zeros(count, width))
        self.register_buffer("starts", torch.from_numpy(np.append(starts, starts[-1])), persistent=False)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)

    def forward(self, own: Tensor) -> Tensor:
        """Return the (V + 1, d) word vectors, given the part v (V + 1, d) that each word has for itself."""
        rows = torch.arange(len(own), device=own.device) if self.rows is None else self.rows
        first, size = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        offsets = size.cumsum(0) - size
        places = torch.arange(int(size.sum()), device=own.device) + (first - offsets).repeat_interleave(size)
        means = functional.embedding_bag(self.columns[places], self.grams, offsets, mode="mean")  # (n, d)
        return own.index_add(0, rows, means)


def shared_grams(tokens: Sequence[str]) -> tuple[IntArray, IntArray, int]:
    """Return the n-grams of words that ``LEAST`` words or more have, each counted once in a word.

    Returns
    -------
    starts : (V + 1,) array of int64
        Where those of each word begin in ``columns``.
    columns : array of int64
        Their numbers, word after word.
    count : int
        G, how many different ones there are.
    """
    of_word = [letter_grams(token) for token in tokens]
    counted = Counter(gram for grams in of_word for gram in grams)
    number = {gram: k for k, gram in enumerate(sorted(gram for gram, n in counted.items() if n >= LEAST))}
    kept = [sorted(number[gram] for gram in grams if gram in number) for grams in of_word]
    starts = np.cumsum([0, *map(len, kept)], dtype=np.int64)
    return starts, np.array([k for each in kept for k in each], np.int64), len(number)


def letter_grams(token: str) -> set[str]:
    """Return the letter n-grams of a word in small letters between < and >, and its shape.

    The shape has A for capitals, a for small letters and 0 for digits, each once for several in a row, and a space
    before it: that of "Mid-1990s" is " Aa-0a". ``<unk>`` and ``</s>`` have none of all that.
    """
    if token in (UNKNOWN_TOKEN, END_TOKEN):
        return set()
    marked = f"<{token.lower()}>"
    grams = {marked[i : i + n] for n in range(SHORTEST, LONGEST + 1) for i in range(len(marked) - n + 1)}
    kinds = ["A" if c.isupper() else "a" if c.islower() else "0" if c.isdigit() else c for c in token]
    return {*grams, " " + "".join(kind for kind, _ in groupby(kinds))}
