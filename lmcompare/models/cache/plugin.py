"""A cache over another model: words that occurred in a document are likely to occur again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.exhibits.exhibit import built
from lmcompare.model import (
    HIGHEST_ORDER,
    FloatArray,
    Idea,
    PageCopy,
    Setting,
    State,
    Stepper,
    Traits,
    check_whole,
    fitted,
)
from lmcompare.models.cache import estimator as caches
from lmcompare.models.cache import exhibits as cache_exhibits
from lmcompare.models.cache.estimator import Cache, Chain, Past
from lmcompare.models.cache.exhibits import ValidSummary
from lmcompare.models.common.gates import Gate
from lmcompare.models.common.over_base import OverOne, extended
from lmcompare.tokens import Encoded, IntArray, Vocabulary

SHORTEST, LONGEST = 0.1, 1e9  # half-lives in tokens whose decay a float can distinguish from 0 and 1


class CacheModel(OverOne):
    """Adds a memory to another model: n-grams of the text's own past are counted as it is read, and the counts decay.

    Words, pairs and triples (up to ``order``) that occurred earlier in the document become more likely, the more so
    the more often and the more recently they occurred; ``estimator.py`` has the formulas. The weights are fitted to
    the validation text. The memory is emptied at the beginning of each document, so that the model scores a document
    from its own past, like any other model. With ``carry`` the memory is kept from one document to the next: the
    model then learns from the test text while reading it, declares itself *adaptive*, and is ranked only among
    adaptive models.

    Parameters
    ----------
    base : str, default "ngram-mixture"
        The plug-in that predicts without memory; it is trained here.
    options : table, optional
        The hyper-parameters of the base.
    order : int, default 3
        The length of the longest n-gram in the caches, in words; 1 to 100.
    half_lives : list of float, default (100, 10000)
        The numbers of tokens within which a count decays to half; each gives one cache at every order.
    carry : bool, default False
        Whether the memory is kept from one document to the next.
    """

    idea = Idea(1990, "Kuhn and De Mori", "A cache-based natural language model for speech recognition")
    traits = Traits(carries_state=True)
    called = "a cache"

    def __init__(
        self,
        base: str = "ngram-mixture",
        options: Mapping[str, Any] | None = None,
        order: int = 3,
        half_lives: Sequence[float] = (100, 10_000),
        carry: bool = False,
    ) -> None:
        check_whole("order", order, 1, HIGHEST_ORDER)
        lives = list(half_lives) if isinstance(half_lives, Sequence) and not isinstance(half_lives, str) else []
        if not lives or not all(map(_is_half_life, lives)):
            raise PluginError(
                f"half_lives must be a list of numbers of tokens, each from {SHORTEST:g} to {LONGEST:,.0f}, as in"
                f" [100, 10000], not {half_lives!r}"
            )
        if len(set(lives)) < len(lives):
            raise PluginError(f"half_lives must not repeat a number: {lives!r}")
        if not isinstance(carry, bool):
            raise PluginError(f"carry must be true or false, not {carry!r}")
        self.order, self.half_lives, self.carry = order, lives, carry
        self._base = self.set_base(base, options)
        self.traits = replace(self.traits, carries_state=True, adaptive=self.carry or self.traits.adaptive)
        self.notes: tuple[str, ...] = ()
        self._chain: Chain | None = None
        self._summary = ValidSummary()

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train the base, and fit the weights of the caches to the validation text."""
        self.train_base(self._base, train, valid, replace(setting, milestones=None))  # they would score only the base
        own = self.scores_of(self._base, valid)
        self._chain = caches.fit(self._caches(), valid, own, carried=self.carry, seed=setting.seed)
        where = "carried from document to document" if self.carry else "emptied at the beginning of each document"
        note = f"A memory over '{self.base}', {where}."
        if len(valid):
            tokens = min(len(valid), caches.HELD_OUT)
            note += f" The weights of its caches were fitted to {tokens:,} tokens of the validation text."
        else:
            note += " There was no validation text: its caches share a tenth of the weight."
        self.notes = (*self._base.notes, note)
        return self

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Summarise the gain from memory on the validation text, and let the base study the texts too."""
        self._base.study(train, valid, setting)
        self._summary = cache_exhibits.summarise(fitted(self._chain, self), valid, self.scores_of(self._base, valid))

    def title(self) -> str:
        """Return the display name: that of the base, and what is remembered."""
        return extended(self._base.title(), f"that remembers the {'text' if self.carry else 'document'}")

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats; rows sum to one if the base's do."""
        chain = fitted(self._chain, self)
        at = np.asarray(at, np.int64)
        return self._with_caches(text, chain.past(text), at, self._base.next_log_probs(text, at.copy()))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the base's blocks with the caches added."""
        past = fitted(self._chain, self).past(text)
        for at, block in self._base.stream(text):
            yield at, self._with_caches(text, past, np.asarray(at, np.int64), block)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats, from the base's scores and two counts per token and cache."""
        chain = fitted(self._chain, self)
        with np.errstate(divide="ignore"):
            return np.log(chain.score(chain.past(text), np.exp(self.scores_of(self._base, text))))

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper over the base's stepper; each step reads the whole past again."""
        return _CacheStepper(fitted(self._chain, self), self._base.stepper(prefix, vocabulary), prefix, vocabulary)

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Return the copy of the base, with the caches and the gate."""
        chain = fitted(self._chain, self)
        base = self._base.in_page(valid, whole=whole)
        table = {
            "kind": "cache",
            "base": base.table,
            "caches": [[cache.order, cache.decay] for cache in chain.caches],
            "weights": chain.gate.weights.tolist(),
            "bias": chain.gate.bias.tolist(),
            "strength": caches.STRENGTH,
        }
        inner = base.log_probs
        if inner is None:
            return PageCopy(table)

        def log_probs(text: Encoded) -> FloatArray:
            return np.log(chain.score(chain.past(text), np.exp(inner(text))))

        return PageCopy(table, log_probs)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the caches' equation and gains and a sentence read twice, then the base's exhibits."""
        chain = fitted(self._chain, self)
        yield from cache_exhibits.exhibits(chain, self._base, self.base, self._summary, text)
        yield from self.shown_of(self._base, text, f"Without memory, {self.base}")

    def state(self) -> State:
        """Return the base's state, the gate, and the summary of the validation text."""
        gate = fitted(self._chain, self).gate
        arrays = {"gate_weights": gate.weights, "gate_bias": gate.bias}
        return self.state_with(arrays, {"summary": asdict(self._summary)})

    def restore(self, state: State) -> Self:
        values = state.values
        self.restore_base(state)
        caches = self._caches()
        gate = Gate.from_arrays(state.arrays, "gate_", len(caches), len(caches) + 1)
        self._chain = Chain(caches, gate, self.carry)
        self._summary = built(ValidSummary, values["summary"], "summary")
        return self

    def _with_caches(self, text: Encoded, past: Past, at: IntArray, block: FloatArray) -> FloatArray:
        self.check_block(block, len(at), text)
        return _with_caches(fitted(self._chain, self), past, at, block)

    def _caches(self) -> tuple[Cache, ...]:
        """Return the caches from the lowest to the highest, by order and by descending half-life."""
        lives = sorted(self.half_lives, reverse=True)
        return tuple(Cache(order, life) for order in range(1, self.order + 1) for life in lives)


def _is_half_life(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and SHORTEST <= value <= LONGEST


def _with_caches(chain: Chain, past: Past, at: IntArray, block: FloatArray) -> FloatArray:
    """(B, V) nats: the base's distributions at B positions with the caches added."""
    with np.errstate(divide="ignore"):
        rows = np.exp(block, dtype=np.float32 if block.dtype.itemsize <= 4 else np.float64)
        chain.add(past, at, rows)
        log_probs: FloatArray = np.log(rows, out=rows)
    return log_probs


class _CacheStepper(Stepper):
    def __init__(self, chain: Chain, base: Stepper, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._chain, self._base, self._vocabulary = chain, base, vocabulary
        self._ids = [int(i) for i in prefix]

    def log_probs(self) -> FloatArray:
        past = self._chain.past(Encoded.from_documents([self._ids], self._vocabulary))
        base = np.asarray(self._base.log_probs())[None]
        row: FloatArray = _with_caches(self._chain, past, np.array([len(self._ids)]), base)[0]
        return row

    def push(self, token: int) -> None:
        self._base.push(token)
        self._ids.append(token)
