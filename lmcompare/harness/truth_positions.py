"""Where a run looks when it checks a model: positions and cuts that cost a bounded amount of reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray

READ_TOKENS = 6_000  # of documents to be read up to a sampled position, beside the longest document
CUT_TOKENS = 3_000  # of documents to be read again up to a cut, for each way of altering the future
CUTS = 6
HEAD = 600  # a cut in documents too long to be read again up to a sampled position lies within this many tokens
SENTENCE_STARTS = 4
PATIENCE = 50  # candidates looked at for each position that is wanted


@dataclass(frozen=True)
class Sample:
    """``positions``: where distributions are asked for, rising; ``cuts``: those of them behind which the future is
    altered. Both are positions in the whole text. ``kinds``: how many were found for each reason.
    """

    positions: IntArray
    cuts: IntArray
    kinds: dict[str, int]


def sample(
    text: Encoded, log_probs: FloatArray, unigram_log_probs: FloatArray, count: int, generator: np.random.Generator
) -> Sample:
    """Choose some ``count`` positions of a text: a third uniform, a third after the rarest contexts, a third where
    the model gains most over the unigram floor; beside them a few at the beginning of a sentence, where some n-gram
    models are known to be wrong, and the first and last of the longest document.

    ``log_probs``, ``unigram_log_probs``: (N,) nats of each token under the model and the floor. A recurrent model
    reads a document up to the position; candidates that would make it read too much are passed over.
    """
    N = len(text)
    starts, documents = text.context_starts(np.arange(N)), text.document_of(np.arange(N))
    longest = int(np.argmax(text.ends - text.starts))
    read = np.zeros(text.n_documents, np.int64)  # how far each document is read already
    read[longest] = text.ends[longest] - text.starts[longest]
    chosen = {int(text.starts[longest]), int(text.ends[longest]) - 1}
    third = -(-count // 3)
    orders = {
        "uniform": generator.permutation(N),
        "rarest contexts": _rarest(text, starts, generator),
        "greatest gains": np.argsort(unigram_log_probs - log_probs, kind="stable"),
        "sentence starts": generator.permutation(text.sentence_starts()),
    }
    wanted = dict.fromkeys(orders, third) | {"sentence starts": SENTENCE_STARTS}
    kinds = {}
    for kind, order in orders.items():
        left, found = READ_TOKENS // len(orders), 0
        for position in order[: PATIENCE * wanted[kind]]:
            d, offset = documents[position], position - starts[position]
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


def _rarest(text: Encoded, starts: IntArray, generator: np.random.Generator) -> IntArray:
    """All positions, those after the rarest tokens first: by the training count of the last token of the context,
    then of the one before; equals in random order. The beginning of a document comes last.
    """
    counts = text.vocabulary.counts[text.ids]
    often = np.iinfo(np.int64).max
    N = len(text)
    last, before = np.full(N, often), np.full(N, often)
    at = np.arange(N)
    one, two = at - starts >= 1, at - starts >= 2
    last[one] = counts[at[one] - 1]
    before[two] = counts[at[two] - 2]
    return np.lexsort((generator.random(N), before, last))


def _cuts(text: Encoded, positions: IntArray, generator: np.random.Generator) -> IntArray:
    """Some of the positions that are cheap to read up to; others near the beginning where these are too few."""
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
