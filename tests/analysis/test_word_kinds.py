"""Kinds of words by a rule."""

from __future__ import annotations

import pytest

from lmcompare.analysis import Run, slices
from lmcompare.analysis.word_kinds import CLASSES, FREQUENT, word_classes

SPECIAL = ["<unk>", "</s>"]


def classes(tokens: list[str], counts: list[int] | None = None) -> list[str]:
    found = word_classes([*SPECIAL, *tokens], [0, 0, *(counts or [1] * len(tokens))])
    return [CLASSES[k] if k >= 0 else "none" for k in found]


def test_each_kind() -> None:
    many = [f"w{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}" for n in range(FREQUENT)]
    tokens = [*many, "rare", "Rome", "Äpfel", "1961", "B2", "'s", "--", "…", "▁der", "übel", "中国"]
    found = classes(tokens, [*([9] * FREQUENT), *([1] * 11)])
    assert found[:2] == ["unknown word", "end of a sentence"]
    assert set(found[2 : FREQUENT + 2]) == {"frequent word"}
    assert found[FREQUENT + 2 :] == [
        *("other word", "capitalised word", "capitalised word", "number", "number", "other word", "mark", "mark"),
        *("other word", "other word", "other word"),
    ]


def test_the_most_frequent_words_are_no_marks_and_may_be_capitals() -> None:
    words = [f"Ab{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(FREQUENT + 1)]
    found = classes([*words, ","], [*range(FREQUENT + 1, 0, -1), 99_999])
    assert found[2:].count("frequent word") == FREQUENT
    assert found[-2:] == ["capitalised word", "mark"]


@pytest.mark.parametrize("tokens", [list("abcdefg ,.1"), [], ["a", "1", "."]])
def test_letters_are_no_words(tokens: list[str]) -> None:
    assert set(classes(tokens)) == {"none"}


def test_the_slice_counts_every_token_of_words_once(run: Run) -> None:
    table = slices(run)["word_class"]
    words = table[table["model"] == "ngram"]
    assert words["share"].sum() == pytest.approx(1.0)
    assert len(words) > 3
    assert "char-transformer" not in set(table["model"])
