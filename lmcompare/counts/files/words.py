"""The parts that all files of n-grams have in common."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.errors import LmcompareError
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN

START = "<s>"  # the beginning of a sentence
MOST_ORDERS = 100


def check_words(tokens: Sequence[str]) -> None:
    """Raise ``LmcompareError`` unless tokens begin with ``<unk>`` and ``</s>``, as the tokens of n-gram files do."""
    if list(tokens[:2]) != [UNKNOWN_TOKEN, END_TOKEN]:
        raise LmcompareError(
            f"the vocabulary of an n-gram file must begin with {UNKNOWN_TOKEN} and {END_TOKEN}, but this one does"
            " not: export a model of words"
        )
