from __future__ import annotations

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.tokens import Vocabulary


def test_falling_counts_and_first_appearance() -> None:
    vocabulary = Vocabulary.build([["b", "a", "c", "a"], ["d", "c", "a"]], min_count=1)
    assert vocabulary.tokens == ("<unk>", "</s>", "a", "c", "b", "d")
    assert vocabulary.counts.tolist() == [0, 2, 3, 2, 1, 1]
    assert [vocabulary.id(t) for t in ("a", "d", "x", "<unk>", "</s>")] == [2, 5, 0, 0, 0]
    assert vocabulary.ids(["c", "x", "</s>"]).tolist() == [3, 0, 0]
    assert "a" in vocabulary
    assert "x" not in vocabulary
    assert len(vocabulary) == 6
    assert vocabulary[3] == "c"


def test_size_and_min_count_together() -> None:
    sentences = [["a"] * 3 + ["b"] * 2 + ["c"] * 2 + ["d"]]
    assert Vocabulary.build(sentences, min_count=2, size=4).tokens == ("<unk>", "</s>", "a", "b")
    assert Vocabulary.build(sentences, min_count=2, size=4).counts.tolist() == [3, 1, 3, 2]
    with pytest.raises(LmcompareError, match=r"only 5 types .* 2 times or more"):
        Vocabulary.build(sentences, min_count=2, size=6)


def test_tokens_that_always_stand_in_it() -> None:
    vocabulary = Vocabulary.build([["b", "x"]], min_count=2, always=["a", "b"])
    assert vocabulary.tokens == ("<unk>", "</s>", "b", "a")
    assert vocabulary.counts.tolist() == [1, 1, 1, 0]
    one = Vocabulary.build([["b", "b", "x"]], size=4, always=["a"])
    assert one.tokens == ("<unk>", "</s>", "b", "a")
    assert one.counts.tolist() == [1, 1, 2, 0]
    with pytest.raises(LmcompareError, match="at least 4 types"):
        Vocabulary.build([["b", "x"]], size=3, always=["a", "b"])


@pytest.mark.parametrize("tokens", [["a", "b"], ["<unk>", "</s>", "a", "a"], ["</s>", "<unk>"], ["<unk>", "a"]])
def test_ill_formed(tokens: list[str]) -> None:
    with pytest.raises(LmcompareError, match="vocabulary"):
        Vocabulary(tokens)


def test_without_an_unknown_token() -> None:
    vocabulary = Vocabulary(["b", "a", "</s>", "c"])
    assert vocabulary.unknown is None
    assert (vocabulary.end, vocabulary.special, vocabulary.text_tokens()) == (2, [2], ["b", "a", "c"])
    assert vocabulary.ids(["a", "c"]).tolist() == [1, 3]
    assert not vocabulary.is_unknown(np.array([0, 1, 2, 3])).any()
    for token in ("x", "</s>", "<unk>"):
        with pytest.raises(LmcompareError, match=r"not in the vocabulary, which has no <unk>"):
            vocabulary.id(token)
    assert vocabulary.token_table.ids(b"a c\nb").tolist() == [1, 3, 2, 0, 2]
    with pytest.raises(LmcompareError, match="which has no <unk>"):
        vocabulary.token_table.ids(b"a x")


def test_the_ids_of_unknown_words_and_ends() -> None:
    vocabulary = Vocabulary(["<unk>", "a", "</s>"])
    assert (vocabulary.unknown, vocabulary.end, vocabulary.special) == (0, 2, [0, 2])
    assert vocabulary.is_unknown(np.array([[0, 1], [2, 0]])).tolist() == [[True, False], [False, True]]
    assert vocabulary.token_table.ids(b"a </s> <unk>").tolist() == [1, 0, 0, 2]


def test_too_small() -> None:
    with pytest.raises(LmcompareError, match="at least 3 types"):
        Vocabulary.build([["a"]], size=2)


def test_counts_are_read_only_and_equality_is_of_tokens() -> None:
    one = Vocabulary(["<unk>", "</s>", "a"], np.array([1, 2, 3]))
    assert one == Vocabulary(["<unk>", "</s>", "a"])
    assert hash(one) == hash(Vocabulary(["<unk>", "</s>", "a"]))
    assert one != Vocabulary(["<unk>", "</s>", "b"])
    with pytest.raises(ValueError, match="read-only"):
        one.counts[0] = 5
