"""What is planted in word vectors is found, and nothing else; each control changes one thing."""

from __future__ import annotations

from pathlib import Path

import nltk.data
import numpy as np
import pytest

from lmcompare.lab.changes import BAND, ClassedBag, PermutedRows
from lmcompare.lab.experiments import ontology as encoding
from lmcompare.lab.experiments.ontology import Guess, Ontology, Task, _lacking, short_name
from lmcompare.model import Setting
from lmcompare.models.wordnet_bow import readable
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.models.wordnet_bow.readable import Described
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.neural_cases import SMALL, tiny_wordnet
from tests.models.wordnet_bow.tiny import write_wordnet
from tests.training.texts import VOCABULARY, chain, fitted

KINDS = ("noun.food", "noun.animal", "noun.person")


def planted(words: int = 400) -> tuple[Task, Vocabulary]:
    """Pairs of forms of invented words; a word is of one kind, and of the synset of that kind."""
    random = np.random.default_rng(3)
    stems = sorted({"".join(random.choice(list("abdegiklmnoprstu"), 6)) for _ in range(words // 2)})
    tokens, described = ["<unk>", "</s>"], [Described((), "x"), Described((), "x")]
    for k, stem in enumerate(stems):
        kind = KINDS[k % 3]
        for form in (stem, f"{stem}s"):
            tokens.append(form)
            described.append(Described((kind, f"{kind[5:]}.n.01"), kind, stem))
    vocabulary = Vocabulary(tokens, np.full(len(tokens), 10))
    return encoding.task_of(vocabulary, described), vocabulary


def test_forms_of_a_word_are_never_divided() -> None:
    task, _ = planted()
    assert not set(task.groups[task.test]) & set(task.groups[~task.test])
    assert task.test.mean() == pytest.approx(encoding.HELD_OUT, abs=0.01)
    assert task.classes == (*sorted(KINDS), "animal.n.01", "food.n.01", "person.n.01")
    assert task.supersenses == 3
    assert (task.truth.sum(axis=1) == 2).all()


def test_what_is_in_the_vectors_is_found_and_what_is_not_is_not() -> None:
    task, vocabulary = planted()
    random = np.random.default_rng(0)
    noise = random.normal(size=(len(task.words), 8))
    told = np.concatenate([noise, task.truth[:, :3] + 0.2 * noise[:, :3]], axis=1)
    words = [vocabulary[int(i)] for i in task.words]
    suffix = encoding.guess(encoding.of_suffixes(words, ~task.test), task)
    frequency = encoding.guess(np.zeros((len(words), 1), np.float32), task)
    ours = encoding.guess(encoding.of_vectors(told), task)
    first, *_, micro, macro = encoding.compared([ours], [suffix], task)
    assert first.level > 0.9
    assert micro.level > 0.9
    assert macro.level > 0.9
    assert first.low is not None
    assert first.low > 0.3
    assert max(first.p_value, micro.p_value, macro.p_value) < 0.01
    blind = encoding.guess(encoding.of_vectors(noise), task)
    for each in encoding.compared([blind], [frequency], task)[:2]:
        assert each.p_value > 0.05
        assert abs(each.amount) < 0.15


def test_trainings_widen_the_interval() -> None:
    task, _ = planted()
    random = np.random.default_rng(0)
    told = [
        encoding.guess(
            encoding.of_vectors(task.truth[:, :3] + spread * random.normal(size=(len(task.words), 3))), task
        )
        for spread in (0.3, 0.6, 0.9)
    ]
    frequency = encoding.guess(np.zeros((len(task.words), 1), np.float32), task)
    one, three = (encoding.compared(some, [frequency], task)[0] for some in (told[1:2], told))
    narrow, wide = ((each.high or 0.0) - (each.low or 0.0) for each in (one, three))
    assert wide > narrow
    assert three.figure == pytest.approx(np.mean([encoding.compared([t], [t], task)[0].level for t in told]))


def test_the_threshold_worked_by_hand() -> None:
    scores = np.array([[0.9, 0.2], [0.8, 0.5], [0.5, 0.1]])
    truth = np.array([[True, False], [True, True], [False, False]])
    # one named: 2·1/(1+3); two: 2·2/(2+3); the two of 0.5 together: 2·3/(4+3), the greatest
    best, threshold = encoding.best_threshold(scores, truth)
    assert best == pytest.approx(6 / 7)
    assert threshold == pytest.approx(0.35)


def test_the_metrics_worked_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "NAMED", 2)
    truth = np.array([[True, False, True], [False, True, False]])
    scores = np.array([[0.9, 0.3, 0.1], [0.6, 0.2, 0.7]])
    found = Guess(scores, scores > 0.5, 0.5, None)
    first, at, micro, macro = encoding.measures(np.ones((1, 2)), found, truth, 2)[0]
    assert first == 0.5  # of the two supersenses the first is right for the first word, and wrong for the second
    assert at == 0.25  # one of two, and none of two
    assert micro == pytest.approx(2 * 1 / (3 + 3))
    assert macro == pytest.approx((2 / 3 + 0 + 0) / 3)
    twice = encoding.measures(np.array([[2.0, 0.0]]), found, truth, 2)[0]
    np.testing.assert_allclose(twice, [1, 0.5, 2 / 3, (1 + 0 + 0) / 3])


def test_suffixes() -> None:
    assert encoding.suffixes("nation") == ["n", "on", "ion", "tion"]
    assert encoding.suffixes("cat") == ["t", "at"]
    found = encoding.of_suffixes(["nation", "ration", "cat"], np.array([True, True, False]))
    assert found.sum(axis=1).tolist() == [4, 4, 0]


def test_a_word_that_wordnet_lacks() -> None:
    task, vocabulary = planted()
    random = np.random.default_rng(0)
    truth = np.concatenate([task.truth, task.truth[:1]])  # the last word is of the kind of the first one
    vectors = truth[:, :3] + 0.01 * random.normal(size=(len(truth), 3))
    inputs = encoding.of_vectors(vectors)
    guess = encoding.guess(inputs[:-1], task)
    names = [*(vocabulary[int(i)] for i in task.words), "laksa"]
    shown = _lacking(guess, inputs[-1:], vectors, names, task)
    kind = short_name(task.classes[int(task.truth[0].argmax())])
    assert shown.words[0].startswith(f"laksa: {kind} (")
    same = {names[i] for i in np.flatnonzero(task.truth[:, task.truth[0].argmax()])}
    assert set(shown.neighbours[0]) <= same
    assert shown.problem() == ""


@pytest.mark.parametrize(
    ("name", "short"),
    [("noun.food", "food"), ("hot_dog.n.01", "hot dog"), ("verb.motion", "motion (verb)"), ("adj.all", "adjective")],
)
def test_the_name_of_a_class(name: str, short: str) -> None:
    assert short_name(name) == short


def test_rows_are_permuted_within_bands_of_frequency() -> None:
    types = 5 * BAND
    counts = np.arange(types, 0, -1)
    table = np.zeros((types, 12), np.uint8)
    table[:] = np.arange(types)[:, None] >> np.arange(12) & 1  # each row is its number
    vocabulary = Vocabulary(["<unk>", "</s>", *(f"w{k}" for k in range(types - 2))], counts)

    def rows(seed: int) -> np.ndarray:
        found = PermutedRows().arranged(table, counts, Setting(vocabulary, seed=seed))
        numbers: np.ndarray = (found.astype(np.int64) << np.arange(12)).sum(axis=1)
        return numbers

    found = rows(0)
    assert found[:2].tolist() == [0, 1]
    assert sorted(found) == list(range(types))
    assert (found != np.arange(types)).mean() > 0.9
    assert np.abs(found - np.arange(types)).max() <= BAND + 25
    np.testing.assert_array_equal(found, rows(0))
    assert (found != rows(1)).any()
    np.testing.assert_array_equal(WordNetBow().arranged(table, counts, Setting(vocabulary)), table)


def test_a_bag_with_classes_is_a_language_model() -> None:
    model = ClassedBag(wordnet=tiny_wordnet(), width=6, hidden=8, window=4, epochs=1, tune=False, **SMALL)
    fitted(model)
    text = Encoded.from_documents([[2, 3, 4, 5, 1]], VOCABULARY)
    np.testing.assert_allclose(np.exp(model.next_log_probs(text, np.arange(5))).sum(axis=1), 1, atol=1e-5)
    again = ClassedBag(**{**model.hyperparameters(), "wordnet": ""}).restore(model.state())
    np.testing.assert_array_equal(again.log_probs(chain(1, 1, 9)), model.log_probs(chain(1, 1, 9)))
    assert model.digest_of("wordnet") == WordNetBow(wordnet=tiny_wordnet()).digest_of("wordnet")


def test_without_wordnet_it_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(readable, "DEBIAN", tmp_path)
    assert "python -m nltk.downloader wordnet" in Ontology().lacks()
    write_wordnet(tmp_path)
    assert Ontology().lacks() == ""
