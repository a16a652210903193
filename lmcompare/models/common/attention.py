"""What the exhibits of networks with attention share: rounded numbers, and the next words that an output favours."""

from __future__ import annotations

from torch import Tensor

from lmcompare.exhibits import Rows
from lmcompare.model import greatest
from lmcompare.tokens import Encoded

DIGITS = 6  # of a stored number
MOST, LEAST = 5, 3  # next words that are named
NAMED = (
    f"the {MOST} next words whose logits grow most and the {LEAST} that fall most, in nats, compared with the mean of"
    " all words"
)


def rounded(x: Tensor) -> Rows:
    """Return the rows of a matrix with ``DIGITS`` digits each."""
    return tuple(tuple(float(f"{v:.{DIGITS}g}") for v in row) for row in x.tolist())


def next_words(text: Encoded, logits: Tensor) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Return for each of T positions the words of which the logits (T, V) are greatest and least, greatest first.

    The logits are compared with their mean, as the softmax does not see a number that is added to all of them.
    """
    rows = (logits - logits.mean(-1, keepdim=True)).numpy(force=True)
    named = []
    for row in rows:
        up = greatest(row, MOST).tolist()
        down = [word for word in greatest(-row, LEAST)[::-1].tolist() if word not in up]
        named.append(tuple((text.vocabulary[word], round(float(row[word]), 4)) for word in (*up, *down)))
    return tuple(named)
