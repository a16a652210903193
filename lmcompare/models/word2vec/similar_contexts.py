"""Measures what word vectors add to counts: unseen bigrams that similar contexts make more likely, with a control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from lmcompare.exhibits import Bars, Exhibit, Neighbours
from lmcompare.model import FloatArray
from lmcompare.models.word2vec.network import BagNetwork
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

BoolArray = npt.NDArray[np.bool_]

LOOKED_AT = 2000  # words of the validation text
CONTEXTS = 200  # contexts of a word in the training text that are compared
POOL = 2000  # random contexts of the training text, from which the control contexts are taken
SHOWN, NEAR = 6, 3  # words shown, and contexts of each
KNOWN = 5  # the least count in the training text of a word shown

_GROUPS = {  # the elements of ``Account.compared`` and ``similar`` that belong to a bar
    "made more likely": slice(0, 1),
    "made less likely": slice(1, 2),
    "all": slice(0, 2),
    "all, with contexts exchanged": slice(2, 3),
}


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


def exhibits(found: Account) -> list[Exhibit]:
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
        means = self.network.means(windows)
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
        if self.network.across:
            return there
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
