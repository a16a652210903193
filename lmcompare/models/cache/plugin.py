"""A cache over another model: words that occurred in a document are likely to occur again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Exhibit, Heatmap, WorkedEquation, latex_lines
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
from lmcompare.models.cache.estimator import STRENGTH, Cache, Chain, Past, levels, masses_of
from lmcompare.models.common.gates import Gate
from lmcompare.models.common.over_base import OverOne, StepperOver, extended
from lmcompare.models.common.sentences import closed, readable
from lmcompare.tokens import Encoded, IntArray, Vocabulary

SENTENCES = 2
READ = (30, 100, 300, 1000, 3000, 10_000)  # the ends of the ranges of tokens read before
FEW = 50  # the least number of validation tokens in a range
_EQUATION = latex_lines(
    r"P(w) &= \sum_k \lambda_k P_k(w)",
    r"P_k(w) &= \frac{c_k(w) + \gamma\,P_{k-1}(w)}{C_k + \gamma}",
)
_SAYING = (
    "Words that occurred before are likely to occur again. A model predicts first, without memory (k = 0). Above it"
    " are counts of the words that followed the same context earlier in the {where}, the shortest context first. A"
    " count decays with distance: after a half-life, in tokens, half of it is left. The weight of a cache depends on"
    " how much the caches have seen."
)


@dataclass(eq=False)
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

    base: str = "ngram-mixture"
    options: Mapping[str, Any] | None = None
    order: int = 3
    half_lives: Sequence[float] = (100, 10_000)
    carry: bool = False

    def __post_init__(self) -> None:
        order, half_lives, carry = self.order, self.half_lives, self.carry
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
        self.half_lives = lives
        self._base = self.set_base()
        self.traits = replace(self.traits, carries_state=True, adaptive=self.carry or self.traits.adaptive)
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
        self._summary = summarise(fitted(self._chain, self), valid, self.scores_of(self._base, valid))

    def title(self) -> str:
        """Return the display name: that of the base, and what is remembered."""
        return extended(self._base.title(), f"that remembers the {'text' if self.carry else 'document'}")

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats; rows sum to one if the base's do."""
        at = np.asarray(at, np.int64)
        return self._after(text, at, self._base.next_log_probs(text, at.copy()))

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
        return StepperOver(self._base.stepper(prefix, vocabulary), prefix, vocabulary, self._after)

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
        found, twice = self._summary, []
        for ids in readable(text, SENTENCES):
            once = closed(ids, text.vocabulary.end)
            twice.append(Encoded.from_documents([np.concatenate([once, once])], text.vocabulary))
        scores = [np.asarray(self._base.log_probs(sentence), np.float64) for sentence in twice]
        for sentence, own in zip(twice[:1], scores, strict=False):
            yield _worked(chain, self.base, sentence, own)
        if len(found.read) > 1:
            yield _gains(chain, self.base, found)
        if found.weights:
            yield _weights(chain, self.base, found)
        for sentence, own in zip(twice, scores, strict=True):
            yield _twice(chain, sentence, own)
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

    def _after(self, text: Encoded, at: IntArray, block: FloatArray) -> FloatArray:
        return self._with_caches(text, fitted(self._chain, self).past(text), at, block)

    def _with_caches(self, text: Encoded, past: Past, at: IntArray, block: FloatArray) -> FloatArray:
        """(B, V) nats: the base's distributions at B positions with the caches added."""
        self.check_block(block, len(at), text)
        with np.errstate(divide="ignore"):
            rows = np.exp(block, dtype=np.float32 if block.dtype.itemsize <= 4 else np.float64)
            fitted(self._chain, self).add(past, at, rows)
            log_probs: FloatArray = np.log(rows, out=rows)
        return log_probs

    def _caches(self) -> tuple[Cache, ...]:
        """Return the caches from the lowest to the highest, by order and by descending half-life."""
        lives = sorted(self.half_lives, reverse=True)
        return tuple(Cache(order, life) for order in range(1, self.order + 1) for life in lives)


SHORTEST, LONGEST = 0.1, 1e9  # half-lives in tokens whose decay a float can distinguish from 0 and 1


