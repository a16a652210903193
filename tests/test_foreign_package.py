"""A package of somebody else's with a plug-in of every kind: one file, and one entry point for each."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.console import lmcompare
from tests.tokens import bpe

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

PACKAGE = '''
"""A model, a tokenizer that learns, a binary corpus format, a corpus scheme, and a kind of exhibit."""

import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar

from lmcompare.corpora import CorpusFormat, CorpusScheme, Found, Piece
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Drawing, Exhibit
from lmcompare.models.unigram import Unigram
from lmcompare.report.data import Section
from lmcompare.study import Advice, Computed, Study, named
from markupsafe import Markup
from foreign_pairs import BytePairs


class Pairs(BytePairs):
    """A tokenizer that learns."""

    description = "Pairs of bytes of foreigners."

    def __init__(self):
        super().__init__(merges=5)


def read_packed(file, options):
    documents, at = [], 0
    while at < len(file.raw):
        if len(file.raw) < at + 4:
            raise LmcompareError(f"{file.path} is cut short: give a whole .packed file")
        (length,) = struct.unpack_from("<I", file.raw, at)
        try:
            text = zlib.decompress(file.raw[at + 4 : at + 4 + length]).decode()
        except (zlib.error, UnicodeDecodeError):
            raise LmcompareError(f"{file.path} is damaged: give a whole .packed file") from None
        documents.append(Piece(f"{file.name}:{len(documents)}", text))
        at += 4 + length
    return Found(tuple(documents))


PACKED = CorpusFormat("compressed documents", (".packed",), read_packed)


def read_times(name, options):
    return Found(tuple(Piece(f"{n}", f"{name} {n}.") for n in range(60)))


TIMES = CorpusScheme("a sentence, repeated", read_times, "WORDS")


@dataclass(frozen=True, kw_only=True)
class Stamp(Exhibit):
    kind: ClassVar[str] = "stamp"
    words: tuple[str, ...]

    def draw(self):
        return Drawing(Markup("<p class='stamp'>stamped</p>"), "", "stamped")


class Lengths(Study):
    """Lengths of the text of foreigners."""

    name = "lengths"
    title = "Lengths"
    group = "Trust"
    order = 5
    questions = {"lengths": "How long is the foreign text?"}

    def measure(self, finished):
        if isinstance(finished.model, Stamped):
            raise ValueError("stamps have no length")
        return {"tokens": len(finished.corpus.test)}

    def compute(self, run):
        found = {m.name: m.first.measured("lengths") for m in run.scored}
        return Computed(found, {"unigram": f"{named('unigram')} is foreign."}, (Advice("Stamps", "More of them."),))

    def show(self, report):
        said = report.results["studies"]["lengths"]["unigram"]["tokens"]
        return Section.of_text("lengths", "Lengths of foreigners", "{{ said }} foreign tokens.", said=said)


class Broken(Study):
    name = "broken"
    title = "Broken"

    def compute(self, run):
        return run.nothing

    def show(self, report):
        raise AssertionError("it was not computed")


class Demanding(Study):
    name = "demanding"

    def __init__(self, what):
        self.what = what


class Other(Study):
    name = "odd"


class Namesake(Study):
    name = "namesake"
    title = "Cost"

    def show(self, report):
        return "<p>no section</p>"


class Stamped(Unigram):
    """A unigram model with a stamp."""

    def exhibits(self, text):
        yield Stamp(title="The stamp", words=("stamped",))
'''

ENTRY_POINTS = """
[lmcompare.models]
stamped = foreign:Stamped
[lmcompare.tokenizers]
pairs = foreign:Pairs
[lmcompare.corpus_formats]
packed = foreign:PACKED
[lmcompare.corpus_schemes]
times = foreign:TIMES
[lmcompare.exhibits]
stamp = foreign:Stamp
[lmcompare.studies]
lengths = foreign:Lengths
broken = foreign:Broken
gone = nowhere:Gone
demanding = foreign:Demanding
other = foreign:Other
namesake = foreign:Namesake
"""


@contextmanager
def package_in(folder: Path) -> Iterator[None]:
    """The package is installed in a folder, for this process and those that it starts."""
    info = folder / "foreign-1.dist-info"
    info.mkdir(parents=True)
    (folder / "foreign.py").write_text(PACKAGE)
    shutil.copy(bpe.__file__, folder / "foreign_pairs.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    path = os.environ.get("PYTHONPATH")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{path}" if path else str(folder))
        yield
    for name in ("foreign", "foreign_pairs"):
        sys.modules.pop(name, None)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    with package_in(tmp_path / "site"):
        yield


def packed(texts: list[str]) -> bytes:
    compressed = [zlib.compress(text.encode()) for text in texts]
    return b"".join(struct.pack("<I", len(each)) + each for each in compressed)


@pytest.mark.usefixtures("installed")
def test_a_package_brings_a_plug_in_of_every_kind(tmp_path: Path) -> None:
    texts = [f"The cat sat on mat {n}.\nIt was the other cat.\n" for n in range(40)]
    (tmp_path / "text.packed").write_bytes(packed(texts))
    command = ("run", "--corpus", "text.packed", "--tokens", "pairs", "--model", "stamped,unigram", "--out", "out")
    assert "foreign" not in sys.modules
    done = lmcompare(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads((tmp_path / "out" / "results.json").read_text())["models"]}
    assert rows["stamped"]["bits_per_byte"] == rows["unigram"]["bits_per_byte"]
    assert rows["stamped"]["valid_probability_model"]
    report = (tmp_path / "out" / "report.html").read_text()
    assert "<p class='stamp'>" in report
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    tokens = results["studies"]["lengths"]["unigram"]["tokens"]
    assert results["studies"]["lengths"]["stamped"] is None
    assert tokens > 0
    assert f"{tokens} foreign tokens." in report
    assert "How long is the foreign text?" in report
    assert "The unigram is foreign." in report
    assert "stamps have no length" in report
    assert results["failed_studies"].keys() == {"broken", "gone", "demanding", "other"}
    assert "is called 'odd' by its class" in results["failed_studies"]["other"]
    assert "its method show returned no Section" in report
    assert 'id="cost"' in report, "a study does not replace a section of the same title"
    assert "This section could not be made: AttributeError" in report
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    read = sum(split["bytes"] for split in manifest["corpus"]["splits"].values())
    assert read == sum(len(text.encode()) for text in texts)
    scored = lmcompare("score", "out", "--model", "stamped", "text.packed", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("models", "A unigram model with a stamp"),
        ("tokenizers", "Pairs of bytes of foreigners"),
        ("studies", "Lengths of the text of foreigners"),
        ("studies", "can't be loaded: plug-in 'gone'"),
        ("corpora", "compressed documents"),
        ("corpora", "times:WORDS"),
    ],
)
def test_its_plug_ins_are_listed(tmp_path: Path, command: str, words: str) -> None:
    done = lmcompare(command, cwd=tmp_path)
    assert words in done.stdout, done.stderr


def test_a_run_folder_is_not_read_with_code_that_is_not_installed(tmp_path: Path) -> None:
    command = ("run", "--corpus", "times:Old cats sit", "--tokens", "pairs", "--model", "unigram", "--out", "out")
    with package_in(tmp_path / "site"):
        assert lmcompare(*command, cwd=tmp_path).returncode == 0
    done = lmcompare("generate", "out", "--model", "unigram", cwd=tmp_path)
    assert done.returncode == 2
    assert "pairs" in done.stderr
    assert "Traceback" not in done.stderr
