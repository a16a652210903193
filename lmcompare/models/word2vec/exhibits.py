"""The exhibits of word2vec-bow: its equation, the effect of word order, similar contexts, neighbours and a map.

Similar contexts are what word vectors add to counts: unseen bigrams that they make more likely, with a control.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from lmcompare.exhibits import Bars, Exhibit, Neighbours, WorkedEquation, latex_lines, latex_text
from lmcompare.model import FloatArray
from lmcompare.models.common.vectors import map_exhibit, nearest_known, neighbours_exhibit
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

if TYPE_CHECKING:
    from lmcompare.models.word2vec.plugin import BagNetwork

BoolArray = npt.NDArray[np.bool_]

LOOKED_AT = 2000  # words of the validation text
CONTEXTS = 200  # contexts of a word in the training text that are compared
POOL = 2000  # random contexts of the training text, from which the control contexts are taken
SHOWN, NEAR = 6, 3  # words shown, and contexts of each
KNOWN = 5  # the least count in the training text of a word shown

OF_WEIGHTS = (
    "word2vec vectors (Mikolov et al. 2013) of the last words, weighted by their position (weights = position) and so"
    " no longer a bag, and a softmax layer that predicts the next."
)
_GROUPS = {  # the elements of ``Account.compared`` and ``similar`` that belong to a bar
    "made more likely": slice(0, 1),
    "made less likely": slice(1, 2),
    "all": slice(0, 2),
    "all, with contexts exchanged": slice(2, 3),
}
_MEANS = {  # weights: the equation of the mean and its meaning
    "uniform": (
        r"\mathbf{m} &= \frac{1}{n} \sum_{j \in \text{bag}} \mathbf{x}_j",
        "A mean forgets the order of the words: they are a bag.",
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
    yield from of_account(account)
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
        words = [vocabulary[vocabulary.end], *words]
    target = int(text.ids[at])
    distribution = model.next_log_probs(text, np.array([at]))[0]
    score, norm, log_z = _score(network, text, at, target)
    weights = "uniform" if network.places is None else "position"
    f = "f" if network.layer is not None else "m"
    guesses = np.argsort(-distribution, kind="stable")[:3]
    given = "bag" if network.places is None else "window"
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
        note=f"With the trained model's numbers for '{vocabulary[target]}' after '{' '.join(words)}'.",
        equation=_equation(weights, network.layer is not None, given),
        saying=_SAYING + _MEANS[weights][1],
        lines=tuple(lines),
    )


def _weights(network: BagNetwork, words: Sequence[str]) -> list[tuple[str, float]]:
    """Return the lines with the weight of each word; that of a position is the root mean square of its vector."""
    if network.places is None:
        return [("1/n: the weight of each", 1 / len(words))]
    sizes = [float(network.weight(back).detach().square().mean().sqrt()) for back in range(len(words))]
    return [(f"the size of p_{k}: the weight of '{word}'", sizes[k]) for k, word in enumerate(reversed(words))]


@torch.no_grad()
def _score(network: BagNetwork, text: Encoded, at: int, target: int) -> tuple[float, float, float]:
    """Return v · f + b of a word at a position of a text, ‖m‖, and log Σ exp of v · f + b of all words."""
    start = int(text.context_starts(np.array([at]))[0])
    inputs = network.inputs(text.ids[start:at])  # (1, T)
    mean = network.bag(inputs, None)[0][0, -1]  # (d,)
    features = network(inputs, None)[0][0, -1]  # (H,)
    logits = network.head.bias + network.head.table[: network.head.types] @ features  # (V,)
    return float(logits[target]), float(mean.norm()), float(logits.logsumexp(0))


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
    is_bag = network.places is None
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


@dataclass(frozen=True)
class Example:
    """A word after an unseen context whose probability a similar context raised.

    Parameters
    ----------
    context, word : str
        The context and the word that followed it.
    frequency, probability : float
        The word's relative frequency in the training text, and its probability by the model.
    near : sequence of str
        The nearest contexts that the word followed in the training text.
    cosines : sequence of float
        Their cosines with the context, falling.
    """

    context: str
    word: str
    frequency: float
    probability: float
    near: Sequence[str]
    cosines: Sequence[float]


@dataclass(frozen=True)
class Account:
    """Counts of words of the validation text that are predicted from similar contexts. JSON-able.

    Parameters
    ----------
    looked_at : int, default=0
        The words that were looked at.
    unseen : int, default=0
        The words among them that never follow the previous word in the training text.
    raised : int, default=0
        The unseen words to which the model gives more than their relative frequency.
    gain, loss : float, default=0.0
        The mean gain in bits of the raised words, and the mean loss in bits of the other unseen words.
    compared : (int, int, int), default=(0, 0, 0)
        The words that follow, in the training text, a context without a word in common with theirs: among the
        raised words, among the others, and among both with contexts exchanged (the control).
    similar : (int, int, int), default=(0, 0, 0)
        The words among them for which such a context is nearer than any of as many random contexts of other words.
    examples : sequence of Example, default=()
        The raised words with the greatest gains.
    """

    looked_at: int = 0
    unseen: int = 0
    raised: int = 0
    gain: float = 0.0
    loss: float = 0.0
    compared: Sequence[int] = (0, 0, 0)
    similar: Sequence[int] = (0, 0, 0)
    examples: Sequence[Example] = ()

    @property
    def others(self) -> int:
        """The unseen words that were not made more likely."""
        return self.unseen - self.raised

    @property
    def net(self) -> float:
        """The mean gain of the unseen words over their relative frequency, in bits per word."""
        return (self.raised * self.gain - self.others * self.loss) / max(self.unseen, 1)


def account(model: TorchLanguageModel, network: BagNetwork, train: Encoded, valid: Encoded, seed: int) -> Account:
    """Return the counts over up to ``LOOKED_AT`` evenly spaced words of the validation text.

    Unknown words and sentence ends are left out. ``seed`` decides which random contexts are compared.
    """
    known = np.flatnonzero(~np.isin(valid.ids, valid.vocabulary.special))
    if not (len(known) and len(train)):
        return Account()
    at: IntArray = _spread(known, LOOKED_AT)
    types = len(train.vocabulary)
    windows = _windows(valid, at, network.window)
    before = train.ids.astype(np.int64)[:-1]
    pairs = np.sort(before * types + train.ids[1:])
    last = np.where(windows[:, -1] == types, train.vocabulary.end, windows[:, -1])
    asked = last * types + valid.ids[at]
    unseen = np.searchsorted(pairs, asked, "right") == np.searchsorted(pairs, asked)
    counts = np.bincount(train.ids, minlength=types)
    frequency = (counts + 1.0) / (counts.sum() + types)
    at, windows = at[unseen], windows[unseen]
    words = valid.ids[at]
    gains = model.log_probs_at(valid, at) - np.log(frequency[words])
    better = gains > 0
    searcher = _Searcher(network, train, seed)

    def nearest(windows: IntArray) -> list[_Near | None]:
        return [searcher.nearest(window, int(word)) for window, word in zip(windows, words, strict=True)]

    found = nearest(windows)
    groups = (
        [near for near, raised in zip(found, better, strict=True) if raised],
        [near for near, raised in zip(found, better, strict=True) if not raised],
        nearest(np.roll(windows, len(words) // 2, 0)),  # the control: every word with the context of another one
    )
    shown = (
        (k, near)
        for k in np.argsort(-gains, kind="stable")
        if better[k] and (near := found[k]) is not None and near.nearer and counts[words[k]] >= KNOWN
    )
    examples = [
        Example(
            context=searcher.text(windows[k]),
            word=train.vocabulary[int(words[k])],
            frequency=float(frequency[words[k]]),
            probability=float(np.exp(gains[k]) * frequency[words[k]]),
            near=[searcher.text(window) for window in _windows(train, near.places, network.window)],
            cosines=near.cosines.tolist(),
        )
        for k, near in islice(shown, SHOWN)
    ]
    bits = gains / np.log(2)
    return Account(
        looked_at=len(unseen),
        unseen=len(at),
        raised=int(better.sum()),
        gain=float(bits[better].mean()) if better.any() else 0.0,
        loss=float(-bits[~better].mean()) if not better.all() else 0.0,
        compared=[sum(near is not None for near in group) for group in groups],
        similar=[sum(near is not None and near.nearer for near in group) for group in groups],
        examples=examples,
    )


def stored(measured: Mapping[str, Any]) -> Account:
    """Return the account that was stored as JSON values; an empty one if there are none."""
    return Account(**{**measured, "examples": [Example(**one) for one in measured.get("examples", ())]})


def of_account(found: Account) -> list[Exhibit]:
    """Return gains and losses, how often a context was similar, and examples; nothing if no word was unseen."""
    if not found.unseen:
        return []
    drawn: list[Exhibit] = [
        Bars(
            title=f"Pairs of words never seen: {abs(found.net):.2f} bits per word"
            f" {'better' if found.net > 0 else 'worse'} than word frequencies",
            note=f"{found.unseen:,} of {found.looked_at:,} words of the validation text never follow, in the training"
            " text, the word before them. Counts of word pairs can then predict only the frequency of the word. The"
            " bars compare the model with this frequency: above 0, it gave the words a higher probability, below 0 a"
            " lower one (mean over the words).",
            labels=(
                f"made more likely ({found.raised:,})",
                f"made less likely ({found.others:,})",
                f"all {found.unseen:,}, net",
            ),
            values=(found.gain, -found.loss, found.net),
            unit="bits per word",
        )
    ]
    rows = [
        (label, 100 * sum(found.similar[part]) / sum(found.compared[part]))
        for label, part in _GROUPS.items()
        if sum(found.compared[part])
    ]
    if rows:
        drawn.append(
            Bars(
                title="How often a context was similar",
                note="How many words of the validation text come after a context that is similar to a context of the"
                " same word in the training text. Only contexts without a common word are compared. A context is"
                " similar if the cosine of the two vectors is greater than with any of as many random contexts of"
                " other words. In the last row, each word has the context of another word: this row shows how"
                " often contexts are similar by chance.",
                labels=tuple(label for label, _ in rows),
                values=tuple(share for _, share in rows),
                unit="% of the words",
            )
        )
    if found.examples:
        drawn.append(
            Neighbours(
                title="Which contexts were similar",
                note="The words that have a similar context and gained most. Left: the context, the word that came"
                " next, and how its probability rose: from its frequency to the probability that the model gave it."
                " Right: the most similar contexts before the same word in the training text, each with the cosine."
                " They have no word in common with the context on the left.",
                words=tuple(
                    f"{one.context} … {one.word} ({_percent(one.frequency)} → {_percent(one.probability)})"
                    for one in found.examples
                ),
                neighbours=tuple(tuple(one.near) for one in found.examples),
                similarities=tuple(tuple(one.cosines) for one in found.examples),
            )
        )
    return drawn


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


@dataclass(frozen=True, eq=False)
class _Near:
    """The ``places`` in the training text where a word follows the nearest contexts, and their ``cosines``.

    ``nearer``: whether the nearest is nearer than all of as many random contexts of other words.
    """

    places: IntArray
    cosines: FloatArray
    nearer: bool


class _Searcher:
    """Finds the contexts of a word in the training text that are similar to a given context."""

    def __init__(self, network: BagNetwork, train: Encoded, seed: int) -> None:
        self.network, self.train = network, train
        self.order = np.argsort(train.ids, kind="stable")  # positions, sorted by word
        self.edges = np.searchsorted(train.ids[self.order], np.arange(len(train.vocabulary) + 1))
        random = np.random.default_rng([seed, 31])
        pool = random.permutation(len(train))[:POOL]
        self.pool, self.pool_words = _windows(train, pool, network.window), train.ids[pool]
        self.pool_means = self._means(self.pool)

    def nearest(self, window: IntArray, word: int) -> _Near | None:
        """Return where in the training text the word follows the contexts nearest to this one; None if nowhere.

        Contexts with a word in common are left out, also among the random ones.
        """
        places: IntArray = self.order[self.edges[word] : self.edges[word + 1]]
        if not len(places):
            return None
        places = _spread(places, CONTEXTS)
        windows = _windows(self.train, places, self.network.window)
        apart = self._apart(windows, window)
        places, windows = places[apart], windows[apart]
        others = self.pool_means[self._apart(self.pool, window) & (self.pool_words != word)][: len(places)]
        if not len(places):
            return None
        mean = self._means(window[None])[0]
        cosines = self._means(windows) @ mean
        nearer = not len(others) or bool(cosines.max() > (others @ mean).max())
        order = np.argsort(-cosines, kind="stable")
        different = np.unique(windows[order], axis=0, return_index=True)[1]  # the first of equal windows
        best = order[np.sort(different)[:NEAR]]
        return _Near(places[best], np.clip(cosines[best], -1.0, 1.0), nearer)

    def text(self, window: IntArray) -> str:
        """Return the words in the bag."""
        vocabulary = self.train.vocabulary
        seen = self._seen(window[None])[0]
        return " ".join(
            "<s>" if i == len(vocabulary) else vocabulary[int(i)]
            for i, there in zip(window, seen, strict=True)
            if there
        )

    def _means(self, windows: IntArray) -> FloatArray:
        """Return the (n, d) mean vectors of the bags, scaled to length 1."""
        means = means_of(self.network, windows)
        unit: FloatArray = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit

    def _apart(self, windows: IntArray, window: IntArray) -> BoolArray:
        """Return (n,): which of the (n, W) windows have no word in common with a window."""
        mine = window[self._seen(window[None])[0]]
        shared = np.isin(windows, mine) & self._seen(windows)
        apart: BoolArray = np.logical_not(shared.any(axis=1))
        return apart

    def _seen(self, windows: IntArray) -> BoolArray:
        """Return (n, W): which inputs of the windows are in the bag, from the last sentence end on."""
        there: BoolArray = windows >= 0
        ends: BoolArray = (windows == self.train.vocabulary.end) | (windows == len(self.train.vocabulary))
        after = np.cumsum(ends[:, ::-1], 1)[:, ::-1]  # sentence ends from here on
        seen: BoolArray = there & ((after == 0) | (ends & (after == 1)))
        return seen


def _spread(places: IntArray, most: int) -> IntArray:
    """Return at most ``most`` of one or more places, evenly spaced."""
    chosen: IntArray = places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(np.int64)]
    return chosen


def _windows(text: Encoded, at: IntArray, window: int) -> IntArray:
    """Return (n, W): the inputs before each position; V is the document's beginning, -1 no input."""
    starts = text.context_starts(at)
    places = at[:, None] + np.arange(-window, 0)  # the positions of the input words
    ids: IntArray = text.ids[np.clip(places, 0, None)].astype(np.int64)
    ids[places == starts[:, None] - 1] = len(text.vocabulary)
    ids[places < starts[:, None] - 1] = -1
    return ids


@torch.no_grad()
def means_of(network: BagNetwork, windows: IntArray) -> FloatArray:
    """Return the mean vectors (n, d) of windows of inputs, (n, W), which ``_windows`` makes."""
    inputs = torch.from_numpy(windows).to(network.head.bias.device)
    memory = {"words": inputs[:, :-1].clamp(min=0), "filled": (inputs[:, :-1] >= 0).sum(1)}
    means: FloatArray = network.bag(inputs[:, -1:], memory)[0][:, 0].cpu().numpy()
    return means


def of_ready_vectors(path: str, train: Encoded, found: BoolArray) -> str:
    """Return the note on vectors from a file."""
    tokens = found[train.ids].mean() if len(train) else 0.0
    return (
        f"Began with the vectors of {Path(path).name}, which have read other text: {found.sum():,} of"
        f" {len(found):,} types ({tokens:.0%} of train's tokens) have a vector there; others began at zero."
    )
