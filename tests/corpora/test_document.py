"""Documents and corpora as values, and cutting a text into documents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import Corpus, Document
from lmcompare.corpora.document import DocumentMarks, Piece, cut

ONE = Document("one", "A b.\n", ((0, 4),))
TWO = Document("two", "C d.\n", ((0, 4),), {"genre": "news"})
SIX = Document("six", "E f. G.\n", ((0, 4), (5, 7)))
CORPUS = Corpus("c", (ONE,), (TWO,), (SIX,))


def test_split_gives_the_named_part_and_refuses_others() -> None:
    assert CORPUS.split("train") == (ONE,)
    assert CORPUS.split("test") == (SIX,)
    with pytest.raises(ValueError, match="'dev' is not a split"):
        CORPUS.split("dev")
    assert len({ONE, replace(ONE), TWO}) == 2  # documents can be counted in sets


def test_fingerprint_of_series_sees_their_times_and_seasons() -> None:
    weeks, days = ({"step": step, "start": "2024-01-01"} for step in ("week", "day"))
    one, same, other = (
        replace(CORPUS, kind="series", train=(replace(ONE, metadata=about),))
        for about in (weeks, dict(reversed(weeks.items())), days)
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert replace(CORPUS, train=(replace(ONE, metadata=weeks),)).fingerprint == CORPUS.fingerprint


@pytest.mark.parametrize(
    ("other", "differ"),
    [
        (replace(CORPUS, notes=("n",), name="d", source="s"), set()),
        (Corpus("c", (TWO,), (ONE,), (SIX,)), {"read", "train", "valid", "marks", "names"}),
        (Corpus("c", (ONE, TWO), (), (SIX,)), {"train", "valid", "marks"}),
        (Corpus("c", (replace(ONE, text="A b!\n"),), (TWO,), (SIX,)), {"read", "train", "marks"}),
        (Corpus("c", (replace(ONE, text="A  b.\n"),), (TWO,), (SIX,)), {"marks"}),  # white space
        (
            Corpus("c", (replace(ONE, name="oneA", text=" b.\n"),), (TWO,), (SIX,)),
            {"read", "train", "marks", "names"},
        ),
        (Corpus("c", (ONE,), (TWO,), (replace(SIX, sentences=((0, 7),)),)), {"marks"}),
        (Corpus("c", (replace(ONE, name="eno"),), (TWO,), (SIX,)), {"names"}),
        (replace(CORPUS, changes=("lower case",)), {"changes"}),
        (replace(CORPUS, read="0123"), {"read"}),
    ],
)
def test_parts_of_the_fingerprint_say_in_what_corpora_differ(other: Corpus, differ: set[str]) -> None:
    parts, others = CORPUS.parts, other.parts
    assert parts.keys() == others.keys()
    assert {name for name in parts if parts[name] != others[name]} == differ
    assert (other.fingerprint != CORPUS.fingerprint) == bool(differ & {"train", "valid", "marks", "names"})
    assert len(CORPUS.fingerprint) == 16
    assert int(CORPUS.fingerprint, 16) >= 0


def test_where_documents_begin_is_told_from_what_they_say() -> None:
    words = Document("w", "A b. C d.", ((0, 9),))
    one, two = Document("w1", "A b.", ((0, 4),)), Document("w2", "C d.", ((0, 4),))
    parts, others = (Corpus("c", test, (TWO,), (SIX,)).parts for test in ((words,), (one, two)))
    assert {name for name in parts if parts[name] != others[name]} == {"marks", "names"}


TEXTS = st.text(alphabet="ab \t\n\r", max_size=60)


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("one\r\n \ntwo\n\nthree", "line", [("f:1", "one"), ("f:3", "two"), ("f:5", "three")]),
        ("\n\na\nb\n\n \nc\n", "blank-line", [("f:3", "a\nb\n\n \n"), ("f:7", "c\n")]),
    ],
)
def test_documents_are_named_by_their_line(text: str, how: DocumentMarks, expected: list[tuple[str, str]]) -> None:
    parts = cut(Piece("f", text, {"genre": "x"}), how)
    assert [(p.name, p.text) for p in parts] == expected
    assert all(p.metadata == {"genre": "x"} for p in parts)


@given(TEXTS)
def test_line_documents_are_the_lines_with_text(text: str) -> None:
    *ended, last = text.split("\n")
    expected = [*(line.removesuffix("\r") for line in ended), last]
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
