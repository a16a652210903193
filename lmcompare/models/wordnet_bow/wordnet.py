"""Finds WordNet on this machine and reads it with NLTK.

WordNet: Miller (1995), "WordNet: a lexical database for English", Communications of the ACM 38(11); Fellbaum (1998).
"""

from __future__ import annotations

import hashlib
import io
import warnings
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from lmcompare.errors import LmcompareError, expanded, in_one_sentence, what_went_wrong

FETCH = "python -m nltk.downloader wordnet"
MISSING = (
    f"needs WordNet, which is not on this machine: fetch it with '{FETCH}', or install the package wordnet-base of"
    " Debian"
)
NAMES = ("wordnet", "wordnet31")  # in NLTK's data
DEBIAN = Path("/usr/share/wordnet")  # the folder of the package wordnet-base
PARTS = ("noun", "verb", "adj", "adv")
COUNTS = "cntlist.rev"  # how often each sense occurs in the texts that WordNet's authors have tagged
READ = (*(f"{kind}.{part}" for kind in ("data", "index") for part in PARTS), *(f"{part}.exc" for part in PARTS))
SUPERSENSES = (  # the lexicographer files, in the order of their numbers (lexnames(5WN))
    *("adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute"),
    *("noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group"),
    *("noun.location", "noun.motive", "noun.object", "noun.person", "noun.phenomenon", "noun.plant"),
    *("noun.possession", "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state"),
    *("noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition", "verb.communication"),
    *("verb.competition", "verb.consumption", "verb.contact", "verb.creation", "verb.emotion", "verb.motion"),
    *("verb.perception", "verb.possession", "verb.social", "verb.stative", "verb.weather", "adj.ppl"),
)


def found_root(folder: str = "") -> Any:
    """Return NLTK's pointer to the folder or Zip archive with WordNet's files.

    Parameters
    ----------
    folder : str
        The folder; "" to look on NLTK's data path and where Debian's package ``wordnet-base`` has them.

    Raises
    ------
    LmcompareError
        If WordNet is in none of these places.
    """
    import nltk.data

    if folder:
        given = expanded(folder).absolute()
        if lacking := [name for name in READ if not (given / name).is_file()]:
            raise LmcompareError(f"{folder} has no {lacking[0]}: name a folder with the files of WordNet 3")
        return _opened(given)
    for name in NAMES:
        for place in (f"corpora/{name}", f"corpora/{name}.zip/{name}/"):
            with suppress(LookupError, BadZipFile):
                return nltk.data.find(place)
    if all((DEBIAN / name).is_file() for name in READ):
        return _opened(DEBIAN)
    raise LmcompareError(f"wordnet-bow {MISSING}")


def whole() -> AbstractContextManager[None]:
    """Turn any error from reading damaged files of WordNet into an error of one sentence."""
    return in_one_sentence(
        lambda error: f"WordNet's files are damaged ({what_went_wrong(error)}): fetch them again with '{FETCH}'"
    )


def is_found() -> bool:
    """Return whether WordNet is on this machine."""
    try:
        found_root()
    except LmcompareError:
        return False
    return True


def digest(folder: str = "") -> str:
    """Return a digest of WordNet's files."""
    root = found_root(folder)
    told = hashlib.sha256()
    with whole():
        for name in READ:
            told.update(_content(root, name))
    return told.hexdigest()


def reader(folder: str = "") -> Any:
    """Return NLTK's reader of WordNet: English alone, with the supersenses' names, which Debian's package lacks.

    The files are read as a whole, so that none stays open. They are ASCII: bytes and characters have the same places.
    """
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        def open(self, file: str) -> Any:
            if file == "lexnames":
                return io.StringIO("".join(f"{i:02}\t{name}\t0\n" for i, name in enumerate(SUPERSENSES)))
            return io.StringIO(_content(self.root, file).decode("latin-1"))

        def map_wn(self, version: str = "wordnet") -> None:
            """Map no version of WordNet to another one: Debian's package lacks the file for it."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the warning that there are no other languages
        return Reader(found_root(folder), None)


def sense_counts(folder: str = "") -> dict[str, int]:
    """Return how often each sense, by its key, was tagged by WordNet's authors; empty without their file."""
    try:
        lines = _content(found_root(folder), COUNTS).decode("latin-1").splitlines()
    except OSError:
        return {}
    try:
        return {key: int(count) for key, _, count in (line.split() for line in lines)}
    except ValueError:
        raise LmcompareError(f"{COUNTS} of WordNet is damaged: fetch WordNet again with '{FETCH}'") from None


def _content(root: Any, name: str) -> bytes:
    if (folder := getattr(root, "path", None)) is not None:  # NLTK refuses links, as Conda and Nix make them
        return (Path(folder) / name).read_bytes()
    with root.join(name).open() as file:
        found: bytes = file.read()
    return found


def _opened(folder: Path) -> Any:
    """Return NLTK's pointer to a folder; NLTK's readers refuse a folder outside of its data path."""
    import nltk.data

    if str(folder) not in nltk.data.path:
        nltk.data.path.append(str(folder))
    return nltk.data.FileSystemPathPointer(str(folder))
