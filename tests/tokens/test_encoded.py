from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b"])
# documents: "a b </s> a </s>", nothing, "b"
TEXT = Encoded(
    np.array([2, 3, 1, 2, 1, 3]),
    np.array([0, 5, 5]),
    VOCABULARY,
    np.array([[0, 1], [2, 3], [3, 3], [4, 5], [5, 5], [0, 1]]),
    ("x", "y", "z"),
)


def test_documents_and_positions() -> None:
    assert len(TEXT) == 6
    assert TEXT.n_documents == 3
    assert TEXT.ends.tolist() == [5, 5, 6]
    assert [d.tolist() for d in TEXT.documents()] == [[2, 3, 1, 2, 1], [], [3]]
    assert TEXT.document_of(np.array([0, 4, 5, 6])).tolist() == [0, 0, 2, 2]
    assert TEXT.context_starts(np.array([0, 4, 5, 6])).tolist() == [0, 0, 5, 5]
    assert TEXT.sentence_starts().tolist() == [0, 3, 5]


def test_select_and_split() -> None:
    chosen = TEXT.select([2, 0])
    assert chosen.ids.tolist() == [3, 2, 3, 1, 2, 1]
    assert chosen.starts.tolist() == [0, 1]
    assert chosen.names == ("z", "x")
    assert chosen.spans is not None
    assert chosen.spans[0].tolist() == [0, 1]
    sentences = TEXT.split_sentences()
    assert sentences.starts.tolist() == [0, 3, 5]
    assert sentences.ids.tolist() == TEXT.ids.tolist()
    assert len(TEXT.select([])) == 0


def test_from_documents() -> None:
    text = Encoded.from_documents([[2, 1], [], [3]], VOCABULARY)
    assert text.starts.tolist() == [0, 2, 2]
    assert text.spans is None
    assert text.names == ("0", "1", "2")
    assert len(Encoded.from_documents([], VOCABULARY)) == 0


def test_read_only_and_apart_from_the_caller() -> None:
    ids = np.array([2, 3], np.int32)
    text = Encoded(ids, np.array([0]), VOCABULARY)
    ids[0] = 1
    assert text.ids.tolist() == [2, 3]
    with pytest.raises(ValueError, match="read-only"):
        text.ids[0] = 1


@pytest.mark.parametrize(
    ("ids", "starts", "message"),
    [
        ([4], [0], "between 0 and 3"),
        ([-1], [0], "between 0 and 3"),
        ([2], [], "tokens but no documents"),
        ([2, 2], [1], "must begin at 0"),
        ([2, 2], [0, 2, 1], "must not decrease"),
        ([2, 2], [0, 3], "within the text"),
        ([[2]], [0], "one dimension"),
    ],
)
def test_ill_formed(ids: list[int], starts: list[int], message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        Encoded(np.array(ids), np.array(starts, np.int64), VOCABULARY)


@pytest.mark.parametrize("ids", [[2.5], [True], ["2"], [2, 2**32 + 2], [-1], np.array([0.0])])
def test_ids_are_whole_numbers_of_the_vocabulary(ids: Any) -> None:
    with pytest.raises(LmcompareError, match="token ids"):
        Encoded.from_documents([ids], VOCABULARY)
    with pytest.raises(LmcompareError, match="token ids"):
        Encoded(np.asarray(ids), np.array([0]), VOCABULARY)


@pytest.mark.parametrize("token", [-1, 4, 1.5, True, np.int32(4), np.int64(-1)])
def test_one_id_is_checked_as_many_are(token: Any) -> None:
    for check in (VOCABULARY.check_one, lambda one: VOCABULARY.check([one])):
        with pytest.raises(LmcompareError, match="token ids"):
            check(token)
    known: tuple[Any, ...] = (0, 3, np.int32(3))
    for good in known:
        VOCABULARY.check_one(good)


@pytest.mark.parametrize("at", [[-1], [3, 9], [0.5]])
def test_positions_that_there_are_not_are_refused(at: list[float]) -> None:
    text = Encoded.from_documents([[2, 1, 2], [1, 2]], VOCABULARY)
    for ask in (text.document_of, text.context_starts, text.check_positions):
        with pytest.raises(LmcompareError, match="positions"):
            ask(np.array(at))
    assert text.document_of(np.array([0, 2, 3, 5])).tolist() == [0, 0, 1, 1]
    assert text.context_starts(np.array([])).tolist() == []
    text.check_positions(np.array([]))
