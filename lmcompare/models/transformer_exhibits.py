"""How the transformer explains itself: a map of each head's attention, and its equation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation
from lmcompare.models import mathml as m
from lmcompare.models.sentences import BEGINNING, readable
from lmcompare.models.vectors import neighbours_exhibit
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    from lmcompare.models.transformer import Transformer

PANELS = 12
_I, _J = m.name("i"), m.name("j")
_EQUATION = m.lines(
    m.row(
        m.sub(m.name("a"), m.row(_I, _J)),
        m.op("="),
        m.sub(m.name("softmax"), _J),
        m.op("("),
        m.fraction(m.row(m.sub(m.vector("q"), _I), m.op("·"), m.sub(m.vector("k"), _J)), m.root(m.name("d"))),
        m.op(")"),
    ),
    m.row(
        m.sub(m.vector("o"), _I),
        m.op("="),
        m.total(m.row(_J, m.op("≤"), _I)),
        m.sub(m.name("a"), m.row(_I, _J)),
        m.sub(m.vector("v"), _J),
    ),
)
_SAYING = (
    "Each word asks a question (its query) of every word before it and of itself; where the question meets a fitting"
    " key, that word's value is taken over. What is taken is a weighted mean, so one head can look at one thing or at"
    " many, and several heads look for several things at once."
)


def exhibits(model: Transformer, text: Encoded) -> Iterator[Exhibit]:
    """Yield the attention maps of a sentence, the worked equation of one head, and the nearest words."""
    documents = readable(text, 1)
    for ids in documents:
        yield _maps(model, text, ids)
        yield _worked(model, text, ids)
    vectors = model.word_vectors()
    assert vectors is not None
    yield neighbours_exhibit(vectors, text, "By the cosine of the vectors that are read and, being tied, predict.")


def _maps(model: Transformer, text: Encoded, ids: IntArray) -> Heatmap:
    labels = (BEGINNING, *(text.vocabulary[int(i)] for i in ids[:-1]))
    size = len(labels)
    maps = [  # layer by layer: (heads, T, T)
        (f"layer {layer + 1}, head {head + 1}", weights)
        for layer, heads in enumerate(model.attention_maps(ids[:-1]))
        for head, weights in enumerate(heads)
    ]
    step = max(1, -(-len(maps) // PANELS))
    shown = maps[::step]
    return Heatmap(
        title="What each head looks at",
        note="Each row is a word just read, each column a word it may attend to: itself and those before it, never a"
        " later one." + (f" {len(shown)} of {len(maps)} heads are shown." if len(shown) < len(maps) else ""),
        rows=labels,
        columns=labels,
        panels=tuple(name for name, _ in shown),
        values=tuple(
            tuple(tuple(float(w[i, j]) if j <= i else None for j in range(size)) for i in range(size))
            for _, w in shown
        ),
        row_axis="after reading",
        column_axis="attends to",
    )


def _worked(model: Transformer, text: Encoded, ids: IntArray) -> WorkedEquation:
    vocabulary = text.vocabulary
    at = min(len(ids) - 1, 5)  # predicts ids[at], having read ids[:at]
    labels = [BEGINNING, *(vocabulary[int(i)] for i in ids[:at])]
    layer, head, products, weights, mixed = model.attention_at(ids[:at])
    document = Encoded.from_documents([ids[:at]], vocabulary)
    distribution = model.next_log_probs(document, np.array([at]))[0]
    scale = np.sqrt(model.width // model.heads)
    shown = labels[len(labels) - len(weights) :]
    lines: list[tuple[str, float]] = [(f"q·k: '{label}'", float(p)) for label, p in zip(shown, products, strict=True)]
    lines += [
        (f"q·k / √d: '{label}', √d = {scale:.3g}", float(p / scale)) for label, p in zip(shown, products, strict=True)
    ]
    lines += [(f"a: the weight of '{label}'", float(w)) for label, w in zip(shown, weights, strict=True)]
    lines.append(("‖o‖: the length of the mixed value", float(np.linalg.norm(mixed))))
    lines.append((f"P({vocabulary[int(ids[at])]}), which came next", float(np.exp(distribution[ids[at]]))))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(labels)}', in layer {layer + 1}, head {head + 1}.",
        equation=_EQUATION,
        plain="a_ij = softmax_j(q_i·k_j / √d),  o_i = Σ_{j≤i} a_ij v_j",
        saying=_SAYING,
        lines=tuple(lines),
    )
