"""The ARPA format of back-off models, as KenLM, SRILM, IRSTLM, MITLM and OpenGrm write it: a file to a table."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lmcompare.counts.files import arpa_compiled as lines
from lmcompare.counts.files.building import Grams, build, lexicographic
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, IntArray, Vocabulary

START = "<s>"
NO_UNKNOWN = -100.0  # log10; what KenLM gives <unk> where the file has none
MOST_ORDERS = 100
GZIP = b"\x1f\x8b"


def read(path: Path) -> tuple[BackoffTable, Vocabulary]:
    """Return the table of an ARPA file, gzip or not, and its words in the order of the file.

    Ids are those of every vocabulary, ``<unk>`` 0 and ``</s>`` 1; as elsewhere V is ``<s>``. Separators are blanks or
    tabs, n-grams come in any order, a missing back-off weight is 1. ``<UNK>``, ``<S>`` and ``</S>`` are read as in
    lower case, if that is not there too. A missing ``<unk>`` has the probability 1e-100, as in KenLM. N-grams with
    ``<s>`` anywhere but at their beginning are left out: no text has them. A context that is missing is put in (see
    ``building.build``). The counts of the table are not known: its levels hold none.

    Raises ``LmcompareError``, with the number of the line, for what is no ARPA file, is cut off, does not hold as
    many n-grams as its header says, or holds a wrong line.
    """
    return _Reader(path, _content(path)).read()


def looks_like(head: bytes) -> bool:
    """Return whether the first bytes of a file, unpacked, may be those of an ARPA file."""
    return b"\\data\\" in head


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except FileNotFoundError:
        raise LmcompareError(f"there is no file {path}: check the path of the n-gram model") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LmcompareError(f"{path} is a damaged gzip file ({error}): fetch or write it again") from None
    except OSError as error:
        raise LmcompareError(f"{path} can't be read ({error.strerror or error}): check the path") from None


@dataclass(frozen=True)
class _Section:
    """An announced order: how many n-grams the header says, and in which line."""

    count: int
    line: int


class _Reader:
    """Reads one file; keeps the place and the number of the line that comes next."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self._content = path, content
        self._data: npt.NDArray[np.uint8] = np.frombuffer(content, np.uint8)
        self._at, self._line = 0, 1

    def read(self) -> tuple[BackoffTable, Vocabulary]:
        sections = self._header()
        slots = begins = lengths = np.zeros(1, np.int64)
        orders: list[Grams] = []
        ids: IntArray = np.zeros(0, np.int32)
        tokens: list[str] = []
        for k, section in enumerate(sections, 1):
            self._mark(rf"\\{k}-grams:", f"\\{k}-grams:")
            began = self._line - 1
            n = min(section.count, (len(self._data) - self._at) // (2 * k + 2) + 1)  # no more than there is room for
            if k == 1:
                slots = np.zeros(2 ** max(4, int(2 * n).bit_length()), np.int64)
                begins, lengths = np.zeros(n, np.int64), np.zeros(n, np.int64)
            rows = np.zeros((n, k), np.int32)
            probs, backoffs, places = np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.int64)
            self._at, self._line, count, ended = lines.read_section(
                self._data, self._at, self._line, k, slots, begins, lengths, rows, probs, backoffs, places
            )
            if ended not in (lines.MARK, lines.END):
                raise self._fault(ended, k)
            if ended == lines.END:
                raise self._wrong(f"it ends within the {k}-grams, without \\end\\: the file is cut off")
            if count != section.count:
                raise self._wrong(
                    f"it announces {section.count:,} {k}-grams, but \\{k}-grams: in line {began} holds {count:,}",
                    section.line,
                )
            if k == 1:
                ids, tokens = self._words(begins, lengths, places)
                orders.append(_unigrams(ids, probs, backoffs, len(tokens)))
            else:
                orders.append(self._sorted(Grams(ids[rows], probs, backoffs), places, len(tokens)))
        self._mark(r"\\end\\", "\\end\\")
        return build(orders, len(tokens) + 1), Vocabulary(tokens)

    def _header(self) -> list[_Section]:
        r"""Read up to the blank line after ``\data\``, and return the announced orders."""
        if self._content.startswith(b"\xef\xbb\xbf"):
            self._at = 3
        first = self._content[self._at : self._at + 5]
        if first in (b"iARPA", b"qARPA"):
            raise self._wrong(
                f"{first.decode()} is a form of IRSTLM's own: write a plain ARPA file with its compile-lm --text=yes"
            )
        while (text := self._next()) != "\\data\\":
            if text is None:
                raise LmcompareError(f"{self._path} is no ARPA file: it has no line \\data\\")
        sections: list[_Section] = []
        while (text := self._next()) is not None and not text.startswith("\\"):
            if text:
                said = re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d{1,18})", text, re.ASCII)
                if not said or int(said[1]) != len(sections) + 1 or len(sections) == MOST_ORDERS:
                    raise self._wrong(
                        f"after \\data\\ stands 'ngram {len(sections) + 1}=' and a count, not {_shown(text)}",
                        self._line - 1,
                    )
                sections.append(_Section(int(said[2]), self._line - 1))
        if text is None:
            raise self._wrong("it ends within its header: the file is cut off")
        if not sections:
            raise self._wrong("the header announces no n-grams", self._line - 1)
        self._at, self._line = self._began, self._line - 1  # the mark is read again as what it has to be
        return sections

    def _next(self) -> str | None:
        """Return the next line without the blanks around it; None at the end of the file."""
        self._began = self._at
        if self._at >= len(self._content):
            return None
        end = self._content.find(b"\n", self._at)
        end = len(self._content) if end < 0 else end
        text = self._content[self._at : min(end, self._at + 200)]
        self._at, self._line = end + 1, self._line + 1
        return text.decode("utf-8", "replace").strip(" \t\r\v\f")

    def _mark(self, pattern: str, wanted: str) -> None:
        """Read the mark of a section. Raises ``LmcompareError`` for another."""
        text = self._next()
        if text is None:
            raise self._wrong(f"it ends before {wanted}: the file is cut off")
        if not re.fullmatch(pattern, text):
            raise self._wrong(f"here stands {_shown(text)} in place of {wanted}", self._line - 1)

    def _words(self, begins: IntArray, lengths: IntArray, places: IntArray) -> tuple[IntArray, list[str]]:
        """Return the ids of the words by their numbers in the file, and the tokens by id."""
        words = []
        for begin, length, line in zip(begins.tolist(), lengths.tolist(), places.tolist(), strict=True):
            try:
                words.append(self._content[begin : begin + length].decode())
            except UnicodeDecodeError:
                raise self._wrong("a word is not UTF-8: convert the file, as with iconv", line) from None
        there = set(words)
        spelled = {s: s if s in there else s.upper() for s in (UNKNOWN_TOKEN, END_TOKEN, START)}
        if spelled[END_TOKEN] not in there:
            raise LmcompareError(
                f"{self._path} has no {END_TOKEN} among its words, so it can't end a sentence: estimate it from"
                " sentences with their ends"
            )
        special = set(spelled.values())
        tokens = [UNKNOWN_TOKEN, END_TOKEN, *(word for word in words if word not in special)]
        number = {token: i for i, token in enumerate(tokens)}
        number |= {spelled[UNKNOWN_TOKEN]: 0, spelled[END_TOKEN]: 1, spelled[START]: len(tokens)}
        return np.array([number[word] for word in words], np.int32), tokens

    def _sorted(self, grams: Grams, places: IntArray, start: int) -> Grams:
        """Return the n-grams sorted, without those that hold ``<s>`` after another word."""
        possible = (grams.rows[:, 1:] != start).all(axis=1)
        if not possible.all():
            grams, places = grams.take(possible), places[possible]
        order = lexicographic(grams.rows, start + 1)
        grams = grams.take(order)
        twice = np.flatnonzero((grams.rows[1:] == grams.rows[:-1]).all(axis=1))
        if len(twice):
            pair = sorted(places[order[twice[0] : twice[0] + 2]].tolist())
            raise self._wrong(f"the same n-gram stands in line {pair[0]}: an n-gram has one line", pair[1])
        return grams

    def _fault(self, ended: int, k: int) -> LmcompareError:
        line = self._line
        text = self._next() or ""
        said = {
            lines.TOO_FEW: f"a {k}-gram has a log10 probability and {k} words, not {_shown(text)}",
            lines.TOO_MANY: f"a {k}-gram has a log10 probability, {k} words and a weight, not {_shown(text)}",
            lines.NO_NUMBER: f"the probability or the weight is no number: {_shown(text)}",
            lines.ABOVE_ONE: f"the probability is above 1, its log10 above 0: {_shown(text)}",
            lines.NOT_LISTED: f"a word is not among the 1-grams, which list all words: {_shown(text)}",
            lines.TWICE: f"the word stands in the 1-grams twice: {_shown(text)}",
        }
        return self._wrong(said[ended], line)

    def _wrong(self, what: str, line: int | None = None) -> LmcompareError:
        return LmcompareError(f"{self._path}, line {self._line if line is None else line}: {what}")


def _unigrams(ids: IntArray, probs: npt.NDArray[np.float32], backoffs: npt.NDArray[np.float32], start: int) -> Grams:
    """Return the unigrams by id; a missing ``<s>`` has no weight of its own, a missing ``<unk>`` 1e-100."""
    log10_probs, log10_backoffs = np.zeros(start + 1, np.float32), np.zeros(start + 1, np.float32)
    log10_probs[0] = NO_UNKNOWN
    log10_probs[ids], log10_backoffs[ids] = probs, backoffs
    return Grams(np.arange(start + 1, dtype=np.int32)[:, None], log10_probs, log10_backoffs)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")
