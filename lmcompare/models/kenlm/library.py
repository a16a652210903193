"""Calls of KenLM's Python module, and the headers of KenLM's files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.counts import arpa
from lmcompare.errors import LmcompareError, one_line

MAGIC = b"mmap lm http://kheafield.com/code"  # a binary file begins with it
_ORDER_AT, _KIND_AT, _COUNTS_AT = 88, 96, 108  # bytes of a binary file of version 5; the counts are uint64
_QUANTISED = (b"\3", b"\5")  # kinds of binary files
_COUNT = re.compile(rb"ngram (\d+)\s*=\s*(\d+)")
_PLACE = re.compile(r"^Cannot read model '.*?' \(|\S+\.(cc|hh):\d+ in .*? threw \w+( because `.*?')?\. ")
HEADER_LINES, LONGEST_LINE = 100, 1000


def is_kenlm_binary(path: Path) -> bool:
    """Return whether a file begins as KenLM's binary files do; false for a file that can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def check(path: Path) -> None:
    """Raise ``LmcompareError`` for a file that KenLM can't read, as far as a quick check shows."""
    if is_kenlm_binary(path):
        opened(path)
    else:
        _module()
        arpa.check_ends(path)


def opened(path: Path) -> Any:
    """Return KenLM's model of a file; a file in its binary format is mapped into memory and not read.

    Raises
    ------
    LmcompareError
        If the module is not installed, or KenLM cannot read the file.
    """
    kenlm = _module()
    if not path.is_file():
        raise LmcompareError(f"{path} is not there: set path to a file of KenLM or an ARPA file")
    with path.open("rb") as file:
        begins = file.read(_COUNTS_AT)
    if begins.startswith(MAGIC) and begins[_KIND_AT : _KIND_AT + 1] in _QUANTISED:
        raise LmcompareError(
            f"{path} is quantised, so its probabilities do not sum to one: build it without -q and -b"
        )
    config = kenlm.Config()
    config.show_progress, config.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    except (OSError, RuntimeError, ValueError) as error:
        if not begins.startswith(MAGIC):
            arpa.read(path)  # raises an error that names the wrong line
        said = _PLACE.sub("", one_line(error)).partition(". ")[0].rstrip(")")
        raise LmcompareError(
            f"KenLM can't read {path}: {said}; give a file that its build_binary or lmplz wrote"
        ) from None


def _module() -> Any:
    try:
        import kenlm
    except ImportError:
        raise LmcompareError(
            "the model kenlm needs the module kenlm: install it with \"pip install 'lmcompare[kenlm]'\""
        ) from None
    return kenlm


def ngram_counts(path: Path) -> list[int]:
    """Return the number of n-grams of each order in the header of a file; [] if the header has no numbers."""
    with path.open("rb") as file:
        begins = file.read(_COUNTS_AT + 8 * 256)
    if begins.startswith(MAGIC):
        order = begins[_ORDER_AT]
        return [int(n) for n in np.frombuffer(begins, "<u8", order, _COUNTS_AT)]
    with gzip.open(path) if begins.startswith(b"\x1f\x8b") else path.open("rb") as file:
        lines = [file.readline(LONGEST_LINE) for _ in range(HEADER_LINES)]
    return [int(found[2]) for line in lines if (found := _COUNT.match(line.strip()))]
