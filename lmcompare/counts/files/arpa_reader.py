"""The ARPA format of back-off models, as KenLM, SRILM, IRSTLM, MITLM and OpenGrm write it: a file to a table."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.files.building import Grams, build, lexicographic
from lmcompare.counts.files.words import MOST_ORDERS, START
from lmcompare.counts.lookup.level import Float32Array
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.decompression import gunzipped
from lmcompare.errors import LmcompareError
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, IntArray, Vocabulary

NO_UNKNOWN = -100.0  # log10; the probability that KenLM gives <unk> if the file has no <unk>
Bytes = npt.NDArray[np.uint8]

GZIP = b"\x1f\x8b"
_GLANCE = 2**20  # bytes of a file that are read to recognise its format

# How reading a section ends: at a line that begins with a backslash, at the end of the file, or at a faulty line
MARK, END, TOO_FEW, TOO_MANY, NO_NUMBER, ABOVE_ONE, NOT_LISTED, TWICE = range(8)

ROUNDING = 1e-6  # log10; tools that print a few digits write this for the probability 1
_TENS = 10.0 ** np.arange(23)  # the powers of ten that a float64 holds exactly
_BACKSLASH, _NEWLINE, _RETURN, _TAB, _BLANK = 92, 10, 13, 9, 32
_PLUS, _MINUS, _POINT, _ZERO, _NINE = 43, 45, 46, 48, 57


def read(path: Path) -> tuple[BackoffTable, Vocabulary]:
    """Return the table of an ARPA file, gzip or not, and its words in the order of the file.

    As in every vocabulary, ``<unk>`` has the id 0 and ``</s>`` 1; ``<s>`` has the id V. Separators are blanks or
    tabs, n-grams come in any order, a missing back-off weight is 1. ``<UNK>``, ``<S>`` and ``</S>`` are read as their
    lower-case forms, unless the file has these, too. A missing ``<unk>`` has the probability 1e-100, as in KenLM.
    N-grams with ``<s>`` anywhere but at their beginning are left out: no text has them. A missing context is added
    (see ``building.build``). The counts of the table are not known: its levels have none.

    Raises ``LmcompareError``, with the number of the line, for a file that is not ARPA, is cut off, does not hold as
    many n-grams as its header says, or holds a wrong line.
    """
    return _Reader(path, _content(path)).read()


def check_ends(path: Path) -> None:
    r"""Look at the beginning and the end of a file without reading all of it.

    Raises ``LmcompareError`` for a file whose header is not that of an ARPA file, and for an uncompressed file
    without ``\end\``.
    """
    with path.open("rb") as file:
        is_gzip = file.read(len(GZIP)) == GZIP
        file.seek(0)
        if is_gzip:
            with _undamaged(path), gzip.open(file) as content:
                _Reader(path, content.read(_GLANCE)).header()
            return
        _Reader(path, file.read(_GLANCE)).header()
        file.seek(max(0, path.stat().st_size - _GLANCE))
        if b"\\end\\" not in file.read():
            raise LmcompareError(f"{path} is cut off: it has no \\end\\; fetch or write it again")


def _content(path: Path) -> bytes:
    with _undamaged(path):
        content = path.read_bytes()
        return b"".join(gunzipped(path)) if content.startswith(GZIP) else content


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise LmcompareError(f"there is no file {path}: check the path of the n-gram model") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LmcompareError(f"{path} is a damaged gzip file ({error}): fetch or write it again") from None
    except OSError as error:
        raise LmcompareError(f"{path} can't be read ({error.strerror or error}): check the path") from None


class _Reader:
    """Reads one file; keeps the place and the number of the line that comes next."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self._content = path, content
        self._data: Bytes = np.frombuffer(content, np.uint8)
        self._at, self._line = 0, 1

    def read(self) -> tuple[BackoffTable, Vocabulary]:
        sections = self.header()
        slots = begins = lengths = np.zeros(1, np.int64)
        orders: list[Grams] = []
        ids: IntArray = np.zeros(0, np.int32)
        tokens: list[str] = []
        for k, (announced, line) in enumerate(sections, 1):
            self._mark(f"\\{k}-grams:")
            began = self._line - 1
            n = min(announced, (len(self._data) - self._at) // (2 * k + 2) + 1)  # no more than fit into the file
            if k == 1:
                slots = np.zeros(2 ** max(4, int(2 * n).bit_length()), np.int64)
                begins, lengths = np.zeros(n, np.int64), np.zeros(n, np.int64)
            rows = np.zeros((n, k), np.int32)
            probs, backoffs, places = np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.int64)
            self._at, self._line, count, ended = _read_section(
                self._data, self._at, self._line, k, slots, begins, lengths, rows, probs, backoffs, places
            )
            if ended not in (MARK, END):
                raise self._fault(ended, k)
            if ended == END:
                raise self._wrong(f"it is cut off within the {k}-grams, before \\end\\: fetch or write it again")
            if count != announced:
                raise self._wrong(
                    f"it announces {announced:,} {k}-grams, but the section in line {began} has {count:,} of them:"
                    " fetch or write it again",
                    line,
                )
            if k == 1:
                ids, tokens = self._words(begins, lengths, places)
                orders.append(_unigrams(ids, probs, backoffs, len(tokens)))
            else:
                orders.append(self._sorted(Grams(ids[rows], probs, backoffs), places, len(tokens)))
        self._mark("\\end\\")
        return build(orders, len(tokens) + 1), Vocabulary(tokens)

    def header(self) -> list[tuple[int, int]]:
        r"""Read up to the blank line after ``\data\``; return for each order the announced number and its line."""
        if self._content.startswith(b"\xef\xbb\xbf"):
            self._at = 3
        first = self._content[self._at : self._at + 5]
        if first in (b"iARPA", b"qARPA"):
            raise self._wrong(
                f"{first.decode()} is IRSTLM's own format: write an ARPA file with its command compile-lm --text=yes"
            )
        while (text := self._next()) != "\\data\\":
            if text is None:
                raise LmcompareError(f"{self._path} is not an ARPA file (it has no line \\data\\): give an ARPA file")
        sections: list[tuple[int, int]] = []
        while (text := self._next()) is not None and not text.startswith("\\"):
            if text:
                said = re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d{1,18})", text, re.ASCII)
                if not said or int(said[1]) != len(sections) + 1 or len(sections) == MOST_ORDERS:
                    raise self._wrong(
                        f"after \\data\\ must come 'ngram {len(sections) + 1}=' and a count, not {_shown(text)}",
                        self._line - 1,
                    )
                sections.append((int(said[2]), self._line - 1))
        if text is None:
            raise self._wrong("it is cut off within its header: fetch or write it again")
        if not sections:
            raise self._wrong("the header announces no n-grams", self._line - 1)
        self._at, self._line = self._began, self._line - 1  # the mark is read again, and checked then
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

    def _mark(self, wanted: str) -> None:
        """Read the mark of a section. Raises ``LmcompareError`` for another line."""
        text = self._next()
        if text is None:
            raise self._wrong(f"it is cut off before {wanted}: fetch or write it again")
        if text != wanted:
            raise self._wrong(f"this line must be {wanted}, not {_shown(text)}", self._line - 1)

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
                f"{self._path} has no {END_TOKEN} among its words, so it can't end a sentence: estimate it again from"
                " a text with sentence ends"
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
            raise self._wrong(f"the same n-gram is in line {pair[0]}: keep one of them", pair[1])
        return grams

    def _fault(self, ended: int, k: int) -> LmcompareError:
        line = self._line
        text = self._next() or ""
        said = {
            TOO_FEW: f"a {k}-gram must have a log10 probability and {k} words, not {_shown(text)}",
            TOO_MANY: f"a {k}-gram must have a log10 probability, {k} words and a weight, not {_shown(text)}",
            NO_NUMBER: f"the probability or the weight is not a number: {_shown(text)}",
            ABOVE_ONE: f"the probability is above 1, as its log10 is above 0: {_shown(text)}",
            NOT_LISTED: f"a word is not among the 1-grams, which must list all words: {_shown(text)}",
            TWICE: f"this word is twice among the 1-grams: {_shown(text)}",
        }
        return self._wrong(said[ended], line)

    def _wrong(self, what: str, line: int | None = None) -> LmcompareError:
        return LmcompareError(f"{self._path}, line {self._line if line is None else line}: {what}")


