"""Wrong arguments of the Python interface are one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmcompare
from lmcompare import corpora
from lmcompare.errors import LmcompareError
from lmcompare.model import LanguageModel

TEXTS = [
    f"The {who} saw {what} {n} times. It slept."
    for n in range(10)
    for who in ("cat", "dog")
    for what in ("milk", "Rome")
]


def nested(levels: int) -> list[object]:
    """A list in a list, and so on."""
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("name", ["models", "seeds", "prompts", "words"])
def test_an_array_of_one_value_is_no_sequence(name: str, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=f"^{name} must be a sequence"):
        lmcompare.compare(TEXTS, out=tmp_path / "out", **dict[str, Any]({name: np.array(3)}))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"corpus": None}, "a corpus must be a name, a path"),
        ({"corpus": 5}, "not an int"),
        ({"corpus": {}}, "the mapping of splits to paths or texts is empty"),
        ({"corpus": corpora.load(TEXTS), "lowercase": True}, "lowercase would have no effect"),
        ({"corpus": {"train": TEXTS, "test": [" "]}}, "there is no text in the test documents given"),
        ({"models": [5]}, "a model must be a name, a class"),
        ({"models": [None]}, "not None"),
        ({"models": [LanguageModel]}, "lacks fit"),
        ({"tokens": "wrod"}, "did you mean 'word'"),
        ({"tokens": 5}, "or a mapping, such as {'kind': 'bpe'}, not an int"),
        ({"seeds": "a"}, "number 1 of seeds must be a whole number, not 'a'"),
        ({"corpus": ["so", "\ud800"]}, "document 2 has a lone surrogate"),
        ({"prompts": ["\ud800"]}, "not valid UTF-8"),
        ({"text_column": "words"}, "has no columns"),
        ({"seeds": None}, "number 1 of seeds must be a whole number, not None"),
        ({"seeds": 1.5}, "number 1 of seeds must be a whole number, not 1.5"),
        ({"models": 5}, "models must be a model or a sequence of models, not an int"),
        ({"prompts": 5}, "prompts must be a list, not 5"),
        ({"words": ["\ud800"]}, "the word '\\ud800' is not valid UTF-8"),
        ({"words": 5}, "words must be a list, not 5"),
        ({"words": ["bank", ""]}, "a word to show in several contexts is empty"),
        ({"out": 5}, "out must be the path of a folder, not an int"),
        ({"out": "x\0"}, "out must be the path of a folder, not 'x\\x00'"),
        ({"out": ""}, "out must be the path of a folder, not ''"),
        ({"out": "x" * 300}, "File name too long"),
        ({"out": "\ud800"}, "out must be the path of a folder, not '\\ud800'"),
        ({"out": "a/" * 1500}, "too many folders"),
        ({"match": 5}, "match must be a mapping, such as {'parameters': 1e6}, not an int"),
        ({"match": {5: 1}}, "unknown thing to match '5'"),
        ({"models": [{"plugin": "unigram", "name": "é" * 150}]}, "must have at most 200 bytes"),
        ({"models": ["./\0.py:Model"]}, "can't be the path of a plug-in's file"),
        ({"fractions": [0.5, 1]}, "compare trains on one amount of text: give fractions in an experiment file"),
        ({"seed": 1}, "unknown option of compare 'seed' (did you mean 'seeds'?)"),
        ({"force": [True]}, "force must be True or False, not [True]"),
        ({"quiet": 5}, "quiet must be True or False, not 5"),
        ({"tokens": {"kind": "word", "lowercase": nested(3_000)}}, "tokens: lowercase is nested too deeply"),
        ({"models": [{"plugin": "ngram", "order": nested(3_000)}]}, "order is nested too deeply"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(LmcompareError) as caught:
        lmcompare.compare(**{"corpus": TEXTS, "models": ["unigram"], **arguments})  # type: ignore[arg-type]
    assert said in str(caught.value)
