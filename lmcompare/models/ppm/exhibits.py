"""The exhibits of prediction by partial matching: its worked equation, and the contexts that it found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.counts.suffixes import KINDS
from lmcompare.exhibits import Bars, Exhibit, WorkedEquation
from lmcompare.models.common.discounts import EQUATION, Discounts, Gathered, own_and_rest
from lmcompare.tokens import Encoded

TELLING = 4  # tokens of the context in the worked equation

_SAYING = (
    "Use the count of the token after this context, less a discount. The discounts and the strength θ together give"
    " the escape: the weight of the shorter context h', which lacks the first token. A token is counted in h' only"
    " until it was seen twice in h. The document is counted, too, as it is read."
)


def exhibits(found: Gathered, discounts: Discounts, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits for the example sentences in ``text``; ``found`` has the counts of its first tokens."""
    yield _worked(found, discounts, text)
    places = np.arange(len(found.offsets) - 1)
    since = places - text.context_starts(places)  # tokens of the document before each; the others are start marks
    longest = np.minimum(np.diff(found.offsets) - 1, since)
    yield Bars(
        title="The longest context found",
        note="The tokens of the example sentences, by how many of the tokens before them have occurred together"
        " earlier, in training or in the same sentence.",
        labels=("none", *map(str, range(1, int(longest.max()) + 1))),
        values=tuple(np.bincount(longest).astype(float).tolist()),
        unit="tokens",
    )


def _worked(found: Gathered, discounts: Discounts, text: Encoded) -> WorkedEquation:
    """Work the equation for a token of the first document that followed a context of about ``TELLING`` tokens."""
    end = int(text.ends[text.ends > 0][0])
    known = [int(np.flatnonzero(found.counts[a:b] > 0).max(initial=0)) for a, b in _levels(found)[:end]]
    at = min(range(min(TELLING, end - 1), end), key=lambda i: abs(known[i] - TELLING))
    k, (first, last) = known[at], _levels(found)[at]
    token = text.vocabulary[int(text.ids[at])]
    context = " ".join(text.vocabulary[int(i)] for i in text.ids[max(0, at - k) : at])
    values = discounts.values[found.classes[first + k]]
    p = [1 / len(text.vocabulary)]
    for x in range(first, last):
        own, rest = own_and_rest(found.counts[x], found.sums[x], discounts.values[found.classes[x]])
        p.append(own + rest * p[-1])
    count, sums = int(found.counts[first + k]), found.sums[first + k]
    after = f" | {context}" if context else ""
    lines = [
        (f"c: the count of '{token}' after this context", float(count)),
        ("D: its discount", float(values[min(count, KINDS) - 1]) if count else 0.0),
        ("Σ c: the sum of the counts of all tokens after it", float(sums[0])),
        ("θ: the strength of the shorter context", float(values[KINDS])),
        ("(Σ D + θ) / (Σ c + θ): the escape", float(own_and_rest(0, sums, values)[1])),
        (f"P({token}) after the shorter context" if k else "1 / V: the same for each type", float(p[k])),
        (f"P({token}{after})", float(p[k + 1])),
    ]
    if k + 1 < last - first:
        lines.append((f"P({token}) with all contexts, of {last - first - 1} tokens at most", float(p[-1])))
    if discounts.unknown:
        unknown = bool(text.vocabulary.is_unknown(text.ids[at : at + 1])[0])
        lines += [
            ("λ: the probability of <unk> in advance; P is multiplied by 1 − λ", discounts.unknown),
            (f"P({token})", (1 - discounts.unknown) * float(p[-1]) + discounts.unknown * unknown),
        ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{token}' after '{context}'.",
        equation=EQUATION,
        saying=_SAYING,
        lines=tuple(lines),
    )


def _levels(found: Gathered) -> list[tuple[int, int]]:
    """Return the range of each token's levels."""
    return list(zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True))
