"""Memorisation: as much of train as of valid is scored, in the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.model import FloatArray
from lmcompare.studies.memorisation.measure import measured, pieces
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.checks.honest import Honest
from tests.studies.contexts.test_contexts import MONEY, RIVERS, prepared

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b"], np.array([0, 2, 3, 1]))


@pytest.mark.parametrize("documents", [1, 7, 400])
def test_pieces_begin_with_sentences_and_stay_in_their_documents(documents: int) -> None:
    generator = np.random.default_rng(documents)
    lengths = generator.integers(1, 30, 3000)
    sentences = [[*generator.integers(2, 4, n), 1] for n in lengths]
    texts = [np.concatenate(sentences[k::documents]) for k in range(documents)]
    text = Encoded.from_documents(texts, VOCABULARY)
    part = pieces(text, text.sentence_starts(), 4096, 256)
    assert 0.8 * 4096 < len(part) < 1.3 * 4096
    whole = [ids.tobytes() for ids in text.documents()]
    for ids in part.documents():
        assert 0 < len(ids) <= 256
        assert any(found.startswith(ids.tobytes()) or b"\1\0\0\0" + ids.tobytes() in found for found in whole)
    assert len({ids.tobytes() for ids in part.documents()}) == part.n_documents  # none twice


def test_a_short_text_is_read_whole() -> None:
    text = Encoded.from_documents([[2, 1], [3, 1]], VOCABULARY)
    assert pieces(text, text.sentence_starts()) is text


class Knows(Honest):
    """Gives tokens of the split that begins with this id a probability of a half, others one of a quarter."""

    def __init__(self, begin: int) -> None:
        self.begin = begin

    def log_probs(self, text: Encoded) -> FloatArray:
        return np.full(len(text), np.log(0.5 if text.ids[0] == self.begin else 0.25))

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        raise NotImplementedError


def test_figures_by_hand(tmp_path: Path) -> None:
    text = prepared(tmp_path, [RIVERS, MONEY])
    found = measured(Knows(int(text.train.ids[0])), text)
    assert found["train_nats"] == pytest.approx(np.log(2))
    assert found["valid_nats"] == pytest.approx(np.log(4))
    assert found["train_tokens"] == len(text.train)
    unknown = int((text.valid.ids == 0).sum())
    assert unknown > 0
    assert found["valid_tokens"] == len(text.valid) - unknown


def test_unknown_words_are_left_out_and_what_is_impossible_has_no_figure(tmp_path: Path) -> None:
    class Given(Knows):
        def __init__(self, known: float, unknown: float) -> None:
            self.known, self.unknown = known, unknown

        def log_probs(self, text: Encoded) -> FloatArray:
            return np.where(text.ids == 0, self.unknown, self.known)

    text = prepared(tmp_path, [RIVERS])
    assert measured(Given(np.log(0.25), 0.0), text)["valid_nats"] == pytest.approx(np.log(4))
    found = measured(Given(-np.inf, -np.inf), text)
    assert found["train_nats"] is found["valid_nats"] is None


def test_a_text_of_unknown_words_tells_nothing(tmp_path: Path) -> None:
    found = measured(Knows(0), prepared(tmp_path, [RIVERS], train=["one two three", "four five six"] * 3))
    assert found["train_nats"] == pytest.approx(np.log(4))
    assert found["valid_nats"] is None
    assert found["valid_tokens"] == len(RIVERS)  # the ends of sentences
