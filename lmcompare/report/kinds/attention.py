"""Draws attention over a sentence: what a head reads at a word, and how each number came about.

The page has all heads and words and computes the rest in ``assets/attention.js``; what is drawn here, and is read
without scripts and on paper, is one head at one word.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.exhibits import Attention, AttentionHead
from lmcompare.exhibits.attending import BEGINNING, scores, softmax, terms, turned, weights
from lmcompare.report import numbers
from lmcompare.report.charts.strips import strip
from lmcompare.report.kinds import Rendering
from lmcompare.report.kinds.heatmap import near_and_far, picture
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible
from lmcompare.runfolder.parquet import Array

STEPS = 2**15 - 1  # steps of a stored number on each side of zero
MOST, OFTEN = 0.5, 0.25  # a head rests on the beginning if it gives it this much weight at this share of the words
READ = 3  # words that are named in the sentence on what a head reads


@dataclass(frozen=True)
class Head:
    """The numbers (T, d) of a head as the page has them, and what follows from them.

    ``turned`` are the queries and keys after the rotation, ``scores`` (T, T) are before the mask.
    """

    queries: Array
    keys: Array
    values: Array
    turned: tuple[Array, Array]
    scores: Array

    @classmethod
    def of(cls, exhibit: Attention, head: AttentionHead) -> Head:
        """Return the head with numbers rounded as in the page."""
        queries, keys, values = (rounded(np.array(x, float)) for x in (head.queries, head.keys, head.values))
        q, k = turned(queries, exhibit.turns), turned(keys, exhibit.turns)
        return cls(queries, keys, values, (q, k), scores(exhibit, q, k, head.bias))


def packed(x: Array) -> list[Any]:
    """Return numbers as the page stores them: in base64 sixteen bits for each, and the greatest amount."""
    peak = float(np.abs(x).max(initial=0.0)) or 1.0
    return [base64.b64encode(np.rint(x / peak * STEPS).astype("<i2").tobytes()).decode(), peak]


def rounded(x: Array) -> Array:
    """Return numbers as they are read from the page."""
    text, peak = packed(x)
    read: Array = np.frombuffer(base64.b64decode(text), "<i2").reshape(x.shape) * (peak / STEPS)
    return read


def percent(weight: float) -> str:
    """Return a weight as a whole number of hundredths."""
    return f"{100 * weight:.0f}%" if weight >= 0.005 or weight == 0 else "< 1%"


def render(exhibit: Attention) -> Rendering:
    """Draw one head at one word in full, with the numbers of all heads for the script."""
    heads = [Head.of(exhibit, head) for head in exhibit.heads]
    maps = np.stack([weights(exhibit, head.scores) for head in heads])  # (H, T, T)
    opened, word = exhibit.opens
    words = [visible(each) for each in exhibit.words]
    shown = _at(exhibit, heads[opened], maps[opened, word], exhibit.heads[opened], word)
    html = fill(
        "kinds/attention",
        exhibit=exhibit,
        words=words,
        word=words[word],
        other=words[shown["shown_other"]],
        across=_across([head.name for head in exhibit.heads]),
        greatest=max((abs(amount) for _, amount in shown["adds"]), default=0.0) or 1.0,
        at=word,
        opened=opened,
        head=exhibit.heads[opened],
        named=_named(words, maps[opened, word]),
        percent=percent,
        strip=strip,
        pictures=[picture(each, 1.0) for each in maps],
        data=_data(exhibit),
        hides=any((first, end) != (0, len(words)) for first, end in exhibit.seen),
        **shown,
    )
    said = (near_and_far([head.name for head in exhibit.heads], maps), _sink(exhibit.words, maps))
    return Rendering(html, " ".join(filter(None, said)), _markdown(exhibit, shown))


def _at(exhibit: Attention, head: Head, weights: Array, said: AttentionHead, word: int) -> dict[str, Any]:
    """Return what a head computes at a word, and how it compares it with the word of the greatest weight."""
    first, end = exhibit.seen[word]
    other = int(weights.argmax()) if end > first else word
    queries, keys = head.turned
    mixed = weights @ head.values
    size = len(exhibit.words)
    products = terms(exhibit, queries[word], keys).sum(-1)
    return {
        "shown_other": other,
        "bias": [said.bias[word - j + size - 1] for j in range(size)] if said.bias else [],
        "products": products,
        "scores": head.scores[word],
        "weights": weights,
        "unmasked": softmax(head.scores[word]),
        "lengths": weights * np.linalg.norm(head.values, axis=1),
        "seen": range(first, end),
        "query": head.queries[word],
        "key": head.keys[other],
        "turned_query": queries[word],
        "turned_key": keys[other],
        "terms": terms(exhibit, queries[word], keys[other]),
        "brought": head.values[other],
        "part": weights[other] * head.values[other],
        "mixed": mixed,
        "adds": said.adds[word] if said.adds else (),
    }


def _sink(words: Sequence[str], maps: Array) -> str:
    """Return how many heads rest on the beginning of the text, and a possible reason; "" if none does."""
    if len(words) < 2 or words[0] != BEGINNING:
        return ""
    resting = int(np.count_nonzero((maps[:, 1:, 0] > MOST).mean(axis=1) >= OFTEN))
    if not resting:
        return ""
    who = "attention puts" if len(maps) == 1 else f"{resting} of {len(maps)} heads {'put' if resting > 1 else 'puts'}"
    return (
        f"At a quarter of the words or more, {who} over half of the weight on the beginning of the text, {BEGINNING}."
        " A common explanation: weights must sum to one, so what needs no earlier word rests where it changes least,"
        " on an attention sink (Xiao et al. 2023)."
    )


def _across(names: list[str]) -> int:
    """Return how many heads the first layer has, by their names "layer 1, head 2"; all of them if it has one."""
    first = sum(name.split(",")[0] == names[0].split(",")[0] for name in names)
    return first if first > 1 else len(names)


def _named(words: list[str], weights: Array) -> str:
    """Return the words with the greatest weights, with the weights; "" if it reads none."""
    most = [int(j) for j in np.argsort(-weights, kind="stable")[:READ] if weights[j] > 0]
    return ", ".join(f"{words[j]} ({percent(weights[j])})" for j in most)


def _data(exhibit: Attention) -> dict[str, Any]:
    """Return what the script computes from."""
    known = sorted({word for head in exhibit.heads for row in head.adds for word, _ in row})
    place = {word: n for n, word in enumerate(known)}
    return {
        "seen": exhibit.seen,
        "scale": exhibit.scale,
        "weigh": exhibit.weigh,
        "turns": exhibit.turns,
        "known": [visible(word) for word in known],
        "heads": [
            {
                "name": said.name,
                "role": said.role,
                "q": packed(np.array(said.queries, float)),
                "k": packed(np.array(said.keys, float)),
                "v": packed(np.array(said.values, float)),
                "bias": [round(b, 4) for b in said.bias],
                "lengths": [[round(n, 2) for n in pair] for pair in said.lengths],
                "adds": [[[place[word], round(n, 2)] for word, n in row] for row in said.adds],
                "effect": said.effect,
            }
            for said in exhibit.heads
        ],
    }


def _markdown(exhibit: Attention, shown: dict[str, Any]) -> str:
    """Return the head and the word that are shown first, as tables."""
    opened, word = exhibit.opens
    words = [plain(visible(each)) for each in exhibit.words]
    head = exhibit.heads[opened]
    rows = [
        (
            words[j],
            numbers.decimals(shown["products"][j], 2),
            numbers.decimals(shown["scores"][j], 2),
            percent(shown["weights"][j]),
        )
        for j in shown["seen"]
    ]
    role = f" (on average: {plain(head.role)})" if head.role else ""
    read = f"{plain(head.name)}{role}, after reading {words[word]}"
    added = ", ".join(f"{plain(visible(w))} {numbers.decimals(n, 2)}" for w, n in shown["adds"])
    return "\n\n".join(
        [
            f"What {read}, looks at:",
            table(("word", "sum of products", "score", "weight"), rows, 1),
            *([f"What it adds to the logits of next words: {added}. {plain(head.effect)}"] if added else []),
        ]
    )
