"""What the words of a file of n-grams are."""

from __future__ import annotations

from lmcompare.errors import LmcompareError
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, Vocabulary


def check_words(vocabulary: Vocabulary) -> None:
    """Raise ``LmcompareError`` unless a vocabulary begins with ``<unk>`` and ``</s>``, as files of n-grams do."""
    if vocabulary.tokens[:2] != (UNKNOWN_TOKEN, END_TOKEN):
        raise LmcompareError(
            f"a vocabulary begins with {UNKNOWN_TOKEN} and {END_TOKEN} in a file of n-grams, which this one does not:"
            " export a model of words"
        )