def _is_half_life(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and SHORTEST <= value <= LONGEST


@dataclass(frozen=True)
class ValidSummary:
    """The results on the validation text, as JSON values.

    Parameters
    ----------
    weights : tuple of float
        The mean weights of the base and of each cache.
    base, perplexity : float
        The perplexity of the base, and of the base with caches.
    read : tuple of str
        Ranges of the number of tokens read before.
    gains : tuple of float
        In each range, the relative reduction of perplexity by the caches.
    """

    weights: tuple[float, ...] = ()
    base: float = 0.0
    perplexity: float = 0.0
    read: tuple[str, ...] = ()
    gains: tuple[float, ...] = ()


def summarise(chain: Chain, text: Encoded, base: FloatArray) -> ValidSummary:
    """Return the results on a text for which the base has these scores, (N,)."""
    if not (len(text) and np.isfinite(base).all()):
        return ValidSummary()
    past = chain.past(text)
    evidence = np.log1p(masses_of(chain.caches, past, np.arange(len(text))))
    scores = np.log(chain.score(past, np.exp(base)))
    before = np.arange(len(text)) - past.begins[: len(text)]
    read, gains = [], []
    for first, last in pairwise((0, *READ, np.inf)):
        inside = (before >= first) & (before < last)
        if inside.sum() >= FEW:
            read.append(f"{first:,} to {last - 1:,}" if np.isfinite(last) else f"{first:,} and more")
            gains.append(1 - _perplexity(scores[inside]) / _perplexity(base[inside]))
    weights = tuple(chain.gate.shares(evidence).mean(1).tolist())
    return ValidSummary(weights, _perplexity(base), _perplexity(scores), tuple(read), tuple(gains))


def _worked(chain: Chain, model: str, text: Encoded, base: FloatArray) -> WorkedEquation:
    """Work the equation for the word that gains most when a sentence is read a second time."""
    past = chain.past(text)
    probabilities = chain.score(past, np.exp(base))
    second = np.arange(len(text) // 2, len(text) - 1)  # without </s>, which may have been added
    at = second[np.argmax(np.log(probabilities[second]) - base[second])]
    here = np.array([at])
    found, evidence = levels(chain.caches, past, np.exp(base))
    shares = chain.gate.shares(evidence[:, here])[:, 0]
    word = text.vocabulary[int(text.ids[at])]
    shown = [
        (f"P₀({word}): by '{model}'", float(found[0, at])),
        ("λ₀: its weight here", float(shares[0])),
        ("γ: the weight of the level below, in counts", STRENGTH),
    ]
    for k, cache in enumerate(chain.caches, 1):
        shown += [
            (f"c({word}), {named(cache.order, cache.half_life)}", float(past.counts(cache)[at])),
            ("C: the sum of its counts here", float(past.masses(cache, here)[0])),
            (f"P({word}) by this cache", float(found[k, at])),
            ("λ: its weight here", float(shares[k])),
        ]
    shown.append((f"P({word})", float(probabilities[at])))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}' when a sentence is read for the second time.",
        equation=_EQUATION,
        saying=_SAYING.format(where="text" if chain.carried else "document"),
        lines=tuple(shown),
    )


def _gains(chain: Chain, model: str, found: ValidSummary) -> Bars:
    where = "text" if chain.carried else "document"
    return Bars(
        title=f"The gain from memory along a {where}",
        note="By how much the caches lower the validation perplexity, by the number of tokens of the"
        f" {where} that were read before. Over the whole validation text, to which the weights were fitted, the"
        f" perplexity of {model} changes from {found.base:.1f} to {found.perplexity:.1f}.",
        labels=found.read,
        values=tuple(100 * gain for gain in found.gains),
        unit="% lower perplexity",
    )


def _weights(chain: Chain, model: str, found: ValidSummary) -> Bars:
    return Bars(
        title="The mean weights",
        note="The mean weights of the model and its caches on the validation text.",
        labels=(f"{model}, without memory", *(named(c.order, c.half_life) for c in chain.caches)),
        values=tuple(100 * w for w in found.weights),
        unit="% of the weight",
    )


def _twice(chain: Chain, text: Encoded, base: FloatArray) -> Heatmap:
    half = len(text) // 2
    probabilities = chain.score(chain.past(text), np.exp(base)).reshape(2, half)
    return Heatmap(
        title="The same sentence, read twice",
        note="The probability of each token when the sentence is read for the first time, and when it is repeated"
        " immediately.",
        rows=("the first time", "the second time"),
        columns=tuple(text.vocabulary[int(i)] for i in text.ids[:half]),
        panels=("probability",),
        values=(tuple(map(tuple, probabilities.tolist())),),
        row_axis="reading",
        column_axis="token",
    )


def named(order: int, half_life: float) -> str:
    """Return the name of a cache."""
    what = {1: "words", 2: "pairs", 3: "triples"}.get(order, f"{order}-grams")
    return f"{what}, half-life {half_life:,g}"


def _perplexity(log_probs: FloatArray) -> float:
    return float(np.exp(-log_probs.mean()))
