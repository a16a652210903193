"""Prompts that are taken from the text."""

from __future__ import annotations

from lmcompare.corpora import documents_of
from lmcompare.harness.text.reading import COUNT, prompts_of


def test_prompts_are_the_first_three_words_of_longer_sentences() -> None:
    texts = [
        "The cat sat on the mat.\nToo short.\n  It was  late when they came home.\n",
        "The cat sat on a chair.\n",
    ]
    assert set(prompts_of(documents_of(texts))) == {"The cat sat", "It was  late"}


def test_text_without_white_space() -> None:
    assert prompts_of(documents_of(["ACGTACGTACGTA\n"])) == ("ACGTA",)
    assert prompts_of(documents_of(["我们的猫坐在垫子上面睡觉。\n"])) == ("我们的猫坐",)


def test_the_same_text_gives_the_same_prompts() -> None:
    texts = [f"Word{n} is here and it is long.\n" for n in range(30)]
    drawn = prompts_of(documents_of(texts))
    assert len(drawn) == COUNT
    assert drawn == prompts_of(documents_of(reversed(texts)))
    assert prompts_of([]) == ()
