"""The positions of the test text at which a run checks a model; the number of tokens read for them is bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray

READ_TOKENS = 6_000  # read to reach the sampled positions, besides the longest document
CUT_TOKENS = 3_000  # read again to reach the cuts, for each way to alter the future
CUTS = 6
HEAD = 600  # where documents are too long, cuts are among their first tokens, as many as this
SENTENCE_STARTS = 4
PATIENCE = 50  # positions tried for each position that is wanted


@dataclass(frozen=True)
class Sample:
    """The sampled positions of a text.

    Attributes
    ----------
    positions : array of int
        Where distributions are asked for, in ascending order.
    cuts : array of int
        The positions from which the future is altered; they are among ``positions``.
    kinds : dict
        How many positions were sampled for each reason.
    """

    positions: IntArray
    cuts: IntArray
    kinds: dict[str, int]


def sample(
    text: Encoded, log_probs: FloatArray, unigram_log_probs: FloatArray, count: int, generator: np.random.Generator
) -> Sample:
    """Choose about ``count`` positions of a text of N tokens.

    A third is uniform, a third follows the rarest contexts, and a third is where the model gains most over the
    unigram model. Added to these are a few beginnings of sentences, where some n-gram models are known to be wrong,
    and the first and the last position of the longest document. A recurrent model reads a document up to the
    position; positions that would make it read too much are left out.

    Parameters
    ----------
    text : Encoded
        The text.
    log_probs, unigram_log_probs : array, shape (N,)
        The score of each token under the model and under the unigram model, in nats.
    count : int
        The number of positions.
    generator : numpy.random.Generator
        Where random numbers come from.
    """
    longest = int(np.argmax(text.ends - text.starts))
    read = np.zeros(text.n_documents, np.int64)  # how far each document is read already
    read[longest] = text.ends[longest] - text.starts[longest]
    chosen = {int(text.starts[longest]), int(text.ends[longest]) - 1}
    third = -(-count // 3)
    tried = PATIENCE * third
    orders = {
        "uniform": generator.permutation(len(text))[:tried].copy(),
        "rarest contexts": _rarest(text, tried, generator),
        "greatest gains": _least(unigram_log_probs - log_probs, tried),
        "sentence starts": generator.permutation(text.sentence_starts())[: PATIENCE * SENTENCE_STARTS],
    }
    wanted = dict.fromkeys(orders, third) | {"sentence starts": SENTENCE_STARTS}
    kinds = {}
    for kind, order in orders.items():
        left, found = READ_TOKENS // len(orders), 0
        documents = text.document_of(order)
        for position, d, offset in zip(order, documents, order - text.starts[documents], strict=True):
            cost = max(0, int(offset) - int(read[d]))
            if cost > left or int(position) in chosen:
                continue
            chosen.add(int(position))
            left -= cost
            read[d] = max(read[d], offset)
            found += 1
            if found == wanted[kind]:
                break
        kinds[kind] = found
    positions = np.array(sorted(chosen), np.int64)
    cuts = _cuts(text, positions, generator)
    before = np.concatenate([cuts - 1, cuts - 3])
    inside = before >= np.tile(text.context_starts(cuts), 2)
    return Sample(np.unique(np.concatenate([positions, cuts, before[inside]])), cuts, kinds)


def _rarest(text: Encoded, number: int, generator: np.random.Generator) -> IntArray:
    """Return ``number`` positions after the rarest tokens, or all, those after the rarest first.

    The order is by the training count of the last token of the context, then of the token before it, then random.
    Beginnings of documents come last.
    """
    counts = text.vocabulary.counts[text.ids]
    often = np.iinfo(np.int64).max
    last = np.append(often, counts[:-1])
    last[text.starts[text.starts < len(text)]] = often
    random = generator.random(len(text))
    at = _not_above(last, number)
    before = np.where(at - text.context_starts(at) >= 2, counts[np.maximum(at - 2, 0)], often)
    return at[np.lexsort((random[at], before, last[at]))][:number]


def _least(values: FloatArray, number: int) -> IntArray:
    """Return where the ``number`` least values are, the least first, or all; equal ones in their order."""
    at = _not_above(values, number)
    return at[np.argsort(values[at], kind="stable")][:number]


def _not_above(values: FloatArray | IntArray, number: int) -> IntArray:
    """Return in rising order where the ``number`` least values are, and those equal to the greatest of them."""
    if number >= len(values):
        return np.arange(len(values))
    return np.flatnonzero(values <= np.partition(values, number - 1)[number - 1])


def _cuts(text: Encoded, positions: IntArray, generator: np.random.Generator) -> IntArray:
    """Return some of the positions that are cheap to reach, and near the beginnings of documents if too few are."""
    offsets = positions - text.context_starts(positions)
    left = CUT_TOKENS
    cuts: list[int] = []
    for k in generator.permutation(len(positions)):
        if len(cuts) < CUTS and offsets[k] <= min(left, CUT_TOKENS // 2):
            cuts.append(int(positions[k]))
            left -= int(offsets[k])
    for position in positions[generator.permutation(len(positions))]:
        if len(cuts) >= CUTS // 2:
            break
        d = int(text.document_of(np.array([position]))[0])
        length = min(int(text.ends[d] - text.starts[d]), HEAD)
        cuts.append(int(text.starts[d]) + int(generator.integers(length)))
    return np.unique(np.array(cuts, np.int64))
