"""Parts of the exhibits of networks with attention: rounded numbers, and the next words that an output favours."""

from __future__ import annotations

from torch import Tensor

from lmcompare.exhibits import Rows
from lmcompare.model import greatest
from lmcompare.tokens import Encoded, IntArray

DIGITS = 6  # digits of a stored number
MOST, LEAST = 5, 3  # how many next words with the greatest and the least logits are named
NAMED = (
    f"the {MOST} next words whose logits grow most, the {LEAST} whose logits fall most, and the word that came next."
    " A logit is in nats, and the mean over all words is subtracted"
)


def rounded(x: Tensor) -> Rows:
    """Return the rows of a matrix with ``DIGITS`` digits each."""
    return tuple(tuple(float(f"{v:.{DIGITS}g}") for v in row) for row in x.tolist())


def next_words(text: Encoded, logits: Tensor, came: IntArray) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Return, for each of T positions, the words with the greatest and the least logits (T, V), greatest first.

    The word that came next, ``came`` (T,), is among them. Their mean is subtracted from the logits, since a number
    that is added to all of them does not change the softmax.
    """
    rows = (logits - logits.mean(-1, keepdim=True)).numpy(force=True)
    named = []
    for row, word in zip(rows, came.tolist(), strict=True):
        chosen = {*greatest(row, MOST).tolist(), *greatest(-row, LEAST).tolist(), word}
        ordered = sorted(chosen, key=lambda each: (-row[each], each))
        named.append(tuple((text.vocabulary[each], round(float(row[each]), 4)) for each in ordered))
    return tuple(named)
