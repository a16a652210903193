"""Exhibits of every kind, as the built-in models would show them."""

from __future__ import annotations

import math

import numpy as np

from lmcompare import exhibits as kinds
from lmcompare.exhibits import Exhibit

SENTENCE = ("The", "old", "river", "bank", "was", "</s>")


def exhibits_of(plugin: str, tokens: list[str]) -> list[Exhibit]:
    """Return what a plug-in shows of itself."""
    if plugin == "unigram":
        return [equation(r"P(w) = \frac{c(w) + 1}{N + V}"), counts(tokens)]
    if plugin == "ngram":
        return [equation(r"P(w \mid h) = \frac{\max(c(h w) - D, 0)}{c(h)} + \gamma(h) P(w \mid h')"), backoff()]
    if plugin == "word2vec-bow":
        return [neighbours(), plane(tokens)]
    if plugin in ("rnn-attention", "transformer"):
        return [attention(heads=4 if plugin == "transformer" else 1), rates()]
    return []


def equation(latex: str) -> Exhibit:
    """Return a worked equation."""
    return kinds.WorkedEquation(
        title="Its equation",
        note="The same with numbers for the word 'bank' after 'The old river'.",
        equation=latex,
        saying="A word is as likely as it was frequent.",
        lines=(("c(bank)", 41.0), ("N", 8_123.0), ("P(bank)", 0.00497)),
    )


def counts(tokens: list[str]) -> Exhibit:
    """Bars."""
    return kinds.Bars(
        title="The most frequent tokens",
        note="How often each stands in train.",
        labels=tuple(tokens[2:14]),
        values=tuple(float(900 / (i + 1)) for i in range(12)),
        unit="times in train",
    )


def backoff() -> Exhibit:
    """A back-off trace along a sentence."""
    steps = tuple(
        kinds.BackoffStep(
            token=token,
            matched=1 + min(i, 2),
            contexts=("", *(" ".join(SENTENCE[i - n : i]) for n in range(1, 1 + min(i, 2)))),
            counts=(40 + i, *range(12, 12 + min(i, 2))),
            probabilities=(0.01, *(0.1 * n for n in range(1, 1 + min(i, 2)))),
        )
        for i, token in enumerate(SENTENCE)
    )
    return kinds.BackoffTrace(title="How it backed off", note="The longest order that matched.", steps=steps)


def neighbours() -> Exhibit:
    """Words and their neighbours."""
    return kinds.Neighbours(
        title="Nearest words",
        note="Cosine of the word vectors.",
        words=("bank", "river"),
        neighbours=(("bridge", "market", "church"), ("valley", "harbour", "<b>")),
        similarities=((0.81, 0.66, 0.61), (0.77, 0.52, 0.4)),
    )


def plane(tokens: list[str]) -> Exhibit:
    """Words in the plane, in two groups."""
    rng = np.random.default_rng(0)
    labels = tuple(tokens[2:42])
    return kinds.Map2D(
        title="A map of words",
        note="The first two principal components of the word vectors.",
        labels=labels,
        x=tuple(rng.standard_normal(len(labels)).tolist()),
        y=tuple(rng.standard_normal(len(labels)).tolist()),
        groups=tuple("frequent" if i < 15 else "rare" for i in range(len(labels))),
    )


def attention(heads: int) -> Exhibit:
    """Causal maps, the future masked."""
    rng = np.random.default_rng(heads)
    panels = []
    for _ in range(heads):
        weights = np.tril(rng.random((len(SENTENCE), len(SENTENCE))) + 0.05)
        weights /= weights.sum(axis=1, keepdims=True)
        panels.append(
            tuple(tuple(float(v) if j <= i else None for j, v in enumerate(row)) for i, row in enumerate(weights))
        )
    return kinds.Heatmap(
        title="Attention over a sentence",
        note="Each row looks back at the columns up to itself.",
        rows=SENTENCE,
        columns=SENTENCE,
        panels=tuple(f"head {h + 1}" for h in range(heads)),
        values=tuple(panels),
        row_axis="looks from",
        column_axis="looks at",
        steps=(
            ("log a", tuple(tuple(tuple(v and math.log(v) for v in row) for row in panel) for panel in panels)),
            ("a", tuple(panels)),
        ),
    )


def rates() -> Exhibit:
    """A curve of two lines with x of their own."""
    return kinds.Curve(
        title="Learning rate",
        note="Warm-up and decay.",
        names=("matrices", "the rest"),
        x=((0.0, 50.0, 200.0), (0.0, 20.0, 200.0)),
        y=((0.0, 0.02, 0.0), (0.0, 0.003, 0.0)),
        x_axis="step",
        y_axis="rate",
    )
