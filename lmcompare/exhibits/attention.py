"""Attention over a sentence: what each head computes, number by number."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill
from lmcompare.exhibits.heatmap import near_and_far, picture
from lmcompare.render import numbers
from lmcompare.render.charts.strips import strip
from lmcompare.render.markdown import plain, table
from lmcompare.render.tokens import visible

STEPS = 2**15 - 1  # steps of a stored number on each side of zero
MOST, OFTEN = 0.5, 0.25  # a head rests on the beginning if it gives it this much weight at this share of the words
READ = 3  # words that are named in the sentence on what a head reads
Numbers = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]
GREATEST = 1e6  # of the numbers of a head, so that products of them can be added


@dataclass(frozen=True)
class AttentionHead:
    """The numbers of one head for the T words of a sentence.

    Parameters
    ----------
    name : str
        Such as "layer 1, head 2".
    queries, keys : tuple
        (T, d) the vectors that are compared, before the rotation, if there is one.
    values : tuple
        (T, e) the vectors of which the head returns a weighted mean.
    role : str, default=""
        What the head does, in a few words, measured on other text.
    bias : tuple of float, default=()
        What is added to a score for the distance i - j of a word i that reads and a word j that is read: 2T - 1
        numbers, for the distances 1 - T to T - 1.
    lengths : tuple, default=()
        (T, 2) the lengths of query and key before they were normalised, if they were.
    adds : tuple, default=()
        For each of the T words, some next words and what the output of the head adds to their logits.
    effect : str, default=""
        How ``adds`` was computed: one or two sentences.
    """

    name: str
    queries: Rows
    keys: Rows
    values: Rows
    role: str = ""
    bias: tuple[float, ...] = ()
    lengths: tuple[tuple[float, float], ...] = ()
    adds: tuple[tuple[tuple[str, float], ...], ...] = ()
    effect: str = ""

    def problem(self, words: int) -> str:
        """Return which part does not fit a sentence of that many words, and "" if all do."""
        for part in ("queries", "keys", "values"):
            rows: Rows = getattr(self, part)
            if len(rows) != words or len({len(row) for row in rows}) != 1 or not rows[0]:
                return f"{part} of '{self.name}' are not {words} vectors of one size"
        if len(self.queries[0]) != len(self.keys[0]):
            return f"queries of '{self.name}' have {len(self.queries[0])} numbers, but keys have {len(self.keys[0])}"
        for part, wanted in (("bias", 2 * words - 1), ("lengths", words), ("adds", words)):
            if len(getattr(self, part)) not in (0, wanted):
                return f"{part} of '{self.name}' has {len(getattr(self, part))} entries, not {wanted}"
        added = ((number for _, number in row) for row in self.adds)
        vectors = chain(self.queries, self.keys, self.values, [self.bias], self.lengths, added)
        if any(abs(number) > GREATEST for number in chain.from_iterable(vectors)):
            return f"'{self.name}' has a number beyond {GREATEST:,.0f}"
        return ""


@dataclass(frozen=True, kw_only=True)
class Attention(Exhibit):
    """What the heads of an attention compute for the T words of a sentence.

    The score of word j for word i is ``scale`` · (q_i · k_j) plus the bias, or with ``weigh`` u the additive
    ``scale`` · u · tanh(q_i + k_j). The weights are the softmax of the scores of the words that i sees, and the
    output of the head is the mean of the values with these weights.

    Parameters
    ----------
    words : tuple of str
        The T words.
    heads : tuple of AttentionHead
        The heads, the same for all words.
    seen : tuple of (int, int)
        For each word, the first of the words that it sees, and the one after the last. A word may see none.
    scale : float, default=1.0
        The factor of the products.
    weigh : tuple of float, default=()
        The d weights of an additive score; for a dot product none.
    turns : tuple of float, default=()
        The rotary angles: the pair (x_n, x_{n + d/2}) of the query or key of word j is turned by j · ``turns[n]``.
    opens : (int, int), default=(0, 0)
        The head and the word that are shown first.
    """

    kind: ClassVar[str] = "attention"
    most: ClassVar[int] = 500_000
    words: tuple[str, ...]
    heads: tuple[AttentionHead, ...]
    seen: tuple[tuple[int, int], ...]
    scale: float = 1.0
    weigh: tuple[float, ...] = ()
    turns: tuple[float, ...] = ()
    opens: tuple[int, int] = (0, 0)

    def problem(self) -> str:
        size = len(self.words)
        if not self.words or not self.heads:
            return "it has no words or no heads"
        if wrong := next(filter(None, (head.problem(size) for head in self.heads)), ""):
            return wrong
        if len({(bool(head.bias), bool(head.lengths), len(head.values[0])) for head in self.heads}) > 1:
            return "all heads must have values of one size, and all or none of them bias and lengths"
        width = {len(head.queries[0]) for head in self.heads}
        if len(self.seen) != size or any(not 0 <= first <= end <= size for first, end in self.seen):
            return f"seen must have a range of the {size} words for each of them"
        if self.weigh and width != {len(self.weigh)}:
            return f"weigh has {len(self.weigh)} numbers, but the queries have {sorted(width)}"
        if self.turns and (self.weigh or width != {2 * len(self.turns)}):
            return f"turns has {len(self.turns)} angles, but the queries have {sorted(width)} numbers"
        if any(abs(number) > GREATEST for number in (self.scale, *self.weigh, *self.turns)):
            return f"it has a number beyond {GREATEST:,.0f}"
        head, word = self.opens
        if not (0 <= head < len(self.heads) and 0 <= word < size):
            return f"opens is {self.opens}, but there are {len(self.heads)} heads and {size} words"
        return ""

    def draw(self) -> Drawing:
        """Draw one head at one word in full, with the numbers of all heads for the script."""
        heads = [Head.of(self, head) for head in self.heads]
        maps = np.stack([head.weights for head in heads])  # (H, T, T)
        opened, word = self.opens
        words = [visible(each) for each in self.words]
        shown = _at(self, heads[opened], word)
        html = fill(
            "attention",
            exhibit=self,
            words=words,
            word=words[word],
            other=words[shown["shown_other"]],
            across=_across([head.name for head in self.heads]),
            greatest=max((abs(amount) for _, amount in shown["adds"]), default=0.0) or 1.0,
            at=word,
            opened=opened,
            head=self.heads[opened],
            named=_named(words, maps[opened, word]),
            percent=percent,
            strip=strip,
            pictures=[picture(each, 1.0) for each in maps],
            data=_data(self),
            hides=any((first, end) != (0, len(words)) for first, end in self.seen),
            **shown,
        )
        said = (near_and_far([head.name for head in self.heads], maps), _sink(self.words, maps))
        return Drawing(html, " ".join(filter(None, said)), _markdown(self, shown))


@dataclass(frozen=True, eq=False)
class Head:
    """The numbers (T, d) of a head, and what follows from them.

    ``turned`` are the queries and keys after the rotation, ``scores`` (T, T) are before the mask.
    """

    said: AttentionHead
    queries: Numbers
    keys: Numbers
    values: Numbers
    turned: tuple[Numbers, Numbers]
    scores: Numbers
    weights: Numbers

    @classmethod
    def of(cls, exhibit: Attention, head: AttentionHead, *, exact: bool = False) -> Head:
        """Return the head with its numbers as they are, or by default rounded as in the page."""
        given = (np.array(x, float) for x in (head.queries, head.keys, head.values))
        queries, keys, values = given if exact else map(rounded, given)
        q, k = turned(queries, exhibit.turns), turned(keys, exhibit.turns)
        found = scores(exhibit, q, k, head.bias)
        return cls(head, queries, keys, values, (q, k), found, weights(exhibit, found))

    def effect(self, word: int) -> float:
        """Return the most that the head changes a logit by after a word; 0 if that is not known."""
        return max((abs(amount) for _, amount in self.said.adds[word]), default=0.0) if self.said.adds else 0.0


def packed(x: Numbers) -> list[Any]:
    """Return numbers as the page stores them: in base64 sixteen bits for each, and the greatest amount."""
    peak = float(np.abs(x).max(initial=0.0)) or 1.0
    return [base64.b64encode(np.rint(x / peak * STEPS).astype("<i2").tobytes()).decode(), peak]


def rounded(x: Numbers) -> Numbers:
    """Return numbers as they are read from the page."""
    text, peak = packed(x)
    read: Numbers = np.frombuffer(base64.b64decode(text), "<i2").reshape(x.shape) * (peak / STEPS)
    return read


def percent(weight: float) -> str:
    """Return a weight as a whole number of hundredths."""
    return f"{100 * weight:.0f}%" if weight >= 0.005 or weight == 0 else "< 1%"


def _at(exhibit: Attention, head: Head, word: int) -> dict[str, Any]:
    """Return what a head computes at a word, and how it compares it with the word of the greatest weight."""
    said, weights = head.said, head.weights[word]
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


def _sink(words: Sequence[str], maps: Numbers) -> str:
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


def _named(words: list[str], weights: Numbers) -> str:
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


BEGINNING = "<s>"  # the label of the beginning of a text
DIGITS = 5  # decimals of what the last word reads
FAR = 3  # places back: what a nearer head does, a table of phrases can mostly do as well


def terms(exhibit: Attention, query: Numbers, key: Numbers) -> Numbers:
    """(…, d) the terms whose sum is the score of turned queries and keys, before it is scaled."""
    found: Numbers = np.array(exhibit.weigh) * np.tanh(query + key) if exhibit.weigh else query * key
    return found


def scores(exhibit: Attention, queries: Numbers, keys: Numbers, bias: tuple[float, ...] = ()) -> Numbers:
    """(T, T) the scores before the mask, of turned queries and keys (T, d)."""
    found: Numbers = exhibit.scale * terms(exhibit, queries[:, None], keys[None]).sum(-1)
    size = len(exhibit.words)
    return found + np.array(bias)[np.subtract.outer(range(size), range(size)) + size - 1] if bias else found


def weights(exhibit: Attention, scores: Numbers) -> Numbers:
    """(T, T) the softmax of the scores of what each word sees; zero elsewhere."""
    found = np.zeros_like(scores)
    for i, (first, end) in enumerate(exhibit.seen):
        found[i, first:end] = softmax(scores[i, first:end])
    return found


def at_last_word(exhibit: Attention) -> dict[str, Any] | None:
    """Return what the last word reads in one head.

    The head is chosen among the heads whose greatest weight is on a word ``FAR`` or more places back. If there are
    none, it is chosen among the heads whose greatest weight is on any earlier word; if there are none either, among
    all heads. Of these it is the head that changes the logits of next words most, or, where no effects are known, the
    head with the greatest weight. The beginning of the text does not count as an earlier word.

    Returns
    -------
    dict or None
        The name of the ``head``, the number of ``heads``, of those ``looking_back`` and ``looking_far``, how many
        numbers a query has (``width``), whether scores are ``additive``, and for each of the ``words`` that are seen
        the sum of ``products``, the ``scores``, the ``weights`` and the first number of the ``values``. ``strips``
        are the query of the last word, the key and the value of the word that it gives the most weight, and the
        ``terms`` that add up to the product (turned, if they are). ``adds`` has next words with what the head adds to
        their logits. ``map`` has the weights of all words, a row for each word that reads, with None for a word that
        is hidden from it. None if there is no earlier word.
    """
    begin = int(exhibit.words[0] == BEGINNING)
    if len(exhibit.words) < begin + 2:
        return None
    every = [Head.of(exhibit, head, exact=True) for head in exhibit.heads]
    most, back, far = _telling(every, begin, len(exhibit.words) - 1)
    first, end = exhibit.seen[-1]
    seen, at = slice(first, end), int(most.weights[-1].argmax())
    (queries, keys), values = most.turned, most.values
    added = terms(exhibit, queries[-1], keys)
    return {
        "head": most.said.name,
        "heads": len(exhibit.heads),
        "looking_back": back,
        "looking_far": far,
        "width": queries.shape[1],
        "additive": bool(exhibit.weigh),
        "words": list(exhibit.words[seen]),
        "products": added.sum(-1)[seen].round(DIGITS).tolist(),
        "scores": most.scores[-1, seen].round(DIGITS).tolist(),
        "weights": most.weights[-1, seen].round(DIGITS).tolist(),
        "values": values[seen, 0].round(DIGITS).tolist(),
        "strips": {
            "query": queries[-1].round(DIGITS).tolist(),
            "key": keys[at].round(DIGITS).tolist(),
            "terms": added[at].round(DIGITS).tolist(),
            "value": values[at].round(DIGITS).tolist(),
        },
        "adds": [{"token": word, "logit": amount} for word, amount in (most.said.adds or ((),))[-1]],
        "map": [
            [round(weight, 3) if a <= j < b else None for j, weight in enumerate(row)]
            for row, (a, b) in zip(most.weights.tolist(), exhibit.seen, strict=True)
        ],
    }


def telling_head(exhibit: Attention, word: int) -> int:
    """Return the place of the head that is chosen as in ``at_last_word``, for another word that reads."""
    every = [Head.of(exhibit, head, exact=True) for head in exhibit.heads]
    return every.index(_telling(every, int(exhibit.words[0] == BEGINNING), word)[0])


def _telling(every: list[Head], begin: int, word: int) -> tuple[Head, int, int]:
    """Return the head that tells most at a word, and how many look most at an earlier word, and at a far one."""
    back = [one for one in every if begin <= one.weights[word].argmax() < word]
    far = [one for one in back if one.weights[word].argmax() <= word - FAR]
    most = max(
        far or back or every,
        key=lambda one: (one.effect(word), float(one.weights[word, begin:word].max(initial=0.0))),
    )
    return most, len(back), len(far)


def turned(x: Numbers, turns: tuple[float, ...]) -> Numbers:
    """Return vectors (T, d) with the pair (n, n + d/2) of the one at place t turned by t · turns[n]."""
    if not turns:
        return x
    angle = np.arange(len(x))[:, None] * np.array(turns)
    first, second = np.split(x, 2, axis=1)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], axis=1)


def softmax(scores: Numbers) -> Numbers:
    """Return weights (n,) that sum to one, given scores (n,); an empty array if n is 0."""
    raised: Numbers = np.exp(scores - scores.max(initial=-np.inf))
    return raised / raised.sum() if len(scores) else raised
