"""How the pointer explains itself: its equation, from where it copies the words of a passage, and what that saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcompare.exhibits import Bars, Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import LONGEST, Example
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, FloatArray, IntArray, excerpt
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import read

if TYPE_CHECKING:  # the network imports this module
    from lmcompare.models.pointer.network import PointerNetwork

EXCERPT = 16_384  # tokens of the validation text
EQUATION = latex_lines(
    r"e_{ij} &= \frac{1}{\sqrt{d}} (\mathbf{W} \mathbf{f}_i) \cdot (\mathbf{U} \mathbf{f}_j) + b_{i-j}, \quad"
    r" e_{i0} = \mathbf{s} \cdot \mathbf{f}_i + c",
    r"a_{ij} &= \frac{\exp(e_{ij})}{\sum_{k} \exp(e_{ik})}",
    r"p(w) &= a_{i0}\,p_{\mathrm{softmax}}(w) + \sum_{j: w_j = w} a_{ij}",
)
SAYING = (
    "After each word the network compares its present vector f with its earlier vectors. The weights a sum to one: a₀"
    " is the weight of the softmax, and each other weight is the probability of copying the word w that came after an"
    " earlier vector. W, U, s, c and the b of each distance are parameters."
)


def exhibits(model: TorchLanguageModel, network: PointerNetwork, found: Copying, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, a map of what is copied in a passage, what copying saves, and the nearest words."""
    if len(found.passage):
        passage = Example(model, text, np.asarray(found.passage, np.int64), len(found.passage))
        yield _worked(network, passage)
        yield _map(passage.read[1:], _weights(network, passage.ids))
    if sum(found.tokens):
        yield from _saved(network, found)
    yield tied_neighbours(model, text)


@torch.no_grad()
def _weights(network: PointerNetwork, ids: IntArray) -> FloatArray:
    """Return (n, n): the probability that word i of a passage of n is copied from word j < i; a_0 on the diagonal."""
    features, _ = network(network.inputs(ids[:-1]), None)
    softmax, copies, _ = network.head.weights(features[0])
    size = len(ids)
    out = np.zeros((size, size))
    words = copies[:, copies.shape[1] - size + 1 :]  # (n, n - 1): the columns of the words, without the last one
    for i in range(size):  # after reading i words
        out[i, :i] = words[i, :i].double().exp().cpu().numpy()
        out[i, i] = float(softmax[i].exp())
    return out


def _worked(network: PointerNetwork, passage: Example) -> WorkedEquation:
    """Return the equation with numbers for the word of the passage that is most likely to be copied."""
    parts = mixed(network, Encoded.from_documents([passage.ids], passage.text.vocabulary))
    at = int(parts.own.argmax())
    example = replace(passage, at=at)
    word = example.word
    return example.worked(
        EQUATION,
        SAYING,
        [
            ("a₀: the weight of the softmax", 1 - float(parts.copied[at])),
            (f"p_softmax({word}): the probability of '{word}' by the softmax", float(parts.softmax[at])),
            (f"Σ a: the probability of copying '{word}'", float(parts.own[at])),
        ],
        where="read by itself",
    )


def _map(words: Sequence[str], weights: FloatArray) -> Heatmap:
    return Heatmap(
        title="What it copies",
        note="Each row is a word of a passage, which is read by itself. The row shows, before the word is seen, how"
        " likely it is that the word is written by the softmax, and how likely that it is copied from each earlier"
        " word. Of the passages of the validation text, this is the one in which copying saves most.",
        rows=tuple(words),
        columns=("softmax", *words[:-1]),
        panels=("pointer",),
        values=(
            tuple(
                (float(row[i]), *(float(each) for each in row[:i]), *[None] * (len(words) - 1 - i))
                for i, row in enumerate(weights)
            ),
        ),
        row_axis="next word",
        column_axis="written by, or copied from",
    )


