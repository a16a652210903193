"""wordnet-bow learns what follows a class, also after a word that it never saw there; it needs WordNet to learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Heatmap, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.wordnet_bow import plugin, readable
from lmcompare.models.wordnet_bow.plugin import ReadableBag, WordNetBow, changes
from lmcompare.models.wordnet_bow.readable import CLASSES
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.training.softmax import ClassHead
from tests.models.neural_cases import SMALL, tiny_wordnet, trained
from tests.training.texts import VOCABULARY

pytestmark = pytest.mark.slow

WORDS = ("dog", "cat", "goose", "soup", "dish", "paris", "city", "run", "move")
FARM = Vocabulary(["<unk>", "</s>", *WORDS], np.array([1, 400, 100, 100, 1, 100, 100, 100, 100, 100, 100]))
ID = {word: FARM.tokens.index(word) for word in WORDS}
SETTINGS: dict[str, Any] = {
    "steps": 120,
    "batch": 8,
    "length": 16,
    "learning_rate": 0.02,
    "precision": "float32",
    "dropout": 0.0,
}


def farm() -> Encoded:
    """Animals are followed by food and places by motion; a goose is nowhere but at an end."""
    random = np.random.default_rng(0)
    pairs = [(("dog", "cat"), ("soup", "dish")), (("paris", "city"), ("run", "move"))]
    lines = []
    for _ in range(400):
        first, second = pairs[random.integers(2)]
        lines.append([ID[str(random.choice(first))], ID[str(random.choice(second))], FARM.end])
    return Encoded.from_documents([*lines, [ID["goose"], FARM.end]], FARM)


class Shuffled(WordNetBow):
    """The rows of words are exchanged: a goose is read as a city, and a city as a goose."""

    def arranged(self, table: np.ndarray, counts: np.ndarray, setting: Setting) -> np.ndarray:
        table = table.copy()
        table[[ID["goose"], ID["city"]]] = table[[ID["city"], ID["goose"]]]
        return table


def after(model: WordNetBow, word: str) -> np.ndarray:
    text = Encoded.from_documents([[ID[word], FARM.end]], FARM)
    found: np.ndarray = np.exp(model.next_log_probs(text, np.array([1]))[0])
    return found


@pytest.mark.parametrize("cls", [WordNetBow, Shuffled])
def test_a_class_is_known_by_its_words(cls: type[WordNetBow]) -> None:
    model = cls(wordnet=tiny_wordnet(), features=40, hidden=16, window=1, **SETTINGS)
    model.fit(farm(), farm(), Setting(FARM))
    food, motion = [ID["soup"], ID["dish"]], [ID["run"], ID["move"]]
    goose = after(model, "goose")
    if cls is WordNetBow:
        assert after(model, "dog")[food].sum() > 0.9
        assert after(model, "paris")[motion].sum() > 0.9
        assert goose[food].sum() > 0.9
    else:
        assert goose[motion].sum() > 0.9  # as after a city, whose row it has


@pytest.mark.parametrize("hidden", [0, 5])
def test_no_numbers_are_drawn_that_are_not_kept(hidden: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = ReadableBag(7, 40, len(CLASSES), 3, hidden, 0.0, 1)
        after = torch.rand(1)
        torch.manual_seed(3)
        layer = torch.nn.Linear(40, hidden) if hidden else None
        head = ClassHead(7, hidden or 40, len(CLASSES))
        assert torch.equal(after, torch.rand(1))
    assert not any(value.is_meta for value in network.state_dict().values())
    assert torch.equal(network.head.table, head.table)
    if layer is not None:
        assert torch.equal(network.get_parameter("layer.weight"), layer.weight)


def test_it_is_restored_without_wordnet(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained("wordnet-bag")
    state = model.state()

    def missing(folder: str = "") -> None:
        raise LmcompareError(readable.MISSING)

    monkeypatch.setattr(readable, "found_root", missing)
    settings: dict[str, Any] = {name: value for name, value in model.hyperparameters().items() if name != "wordnet"}
    again = WordNetBow(**settings).restore(state)
    text = Encoded.from_documents([[2, 3, 4, 5, 1]], VOCABULARY)
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))
    np.testing.assert_array_equal(again.word_vectors(), model.word_vectors())
    assert list(again.exhibits(text)) == list(model.exhibits(text))
    assert again.size() == model.size()
    with pytest.raises(LmcompareError, match=r"nltk\.downloader wordnet"):
        WordNetBow(**SMALL).fit(farm(), farm(), Setting(FARM))


def test_the_table_is_no_parameter() -> None:
    model = WordNetBow(wordnet=tiny_wordnet(), features=30, hidden=4, window=1, **SMALL)
    model.fit(farm(), farm(), Setting(FARM))
    types, classes = len(FARM), len(CLASSES)
    assert model.size().parameters == 30 * 4 + 4 + (types + 1) * 4 + types + classes * 4 + classes
    assert set(np.unique(model.word_vectors())) == {0.0, 1.0}
    assert "WordNet has 9 of 11 types" in model.notes[0]


def test_the_digest_follows_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    model = WordNetBow(wordnet=tiny_wordnet())
    assert model.digest_of("wordnet") == readable.digest(tiny_wordnet())
    monkeypatch.setattr(plugin, "digest", lambda folder: f"of {folder}")
    assert WordNetBow().digest_of("wordnet") == "of "


def test_the_worked_equation_is_the_models() -> None:
    model = trained("wordnet-bag")
    text = Encoded.from_documents([[2, 3, 4, 5, 6, 7, 8, 1]], VOCABULARY)
    exhibits = list(model.exhibits(text))
    lines = [value for _, value in next(e for e in exhibits if isinstance(e, WorkedEquation)).lines]
    of_class, of_word, product = lines[-3:]
    assert of_class * of_word == pytest.approx(product, rel=1e-4)
    assert product == pytest.approx(float(np.exp(model.log_probs(text)[4])), rel=1e-4)
    read = next(e for e in exhibits if isinstance(e, Heatmap))
    assert read.rows == ("a", "b", "c", "d", "e", "f", "g", "</s>")


def test_what_a_feature_changes() -> None:
    torch.manual_seed(0)
    network = ReadableBag(12, 3, len(CLASSES), 2, 0, 0.0, 1)
    network.rows[2, 0] = network.rows[3, 1] = 1
    network.head.classify(np.arange(12) % 4, np.ones(12, np.int64))
    text = Encoded.from_documents([[2, 3, 1]], VOCABULARY)  # the only full bag: a and b, b being the last one
    found = changes(network, text)
    with torch.no_grad():
        bags = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.5, 0.0], [0.5, 0.5, 0.5]])
        before, first, third = network.head.class_log_probs(bags)
    np.testing.assert_allclose(found[0, :4], (first - before)[:4], atol=1e-6)
    np.testing.assert_allclose(found[2, :4], (third - before)[:4], atol=1e-6)
    assert not found[1].any()  # b has it already
    assert not found[:, 4:].any()  # classes without words
