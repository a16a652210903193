"""Tests of the example sentences with which networks explain themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmcompare.models.common.sentences import LONGEST, Example, examples, next_words
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import VOCABULARY

IDS = np.array([2, 3, 4, 5, 6, 1])
TEXT = Encoded.from_documents([[2, 3], IDS, [3] * 40, IDS], VOCABULARY)


def test_sentences_are_long_enough_and_cut() -> None:
    found = list(examples(trained("plain-lstm"), TEXT, 2, 6))
    assert [len(each.ids) for each in found] == [6, LONGEST]
    assert [each.at for each in found] == [5, 6]  # a word is left to predict
    assert found[0].read == found[0].inputs == ("<s>", "a", "b", "c", "d", "e")
    assert found[0].word == "</s>"


def test_the_last_line_is_the_probability_of_the_word_that_came() -> None:
    model = trained("plain-lstm")
    worked = Example(model, TEXT, IDS, 3).worked("x", "says x", [("x", 2.0)], where="here")
    assert worked.note == "With the trained model's numbers after '<s> a b c', here."
    assert worked.lines[0] == ("x", 2.0)
    name, probability = worked.lines[-1]
    assert name == "P(d), which came next"
    scores = model.log_probs(Encoded.from_documents([IDS], VOCABULARY))
    assert probability == pytest.approx(np.exp(scores[3]), rel=1e-5)


def test_a_map_has_a_row_for_each_input() -> None:
    numbers = torch.arange(12.0).view(6, 2)
    drawn = Example(trained("plain-lstm"), TEXT, IDS, 5).map("A", "b", "gate", ["l", "r"], {"one": numbers})
    assert drawn.rows == ("<s>", "a", "b", "c", "d", "e")
    assert drawn.problem() == ""
    assert drawn.values == (tuple((float(k), k + 1.0) for k in range(0, 12, 2)),)


def test_next_words_are_those_that_gain_and_lose_most_and_the_one_that_came() -> None:
    logits = torch.tensor([[0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17]])
    (row,) = next_words(TEXT, logits, np.array([6]))
    assert [word for word, _ in row] == [*"jihgfea", "</s>", "<unk>"]
    assert row[0] == ("j", 11.0)  # the mean, 6, is subtracted