def _saved(network: PointerNetwork, found: Copying) -> Iterator[Bars]:
    window, (there, elsewhere) = network.window, found.tokens
    names = (f"among the last {window}", "not among them")
    share = there / (there + elsewhere)
    yield Bars(
        title="When it copies",
        note=f"The mean probability that the next word is copied, whichever word that is: where the word that came is"
        f" among the last {window} words ({share:.0%} of the cases), and where it is not. Measured on"
        f" {there + elsewhere:,} tokens of the validation text.",
        labels=names,
        values=tuple(100 * each for each in found.copied),
        unit="%",
    )
    whole = share * found.saved[0] + (1 - share) * found.saved[1]
    yield Bars(
        title="What copying saves",
        note="How many bits fewer the mixture needs than its own softmax alone. This softmax was trained together"
        " with the pointer, and leaves words that can be copied to the pointer. So a network that is trained without"
        " a pointer may be better than this softmax.",
        labels=(*names, "all words"),
        values=(*found.saved, whole),
        unit="bits per token",
    )


@dataclass(frozen=True)
class Copying:
    """Measurements on the validation text, for words that can be copied, and for others.

    JSON-able.

    Parameters
    ----------
    tokens : sequence of int, default=()
        How many words can be copied, and how many can't.
    copied : sequence of float, default=()
        The mean probability that a word is copied, whichever it is.
    saved : sequence of float, default=()
        The mean bits that the mixture saves, compared with its own softmax alone.
    passage : sequence of int, default=()
        The ids of a passage in which copying saves much.
    """

    tokens: Sequence[int] = ()
    copied: Sequence[float] = ()
    saved: Sequence[float] = ()
    passage: Sequence[int] = ()


@dataclass(frozen=True)
class Mixed:
    """The parts of the mixture at N positions of a text.

    Parameters
    ----------
    copied : (N,) array
        The probability that a word is copied.
    own : (N,) array
        The probability of copying the word that came.
    softmax : (N,) array
        The probability of the word that came by the softmax.
    """

    copied: FloatArray
    own: FloatArray
    softmax: FloatArray

    @property
    def saved(self) -> FloatArray:
        """The bits that the mixture saves, compared with the softmax alone, (N,)."""
        return np.log2((1 - self.copied) + self.own / self.softmax)


@torch.no_grad()
def mixed(network: PointerNetwork, text: Encoded) -> Mixed:
    """Return the parts of the mixture at each position of a text."""
    copied, own, softmax = np.zeros((3, len(text)))
    for where, features in read(network, text, np.arange(len(text))):
        _, copies, ids = network.head.weights(features)
        f = features[:, : network.head.width]
        targets = torch.from_numpy(text.ids[where].astype(np.int64)).to(f.device)
        copied[where] = copies.exp().sum(1).double().cpu().numpy()
        own[where] = (copies.exp() * (ids == targets[:, None])).sum(1).double().cpu().numpy()
        softmax[where] = network.head.log_prob_of(f, targets).double().exp().cpu().numpy()
    return Mixed(copied.clip(0, 1), own, softmax.clip(min=1e-300))


def measured(network: PointerNetwork, valid: Encoded) -> Copying:
    """Measure the copying in an excerpt of the validation text."""
    text = excerpt(valid, EXCERPT)
    if not len(text):
        return Copying()
    found = mixed(network, text)
    there = found.own > 0
    kinds = [there, ~there]
    return Copying(
        tokens=[int(kind.sum()) for kind in kinds],
        copied=[float(found.copied[kind].mean()) if kind.any() else 0.0 for kind in kinds],
        saved=[float(found.saved[kind].mean()) if kind.any() else 0.0 for kind in kinds],
        passage=[int(each) for each in _passage(network, text)],
    )


def _passage(network: PointerNetwork, text: Encoded) -> IntArray:
    """Return the passage of ``LONGEST`` words in which copying from the passage itself saves most."""
    documents = [ids[k : k + LONGEST] for ids in text.documents() for k in range(0, len(ids), LONGEST // 2)]
    pieces = Encoded.from_documents([ids for ids in documents if len(ids) == LONGEST], text.vocabulary)
    if not len(pieces):
        return np.zeros(0, np.int64)
    special = np.isin(pieces.ids, text.vocabulary.special)
    saved = np.where(special, 0.0, mixed(network, pieces).saved).reshape(-1, LONGEST)
    chosen = int(saved.sum(1).argmax())
    return pieces.ids[chosen * LONGEST : (chosen + 1) * LONGEST]
