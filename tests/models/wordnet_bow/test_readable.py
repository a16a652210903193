"""Words as a person may read them, against a WordNet written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.models.wordnet_bow.readable import CLASSES, Describer, chosen, table
from lmcompare.tokens import Vocabulary
from tests.models.wordnet_bow.tiny import write_wordnet

ANIMAL = ("noun.animal", "animal.n.01", "entity.n.01")
DISH = ("noun.food", "dish.n.01", "food.n.01", "entity.n.01")
CITY = ("noun.location", "city.n.01", "entity.n.01")


@pytest.fixture(scope="module")
def describer(tmp_path_factory: pytest.TempPathFactory) -> Describer:
    return Describer(str(write_wordnet(tmp_path_factory.mktemp("wordnet"), irregular={"geese": "goose"})))


@pytest.mark.parametrize(
    ("word", "kind", "lemma", "features"),
    [
        ("cat", "noun.animal", "cat", {*ANIMAL, "cat.n.01"}),
        # the sausage has 1 of 22 uses, less than 5 %, and is left out
        ("dogs", "noun.animal", "dog", {*ANIMAL, "dog.n.01", "form in -s"}),
        ("geese", "noun.animal", "goose", {*ANIMAL, "goose.n.01", "irregular form"}),
        ("moving", "verb.motion", "move", {"verb.motion", "move.v.01", "form in -ing"}),
        ("huge", "adj.all", "huge", {"adj.all", "huge.s.01", "large.a.01"}),
        ("Paris", "noun.location", "paris", {*CITY, "paris.n.01", "name", "capital letter"}),
        ("Soup", "noun.food", "soup", {*DISH, "soup.n.01", "capital letter"}),
        ("Laksa", "name", "", {"name", "capital letter", "ends in -sa", "ends in -ksa"}),
        ("laksa", "not in WordNet", "", {"not in WordNet", "ends in -sa", "ends in -ksa"}),
        ("The", "determiner", "", {"determiner", "“the”", "capital letter"}),
        ("don't", "auxiliary", "", {"auxiliary", "“don't”"}),
        ("1958", "year", "", {"year", "“1958”"}),
        ("3.5", "number", "", {"number", "“3.5”"}),
        ("…", "mark", "", {"mark", "“…”"}),
    ],
)
def test_a_word(describer: Describer, word: str, kind: str, lemma: str, features: set[str]) -> None:
    found = describer.word(word)
    assert (found.kind, found.lemma, set(found.features)) == (kind, lemma, features)


def test_a_capital_letter_is_no_name_if_the_text_has_the_word_without(describer: Describer) -> None:
    assert describer.word("Laksa", lower_is_known=True).kind == "not in WordNet"


def test_a_vocabulary(describer: Describer) -> None:
    found = describer.vocabulary(Vocabulary(["<unk>", "</s>", "Laksa", "laksa"]))
    assert [each.kind for each in found] == ["unknown word", "end of a sentence", "not in WordNet", "not in WordNet"]
    assert {each.kind for each in found} < set(CLASSES)


@pytest.mark.parametrize(
    ("name", "content"), [("data.noun", b""), ("index.verb", b"\0" * 999), ("noun.exc", b"\n\n")]
)
def test_damaged_files_are_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (write_wordnet(tmp_path) / name).write_bytes(content)
    with pytest.raises(LmcompareError, match="damaged"):
        Describer(str(tmp_path)).vocabulary(Vocabulary(["<unk>", "</s>", "cat"]))


def test_the_features_of_most_tokens_are_kept(describer: Describer) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "cat", "dog", "soup", "dish"])
    described, counts = describer.vocabulary(vocabulary), np.array([0, 10, 5, 3, 2, 0])
    names = chosen(described, counts, 3)
    # entity has 10 tokens, animal 8; noun.animal is had by the same words as animal, which comes after it
    assert names == ("end of a sentence", "entity.n.01", "noun.animal")
    np.testing.assert_array_equal(
        table(described, names), [[0, 0, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1], [0, 1, 0], [0, 1, 0]]
    )
    assert chosen(described, counts, 99) == (*names, "noun.food")  # cat, dog and soup are words and no classes
