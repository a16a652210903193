"""Documents and corpora as values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmcompare.corpora import Corpus, Document

ONE = Document("one", "A b.\n", ((0, 4),))
TWO = Document("two", "C d.\n", ((0, 4),), {"genre": "news"})
SIX = Document("six", "E f. G.\n", ((0, 4), (5, 7)))
CORPUS = Corpus("c", (ONE,), (TWO,), (SIX,))


def test_split_gives_the_named_part_and_refuses_others() -> None:
    assert CORPUS.split("train") == (ONE,)
    assert CORPUS.split("test") == (SIX,)
    with pytest.raises(ValueError, match="'dev' is no split"):
        CORPUS.split("dev")


def test_documents_can_be_counted_in_sets() -> None:
    assert len({ONE, replace(ONE), TWO}) == 2


@pytest.mark.parametrize(
    "other",
    [
        Corpus("c", (TWO,), (ONE,), (SIX,)),  # the same documents in other splits
        Corpus("c", (ONE, TWO), (), (SIX,)),
        Corpus("c", (replace(ONE, text="A b!\n"),), (TWO,), (SIX,)),
        Corpus("c", (replace(ONE, name="eno"),), (TWO,), (SIX,)),
        Corpus("c", (ONE,), (TWO,), (replace(SIX, sentences=((0, 7),)),)),
        Corpus("c", (replace(ONE, name="oneA", text=" b.\n"),), (TWO,), (SIX,)),  # a letter moved from text to name
    ],
)
def test_fingerprint_sees_texts_names_spans_and_splits(other: Corpus) -> None:
    assert other.fingerprint != CORPUS.fingerprint


def test_fingerprint_leaves_out_notes_and_is_sixteen_hexadecimal_digits() -> None:
    assert replace(CORPUS, name="d", notes=("n",), source="s").fingerprint == CORPUS.fingerprint
    assert len(CORPUS.fingerprint) == 16
    assert int(CORPUS.fingerprint, 16) >= 0


@pytest.mark.parametrize(
    ("other", "differ"),
    [
        (replace(CORPUS, notes=("n",), name="d", source="s"), set()),
        (Corpus("c", (TWO,), (ONE,), (SIX,)), {"read", "train", "valid", "marks", "names"}),
        (Corpus("c", (replace(ONE, text="A b!\n"),), (TWO,), (SIX,)), {"read", "train", "marks"}),
        (Corpus("c", (replace(ONE, text="A  b.\n"),), (TWO,), (SIX,)), {"marks"}),  # white space
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


def test_where_documents_begin_is_told_from_what_they_say() -> None:
    words = Document("w", "A b. C d.", ((0, 9),))
    one, two = Document("w1", "A b.", ((0, 4),)), Document("w2", "C d.", ((0, 4),))
    parts, others = (Corpus("c", test, (TWO,), (SIX,)).parts for test in ((words,), (one, two)))
    assert {name for name in parts if parts[name] != others[name]} == {"marks", "names"}
