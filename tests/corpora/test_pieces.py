"""Cutting a text into documents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora.pieces import Piece, cut

TEXTS = st.text(alphabet="ab \t\n\r", max_size=60)


def test_line_documents_keep_their_line_ends_and_drop_blank_lines() -> None:
    parts = cut(Piece("f", "one\r\n \ntwo\n\nthree"), "line")
    assert [(p.name, p.text) for p in parts] == [("f:1", "one\r\n"), ("f:3", "two\n"), ("f:5", "three")]


def test_blank_line_documents_own_the_blank_lines_after_them() -> None:
    parts = cut(Piece("f", "\n\na\nb\n\n \nc\n"), "blank-line")
    assert [(p.name, p.text) for p in parts] == [("f:3", "a\nb\n\n \n"), ("f:7", "c\n")]


def test_metadata_goes_with_each_part() -> None:
    assert [p.metadata for p in cut(Piece("f", "a\nb", {"genre": "x"}), "line")] == [{"genre": "x"}] * 2


@given(TEXTS)
def test_line_documents_are_the_lines_with_text(text: str) -> None:
    expected = [line + "\n" for line in text.split("\n")]
    expected[-1] = expected[-1][:-1]
    assert [p.text for p in cut(Piece("f", text), "line")] == [line for line in expected if line.strip()]


@given(TEXTS)
def test_blank_line_documents_hold_every_character_from_the_first_text_on(text: str) -> None:
    parts = cut(Piece("f", text), "blank-line")
    lines = text.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    assert "".join(p.text for p in parts) == "\n".join(lines)
    assert all(p.text.split("\n")[0].strip() for p in parts)
    inner = (line.strip() for p in parts for line in p.text.rstrip().split("\n"))
    assert all(inner)  # no blank line inside a document
