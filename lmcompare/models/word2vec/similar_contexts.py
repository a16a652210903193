"""What word vectors add to counts: words foreseen after contexts that are like others, and the same as none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lmcompare.exhibits import Bars, Exhibit, Neighbours
from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    from lmcompare.models.word2vec.plugin import Word2VecBow

BoolArray = npt.NDArray[np.bool_]

LOOKED_AT = 2000  # tokens of valid
CONTEXTS = 200  # of a word in train that are compared
POOL = 2000  # contexts of train at random, from which as many are taken
SHOWN, NEAR = 8, 3  # words, and contexts of each
KNOWN = 5  # a word shown was seen as often in train


@dataclass(frozen=True)
class Foreseen:
    """A word that came next and was made likelier: from ``frequency`` to ``probability``.

    ``near``: the contexts in train that it followed and that are nearest, with their ``cosines``, falling.
    """

    context: str
    word: str
    frequency: float
    probability: float
    near: tuple[str, ...]
    cosines: tuple[float, ...]


@dataclass(frozen=True)
class Account:
    """How many tokens of valid were ``looked_at``; ``unseen``, of these: that never followed the word before them in
    train; ``likelier``, of these: to which the model gives more than their frequency, by ``gain`` bits on average; to
    the others it gives ``loss`` bits less. ``compared`` and ``similar``, of the likelier, of the others, and of both
    with contexts exchanged: those that in train followed contexts without a word in common, and of which one was
    nearer than any of as many contexts of other words at random. JSON-able.
    """

    looked_at: int = 0
    unseen: int = 0
    likelier: int = 0
    gain: float = 0.0
    loss: float = 0.0
    compared: tuple[int, ...] = (0, 0, 0)
    similar: tuple[int, ...] = (0, 0, 0)
    examples: tuple[Foreseen, ...] = ()

    @property
    def others(self) -> int:
        """How many were not made likelier."""
        return self.unseen - self.likelier

    @property
    def net(self) -> float:
        """Bits a word by which the unseen are likelier than their frequency, on average."""
        return (self.likelier * self.gain - self.others * self.loss) / max(self.unseen, 1)

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Self:
        """Return the account that was stored; an empty one for a table that knows no losses."""
        if "loss" not in table:
            return cls()
        lists = {name: tuple(table[name]) for name in ("compared", "similar")}
        tables: list[dict[str, Any]] = [
            {key: tuple(value) if isinstance(value, list | tuple) else value for key, value in one.items()}
            for one in table.get("examples", ())
        ]
        return cls(**{**table, **lists, "examples": tuple(Foreseen(**one) for one in tables)})


def account(model: Word2VecBow, train: Encoded, valid: Encoded, seed: int) -> Account:
    """Look at up to ``LOOKED_AT`` words of valid, evenly spread; unknown words and sentence ends are passed over."""
    known = np.flatnonzero((valid.ids != valid.vocabulary.end) & (valid.ids != valid.vocabulary.unknown))
    if not (len(known) and len(train)):
        return Account()
    at: IntArray = _spread(known, LOOKED_AT)
    types = len(train.vocabulary)
    windows = _windows(valid, at, model.window)
    before = train.ids.astype(np.int64)[:-1]
    pairs = np.unique(before * types + train.ids[1:])
    last = np.where(windows[:, -1] == types, train.vocabulary.end, windows[:, -1])
    unseen = ~np.isin(last * types + valid.ids[at], pairs)
    counts = np.bincount(train.ids, minlength=types)
    frequency = (counts + 1.0) / (counts.sum() + types)
    at, windows = at[unseen], windows[unseen]
    words = valid.ids[at]
    gains = model.log_probs_at(valid, at) - np.log(frequency[words])
    better = gains > 0
    searcher = _Searcher(model, train, seed)
    found = [searcher.nearest(window, int(word)) for window, word in zip(windows, words, strict=True)]
    exchanged = [  # every word with the context of another, far from it
        searcher.nearest(window, int(word))
        for window, word in zip(np.roll(windows, len(words) // 2, 0), words, strict=True)
    ]
    groups = (
        [near for near, likelier in zip(found, better, strict=True) if likelier],
        [near for near, likelier in zip(found, better, strict=True) if not likelier],
        exchanged,
    )
    examples: list[Foreseen] = []
    for k in np.argsort(-gains, kind="stable"):
        near, word = found[k], int(words[k])
        if not (better[k] and near is not None and near.nearer and counts[word] >= KNOWN) or len(examples) == SHOWN:
            continue
        examples.append(
            Foreseen(
                context=searcher.text(windows[k]),
                word=train.vocabulary[word],
                frequency=float(frequency[word]),
                probability=float(np.exp(gains[k]) * frequency[word]),
                near=tuple(searcher.text(w) for w in _windows(train, near.places, model.window)),
                cosines=tuple(float(c) for c in near.cosines),
            )
        )
    bits = gains / np.log(2)
    return Account(
        looked_at=len(unseen),
        unseen=len(at),
        likelier=int(better.sum()),
        gain=float(bits[better].mean()) if better.any() else 0.0,
        loss=float(-bits[~better].mean()) if not better.all() else 0.0,
        compared=tuple(sum(near is not None for near in group) for group in groups),
        similar=tuple(sum(near is not None and near.nearer for near in group) for group in groups),
        examples=tuple(examples),
    )


def exhibits(found: Account) -> list[Exhibit]:
    """Return what was gained and lost, how often a context was similar, and examples; nothing if none was counted."""
    if not found.unseen:
        return []
    drawn: list[Exhibit] = [
        Bars(
            title="Foreseen by likeness",
            note=f"{found.unseen:,} of {found.looked_at:,} words of valid came after a word that they never followed"
            " in train: counts of pairs know nothing of them but how frequent they are. By how much the model made"
            " them likelier than that on average, or less likely.",
            labels=(
                f"made likelier ({found.likelier:,})",
                f"made less likely ({found.others:,})",
                f"all {found.unseen:,}, net",
            ),
            values=(found.gain, -found.loss, found.net),
            unit="bits a word",
        )
    ]
    similar, compared = (_with_both(counts) for counts in (found.similar, found.compared))
    rows = [(label, 100 * few / many) for label, few, many in zip(_GROUPS, similar, compared, strict=True) if many]
    if rows:
        drawn.append(
            Bars(
                title="How often a context was similar",
                note="How many of these words followed, in train, a context with no word in common that lies nearer"
                " to theirs, by the vectors, than any of as many contexts of other words at random. With the"
                " contexts exchanged among the words it shows how often that is so by chance.",
                labels=tuple(label for label, _ in rows),
                values=tuple(share for _, share in rows),
                unit="% of the words",
            )
        )
    if found.examples:
        drawn.append(
            Neighbours(
                title="Which contexts were alike",
                note=f"The {len(found.examples)} that gained most of the words made likelier after a similar context,"
                " with their frequency and the probability they got; and, by cosine, the contexts that they did"
                " follow in train, none of which shares a word with theirs.",
                words=tuple(
                    f"{one.context} … {one.word} ({_percent(one.frequency)} → {_percent(one.probability)})"
                    for one in found.examples
                ),
                neighbours=tuple(one.near for one in found.examples),
                similarities=tuple(one.cosines for one in found.examples),
            )
        )
    return drawn


_GROUPS = ("made likelier", "made less likely", "both", "both, exchanged")


def _with_both(counts: tuple[int, ...]) -> tuple[int, ...]:
    likelier, less, exchanged = counts
    return likelier, less, likelier + less, exchanged


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


@dataclass(frozen=True, eq=False)
class _Near:
    """The ``places`` in train where a word followed the nearest contexts, and their ``cosines``; ``nearer``: whether
    the nearest is nearer than all of as many contexts of other words at random.
    """

    places: IntArray
    cosines: FloatArray
    nearer: bool


class _Searcher:
    """Finds, for a word, the contexts of train that are like a given one."""

    def __init__(self, model: Word2VecBow, train: Encoded, seed: int) -> None:
        self.model, self.train = model, train
        self.order = np.argsort(train.ids, kind="stable")  # positions word by word
        self.edges = np.searchsorted(train.ids[self.order], np.arange(len(train.vocabulary) + 1))
        random = np.random.default_rng([seed, 31])
        pool = random.permutation(len(train))[:POOL]
        self.pool, self.pool_words = _windows(train, pool, model.window), train.ids[pool]
        self.pool_means = self._means(self.pool)

    def nearest(self, window: IntArray, word: int) -> _Near | None:
        """Return where in train the word followed the contexts nearest to this one; None if it followed none.

        Contexts with a word in common are left out, of those at random too.
        """
        places: IntArray = self.order[self.edges[word] : self.edges[word + 1]]
        if not len(places):
            return None
        places = _spread(places, CONTEXTS)
        windows = _windows(self.train, places, self.model.window)
        apart = self._apart(windows, window)
        places, windows = places[apart], windows[apart]
        others = self.pool_means[self._apart(self.pool, window) & (self.pool_words != word)][: len(places)]
        if not len(places):
            return None
        mean = self._means(window[None])[0]
        cosines = self._means(windows) @ mean
        nearer = not len(others) or bool(cosines.max() > (others @ mean).max())
        order = np.argsort(-cosines, kind="stable")
        different = np.unique(windows[order], axis=0, return_index=True)[1]  # the first of those that are the same
        best = order[np.sort(different)[:NEAR]]
        return _Near(places[best], np.clip(cosines[best], -1.0, 1.0), nearer)

    def text(self, window: IntArray) -> str:
        """Return the words that the bag holds."""
        vocabulary = self.train.vocabulary
        seen = self._seen(window[None])[0]
        return " ".join(
            "<s>" if i == len(vocabulary) else vocabulary[int(i)]
            for i, there in zip(window, seen, strict=True)
            if there
        )

    def _means(self, windows: IntArray) -> FloatArray:
        """Return the (n, d) vectors of the bags, of length 1."""
        means = self.model.bags(windows)
        unit: FloatArray = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit

    def _apart(self, windows: IntArray, window: IntArray) -> BoolArray:
        """Return which (n, W) windows have no word in common with one."""
        mine = window[self._seen(window[None])[0]]
        shared = np.isin(windows, mine) & self._seen(windows)
        apart: BoolArray = np.logical_not(shared.any(axis=1))
        return apart

    def _seen(self, windows: IntArray) -> BoolArray:
        """Return which inputs of (n, W) windows are in the bag: those behind the last sentence end, and it."""
        there: BoolArray = windows >= 0
        if self.model.across:
            return there
        ends: BoolArray = (windows == self.train.vocabulary.end) | (windows == len(self.train.vocabulary))
        after = np.cumsum(ends[:, ::-1], 1)[:, ::-1]  # sentence ends from here on
        seen: BoolArray = there & ((after == 0) | (ends & (after == 1)))
        return seen


def _spread(places: IntArray, most: int) -> IntArray:
    """Return at most so many of one or more places, evenly spread."""
    chosen: IntArray = places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(np.int64)]
    return chosen


def _windows(text: Encoded, at: IntArray, window: int) -> IntArray:
    """Return (n, W) the inputs before each position: ids, V for the document's beginning, -1 where there is none."""
    starts = text.context_starts(at)
    places = at[:, None] + np.arange(-window, 0)  # of the words that are the inputs
    ids: IntArray = text.ids[np.clip(places, 0, None)].astype(np.int64)
    ids[places == starts[:, None] - 1] = len(text.vocabulary)
    ids[places < starts[:, None] - 1] = -1
    return ids
