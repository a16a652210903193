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
