"""Exhibits of every kind, as the built-in models would show them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lmcompare import exhibits as kinds
from lmcompare.exhibits import Exhibit
from lmcompare.lab.diffusion.pictures import LEVELS, Denoised, DenoisingFilm, PromptedPictures

SENTENCE = ("The", "old", "river", "bank", "was", "</s>")


def exhibits_of(plugin: str, tokens: list[str], alone: list[str] | None = None) -> list[Exhibit]:
    """Return what a plug-in shows of itself; its attention is over a text that it reads alone."""
    if plugin == "unigram":
        return [equation(r"P(w) = \frac{c(w) + 1}{N + V}"), counts(tokens)]
    if plugin == "ngram":
        return [equation(r"P(w \mid h) = \frac{\max(c(h w) - D, 0)}{c(h)} + \gamma(h) P(w \mid h')"), backoff()]
    if plugin == "word2vec-bow":
        return [neighbours(), plane(tokens)]
    if plugin in ("rnn-attention", "transformer"):
        heads = 4 if plugin == "transformer" else 1
        read = SENTENCE if alone is None else ("<s>", *alone[:-1])
        return [attention(heads, read), maps(heads), rates(), film(), sources(), *drawn_digits()]
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
        note="How often each occurs in train.",
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


def attention(heads: int, words: tuple[str, ...] = SENTENCE) -> Exhibit:
    """Heads over a sentence; a single one is additive and does not see the word itself."""
    rng = np.random.default_rng(heads)
    size, width = len(words), 6
    own = 0 if heads == 1 else 1

    def vectors() -> kinds.Rows:
        return tuple(map(tuple, rng.standard_normal((size, width)).round(4).tolist()))

    return kinds.Attention(
        title="Attention, number by number",
        note="Choose a head and a word.",
        words=words,
        heads=tuple(
            kinds.AttentionHead(
                name=f"layer {1 + h // 2}, head {1 + h % 2}",
                role=("the previous word 62%", "spread over about 5 words", "", "far back 70%")[h],
                queries=vectors(),
                keys=vectors(),
                values=vectors(),
                adds=tuple((("bank", 0.5 + h), ("<b>", 0.1 * i), ("was", -0.25)) for i in range(size)),
                effect=f"Of head {h + 1}.",
            )
            for h in range(heads)
        ),
        seen=tuple((0, i + own) for i in range(size)),
        scale=1.0 if heads == 1 else width**-0.5,
        weigh=(1.0, -1.0, 0.5, 0.5, 2.0, 1.0) if heads == 1 else (),
        turns=() if heads == 1 else (1.0, 0.1, 0.01),
        opens=(0, 3),
    )


def maps(heads: int) -> Exhibit:
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


def sources() -> Exhibit:
    """The guesses along a sentence, each from one passage."""
    return kinds.Sources(
        title="Where its guesses come from",
        guesses=tuple(
            kinds.SourcedGuess(
                token=word,
                guess=word,
                probability=0.5,
                followed=1,
                occurs=2,
                passages=(kinds.Passage(before="once", context=before, next=word, after="again"),),
            )
            for before, word in pairwise(SENTENCE)
        ),
    )


def film() -> Exhibit:
    """Three moments of a training."""
    rng = np.random.default_rng(0)
    size = len(SENTENCE) - 1
    even = [[1 / (i + 1) if j <= i else None for j in range(size)] for i in range(size)]
    last = [[1.0 if j == i else 0.0 if j < i else None for j in range(size)] for i in range(size)]
    plane = rng.standard_normal((3, 2, size)) * np.array([0.1, 0.5, 1.0])[:, None, None]
    return kinds.TrainingFilm(
        title="How a network learns to look and to guess",
        note="From the first step to the last.",
        moments=("step 0", "step 10", "step 200"),
        tokens=SENTENCE[:-1],
        weights=tuple(tuple(map(tuple, frame)) for frame in (even, even, last)),
        words=SENTENCE[:-1],
        x=tuple(map(tuple, plane[:, 0].tolist())),
        y=tuple(map(tuple, plane[:, 1].tolist())),
        next=("bridge", "<b>", "built"),
        probabilities=((0.01, 0.01, 0.01), (0.1, 0.02, 0.2), (0.05, 0.001, 0.7)),
        follows="built",
    )


def drawn_digits() -> list[Exhibit]:
    """Pictures that prompts guided, and the making of two of them."""
    rng = np.random.default_rng(0)

    def picture() -> str:
        return "".join(LEVELS[level] for level in rng.integers(0, len(LEVELS), 64))

    def panels() -> tuple[tuple[tuple[str, ...], ...], ...]:
        return tuple(tuple(tuple(picture() for _ in range(3)) for _ in range(2)) for _ in range(3))

    def making(*words: str) -> Denoised:
        first = np.array([rng.integers(0, 101, 64) for _ in range(4)])
        return Denoised(
            words=words,
            pictures=tuple(picture() for _ in range(4)),
            guesses=tuple(picture() for _ in range(4)),
            attention=tuple((tuple(map(int, row)), tuple(map(int, 100 - row))) for row in first),
            label="7",
            fits=True,
            share=0.9,
        )

    gallery = PromptedPictures(
        title="Guidance makes pictures fit",
        note="Below each picture is what a classifier sees.",
        side=8,
        prompts=("a seven", "<b>"),
        strengths=("0, without the prompt", "1", "3"),
        pictures=panels(),
        nearest=panels(),
        labels=((("7", "1", "2"), ("3", "3", "3")),) * 3,
        fitting=(((True, False, False), (True, True, True)),) * 3,
        shares=((0.1, 0.2), (0.5, 0.6), (0.9, 1.0)),
        opened=1,
    )
    film = DenoisingFilm(
        title="From noise to a digit",
        note="Step by step.",
        side=8,
        moments=("step 1", "step 2", "step 3", "step 4"),
        films=(making("a", "seven"), making("<b>", "nine")),
    )
    return [gallery, film]
