"""The exhibits of a cache: the worked equation, the gain along a document, and a sentence read twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmcompare.exhibits import Bars, Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.models.cache.estimator import STRENGTH, Chain, levels, masses_of
from lmcompare.models.common.sentences import readable
from lmcompare.tokens import Encoded

SENTENCES = 2
READ = (30, 100, 300, 1000, 3000, 10_000)  # the ends of the ranges of tokens read before
FEW = 50  # the least number of validation tokens in a range


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


def exhibits(chain: Chain, base: LanguageModel, name: str, found: ValidSummary, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits of the caches over the base with this name."""
    twice = []
    for ids in readable(text, SENTENCES):
        once = ids if ids[-1] == text.vocabulary.end else np.append(ids, text.vocabulary.end)  # its end may be cut
        twice.append(Encoded.from_documents([np.concatenate([once, once])], text.vocabulary))
    scores = [np.asarray(base.log_probs(sentence), np.float64) for sentence in twice]
    for sentence, own in zip(twice[:1], scores, strict=False):
        yield _worked(chain, name, sentence, own)
    if len(found.read) > 1:
        yield _gains(chain, name, found)
    if found.weights:
        yield _weights(chain, name, found)
    for sentence, own in zip(twice, scores, strict=True):
        yield _twice(chain, sentence, own)


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
