"""Words as a person may read them, against a WordNet written by hand; it is found where NLTK or Debian has it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nltk.data
import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.models.wordnet_bow import readable
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


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """NLTK's data path is one empty folder, and Debian's package is not installed."""
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk_data")])
    monkeypatch.setattr(readable, "DEBIAN", tmp_path / "debian")
    return tmp_path


def test_missing(nowhere: Path) -> None:
    assert not readable.is_found()
    with pytest.raises(LmcompareError, match=r"python -m nltk\.downloader wordnet"):
        readable.reader()


@pytest.mark.parametrize("place", ["nltk_data/corpora/wordnet", "nltk_data/corpora/wordnet31", "debian"])
def test_found_in_a_folder(nowhere: Path, place: str) -> None:
    write_wordnet(nowhere / place)
    assert readable.is_found()
    assert [s.name() for s in readable.reader().synsets("dogs")] == ["dog.n.01", "hot_dog.n.01"]
    assert readable.sense_counts() == {"dog%1:05:00::": 20, "run%2:38:00::": 9}


def test_found_in_an_archive(nowhere: Path) -> None:
    files = write_wordnet(nowhere / "files")
    archive = nowhere / "nltk_data" / "corpora" / "wordnet.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("wordnet/", "")
        for file in sorted(files.iterdir()):
            packed.write(file, f"wordnet/{file.name}")
    assert readable.reader().synset("cat.n.01").lexname() == "noun.animal"
    assert readable.digest() == readable.digest(str(files))


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    one, same, other = (write_wordnet(tmp_path / name) for name in ("one", "same", "other"))
    (other / "noun.exc").write_text("geese goose\n", "utf-8")
    assert readable.digest(str(one)) == readable.digest(str(same)) != readable.digest(str(other))


def test_a_folder_without_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=r"has no data\.noun: name a folder"):
        readable.reader(str(tmp_path))


def test_files_may_be_links(tmp_path: Path) -> None:
    real, linked, hard = write_wordnet(tmp_path / "real"), tmp_path / "linked", tmp_path / "hard"
    for folder in (linked, hard):
        folder.mkdir()
    for path in real.iterdir():
        (linked / path.name).symlink_to(path)
        (hard / path.name).hardlink_to(path)
    assert readable.digest(str(real)) == readable.digest(str(linked)) == readable.digest(str(hard))
    assert readable.reader(str(linked)).synsets("cat")


def test_an_archive_that_is_damaged_is_none(nowhere: Path) -> None:
    archive = nowhere / "nltk_data" / "corpora" / "wordnet.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"PK\x03\x04 and no more")
    assert not readable.is_found()


def test_the_supersenses_are_wordnets() -> None:
    assert len(readable.SUPERSENSES) == 45
    # from lexnames(5WN)
    numbers = {0: "adj.all", 3: "noun.Tops", 13: "noun.food", 28: "noun.time", 29: "verb.body", 44: "adj.ppl"}
    assert {k: readable.SUPERSENSES[k] for k in numbers} == numbers