def _unigrams(ids: IntArray, probs: Float32Array, backoffs: Float32Array, start: int) -> Grams:
    """Return the unigrams by id; a missing ``<s>`` has the weight 1, a missing ``<unk>`` the probability 1e-100."""
    log10_probs, log10_backoffs = np.zeros(start + 1, np.float32), np.zeros(start + 1, np.float32)
    log10_probs[0] = NO_UNKNOWN
    log10_probs[ids], log10_backoffs[ids] = probs, backoffs
    return Grams(np.arange(start + 1, dtype=np.int32)[:, None], log10_probs, log10_backoffs)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")


@compiled
def _is_blank(byte: int) -> bool:
    return byte == _BLANK or (_TAB <= byte <= _RETURN and byte != _NEWLINE)  # also vertical tab and form feed


@compiled
def _number(data: Bytes, begin: int, end: int) -> float:
    """Return a decimal number, or an infinity; NaN for any other text.

    Up to 15 digits with a small exponent give the nearest float64; others are within a few units in the last place.
    """
    at, sign = begin, 1.0
    if at < end and (data[at] == _MINUS or data[at] == _PLUS):
        sign = -1.0 if data[at] == _MINUS else 1.0
        at += 1
    if end - at == 3 or end - at == 8:  # inf, infinity
        spelled = True
        for i, letter in enumerate((105, 110, 102, 105, 110, 105, 116, 121)):
            if i < end - at and (data[at + i] | 32) != letter:
                spelled = False
        if spelled:
            return sign * np.inf
    digits, value, scale = 0, 0.0, 0
    point = False
    while at < end:
        byte = data[at]
        if _ZERO <= byte <= _NINE:
            value = value * 10.0 + (byte - _ZERO)
            digits += 1
            scale -= point
        elif byte == _POINT and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0:
        return np.nan
    if at < end:
        if data[at] | 32 != 101:  # e
            return np.nan
        at += 1
        down = at < end and data[at] == _MINUS
        if at < end and (data[at] == _MINUS or data[at] == _PLUS):
            at += 1
        if at == end or end - at > 6:
            return np.nan
        exponent = 0
        while at < end:
            if not _ZERO <= data[at] <= _NINE:
                return np.nan
            exponent = exponent * 10 + (data[at] - _ZERO)
            at += 1
        scale += -exponent if down else exponent
    while scale < 0 and value != 0.0:
        step = min(-scale, 22)
        value /= _TENS[step]
        scale += step
    while scale > 0 and value != 0.0 and value != np.inf:
        step = min(scale, 22)
        value *= _TENS[step]
        scale -= step
    return sign * value


