"""The options of commands as settings of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lmcompare.cli.options import EXPERIMENT, plugins_listed, settings_of
from lmcompare.errors import LmcompareError


def read(**given: Any) -> list[tuple[str, Any]]:
    return settings_of(EXPERIMENT, {option.name: None for option in EXPERIMENT} | given)


def test_each_option_gives_a_setting() -> None:
    given = {"corpus": "lee", "threads": 2, "vocabulary_size": 50, "fractions": "0.1,1", "lowercase": True}
    assert dict(read(**given, seed=["0,1", "2"], prompt=["My aunt"])) == {
        "corpus.source": "lee",
        "seeds": ("0", "1", "2"),
        "fractions": [0.1, 1.0],
        "examples.prompts": ["My aunt"],
        "tokens.size": 50,
        "threads": 2,
        "corpus.lowercase": True,
    }
    assert read() == []


def test_values_are_json_or_texts() -> None:
    given = ["kn3.order=4", "ngram.smoothing=katz", 'unigram.odd={"a": [1, 2.5]}', "./mine.py:Mine.none=null"]
    assert read(set=given) == [
        ("models.kn3.order", 4),
        ("models.ngram.smoothing", "katz"),
        ("models.unigram.odd", {"a": [1, 2.5]}),
        ("models../mine.py:Mine.none", None),
    ]
    assert read(match=["parameters=2_000,seconds=1.5"]) == [("match.parameters", 2000), ("match.seconds", 1.5)]


@pytest.mark.parametrize(
    ("values", "varied"),
    [
        ("2,3", [2, 3]),
        ("kneser-ney,katz", ["kneser-ney", "katz"]),
        ("none,0.5", ["none", 0.5]),
        ("[1,2],[3]", [[1, 2], [3]]),
        ("true,null", [True, None]),
        ("1..8", {"low": 1, "high": 8, "log": False}),
        ("1e-4..1e-2:log", {"low": 1e-4, "high": 1e-2, "log": True}),
        ("-1.5..2", {"low": -1.5, "high": 2, "log": False}),
    ],
)
def test_values_of_a_sweep_are_read_as_those_of_a_hyper_parameter(values: str, varied: object) -> None:
    assert read(sweep=[f"ngram.order={values}"]) == [("sweep.ngram.order", varied)]


def test_a_plug_in_path_may_hold_a_comma(tmp_path: Path) -> None:
    (tmp_path / "a,b.py").touch()
    path = f"{tmp_path}/a,b.py:Flat"
    assert plugins_listed([path, "unigram, ngram", "c,d.py:Flat"]) == (path, "unigram", "ngram", "c", "d.py:Flat")


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("set", ["ngram.order"], "KEY=VALUE"),
        ("set", ["ngram.order=" + "[" * 10**5], "ngram.order=.*nested too deeply"),
        ("set", ["ngram.order=" + "1" * 5000], "ngram.order=.*too many digits"),
        ("sweep", ["ngram.order"], "not 'ngram.order'"),
        ("sweep", ["order=2,3"], "not 'order=2,3'"),
        ("sweep", ["ngram.order=1..x"], "not '1..x'"),
        ("sweep", ["ngram.order=1..3,5"], "not '1..3,5'"),
        ("match", ["parameters"], "such as 2e6, not ''"),
        ("fractions", "0.1,x", "not '0.1,x'"),
        ("seed", [""], "an empty value"),
    ],
)
def test_wrong_values_are_one_sentence(option: str, given: Any, said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        read(**{option: given})
