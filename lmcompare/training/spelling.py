"""Word vectors that have a part for spelling in training, so that words of similar spelling learn from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, IntArray
from lmcompare.training.softmax import Head

SHORTEST, LONGEST = 3, 5  # letters of an n-gram
LEAST = 5  # an n-gram has a vector if at least this many words of the vocabulary have it


@contextmanager
def spelled(head: Head, tokens: Sequence[str]) -> Iterator[None]:
    """Give the word vectors of a head a part for spelling; at the end, the sums become the table of the head.

    Nothing changes if the words share no letters, as in a vocabulary of characters, if the table is not trained, or
    if it has a parametrisation of its own.

    Parameters
    ----------
    head : Head
        The head. Inside the context, its ``table`` is computed from its parameters: once in each context of
        ``table_made``, and otherwise each time it is read.
    tokens : (V,) sequence of str
        The words of the vocabulary.
    """
    trained = isinstance(head._parameters.get("table"), nn.Parameter) and head.table.requires_grad
    starts, columns, count = shared_grams(tokens if trained else ())
    if not count:
        yield
        return
    made = Spelling(starts, columns, torch.zeros(count, head.table.shape[1]))
    parametrize.register_parametrization(head, "table", made)
    try:
        yield
    finally:
        parametrize.remove_parametrizations(head, "table", leave_parametrized=True)


@contextmanager
def table_made(head: Head, words: Tensor | None = None) -> Iterator[None]:
    """Compute the table of a head only once inside the context, if it has a part for spelling.

    Parameters
    ----------
    head : Head
        The head.
    words : (n,) Tensor of int64 or None, default=None
        The distinct words whose vectors are read; the vectors of all other words are NaN. None for all words.
    """
    parts = getattr(head, "parametrizations", None)
    with parametrize.cached():
        if parts is None:
            yield
            return
        spelling = parts["table"][0]
        spelling.rows = words
        head.sparse = words is not None
        try:
            yield
        finally:
            spelling.rows, head.sparse = None, False


class Spelling(nn.Module):
    """v_w + Σ_{g in G_w} z_g / |G_w| for each word w, where G_w are its letter n-grams and its shape.

    This is how fastText makes word vectors (Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching word vectors with
    subword information", section 3.2), with the mean of the n-grams' vectors instead of the sum; shapes are an
    addition of lmcompare. If no n-gram of a word has a vector, the vector of the word is v_w alone.

    Parameters
    ----------
    starts, columns : array of int64
        The n-grams of the words, as ``shared_grams`` returns them.
    grams : (G, d) Tensor
        The initial vectors of the n-grams.

    Attributes
    ----------
    rows : (n,) Tensor of int64 or None
        The words that get a vector; None for all words.
    """

    starts: Tensor  # (V + 2,), where the n-grams of each row begin; the last row, V, is a document's beginning
    columns: Tensor

    def __init__(self, starts: IntArray, columns: IntArray, grams: Tensor) -> None:
        super().__init__()
        self.rows: Tensor | None = None
        self._made: Tensor | None = None  # (V + 1, d), kept from step to step, since writing all of it is slow
        self._written: Tensor | None = None  # (n,), the rows that are not NaN
        self.grams = nn.Parameter(grams)
        self.register_buffer("starts", torch.from_numpy(np.append(starts, starts[-1])), persistent=False)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)

    def forward(self, own: Tensor) -> Tensor:
        """Return the (V + 1, d) word vectors, given the part v (V + 1, d) that each word has for itself."""
        if self.rows is None:
            return own + self._means(torch.arange(len(own), device=own.device))
        if self._made is None or self._written is None:
            self._made = torch.full_like(own, torch.nan, requires_grad=False)
        else:
            self._made[self._written] = torch.nan
        self._written = self.rows
        made: Tensor = _OfRows.apply(own, self._means(self.rows), self.rows, self._made)  # type: ignore[no-untyped-call]
        return made

    def _means(self, rows: Tensor) -> Tensor:
        """Return the mean n-gram vectors (n, d) of some rows (n,)."""
        first, size = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        offsets = size.cumsum(0) - size
        places = torch.arange(int(size.sum()), device=rows.device) + (first - offsets).repeat_interleave(size)
        return functional.embedding_bag(self.columns[places], self.grams, offsets, mode="mean")


class _OfRows(torch.autograd.Function):
    """The sum of two parts for some rows of a table; all other rows are NaN, so that a wrong read is noticed.

    A sparse gradient is summed row by row, so that whole tables are written once instead of four times.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, means: Tensor, rows: Tensor, made: Tensor) -> Tensor:
        """Return ``made`` (V + 1, d), in which the rows (n,) become ``own`` (V + 1, d) plus ``means`` (n, d)."""
        ctx.save_for_backward(rows)
        made.index_copy_(0, rows, own[rows] + means)
        return made.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients with respect to both parts."""
        (rows,) = ctx.saved_tensors
        if not gradient.is_sparse:
            return gradient, gradient[rows], None, None
        place = rows.new_zeros(len(gradient)).index_copy_(0, rows, torch.arange(len(rows), device=rows.device))
        values = gradient._values()
        of_rows = values.new_zeros(len(rows), values.shape[1]).index_add_(0, place[gradient._indices()[0]], values)
        return values.new_zeros(gradient.shape).index_copy_(0, rows, of_rows), of_rows, None, None


def shared_grams(tokens: Sequence[str]) -> tuple[IntArray, IntArray, int]:
    """Return the n-grams and shapes that at least ``LEAST`` words have; each counts once per word.

    Returns
    -------
    starts : (V + 1,) array of int64
        Where the n-grams of each word begin in ``columns``.
    columns : array of int64
        The numbers of the n-grams, word after word.
    count : int
        G, the number of different n-grams; 0 if the words share no letters.
    """
    of_word = [letter_grams(token) for token in tokens]
    counted = Counter(gram for grams in of_word for gram in grams)
    number = {gram: k for k, gram in enumerate(sorted(gram for gram, n in counted.items() if n >= LEAST))}
    if all(gram.startswith(" ") for gram in number):  # shapes alone, as in a vocabulary of characters
        number = {}
    kept = [sorted(number[gram] for gram in grams if gram in number) for grams in of_word]
    starts = np.cumsum([0, *map(len, kept)], dtype=np.int64)
    return starts, np.array([k for each in kept for k in each], np.int64), len(number)


def letter_grams(token: str) -> set[str]:
    """Return the letter n-grams of a word, in small letters and between < and >, and the shape of the word.

    The shape has A for capitals, a for small letters and 0 for digits. Each is written once for several in a row, and
    the shape begins with a space: the shape of "Mid-1990s" is " Aa-0a". ``<unk>``, ``</s>`` and bytes such as
    ``<0xC3>`` have neither n-grams nor a shape.
    """
    if token in (UNKNOWN_TOKEN, END_TOKEN) or token.startswith("<0x"):
        return set()
    marked = f"<{token.lower()}>"
    grams = {marked[i : i + n] for n in range(SHORTEST, LONGEST + 1) for i in range(len(marked) - n + 1)}
    kinds = ["A" if c.isupper() else "a" if c.islower() else "0" if c.isdigit() else c for c in token]
    return {*grams, " " + "".join(kind for kind, _ in groupby(kinds))}
