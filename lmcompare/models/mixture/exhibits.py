"""How a mixture of chains explains itself: its equation, what each member gains, when it counts, and the classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.counts.lookup.table import with_starts
from lmcompare.exhibits import Bars, Exhibit, Heatmap, Neighbours, WorkedEquation, latex_lines
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import readable
from lmcompare.models.mixture import word_classes as clusters
from lmcompare.models.mixture.estimator import Account
from lmcompare.models.mixture.mixtures import Mixture
from lmcompare.tokens import Encoded, IntArray

SHOWN = 14  # classes
ALIKE = 8  # words of a class, beside its most frequent one
SENTENCES = 2

_EQUATION = latex_lines(
    r"P(w \mid h) &= \sum_i \lambda_i(h)\,P_i(w \mid h)",
    r"P_i(w \mid h) &= P(C(w) \mid h)\,P(w \mid C(w), h)",
)
_SAYING = (
    "Several models guess, and each is trusted as much as the counts behind its guess have deserved on held-out text."
    " A model with classes first guesses the kind of word, of which there are few and of which much is known, and"
    " then the word among those of its kind."
)


@dataclass(frozen=True)
class Portrait:
    """The most frequent words (ids) of a class, and how alike each stands to the first: the cosine of what the words
    stand beside, as counts of classes."""

    words: tuple[int, ...]
    cosines: tuple[float, ...]

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Portrait:
        """Return the portrait that was stored."""
        return cls(tuple(table["words"]), tuple(table["cosines"]))


def portraits(classes: IntArray, train: Encoded) -> Iterator[Portrait]:
    """Yield the classes of three words and more that stand for most of train."""
    V = len(train.vocabulary)
    counts = np.bincount(train.ids, minlength=V)
    sizes = np.bincount(classes[:V][counts > 0])
    tokens = np.bincount(classes[:V], weights=counts, minlength=len(sizes))
    large = np.flatnonzero(sizes > 2)
    after, before = clusters.pairs(with_starts(train), V)
    for c in large[np.argsort(-tokens[large], kind="stable")][:SHOWN]:
        members = np.flatnonzero((classes[:V] == c) & (counts > 0))
        top = members[np.argsort(-counts[members], kind="stable")][: ALIKE + 1]
        beside = np.stack([_beside(int(w), classes, after, before) for w in top])
        beside /= np.maximum(np.linalg.norm(beside, axis=1, keepdims=True), 1e-12)
        yield Portrait(tuple(int(w) for w in top), tuple(float(x) for x in np.clip(beside @ beside[0], -1, 1)))


def _beside(word: int, classes: IntArray, after: clusters.Pairs, before: clusters.Pairs) -> FloatArray:
    """(2K,) how often each class stands after the word, and before it."""
    width = int(classes.max()) + 1
    sides = []
    for offsets, others, counts in (after, before):
        own = slice(offsets[word], offsets[word + 1])
        sides.append(np.bincount(classes[others[own]], weights=counts[own], minlength=width))
    return np.concatenate(sides)


def exhibits(mixture: Mixture, account: Account, shown: Sequence[Portrait], text: Encoded) -> Iterator[Exhibit]:
    """Yield all exhibits of a mixture."""
    if len(text):
        yield _worked(mixture, account, text)
    if account.without:
        yield _gains(account)
    if account.by_count and len(account.names) > 1:
        yield _when(account)
    if len(account.names) > 1:
        for ids in readable(text, SENTENCES):
            yield _who(mixture, account, Encoded.from_documents([ids], text.vocabulary))
    if shown:
        yield _classes(shown, text)


def _worked(mixture: Mixture, account: Account, text: Encoded) -> WorkedEquation:
    """Work the equation out for a token in the first sentence, the third if there are so many."""
    at = min(2, int(text.ends[text.ends > 0][0]) - 1)
    probabilities, shares = (x[:, 0] for x in mixture.members_at(text, np.array([at])))
    word, before = text.vocabulary[int(text.ids[at])], " ".join(text.vocabulary[int(i)] for i in text.ids[:at])
    shown: list[tuple[str, float]] = []
    for member, p, share in zip(account.names, probabilities, shares, strict=True):
        shown += [(f"λ: the weight of '{member}' here", float(share)), (f"P({word}) says '{member}'", float(p))]
    shown.append((f"P({word} | {before or '<s>'})", float(probabilities @ shares)))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}' after '{before or '<s>'}'.",
        equation=_EQUATION,
        saying=_SAYING,
        lines=tuple(shown),
    )


def _gains(account: Account) -> Bars:
    return Bars(
        title="What each member gains",
        note="By how much the perplexity on valid would rise without it, the others sharing its weight"
        f" (with all of them it is {account.perplexity:.1f}).",
        labels=account.names,
        values=tuple(p - account.perplexity for p in account.without),
        unit="perplexity on valid",
    )


def _when(account: Account) -> Heatmap:
    return Heatmap(
        title="Who is trusted when",
        note="The mean weights on valid, by how often train saw the last two words (counted as the model counts:"
        " after how many different words).",
        rows=account.counts,
        columns=account.names,
        panels=("weight",),
        values=(account.by_count,),
        row_axis="the last two words were seen",
        column_axis="member",
    )


def _who(mixture: Mixture, account: Account, text: Encoded) -> Heatmap:
    probabilities, shares = mixture.members_at(text, np.arange(len(text)))
    parts = probabilities * shares
    parts /= parts.sum(0)
    return Heatmap(
        title="Who guessed it",
        note="The part of each token's probability that comes from each member.",
        rows=account.names,
        columns=tuple(text.vocabulary[int(i)] for i in text.ids),
        panels=("share",),
        values=(tuple(tuple(float(x) for x in line) for line in parts),),
        row_axis="member",
        column_axis="token",
    )


def _classes(shown: Sequence[Portrait], text: Encoded) -> Neighbours:
    def words(ids: Sequence[int]) -> tuple[str, ...]:
        return tuple(text.vocabulary[i] for i in ids)

    return Neighbours(
        title="Some of its classes",
        note="The most frequent words of classes that it found by itself, and how alike they stand to the first word"
        " of the class: the cosine of the counts of the classes beside them.",
        words=words([p.words[0] for p in shown]),
        neighbours=tuple(words(p.words[1:]) for p in shown),
        similarities=tuple(p.cosines[1:] for p in shown),
    )
