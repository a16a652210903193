"""Reasons to doubt figures: the cheats that an audit found unnoticed, and honest models beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lmcompare.analysis.leaderboard import Row
from lmcompare.report.notes import doubts

COMPRESSED = {"gzip": 2.9, "ppmd": 2.0}


def row(name: str, test: float, valid: float, **more: float) -> Row:
    return Row(name, name, "ranked", bits_per_byte=test, valid_bits_per_byte=valid, **more)  # type: ignore[arg-type]


def results(found: Sequence[dict[str, str]] = (), valid: float = 0.0, test: float = 0.0) -> dict[str, Any]:
    return {"doubts": found, "repeated_text": {"valid": {"share": valid}, "test": {"share": test}}}


HONEST = [row("unigram", 2.335, 2.381), row("ppm", 1.924, 1.878), row("cache", 1.893, 1.975), row("rnn", 1.95, 1.97)]


def test_nothing_is_said_of_honest_models() -> None:
    assert doubts(HONEST, results(), COMPRESSED, str) == []
    assert doubts([row("alone", 1.001, 0.5)], results(), COMPRESSED, str) == []
    assert doubts([row("alone", 0.1, 0.1)], results(), {}, str) == []


@pytest.mark.parametrize(
    ("cheat", "said"),
    [
        (row("reader", 0.088, 0.088), "Reader needs less than half of the bits of the best file compressor, PPMd"),
        (row("counts-valid", 1.908, 1.6), "Counts-valid predicts the validation text better than the other models"),
        (row("foreign", 3.0, 3.02, unknown_share=0.97), "97 % of the test tokens are words"),
    ],
)
def test_a_cheat_is_named_with_what_it_usually_means(cheat: Row, said: str) -> None:
    (doubt,) = doubts([*HONEST, cheat], results(), COMPRESSED, str)
    assert said in doubt.replace("\u00a0", " ")
    assert "Usually this means" in doubt


def test_more_bits_than_bytes_are_doubted() -> None:
    (doubt,) = doubts([row("ngram", 9.9, 9.9), row("unigram", 12.0, 11.5)], results(), {}, str)
    assert "Every model needs more bits than the bytes" in doubt
    assert doubts([row("ngram", 7.9, 7.9), row("unigram", 12.0, 11.5)], results(), {}, str) == []


def test_what_a_study_says_of_a_model_is_said_with_its_title_and_not_twice() -> None:
    cheat = row("reads-valid", 1.908, 1.6)
    found = [{"model": name, "said": f"{{{name}}} knows it."} for name in ("reads-valid", "not shown")]
    assert doubts([*HONEST, cheat], results(found), COMPRESSED, lambda name: f"the {name}") == [
        "The reads-valid knows it."
    ]


def test_models_that_gain_on_repeated_text_are_not_accused() -> None:
    """A third of the test text is copied from the training text: only the unigram model gains nothing by it."""
    copied = [row("unigram", 2.2, 2.25), row("ngram", 1.6, 2.1), row("cache", 1.587, 2.08)]
    assert "Unigram predicts the validation text better" in doubts(copied, results(), {}, str)[0]
    assert doubts(copied, results(test=0.32), {}, str) == []
    (said,) = doubts(copied, results(valid=0.32), {}, str)
    assert said.replace("\u00a0", " ").startswith("32 % of the validation text also occurs in the training text.")
