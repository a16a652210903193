"""The exhibits of mixtures: the worked equation, the gain and weights of the members, and the word classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.counts.ngrams import with_starts
from lmcompare.exhibits import Bars, Exhibit, Heatmap, Neighbours, WorkedEquation, latex_lines
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import readable
from lmcompare.models.mixture import word_classes
from lmcompare.models.mixture.mixtures import Mixture, ValidSummary
from lmcompare.tokens import Encoded, IntArray

SHOWN = 14  # classes that are shown
ALIKE = 8  # words of a class, besides its most frequent one
SENTENCES = 2

_EQUATION = latex_lines(
    r"P(w \mid h) &= \sum_i \lambda_i(h)\,P_i(w \mid h)",
    r"P_i(w \mid h) &= P(C(w) \mid h)\,P(w \mid C(w), h)",
)
_SAYING = (
    "Several models predict the word. The weight of each depends on how often its context was seen, and is fitted to"
    " the validation text. A model with classes first predicts the class of the word, which is easier because there"
    " are few classes with many examples, and then the word in its class."
)


@dataclass(frozen=True)
class ClassExample:
    """The most frequent words of a class.

    Parameters
    ----------
    words : tuple of int
        The ids of the words, by descending frequency.
    cosines : tuple of float
        The similarity of each word to the first: the cosine of the counts of the classes beside them.
    """

    words: tuple[int, ...]
    cosines: tuple[float, ...]


def class_examples(classes: IntArray, train: Encoded) -> Iterator[ClassExample]:
    """Yield the classes of at least three words that cover most of the training text."""
    V = len(train.vocabulary)
    counts = np.bincount(train.ids, minlength=V)
    sizes = np.bincount(classes[:V][counts > 0])
    tokens = np.bincount(classes[:V], weights=counts, minlength=len(sizes))
    large = np.flatnonzero(sizes > 2)
    after, before = word_classes.pairs(with_starts(train), V)
    for c in large[np.argsort(-tokens[large], kind="stable")][:SHOWN]:
        members = np.flatnonzero((classes[:V] == c) & (counts > 0))
        top = members[np.argsort(-counts[members], kind="stable")][: ALIKE + 1]
        beside = np.stack([_beside(int(w), classes, after, before) for w in top])
        beside /= np.maximum(np.linalg.norm(beside, axis=1, keepdims=True), 1e-12)
        yield ClassExample(tuple(top.tolist()), tuple(np.clip(beside @ beside[0], -1, 1).tolist()))


def _beside(word: int, classes: IntArray, after: word_classes.Pairs, before: word_classes.Pairs) -> FloatArray:
    """(2K,) how often each class occurs after the word, and before it."""
    width = int(classes.max()) + 1
    sides = []
    for offsets, others, counts in (after, before):
        own = slice(offsets[word], offsets[word + 1])
        sides.append(np.bincount(classes[others[own]], weights=counts[own], minlength=width))
    return np.concatenate(sides)


def exhibits(
    mixture: Mixture, summary: ValidSummary, shown: Sequence[ClassExample], text: Encoded
) -> Iterator[Exhibit]:
    """Yield the exhibits of a mixture for the example sentences in ``text``."""
    if len(text):
        yield _worked(mixture, summary, text)
    if summary.without:
        yield _gains(summary)
    if summary.by_count and len(summary.names) > 1:
        yield _weights_by_count(summary)
    if len(summary.names) > 1:
        for ids in readable(text, SENTENCES):
            yield _shares(mixture, summary, Encoded.from_documents([ids], text.vocabulary))
    if shown:
        yield _classes(shown, text)


def _worked(mixture: Mixture, summary: ValidSummary, text: Encoded) -> WorkedEquation:
    """Work the equation for the third token of the first document, or its last one if it is shorter."""
    at = min(2, int(text.ends[text.ends > 0][0]) - 1)
    probabilities, shares = (x[:, 0] for x in mixture.members_at(text, np.array([at])))
    word, before = text.vocabulary[int(text.ids[at])], " ".join(text.vocabulary[int(i)] for i in text.ids[:at])
    shown: list[tuple[str, float]] = []
    for member, p, share in zip(summary.names, probabilities, shares, strict=True):
        shown += [(f"λ: the weight of '{member}' here", float(share)), (f"P({word}) by '{member}'", float(p))]
    shown.append((f"P({word} | {before or '<s>'})", float(probabilities @ shares)))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}' after '{before or '<s>'}'.",
        equation=_EQUATION,
        saying=_SAYING,
        lines=tuple(shown),
    )


def _gains(summary: ValidSummary) -> Bars:
    return Bars(
        title="The gain from each member",
        note="By how much the validation perplexity rises without the member, whose weight the others then share."
        f" With all members the perplexity is {summary.perplexity:.1f}.",
        labels=summary.names,
        values=tuple(p - summary.perplexity for p in summary.without),
        unit="validation perplexity",
    )


def _weights_by_count(summary: ValidSummary) -> Heatmap:
    return Heatmap(
        title="The weights by how often the context was seen",
        note="The mean weights on the validation text, by the count of the last two words in the training text. This"
        " is the count that the model uses: the sum of its counts of all words that followed the two.",
        rows=summary.counts,
        columns=summary.names,
        panels=("weight",),
        values=(summary.by_count,),
        row_axis="the last two words were seen",
        column_axis="member",
    )


def _shares(mixture: Mixture, summary: ValidSummary, text: Encoded) -> Heatmap:
    probabilities, shares = mixture.members_at(text, np.arange(len(text)))
    parts = probabilities * shares
    parts /= parts.sum(0)
    return Heatmap(
        title="The members that predicted each token",
        note="The share of each token's probability that comes from each member.",
        rows=summary.names,
        columns=tuple(text.vocabulary[int(i)] for i in text.ids),
        panels=("share",),
        values=(tuple(map(tuple, parts.tolist())),),
        row_axis="member",
        column_axis="token",
    )


def _classes(shown: Sequence[ClassExample], text: Encoded) -> Neighbours:
    def words(ids: Sequence[int]) -> tuple[str, ...]:
        return tuple(text.vocabulary[i] for i in ids)

    return Neighbours(
        title="Some of its classes",
        note="Each row is a class that it found in the training text: the most frequent word, then other frequent"
        " words with their similarity to it. Two words are similar if they occur beside the same classes equally"
        " often (by the cosine of these counts).",
        words=words([p.words[0] for p in shown]),
        neighbours=tuple(words(p.words[1:]) for p in shown),
        similarities=tuple(p.cosines[1:] for p in shown),
    )
