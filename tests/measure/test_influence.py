"""What a guess depends on, and how long a list of guesses takes: models of which it is known."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lmcompare.measure import scoring as suggesting
from lmcompare.measure.scoring import CONTEXT, LISTS, SUGGESTED, microseconds_per_list
from lmcompare.model import FloatArray, Stepper, Traits
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.studies.story import influences as influence
from lmcompare.studies.story.influences import guessed_sentences, influences
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.checks.honest import Honest
from tests.studies.contexts.test_contexts import prepared

TRAIN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", ".", ",", "7"] * 3
TRAIN += ["they walked along the river bank"]  # words of the validation text, which replace others
LONG = "one two three four five six seven eight ."
TEST = [
    [LONG],
    ["one two three four five six seven", "one two three four five six seven eight nine ten one two three four five"],
    ["one two three four five six unseen eight", "one two three , . 7 , . 7 , ."],
    ["ten nine eight seven six five four three 7 ."],
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return prepared(tmp_path_factory.mktemp("influence"), TEST, TRAIN)


class Looks(Honest):
    """Its log-probabilities are set by the sum of the ids at some distances back, and by the order if ``ordered``."""

    def __init__(self, distances: tuple[int, ...] = (), ordered: bool = False, adaptive: bool = False) -> None:
        super().__init__()
        self.distances, self.ordered = distances, ordered
        self.traits = Traits(adaptive=adaptive)

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = []
        for a, start in zip(at, text.context_starts(at), strict=True):
            seen = [int(text.ids[a - d]) * (d if self.ordered else 1) for d in self.distances if a - d >= start]
            scores = np.sin(sum(seen) + np.arange(len(text.vocabulary)))
            rows.append(scores - np.log(np.exp(scores).sum()))
        return np.stack(rows)


def test_sentences_are_short_known_and_end_with_a_word(corpus: TokenizedCorpus) -> None:
    found = {" ".join(s.tokens): s.tokens[at] for s, at in guessed_sentences(corpus)}
    assert found == {
        f"{LONG} </s>": "eight",
        "one two three four five six seven </s>": "seven",
        "ten nine eight seven six five four three 7 . </s>": "three",
    }


@pytest.mark.parametrize(
    ("model", "counting", "order"),
    [
        (Looks(), set(), False),
        (Looks((1,)), {1}, True),  # the last token is another one when two change places
        (Looks((1, 2)), {1, 2}, False),  # a sum, a bag of two words
        (Looks((1, 2), ordered=True), {1, 2}, True),
        (Looks((5,)), {5}, False),
    ],
)
def test_what_counts_is_what_the_model_looks_at(
    corpus: TokenizedCorpus, model: Looks, counting: set[int], order: bool
) -> None:
    tables = influences(model, corpus)
    assert len(tables) == 3
    for table in tables:
        at = len(table["tokens"]) - 1
        assert {at - place for place, change in enumerate(table["replaced"]) if change > 1e-9} == counting
        assert (table["swapped"] > 1e-9) == order
        assert table["near"] is None  # it has no vectors


def test_changes_against_one_reading_at_a_time(corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "_drawn", lambda _: np.array([2, 5], np.int32))
    monkeypatch.setattr(influence, "DRAWN", 2)
    model = Looks((1, 3), ordered=True)
    table = next(t for t in influences(model, corpus) if len(t["tokens"]) == 8)
    ids = corpus.vocabulary.ids(table["tokens"]).tolist()
    *before, word = ids

    def bits(context: list[int]) -> float:
        text = Encoded.from_documents([context], corpus.vocabulary)
        return float(-model.next_log_probs(text, np.array([len(text)]))[0, word] / np.log(2))

    own = bits(before)
    assert table["bits"] == pytest.approx(own)
    for place, change in enumerate(table["replaced"]):
        variants = [bits([*before[:place], other, *before[place + 1 :]]) for other in (2, 5)]
        assert change == pytest.approx(np.mean([abs(b - own) for b in variants]))
    assert table["swapped"] == pytest.approx(abs(bits([*before[:-2], before[-1], before[-2]]) - own))
    nats = model.next_log_probs(Encoded.from_documents([before], corpus.vocabulary), np.array([len(before)]))[0]
    best = sorted(range(len(nats)), key=lambda i: -nats[i])[:5]
    assert [one["token"] for one in table["next"]] == [corpus.vocabulary[i] for i in best]
    assert [one["probability"] for one in table["next"]] == pytest.approx(np.exp(nats[best]).tolist())


@pytest.mark.parametrize(("model", "same"), [(Looks((1, 2, 3)), True), (Looks((1, 2, 3), ordered=True), False)])
def test_a_bag_does_not_notice_another_order(corpus: TokenizedCorpus, model: Looks, same: bool) -> None:
    tables = influences(model, corpus)
    assert len(tables) == 3
    for table in tables:
        *earlier, a, b, c, word = table["tokens"]
        shuffled = table["shuffled"]
        assert shuffled["tokens"] == [*earlier, c, a, b, word]
        text = Encoded.from_documents([corpus.vocabulary.ids(shuffled["tokens"][:-1])], corpus.vocabulary)
        nats = model.next_log_probs(text, np.array([len(text)]))[0]
        assert shuffled["bits"] == pytest.approx(-nats[corpus.vocabulary.ids([word])[0]] / np.log(2))
        assert [one["probability"] for one in shuffled["next"]] == pytest.approx(sorted(np.exp(nats))[::-1][:5])
        assert (shuffled["bits"] == pytest.approx(table["bits"], abs=1e-9)) == same
        assert (shuffled["next"] == table["next"]) == same


class Has(Looks):
    """The vector of the word with the id i has the angle √i / 2."""

    def word_vectors(self) -> FloatArray:
        angles = np.sqrt(np.arange(30)) / 2
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_nearest_words_are_those_of_the_rarest_of_the_last(
    corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = corpus.vocabulary.counts
    monkeypatch.setattr(influence, "KNOWN", 3)
    tables = influences(Has(), corpus)
    assert len(tables) == 3
    for table in tables:
        words = [int(corpus.vocabulary.ids([token])[0]) for token in table["tokens"][-4:-1] if token.isalpha()]
        word = min(words, key=lambda i: (counts[i], words.index(i)))
        others = [i for i in range(len(counts)) if counts[i] >= 3 and i not in (word, *corpus.vocabulary.special)]
        cosines = {i: np.cos((i**0.5 - word**0.5) / 2) for i in others}
        near = sorted(others, key=cosines.__getitem__)[:-6:-1]
        assert table["near"]["word"] == corpus.vocabulary[word]
        assert [one["token"] for one in table["near"]["words"]] == [corpus.vocabulary[i] for i in near]
        assert [one["cosine"] for one in table["near"]["words"]] == pytest.approx([cosines[i] for i in near])
    monkeypatch.setattr(influence, "KNOWN", 1000)  # all words are rare
    assert [table["near"] for table in influences(Has(), corpus)] == [None] * 3


class Carries(Has):
    """Its context vectors have the position as their first number."""

    def __init__(self, odd: float = 0.0) -> None:
        super().__init__()
        self.traits, self.odd = Traits(carries_state=True), odd

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray:
        return np.stack([at - text.context_starts(at) + self.odd, np.full(len(at), 7.0)], axis=1)


def test_the_states_of_a_model_that_carries_one_are_told_by_their_first_numbers(
    corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in influences(Carries(), corpus):
        assert table["states"] == [[float(place), 7.0] for place in range(len(table["tokens"]) - 1)]
    monkeypatch.setattr(influence, "STATES", 1)
    assert influences(Carries(), corpus)[0]["states"][:2] == [[0.0], [1.0]]
    assert [table["states"] for table in influences(Carries(np.nan), corpus)] == [None] * 3
    assert [table["states"] for table in influences(Has(), corpus)] == [None] * 3


def test_models_that_learn_as_they_read_and_other_tokens_are_not_asked(
    corpus: TokenizedCorpus, tmp_path: Path
) -> None:
    assert influences(Looks((1,), adaptive=True), corpus) == []
    assert guessed_sentences(prepared(tmp_path, TEST, TRAIN, kind="char")) == []


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


def test_each_list_follows_one_more_token_of_the_longest_document(
    corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Suggests()
    monkeypatch.setattr("time.perf_counter", lambda: model.clock[0])
    monkeypatch.setattr(suggesting, "PATIENCE", 1e9)
    assert microseconds_per_list(model, corpus) == 2e6
    longest = max(corpus.valid.documents(), key=len)[: CONTEXT + LISTS]
    assert model.made.read == longest.tolist()
    start = min(CONTEXT, len(longest) - 1)
    assert model.made.lists == [(n, SUGGESTED) for n in range(start, len(longest) + 1)]


def test_a_slow_model_is_asked_for_few_lists(corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Suggests()
    monkeypatch.setattr("time.perf_counter", lambda: model.clock[0])
    monkeypatch.setattr(suggesting, "PATIENCE", 1.0)
    assert microseconds_per_list(model, corpus) == 2e6
    assert len(model.made.lists) == 2  # one before the clock starts
    assert microseconds_per_list(Looks(adaptive=True), corpus) is None
