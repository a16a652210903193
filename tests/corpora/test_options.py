"""The options of a corpus: wrong values, options that need each other, and their help sentences."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from lmcompare.corpora import CorpusOptions
from lmcompare.errors import LmcompareError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"documents": "lines"}, "unknown value 'lines' of documents (did you mean 'line'?)"),
        ({"sentences": "punct"}, "unknown value 'punct' of sentences (did you mean 'punkt'?)"),
        ({"encoding": "utf-99"}, "unknown encoding 'utf-99'"),
        ({"encoding": None}, "encoding is None; give a text"),
        ({"documents": True}, "documents is a bool; give a text"),
        ({"file_format": True}, "file_format is a bool; give a text"),
        ({"lowercase": 1}, "lowercase is an int; give true or false"),
        ({"train_words": 10}, "train_words is given without valid_words; give both"),
        ({"valid_words": 10}, "valid_words is given without train_words; give both"),
        ({"train_words": 0, "valid_words": 10}, "train_words is 0; give a whole number of 1 or more"),
        ({"train_words": 10, "valid_words": -1}, "valid_words is -1; give a whole number"),
        ({"train_words": 0.8, "valid_words": 0.1}, "train_words is a float; give a whole number"),
        ({"train_words": True, "valid_words": 1}, "train_words is a bool; give a whole number"),
        ({"rare_count": 3}, "rare_count is given without rare_word"),
        ({"rare_word": "R"}, "rare_word is given without rare_count"),
        ({"rare_count": 0, "rare_word": "R"}, "rare_count is 0; give a whole number"),
        ({"rare_count": 3, "rare_word": "two words"}, "rare_word is 'two words'; give one word without white space"),
        ({"rare_count": 3, "rare_word": ""}, "rare_word is ''; give one word"),
        ({"rare_count": 3, "rare_word": " R"}, "rare_word is ' R'; give one word"),
        ({"rare_count": 3, "rare_word": "\ud800"}, "rare_word is '\\ud800'; give one word"),
        ({"rare_count": 3, "rare_word": 7}, "rare_word is 7; give one word"),
        ({"rare_count": 3, "rare_word": "</s>"}, "rare_word is </s>"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError) as caught:
        CorpusOptions(**options).check()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_right_options_pass() -> None:
    CorpusOptions().check()
    CorpusOptions("line", "punkt", True, True, "latin-1", "text", 800_000, 200_000, 3, "<unk_>", "csv").check()


def test_every_option_has_a_help_sentence_and_every_count_a_minimum() -> None:
    options = fields(CorpusOptions)
    assert len(options) == 13
    for option in options:
        assert option.metadata["help"].endswith(".")
        assert option.metadata.get("minimum") == (1 if "int" in str(option.type) else None)
