"""How a cache explains itself: its equation, what it gains as a document goes on, and a sentence read twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from lmcompare.exhibits import Bars, Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.models.cache.estimator import STRENGTH, Chain, levels, masses_of
from lmcompare.models.common.sentences import readable
from lmcompare.tokens import Encoded

SENTENCES = 2
READ = (30, 100, 300, 1000, 3000, 10_000)  # tokens read before, where the ranges of the account end
FEW = 50  # tokens of valid in a range, at least


@dataclass(frozen=True)
class Account:
    """What was found on valid, JSON-able: the mean ``weights`` of the base and of each cache; the perplexity of the
    ``base`` and of all; and by how many tokens had been ``read`` before, by how much the second is lower (a share).
    """

    weights: tuple[float, ...] = ()
    base: float = 0.0
    perplexity: float = 0.0
    read: tuple[str, ...] = ()
    gains: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Account:
        """Return the account that was stored."""
        lists: dict[str, Any] = {k: tuple(v) for k, v in table.items() if isinstance(v, list | tuple)}
        return cls(**{**table, **lists})


def account(chain: Chain, text: Encoded, base: FloatArray) -> Account:
    """Look at a held-out text with the base's (N,) scores of it."""
    if not (len(text) and np.isfinite(base).all()):
        return Account()
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
    weights = tuple(float(x) for x in chain.gate.shares(evidence).mean(1))
    return Account(weights, _perplexity(base), _perplexity(scores), tuple(read), tuple(gains))


def exhibits(chain: Chain, base: LanguageModel, name: str, found: Account, text: Encoded) -> Iterator[Exhibit]:
    """Yield all exhibits of the caches over a base of this name."""
    twice = []
    for ids in readable(text, SENTENCES):
        once = ids if ids[-1] == text.vocabulary.end else np.append(ids, text.vocabulary.end)  # it may be cut
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
    "What was said before is likely to be said again. A model guesses first, without memory (k = 0). Above it lie"
    " counts of what followed the same words earlier in the {where} the shortest context first; a count fades as it"
    " recedes. The more has been seen, the more weight the memory has."
)


def _worked(chain: Chain, model: str, text: Encoded, base: FloatArray) -> WorkedEquation:
    """Work the equation out for the word of a sentence, read a second time, that gains most."""
    past = chain.past(text)
    probabilities = chain.score(past, np.exp(base))
    second = np.arange(len(text) // 2, len(text) - 1)  # without </s>, which a sentence that was cut did not have
    at = second[np.argmax(np.log(probabilities[second]) - base[second])]
    here = np.array([at])
    found, evidence = levels(chain.caches, past, np.exp(base))
    shares = chain.gate.shares(evidence[:, here])[:, 0]
    word = text.vocabulary[int(text.ids[at])]
    shown = [
        (f"P₀({word}): '{model}' says", float(found[0, at])),
        ("λ₀: its weight here", float(shares[0])),
        ("γ", STRENGTH),
    ]
    for k, cache in enumerate(chain.caches, 1):
        shown += [
            (f"c({word}), {named(cache.order, cache.half_life)}", float(past.counts(cache)[at])),
            ("C: all that it counts here", float(past.masses(cache, here)[0])),
            (f"P({word}) by this cache", float(found[k, at])),
            ("λ: its weight here", float(shares[k])),
        ]
    shown.append((f"P({word})", float(probabilities[at])))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}' when a sentence, by itself, is read for the second"
        " time.",
        equation=_EQUATION,
        saying=_SAYING.format(where="text, document after document," if chain.carried else "document,"),
        lines=tuple(shown),
    )


def _gains(chain: Chain, model: str, found: Account) -> Bars:
    where = "text" if chain.carried else "document"
    return Bars(
        title=f"What memory gains as a {where} goes on",
        note=f"By how much the caches lower the perplexity on valid, by how many tokens of the {where} were read"
        f" before. Over all of valid they take that of {model} from {found.base:.1f} to {found.perplexity:.1f}; the"
        " weights were fitted there.",
        labels=found.read,
        values=tuple(100 * gain for gain in found.gains),
        unit="% lower perplexity",
    )


def _weights(chain: Chain, model: str, found: Account) -> Bars:
    return Bars(
        title="How much each is trusted",
        note="The mean weights on valid.",
        labels=(f"{model}, without memory", *(named(c.order, c.half_life) for c in chain.caches)),
        values=tuple(100 * w for w in found.weights),
        unit="% of the weight",
    )


def _twice(chain: Chain, text: Encoded, base: FloatArray) -> Heatmap:
    half = len(text) // 2
    probabilities = chain.score(chain.past(text), np.exp(base)).reshape(2, half)
    return Heatmap(
        title="The same sentence, read twice",
        note="The probability of each token when nothing was read before, and when the sentence comes again at once.",
        rows=("the first time", "the second time"),
        columns=tuple(text.vocabulary[int(i)] for i in text.ids[:half]),
        panels=("probability",),
        values=(tuple(tuple(float(p) for p in line) for line in probabilities),),
        row_axis="reading",
        column_axis="token",
    )


def named(order: int, half_life: float) -> str:
    """Return what a cache is called."""
    what = {1: "words", 2: "pairs", 3: "triples"}.get(order, f"{order}-grams")
    return f"{what}, half in {half_life:,g}"


def _perplexity(log_probs: FloatArray) -> float:
    return float(np.exp(-log_probs.mean()))
