"""How long a list of next words takes: which tokens are read, and models of which it is not asked."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from lmcompare.measure import suggesting
from lmcompare.measure.suggesting import CONTEXT, LISTS, SUGGESTED, microseconds_per_list
from lmcompare.model import FloatArray, Stepper
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import IntArray, Vocabulary
from tests.measure.test_influence import TEST, TRAIN, Looks
from tests.measure.test_word_contexts import prepared


class Watched(Stepper):
    """Remembers what was asked of it; each list takes two seconds of a clock that the test has."""

    def __init__(self, prefix: IntArray, clock: list[float]) -> None:
        self.read: list[int] = prefix.tolist()
        self.lists: list[tuple[int, int]] = []
        self.clock = clock

    def log_probs(self) -> FloatArray:
        return np.zeros(1)

    def push(self, token: int) -> None:
        self.read.append(token)

    def top_k(self, k: int) -> tuple[IntArray, FloatArray]:
        self.lists.append((len(self.read), k))
        self.clock[0] += 2.0
        return np.zeros(k, np.int64), np.zeros(k)


class Suggests(Looks):
    clock: ClassVar[list[float]] = [0.0]

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        self.made = Watched(prefix, self.clock)
        return self.made


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return prepared(tmp_path_factory.mktemp("suggesting"), TEST, TRAIN)


def test_each_list_follows_one_more_token_of_the_longest_document(
    corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Suggests()
    monkeypatch.setattr("time.perf_counter", lambda: model.clock[0])
    monkeypatch.setattr(suggesting, "LONGEST", 1e9)
    assert microseconds_per_list(model, corpus) == 2e6
    longest = max(corpus.valid.documents(), key=len)[: CONTEXT + LISTS]
    assert model.made.read == longest.tolist()
    start = min(CONTEXT, len(longest) - 1)
    assert model.made.lists == [(n, SUGGESTED) for n in range(start, len(longest) + 1)]


def test_a_slow_model_is_asked_for_few_lists(corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Suggests()
    monkeypatch.setattr("time.perf_counter", lambda: model.clock[0])
    monkeypatch.setattr(suggesting, "LONGEST", 1.0)
    assert microseconds_per_list(model, corpus) == 2e6
    assert len(model.made.lists) == 2  # one before the clock starts


def test_a_model_that_learns_while_it_reads_is_not_asked(corpus: TokenizedCorpus) -> None:
    assert microseconds_per_list(Looks(adaptive=True), corpus) is None
