"""What is said of test text that is also training text: the more, the louder."""

from __future__ import annotations

from typing import Any

import pytest

from lmcompare.analysis.leaderboard import Row
from lmcompare.report.notes import of_all_of_it, repeated_note, with_repeated
from tests.report.tree import plain

TITLE = "The 5-gram predicts this text best"
ROWS = [
    Row("transformer", "transformer", "ranked", bits_per_byte=1.5, fresh_bits_per_byte=2.0),
    Row("ngram", "ngram", "ranked", bits_per_byte=1.2, fresh_bits_per_byte=2.2),
]


def of(share: float, documents: int = 3) -> dict[str, Any]:
    left_out = 0.005 < share <= 0.5
    return {"repeated_text": {"test": {"share": share, "documents": documents, "of": 40, "left_out": left_out}}}


@pytest.mark.parametrize(
    ("share", "title"),
    [
        (0.0, TITLE),
        (0.004, TITLE),
        (0.034, f"{TITLE}, without the 3.4 % of the test text that is also training or validation text"),
        (
            0.31,
            "31 % of the test text is also training or validation text; on the rest, the 5-gram predicts this text"
            " best",
        ),
        (0.92, "No ranking: 92 % of the test text is also training or validation text"),
    ],
)
def test_the_title(share: float, title: str) -> None:
    assert plain(with_repeated(TITLE, of(share))) == title


def test_what_is_left_out_and_what_that_changes() -> None:
    def said(share: float, documents: int = 3, rows: list[Row] = ROWS) -> str:
        return plain(" ".join(repeated_note(of(share, documents), rows, str)))

    assert said(0.0, 0) == said(0.0004) == ""
    assert "0.4 % of the test text, in 3 of 40 documents" in said(0.004)
    assert "too little" in said(0.004)
    assert "With it, the lowest figure is that of the ngram, 1.2" in said(0.31)
    assert "With it, the figure is 1.500 bits" in said(0.31, rows=ROWS[:1])
    assert "1.200 bits per byte, of the same model" in said(0.31, rows=ROWS[::-1])
    assert "no model is ranked" in said(0.92)
    assert of_all_of_it(of(0.004)) == of_all_of_it(of(0.92)) == []
    assert "by group of tokens" in of_all_of_it(of(0.31))[0]
