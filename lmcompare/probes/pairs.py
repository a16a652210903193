"""Minimal pairs in the format of BLiMP: two sentences that differ in one point, one of them acceptable.

BLiMP: Warstadt, Parrish, Liu, Mohananey, Peng, Wang and Bowman (2020), *BLiMP: The benchmark of linguistic minimal
pairs for English*, TACL 8.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from lmcompare.corpora import has_utf8
from lmcompare.errors import LmcompareError, expanded, not_parsed, ordinary, suggest, usable_path

SHIPPED = ("english",)
_GOOD, _BAD = "sentence_good", "sentence_bad"


@dataclass(frozen=True)
class Pair:
    """An acceptable sentence, one that is not, and the phenomenon that they differ in."""

    good: str
    bad: str
    phenomenon: str


@dataclass(frozen=True)
class Pairs:
    """A set of minimal pairs, and what it is called."""

    name: str
    pairs: tuple[Pair, ...]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that tell these pairs from others."""
        rows = [(pair.good, pair.bad, pair.phenomenon) for pair in self.pairs]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def read_pairs(source: str) -> Pairs:
    """Read minimal pairs.

    Parameters
    ----------
    source : str
        The path of a ``.jsonl`` file with ``sentence_good`` and ``sentence_bad`` in each line, and the phenomenon as
        ``linguistics_term`` or ``UID``; of a folder of such files, which are read together; or "english", sixty pairs
        over six phenomena that come with lmcompare.

    Raises
    ------
    LmcompareError
        If there is no such file, or a line is not such a pair.
    """
    path = expanded(usable_path(source, "minimal pairs are a .jsonl file, a folder of such files, or english"))
    source = os.fspath(source)
    if source in SHIPPED and not path.exists():
        shipped = resources.files("lmcompare.probes") / f"{source}.jsonl"
        return Pairs(source, tuple(_pairs(shipped.read_text(encoding="utf-8"), source)))
    if not path.is_dir():
        return Pairs(path.stem, tuple(_pairs(_content(path, source), source)))
    files = sorted(path.glob("*.jsonl"))
    if not files:
        raise LmcompareError(
            f"{source} is a folder without .jsonl files of minimal pairs; give PAIRS first, then the run folder"
        )
    read = (pair for file in files for pair in _pairs(_content(file, str(file)), str(file)))
    return Pairs(path.resolve().name, tuple(read))


def _content(path: Path, source: str) -> str:
    try:
        return ordinary(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = f"{source} cannot be read as minimal pairs, because it is not UTF-8"
        if isinstance(error, FileNotFoundError):
            said = f"there is no file or folder {source} of minimal pairs{suggest(source, SHIPPED)}"
        elif isinstance(error, OSError):
            said = f"{source} cannot be read ({error.strerror or error})"
        raise LmcompareError(
            f"{said}; give a .jsonl file, or 'english' for the pairs that come with lmcompare"
        ) from None


def _pairs(content: str, source: str) -> list[Pair]:
    lines = enumerate(content.split("\n"), 1)
    pairs = [_pair(line, f"line {number:,} of {source}") for number, line in lines if line.strip()]
    if not pairs:
        raise LmcompareError(f"{source} has no minimal pair in it; write one JSON object on each line")
    return pairs


def _pair(line: str, where: str) -> Pair:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LmcompareError(
            f"{where} is not JSON ({not_parsed(error)}); write one JSON object on each line"
        ) from None
    if not isinstance(row, dict):
        raise LmcompareError(f"{where} is not a JSON object; write one with {_GOOD} and {_BAD}")
    for key in (_GOOD, _BAD):
        text = row.get(key)
        if not isinstance(text, str) or not text.strip() or not has_utf8(text):
            raise LmcompareError(f"{where} has no text under '{key}'; write both sentences of the pair")
    if row[_GOOD] == row[_BAD]:
        raise LmcompareError(f"{where} has the same sentence twice; write two that differ")
    phenomenon = row.get("linguistics_term") or row.get("UID") or "all pairs"
    return Pair(row[_GOOD], row[_BAD], str(phenomenon))
