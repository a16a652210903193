"""The labelled sentences, and what is measured of models whose vectors are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import PluginError
from lmcompare.model import FloatArray
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.studies.contexts.measure import BEGINNINGS, SenseSet, sense_sets, sense_table, sentences
from lmcompare.tokens import Encoded, IntArray
from tests.studies.contexts.test_contexts import RIVERS, Vectors, prepared

LINES = [text for word in BEGINNINGS for _, text in sentences(word)]
FUNCTION = """the a of to in on at from for by with within and but was were is has had have been it as he she they him
his her their most part end start side first second last half only an one"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return prepared(tmp_path_factory.mktemp("senses"), [RIVERS], LINES * 2)


class Knowing(Vectors):
    """Has a vector of the sense, which it looks up, and expects "king" after the first sense."""

    sets: Sequence[SenseSet]

    def word_vectors(self) -> None:  # type: ignore[override]
        return None

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray:
        known = {tuple(ids): sense for one in self.sets for ids, sense in zip(one.ids, one.senses, strict=True)}
        found = np.zeros((len(at), 3))
        for row, (start, end) in enumerate(zip(text.context_starts(at), at, strict=True)):
            found[row, known.get(tuple(text.ids[start : end + 1]), 2)] = 1
        return found

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        first = self.context_vectors(text, at - 1)[:, 0] > 0
        chances = np.full((len(at), len(text.vocabulary)), 0.5 / (len(text.vocabulary) - 1))
        chances[:, text.vocabulary.id("king")] = 0.5
        chances[~first] = 1 / len(text.vocabulary)
        return np.asarray(np.log(chances))


class Uniform(Vectors):
    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        return np.full((len(at), len(text.vocabulary)), -np.log(len(text.vocabulary)))

    def word_vectors(self) -> FloatArray:
        return np.random.default_rng(0).normal(size=(2000, 5))


def test_only_earlier_words_tell_the_senses() -> None:
    assert len(BEGINNINGS) == 12
    for word, senses in BEGINNINGS.items():
        assert [len(texts) for texts in senses.values()] == [4, 4]
        lines = [text.lower().split() for _, text in sentences(word)]
        assert {tuple(line[-3:]) for line in lines} == {("of", "the", word)}
        counts = Counter(token for line in lines for token in set(line[:-3]))
        assert [token for token, n in counts.items() if n > 1 and token not in FUNCTION.split()] == []


def test_sets_whose_words_are_unknown_are_left_out(tmp_path: Path) -> None:
    kept = [line for line in LINES if not line.endswith(("bank", "court"))]
    kept += [text for sense, text in sentences("court") if sense] + ["the bank"]
    sets, left_out = sense_sets(prepared(tmp_path, [RIVERS], kept))
    assert left_out.keys() == {"bank", "court"}
    assert len(sets) == 10
    none = prepared(tmp_path, [RIVERS], ["nothing of it here"])
    assert sense_sets(none)[0] == []
    assert set(sense_sets(none)[1].values()) == {"not a token of the vocabulary"}


def test_a_vector_of_the_previous_word_is_the_same_in_all_sentences(corpus: TokenizedCorpus) -> None:
    class Model(Uniform):
        def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray:
            return self.word_vectors()[text.ids[at - 1]]

    table = sense_table(Model(), corpus)
    assert table is not None
    assert len(table["sets"]) == 12
    assert not any(np.any(one["distances"]) for one in table["sets"])
    assert all(np.any(one["average"]) and np.any(one["counts"]) for one in table["sets"])
    assert all(not tokens for one in table["sets"] for tokens in one["next"])  # the same after both senses


def test_averages_and_counts_worked_from_the_words(corpus: TokenizedCorpus) -> None:
    model = Uniform()
    table = sense_table(model, corpus)
    assert table is not None
    one = table["sets"][0]
    assert not np.any(one["distances"])  # one vector a word
    vectors = model.word_vectors()
    mean = vectors[corpus.test.ids].mean(0)
    first, second = (corpus.prompt_ids(one["sentences"][k]["text"])[:-1] for k in (0, 1))
    a, b = vectors[first].mean(0) - mean, vectors[second].mean(0) - mean
    assert one["average"][0][1] == pytest.approx(1 - a @ b / np.sqrt(a @ a * (b @ b)), abs=1e-6)
    words = [one["sentences"][k]["text"].split()[:-1] for k in (0, 1)]
    shared = sum(words[0].count(w) * words[1].count(w) for w in set(words[0]))
    lengths = [np.sqrt(sum(n * n for n in Counter(line).values())) for line in words]
    assert one["counts"][0][1] == pytest.approx(1 - shared / (lengths[0] * lengths[1]), abs=1e-6)


def test_a_model_that_knows_the_sense(corpus: TokenizedCorpus) -> None:
    model = Knowing()
    model.sets, _ = sense_sets(corpus)
    table = sense_table(model, corpus)
    assert table is not None
    for one in table["sets"]:
        senses = np.array([sentence["sense"] for sentence in one["sentences"]])
        np.testing.assert_array_equal(np.array(one["distances"]) == 0, senses[:, None] == senses)
        assert one["average"] is None
        assert [token["token"] for token in one["next"][0]] == ["king"]
        assert one["next"][0][0]["probability"] == pytest.approx(0.5)


def test_layers_are_asked_for_as_vectors_are(corpus: TokenizedCorpus) -> None:
    class Deep(Knowing):
        def layer_vectors(self, text: Encoded, at: IntArray) -> list[FloatArray]:
            return [np.ones((len(at), 2)), self.context_vectors(text, at)]

    model = Deep()
    model.sets, _ = sense_sets(corpus)
    table = sense_table(model, corpus)
    assert table is not None
    for one in table["sets"]:
        still, last = one["layers"]
        assert not np.any(still)
        assert last == one["distances"]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [(7, "returned an int"), ([np.ones((2, 2), int)], "returned int64"), ([np.ones(2)], "returned the shape")],
)
def test_layers_that_are_no_vectors_are_refused(corpus: TokenizedCorpus, vectors: object, said: str) -> None:
    model = Knowing()
    model.sets, _ = sense_sets(corpus)
    model.layer_vectors = lambda text, at: vectors  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(PluginError, match=rf"Knowing.layer_vectors {said}"):
        sense_table(model, corpus)


def test_a_model_without_vectors_has_none(corpus: TokenizedCorpus, tmp_path: Path) -> None:
    class Without(Uniform):
        def context_vectors(self, text: Encoded, at: IntArray) -> None:
            return None

    assert sense_table(Without(), corpus) is None
    nothing = prepared(tmp_path, [RIVERS], ["nothing of it here"])
    assert sense_table(Without(), nothing) is None
    table = sense_table(Uniform(), nothing)
    assert table is not None
    assert table["sets"] == []
    assert len(table["left_out"]) == 12
