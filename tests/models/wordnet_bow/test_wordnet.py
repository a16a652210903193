"""WordNet is found where NLTK or Debian has it, read by NLTK, and missed in one sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nltk.data
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.models.wordnet_bow import readable
from tests.models.wordnet_bow.tiny import write_wordnet


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