@compiled
def _slot(data: Bytes, begin: int, length: int, slots: IntArray, begins: IntArray, lengths: IntArray) -> int:
    """Return a word's slot, or a free slot for it (linear probing). ``slots``: (2^m,) word + 1, or 0 if free."""
    code = np.uint64(14695981039346656037)
    for i in range(begin, begin + length):  # FNV-1a
        code = (code ^ np.uint64(data[i])) * np.uint64(1099511628211)
    code ^= code >> np.uint64(32)
    mask = len(slots) - 1
    slot = int(np.int64(code & np.uint64(mask)))
    while slots[slot] != 0:
        word = slots[slot] - 1
        if lengths[word] == length:
            same = True
            for i in range(length):
                if data[begins[word] + i] != data[begin + i]:
                    same = False
                    break
            if same:
                return slot
        slot = (slot + 1) & mask
    return slot


@compiled
def _read_section(
    data: Bytes,
    at: int,
    line: int,
    order: int,
    slots: IntArray,
    begins: IntArray,
    lengths: IntArray,
    rows: IntArray,
    log10_probs: Float32Array,
    log10_backoffs: Float32Array,
    lines: IntArray,
) -> tuple[int, int, int, int]:
    """Read n-gram lines from byte ``at`` on, the line number ``line``, until one that begins with a backslash.

    A line is a log10 probability, the words, and perhaps a log10 back-off weight, separated by blanks or tabs. At
    order 1, the words are numbered and enter the hash table ``slots``, with the places of their bytes, ``begins`` and
    ``lengths``; at a higher order, they are looked up there. ``rows``: (n, order) gets the words' numbers,
    ``log10_probs`` and ``log10_backoffs`` the logarithms, ``lines`` the line numbers; lines past n are only counted.

    Returns the place and the number of the line where it stopped, how many n-grams it read, and how it ended.
    """
    size, n, capacity = len(data), 0, len(rows)
    word_begin, word_end = np.zeros(order + 3, np.int64), np.zeros(order + 3, np.int64)
    while at < size:
        if data[at] == _BACKSLASH:
            return at, line, n, MARK
        fields, next_line = 0, at
        while next_line < size and data[next_line] != _NEWLINE:
            if _is_blank(data[next_line]):
                next_line += 1
                continue
            begin = next_line
            while next_line < size and data[next_line] != _NEWLINE and not _is_blank(data[next_line]):
                next_line += 1
            if fields < order + 3:
                word_begin[fields], word_end[fields] = begin, next_line
            fields += 1
        if fields == 0:  # an empty line
            at, line = next_line + 1, line + 1
            continue
        if fields > order + 2:
            return at, line, n, TOO_MANY
        if fields < order + 1:
            return at, line, n, TOO_FEW
        log10 = _number(data, word_begin[0], word_end[0])
        backoff = _number(data, word_begin[order + 1], word_end[order + 1]) if fields == order + 2 else 0.0
        if np.isnan(log10) or np.isnan(backoff) or backoff == np.inf:
            return at, line, n, NO_NUMBER
        if log10 > ROUNDING:
            return at, line, n, ABOVE_ONE
        if n < capacity:
            log10_probs[n], log10_backoffs[n], lines[n] = min(log10, 0.0), backoff, line
            for k in range(order):
                begin, length = word_begin[k + 1], word_end[k + 1] - word_begin[k + 1]
                slot = _slot(data, begin, length, slots, begins, lengths)
                if order == 1:
                    if slots[slot] != 0:
                        return at, line, n, TWICE
                    slots[slot] = n + 1
                    begins[n], lengths[n] = begin, length
                elif slots[slot] == 0:
                    return at, line, n, NOT_LISTED
                rows[n, k] = slots[slot] - 1
        n += 1
        at, line = next_line + 1, line + 1
    return min(at, size), line, n, END
