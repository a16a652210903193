"""The score of a text, token by token."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.corpora import Document
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.model import LanguageModel, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    import pandas as pd

FEW = 16  # positions whose distributions are computed together
TOGETHER = 2**16  # characters of the documents that are scored together


@dataclass(frozen=True)
class Scored:
    """The score of a text of N tokens.

    Parameters
    ----------
    name : str
        The name of the document.
    text : str
        What was scored.
    tokens : tuple of str
        The tokens; the last is ``</s>`` if the text was scored with its end.
    offsets : tuple of tuple of int
        Where each token starts and ends in the UTF-8 of the text, in bytes.
    unknown : tuple of bool
        Whether each token is an unknown word. Its surprisal is that of *any* unknown word, ``<unk>``.
    surprisal_bits : tuple of float
        −log2 of the probability of each token under the model.
    overhead_bits : tuple of float
        What each token is charged beside the model: for the white space before it, for its spelling if it is unknown,
        and for what is between two sentences.
    """

    name: str
    text: str
    tokens: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    unknown: tuple[bool, ...]
    surprisal_bits: tuple[float, ...]
    overhead_bits: tuple[float, ...]

    def after(self, byte: int) -> Scored:
        """Return the score of what comes after the first bytes, with the token that crosses the border."""
        here = (n for n, (start, end) in enumerate(self.offsets) if end > byte or start == end == byte)
        first = next(here, len(self.offsets))  # the end of a line, without bytes, comes after the token before it
        return Scored(
            name=self.name,
            text=self.text.encode()[byte:].decode(),
            tokens=self.tokens[first:],
            offsets=tuple((start - byte, end - byte) for start, end in self.offsets[first:]),
            unknown=self.unknown[first:],
            surprisal_bits=self.surprisal_bits[first:],
            overhead_bits=self.overhead_bits[first:],
        )

    @property
    def log_probability(self) -> float:
        """The natural logarithm of the probability that the model gives all tokens."""
        return -sum(self.surprisal_bits) * math.log(2)

    @property
    def bits(self) -> float:
        """The bits of the text: the surprisal and the overhead of all tokens."""
        return sum(self.surprisal_bits) + sum(self.overhead_bits)

    @property
    def bits_per_byte(self) -> float:
        """The bits for each byte of the text; NaN for a text without bytes."""
        n_bytes = len(self.text.encode())
        return self.bits / n_bytes if n_bytes else math.nan

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each token."""
        import pandas as pd

        return pd.DataFrame(
            {
                "token": self.tokens,
                "start": [start for start, _ in self.offsets],
                "end": [end for _, end in self.offsets],
                "unknown": self.unknown,
                "surprisal_bits": self.surprisal_bits,
                "overhead_bits": self.overhead_bits,
            }
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each token, for JSON: an infinite number is None."""
        columns = (self.tokens, self.offsets, self.unknown, self.surprisal_bits, self.overhead_bits)
        for token, (start, end), unknown, surprisal, overhead in zip(*columns, strict=True):
            yield {
                "token": token,
                "start": start,
                "end": end,
                "unknown": unknown,
                "surprisal_bits": _finite(surprisal),
                "overhead_bits": overhead,
            }

    def to_json(self) -> dict[str, Any]:
        """Return the figures of the whole text, for JSON: an infinite number is None."""
        return {
            "document": self.name,
            "text": self.text,
            "log_probability": _finite(self.log_probability),
            "bits": _finite(self.bits),
            "bits_per_byte": _finite(self.bits_per_byte),
            "unknown_tokens": sum(self.unknown),
        }


def score_together(
    model: LanguageModel, corpus: TokenizedCorpus, documents: Sequence[Document], *, ends: bool
) -> Iterator[Scored]:
    """Score documents, or with ``ends`` false the beginnings of some, without white space at their ends.

    They are given to the model as one text: for a network that is many times as fast as one by one.
    """
    read = [document if ends else opened(document) for document in documents]
    encoded, tokens, overhead_bits = corpus.read(read)
    nats = checked_log_probs(model, encoded)
    assert encoded.spans is not None, "text was encoded"
    for document, start, end in zip(read, encoded.starts.tolist(), encoded.ends.tolist(), strict=True):
        # without the last </s>, which would end the text
        kept = slice(start, end if ends else max(start, end - 1))
        yield Scored(
            name=document.name,
            text=document.text,
            tokens=tuple(tokens[kept]),
            offsets=tuple(zip(*encoded.spans[kept].T.tolist(), strict=True)),
            unknown=tuple(encoded.vocabulary.is_unknown(encoded.ids[kept]).tolist()),
            surprisal_bits=tuple((-nats[kept] / np.log(2)).tolist()),
            overhead_bits=tuple(overhead_bits[kept].tolist()),
        )


def batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    """Yield documents in lists of at most ``size``, and of about ``TOGETHER`` characters."""
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(getattr(document, "text", ""))
        if len(batch) >= size or characters >= TOGETHER:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def is_greedy(model: LanguageModel, corpus: TokenizedCorpus, document: Document, byte: int) -> bool:
    """Return whether each token that ends after a byte of the document is the most likely one where it is.

    White space at the end of the document is left out, as in ``score_together``. An unknown word is not the most
    likely text, whatever the probability of ``<unk>``.
    """
    encoded, _, _ = corpus.read([opened(document)])
    assert encoded.spans is not None, "text was encoded"
    starts, ends = encoded.spans[:-1].T
    at = np.flatnonzero((ends > byte) | ((starts == byte) & (ends == byte)))
    if encoded.vocabulary.is_unknown(encoded.ids[at]).any():
        return False
    for first in range(0, len(at), FEW):  # in most texts, one of the first tokens decides
        some = at[first : first + FEW]
        if not np.array_equal(next_distributions(model, encoded, some).argmax(axis=1), encoded.ids[some]):
            return False
    return True


def opened(document: Document) -> Document:
    """Return a document without the white space at its end: what comes after the last word is not known yet."""
    text = document.text.rstrip()
    sentences = tuple((start, min(end, len(text))) for start, end in document.sentences if start <= len(text))
    return replace(document, text=text, sentences=sentences)


def _finite(figure: float) -> float | None:
    return figure if np.isfinite(figure) else None
