"""The exhibits of the pointer: its equation, where the words of a passage are copied from, and what that saves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from lmcompare.exhibits import Bars, Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import came_next, labels
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.pointer.copying import Copying, mixed
from lmcompare.models.pointer.network import PointerNetwork
from lmcompare.tokens import Encoded, FloatArray, IntArray
from lmcompare.training.language_model import TorchLanguageModel

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
        ids = np.asarray(found.passage, np.int64)
        yield _worked(model, network, text, ids)
        yield _map(text, ids, _weights(network, ids))
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


def _worked(model: TorchLanguageModel, network: PointerNetwork, text: Encoded, ids: IntArray) -> WorkedEquation:
    """Return the equation with numbers for the word of the passage that is most likely to be copied."""
    parts = mixed(network, Encoded.from_documents([ids], text.vocabulary))
    at = int(parts.own.argmax())
    word = text.vocabulary[int(ids[at])]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(labels(text, ids[:at]))}', read by itself.",
        equation=EQUATION,
        saying=SAYING,
        lines=(
            ("a₀: the weight of the softmax", 1 - float(parts.copied[at])),
            (f"p_softmax({word}): the probability of '{word}' by the softmax", float(parts.softmax[at])),
            (f"Σ a: the probability of copying '{word}'", float(parts.own[at])),
            came_next(model, text, ids, at),
        ),
    )


def _map(text: Encoded, ids: IntArray, weights: FloatArray) -> Heatmap:
    words = labels(text, ids)[1:]
    return Heatmap(
        title="What it copies",
        note="Each row is a word of a passage, which is read by itself. The row shows, before the word is seen, how"
        " likely it is that the word is written by the softmax, and how likely that it is copied from each earlier"
        " word. Of the passages of the validation text, this is the one in which copying saves most.",
        rows=words,
        columns=("softmax", *words[:-1]),
        panels=("pointer",),
        values=(
            tuple(
                (float(row[i]), *(float(each) for each in row[:i]), *[None] * (len(ids) - 1 - i))
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
