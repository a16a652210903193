"""How word vectors in a bag explain themselves: neighbours, a map, the equation, and that order does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.exhibits import Bars, Exhibit, WorkedEquation, latex_lines, latex_text
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import ALONE, BEGINNING
from lmcompare.models.common.vectors import map_exhibit, neighbours, neighbours_exhibit
from lmcompare.models.word2vec import similar_contexts
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    from lmcompare.models.word2vec.plugin import Word2VecBow

_MEANS = {  # by weights: the equation and what it means
    "uniform": (
        r"\mathbf{m} &= \frac{1}{n} \sum_{j \in \text{bag}} \mathbf{x}_j",
        "What the bag forgets is their order.",
    ),
    "decay": (
        r"\mathbf{m} &= \frac{\sum_{k < n} r^k \mathbf{x}_k}{\sum_{k < n} r^k}",
        "The farther back a word stands, the less it weighs: it is no longer a bag.",
    ),
    "position": (
        r"\mathbf{m} &= \frac{1}{n} \sum_{k < n} \mathbf{p}_k \odot \mathbf{x}_k",
        "Each place in the window has weights of its own, and it matters where a word stands: it is no longer a bag.",
    ),
}


def _equation(weights: str, hidden: bool, given: str) -> str:
    features = r"\mathbf{f}" if hidden else r"\mathbf{m}"

    def score(word: str) -> str:
        return rf"\exp(\mathbf{{v}}_{word} \cdot {features} + b_{word})"

    return latex_lines(
        _MEANS[weights][0],
        *([r"\mathbf{f} &= \tanh(\mathbf{A} \mathbf{m} + \mathbf{a})"] if hidden else []),
        rf"P(w \mid {latex_text(given)}) &= \frac{{{score('w')}}}{{\sum_u {score('u')}}}",
    )


_SAYING = (
    "Throw the last words together and take the mean of their vectors. A context never seen in training is near"
    " to contexts that were, because words used alike have vectors that lie near each other: that is what counts of"
    " words cannot do. "
)


def exhibits(model: Word2VecBow, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, the test of order, the nearest words and a map."""
    vectors = model.word_vectors()
    assert vectors is not None
    if len(text):
        at = _position(text, model.window)
        yield _worked(model, text, at)
        yield _order(model, text, at)
    yield from similar_contexts.exhibits(model.account())
    yield neighbours_exhibit(
        vectors,
        text,
        f"By the cosine of their vectors in the bag, {_origin(model)}: words that occur in like company lie near each"
        " other.",
    )
    drawn = map_exhibit(vectors, text.vocabulary)
    if drawn is not None:
        yield drawn


def _origin(model: Word2VecBow) -> str:
    made = "word2vec's" if model.vectors is None else "those it was given"
    return f"{made}, trained on with the softmax" if model.tune else made


def _position(text: Encoded, window: int) -> int:
    """Return a position of the longest example whose window holds words only, if there is one."""
    lengths = text.ends - text.starts
    document = int(np.argmax(lengths))
    start = int(text.starts[document])
    return start + min(window, int(lengths[document]) - 1)


def _worked(model: Word2VecBow, text: Encoded, at: int) -> WorkedEquation:
    vocabulary = text.vocabulary
    start = int(text.context_starts(np.array([at]))[0])
    words = [vocabulary[int(i)] for i in text.ids[max(start, at - model.window) : at]]
    if at - start < model.window:
        words = [BEGINNING if model.across else vocabulary[vocabulary.end], *words]
    target = int(text.ids[at])
    distribution = model.next_log_probs(text, np.array([at]))[0]
    score, norm, log_z = model.scores(text, at, target)
    f = "f" if model.hidden else "m"
    guesses = np.argsort(-distribution, kind="stable")[:3]
    given = "bag" if model.weights == "uniform" else "window"
    lines = [
        ("n: words in the window (" + " ".join(words) + ")", float(len(words))),
        *_weights(model, words),
        ("‖m‖: the length of their mean", norm),
        (f"v·{f} + b: the score of '{vocabulary[target]}', which came next", score),
        ("log Σ exp: of the scores of all words", log_z),
        *(
            (f"P({vocabulary[int(i)]} | {given})", float(np.exp(distribution[i])))
            for i in guesses
            if int(i) != target
        ),
        (f"P({vocabulary[target]} | {given})", float(np.exp(distribution[target]))),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{vocabulary[target]}' after '{' '.join(words)}'"
        + (f", {ALONE}." if model.across else "."),
        equation=_equation(model.weights, model.hidden > 0, given),
        saying=_SAYING + _MEANS[model.weights][1],
        lines=tuple(lines),
    )


def _weights(model: Word2VecBow, words: Sequence[str]) -> list[tuple[str, float]]:
    if model.weights == "uniform":
        return [("1/n: the weight of each", 1 / len(words))]
    weights = model.place_weights()[: len(words)]
    if model.weights == "decay":
        shares = [(f"r^{k}, over the sum", float(w / weights.sum())) for k, w in enumerate(weights)]
    else:
        shares = [(f"the size of p_{k}", float(w)) for k, w in enumerate(weights)]
    return [(f"{what}: the weight of '{word}'", w) for (what, w), word in zip(shares, reversed(words), strict=True)]


def _order(model: Word2VecBow, text: Encoded, at: int) -> Bars:
    """Compare the distribution with those after the same bag in other orders, and after another bag."""
    start = int(text.context_starts(np.array([at]))[0])
    before = text.ids[start:at]
    bag = before[max(0, len(before) - model.window) :]
    head = before[: len(before) - len(bag)]
    random = np.random.default_rng(0)
    vectors = model.word_vectors()
    assert vectors is not None
    variants: list[tuple[str, Sequence[int] | IntArray]] = [
        ("reversed", bag[::-1]),
        *((f"shuffled ({k})", random.permutation(bag)) for k in (1, 2, 3)),
    ]
    nearest = neighbours(vectors, text.vocabulary, [int(i) for i in bag[:1]], most=1)[0]
    if nearest and nearest[0]:
        swapped = bag.copy()
        swapped[0] = nearest[0][0]
        variants.append((f"{text.vocabulary[int(bag[0])]} → {text.vocabulary[int(swapped[0])]}", swapped))
    own = _after(model, text, [*head, *bag])
    is_bag = model.weights == "uniform"
    return Bars(
        title="The order of the words does not matter" if is_bag else "How much the order of the words matters",
        note="How much the log-probability of any word changes at most when the words in the window are put in"
        f" another order{': by nothing but rounding' if is_bag else ''}. One word replaced by its nearest (→) shows"
        " the scale.",
        labels=tuple(label for label, _ in variants),
        values=tuple(float(np.abs(_after(model, text, [*head, *bag_]) - own).max()) for _, bag_ in variants),
        unit="nats",
    )


def _after(model: Word2VecBow, text: Encoded, ids: Sequence[int]) -> FloatArray:
    document = Encoded.from_documents([np.asarray(ids, np.int32)], text.vocabulary)
    after: FloatArray = model.next_log_probs(document, np.array([len(document)]))[0].astype(np.float64)
    return after
