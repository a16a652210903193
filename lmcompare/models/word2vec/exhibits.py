"""The exhibits of word2vec-bow: its equation, the effect of word order, similar contexts, neighbours and a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lmcompare.exhibits import Bars, Exhibit, WorkedEquation, latex_lines, latex_text
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import ALONE, BEGINNING
from lmcompare.models.common.vectors import map_exhibit, nearest_known, neighbours_exhibit
from lmcompare.models.word2vec import similar_contexts
from lmcompare.models.word2vec.network import BagNetwork
from lmcompare.models.word2vec.similar_contexts import Account
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

_MEANS = {  # weights: the equation of the mean and its meaning
    "uniform": (
        r"\mathbf{m} &= \frac{1}{n} \sum_{j \in \text{bag}} \mathbf{x}_j",
        "A mean forgets the order of the words: they are a bag.",
    ),
    "decay": (
        r"\mathbf{m} &= \frac{\sum_{k < n} r^k \mathbf{x}_k}{\sum_{k < n} r^k}",
        "A word weighs less the farther back it is, so this is no longer a bag.",
    ),
    "position": (
        r"\mathbf{m} &= \frac{1}{n} \sum_{k < n} \mathbf{p}_k \odot \mathbf{x}_k",
        "Each position in the window has weights of its own, so the order matters: this is no longer a bag.",
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
    "The model takes the mean of the vectors of the last words. If a context never occurs in the training text, this"
    " mean can still be similar to the means of contexts that do, because words that are used alike have similar"
    " vectors. Counts of words cannot do that. x is the vector of a word that was read, and v_w that of a word that"
    " can come next. b_w is a number of that word, which is high for frequent words. "
)


def exhibits(
    model: TorchLanguageModel, network: BagNetwork, origin: str, account: Account, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation, the effect of word order, similar contexts, the nearest words and a map.

    ``origin`` says where the vectors come from.
    """
    vectors = model.word_vectors()
    if len(text):
        # A position in the longest example; its window has words only, if the example is long enough.
        document = int(np.argmax(text.ends - text.starts))
        at = min(int(text.starts[document]) + network.window, int(text.ends[document]) - 1)
        yield _worked(model, network, text, at)
        yield _order(model, network, text, at)
    yield from similar_contexts.exhibits(account)
    yield neighbours_exhibit(
        vectors,
        text,
        f"By the cosine of their vectors in the bag ({origin}): words that occur in similar contexts have"
        " similar vectors.",
    )
    yield from map_exhibit(vectors, text.vocabulary)


def _worked(model: TorchLanguageModel, network: BagNetwork, text: Encoded, at: int) -> WorkedEquation:
    vocabulary = text.vocabulary
    start = int(text.context_starts(np.array([at]))[0])
    words = [vocabulary[int(i)] for i in text.ids[max(start, at - network.window) : at]]
    if at - start < network.window:
        words = [BEGINNING if network.across else vocabulary[vocabulary.end], *words]
    target = int(text.ids[at])
    distribution = model.next_log_probs(text, np.array([at]))[0]
    score, norm, log_z = network.score(text, at, target)
    f = "f" if network.layer is not None else "m"
    guesses = np.argsort(-distribution, kind="stable")[:3]
    given = "bag" if network.weights == "uniform" else "window"
    lines = [
        ("n: words in the window (" + " ".join(words) + ")", float(len(words))),
        *_weights(network, words),
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
        + (f", {ALONE}." if network.across else "."),
        equation=_equation(network.weights, network.layer is not None, given),
        saying=_SAYING + _MEANS[network.weights][1],
        lines=tuple(lines),
    )


def _weights(network: BagNetwork, words: Sequence[str]) -> list[tuple[str, float]]:
    if network.weights == "uniform":
        return [("1/n: the weight of each", 1 / len(words))]
    weights = network.place_weights()[: len(words)]
    if network.weights == "decay":
        shares = [(f"r^{k}, over the sum", float(w / weights.sum())) for k, w in enumerate(weights)]
    else:
        shares = [(f"the size of p_{k}", float(w)) for k, w in enumerate(weights)]
    return [(f"{what}: the weight of '{word}'", w) for (what, w), word in zip(shares, reversed(words), strict=True)]


def _order(model: TorchLanguageModel, network: BagNetwork, text: Encoded, at: int) -> Bars:
    """Compare the distribution with those after the same words in other orders, and after another word."""
    start = int(text.context_starts(np.array([at]))[0])
    before = text.ids[start:at]
    bag = before[max(0, len(before) - network.window) :]
    head = before[: len(before) - len(bag)]
    random = np.random.default_rng(0)
    variants: list[tuple[str, Sequence[int] | IntArray]] = [
        ("reversed", bag[::-1]),
        *((f"shuffled ({k})", random.permutation(bag)) for k in (1, 2, 3)),
    ]
    nearest = nearest_known(model.word_vectors(), text.vocabulary, [int(i) for i in bag[:1]], most=1)[0]
    if nearest and nearest[0]:
        swapped = bag.copy()
        swapped[0] = nearest[0][0]
        variants.append((f"{text.vocabulary[int(bag[0])]} → {text.vocabulary[int(swapped[0])]}", swapped))
    own = _after(model, text, [*head, *bag])
    is_bag = network.weights == "uniform"
    compared = " For comparison, one word is replaced by its nearest word in the bar with the arrow (→)."
    return Bars(
        title="The order of the words does not matter" if is_bag else "How much the order of the words matters",
        note="The words in the window are put in another order, and the model predicts again. A bar shows the"
        f" greatest change of any word's surprisal{': nothing but rounding' if is_bag else ''}."
        + (compared if len(variants) > 4 else ""),
        labels=tuple(label for label, _ in variants),
        values=tuple(
            float(np.abs(_after(model, text, [*head, *bag_]) - own).max() / np.log(2)) for _, bag_ in variants
        ),
        unit="bits",
    )


def _after(model: TorchLanguageModel, text: Encoded, ids: Sequence[int]) -> FloatArray:
    document = Encoded.from_documents([np.asarray(ids, np.int32)], text.vocabulary)
    after: FloatArray = model.next_log_probs(document, np.array([len(document)]))[0].astype(np.float64)
    return after
