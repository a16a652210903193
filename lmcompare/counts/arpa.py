"""The ARPA format of back-off models, as KenLM, SRILM, IRSTLM, MITLM and OpenGrm write it.

    \\data\\
    ngram 1=5                           the number of n-grams of each order
    ngram 2=3

    \\1-grams:
    -0.5<tab>a<tab>-0.25                log10 probability, words, log10 back-off weight (none at the highest order)
    ...
    \\end\\

Files of millions of lines are written and read by Arrow, a block of lines at a time.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from lmcompare.counts.building import Grams, build, lexicographic
from lmcompare.counts.table import NOTHING, BackoffTable, BoolArray, Float32Array
from lmcompare.errors import LmcompareError
from lmcompare.memory import gunzipped
from lmcompare.tokens import END_TOKEN, UNKNOWN_TOKEN, FloatArray, IntArray, Vocabulary

START = "<s>"  # the beginning of a sentence
MOST_ORDERS = 100
BLOCK_LINES = 2**18  # lines that are written at a time
BLOCK_BYTES = 2**24  # about how many bytes of lines are read at a time

NO_UNKNOWN = -100.0  # log10; the probability that KenLM gives <unk> if the file has no <unk>
NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)$"
ROUNDING = 1e-6  # log10; tools that print a few digits write this for the probability 1
GZIP = b"\x1f\x8b"
GLANCE = 2**20  # bytes of a file that are read to recognise its format


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise ``LmcompareError`` in one sentence for a file that is not there or can't be read."""
    try:
        yield
    except FileNotFoundError:
        raise LmcompareError(f"there is no file {path}: check the path of the n-gram model") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LmcompareError(f"{path} is a damaged gzip file ({error}): fetch or write it again") from None
    except OSError as error:
        raise LmcompareError(f"{path} can't be read ({error.strerror or error}): check the path") from None


def write(table: BackoffTable, vocabulary: Vocabulary, places: IntArray, path: Path, packed: bool = False) -> None:
    """Write all n-grams: log10 probability, words, and below the highest order the log10 back-off weight.

    N-grams are sorted by their last word, then by the word before it, and so on. Each number is the shortest decimal
    that gives back the same float32. So the file equals that of ``lmplz`` byte for byte.

    Parameters
    ----------
    table : BackoffTable
        The table.
    vocabulary : Vocabulary
        Its words.
    places : IntArray of shape (V + 1,)
        The order of the words, from ``ngrams.places``.
    path : Path
        The file.
    packed : bool, default False
        Whether the file is compressed with gzip. The same table gives the same bytes.

    Raises
    ------
    LmcompareError
        If a token holds a blank or is ``<s>``: the format has no way to write it.
    """
    with ExitStack() as stack:
        file: Any = stack.enter_context(path.open("wb"))
        if packed:  # the header gets no file name and no time
            file = stack.enter_context(gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0))
        out = stack.enter_context(io.TextIOWrapper(file, encoding="utf-8", newline="\n"))
        _write(table, vocabulary, places, out)


def _write(table: BackoffTable, vocabulary: Vocabulary, places: IntArray, out: TextIO) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array(_names(vocabulary), pa.string())
    out.write("\\data\\\n" + "".join(f"ngram {k}={len(level)}\n" for k, level in enumerate(table.levels, 1)) + "\n")
    for k, (level, grams) in enumerate(zip(table.levels, table.grams(), strict=True), 1):
        out.write(f"\\{k}-grams:\n")
        order = np.lexsort(places[grams].T)
        for first in range(0, len(order), BLOCK_LINES):
            rows = order[first : first + BLOCK_LINES]
            words = [names.take(pa.array(column)) for column in grams[rows].T]
            columns = [_numbers(level.log10_probs[rows]), pc.binary_join_element_wise(*words, " ")]
            if k < table.order:
                columns.append(_numbers(level.log10_backoffs[rows]))
            lines = pc.binary_join_element_wise(*columns, "\t").to_pylist()
            out.write("\n".join(lines) + "\n")
        out.write("\n")
    out.write("\\end\\\n")


def _names(vocabulary: Vocabulary) -> list[str]:
    """Return the tokens as written, ``<s>`` last. Raises ``LmcompareError`` for a token that can't be written."""
    if list(vocabulary.tokens[:2]) != [UNKNOWN_TOKEN, END_TOKEN]:
        raise LmcompareError(
            f"the vocabulary of an n-gram file must begin with {UNKNOWN_TOKEN} and {END_TOKEN}, but this one does"
            " not: export a model of words"
        )
    for token in vocabulary.tokens:
        if token == START or len(token.split()) != 1 or token.split()[0] != token or not _is_utf8(token):
            raise LmcompareError(
                f"the token {token!r} can't be written in the ARPA format, which separates words by blanks and"
                f" reserves {START}: export a model of words"
            )
    return [*vocabulary.tokens, START]


def _is_utf8(token: str) -> bool:
    try:
        return bool(token.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def _numbers(values: npt.NDArray[np.float32]) -> Any:
    import pyarrow as pa

    return pa.array(values + np.float32(0)).cast(pa.string())  # turns -0 into 0


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
    with readable(path):
        content = path.read_bytes()
        content = b"".join(gunzipped(path)) if content.startswith(GZIP) else content
    return _Reader(path, content).read()


def check_ends(path: Path) -> list[int]:
    r"""Look at the beginning and the end of a file without reading all of it; return its numbers of n-grams.

    Raises ``LmcompareError`` for a file whose header is not that of an ARPA file, and for an uncompressed file
    without ``\end\``.
    """
    with path.open("rb") as file:
        is_gzip = file.read(len(GZIP)) == GZIP
        file.seek(0)
        if is_gzip:
            with readable(path), gzip.open(file) as content:
                return [n for n, _ in _Reader(path, content.read(GLANCE)).header()]
        counts = [n for n, _ in _Reader(path, file.read(GLANCE)).header()]
        file.seek(max(0, path.stat().st_size - GLANCE))
        if b"\\end\\" not in file.read():
            raise LmcompareError(f"{path} is cut off: it has no \\end\\; fetch or write it again")
    return counts


class _Block(NamedTuple):
    """n lines with the k-grams of one order.

    ``log10_probs`` and ``log10_backoffs``: (n,). ``lines``: (n,) their numbers in the file. ``words``: (n, k) the
    numbers of the words among the unigrams; for the unigrams themselves, (n,) the bytes of the words.
    """

    log10_probs: Float32Array
    log10_backoffs: Float32Array
    lines: IntArray
    words: npt.NDArray[Any]


class _Reader:
    """Reads one file; keeps the place and the number of the line that comes next."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path, self._content = path, content
        self._at, self._line = 0, 1

    def read(self) -> tuple[BackoffTable, Vocabulary]:
        import pyarrow as pa

        orders: list[Grams] = []
        ids: IntArray = np.zeros(0, np.int32)  # by the number of a word in the file
        tokens: list[str] = []
        known: Any = None  # the words as they are in the file
        for k, (announced, line) in enumerate(self.header(), 1):
            self._mark(f"\\{k}-grams:")
            began = self._line - 1
            blocks = list(self._section(k, known))
            probs, backoffs, lines, words = (np.concatenate(part) for part in zip(*blocks, strict=True))
            if self._at >= len(self._content):
                raise self._wrong(f"it is cut off within the {k}-grams, before \\end\\: fetch or write it again")
            if len(lines) != announced:
                raise self._wrong(
                    f"it announces {announced:,} {k}-grams, but the section in line {began} has {len(lines):,} of"
                    " them: fetch or write it again",
                    line,
                )
            if k == 1:
                known = pa.array(words, pa.large_binary())
                ids, tokens = self._ids(words.tolist(), lines.tolist())
                orders.append(_all_words(ids, probs, backoffs, len(tokens)))
            else:
                orders.append(self._sorted(Grams(ids[words], probs, backoffs), lines, len(tokens)))
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
        self._at, self._line = min(end + 1, len(self._content)), self._line + 1
        return _plain(text)

    def _mark(self, wanted: str) -> None:
        """Read the mark of a section. Raises ``LmcompareError`` for another line."""
        text = self._next()
        if text is None:
            raise self._wrong(f"it is cut off before {wanted}: fetch or write it again")
        if text != wanted:
            raise self._wrong(f"this line must be {wanted}, not {_shown(text)}", self._line - 1)

    def _section(self, k: int, known: Any) -> Iterator[_Block]:
        """Read the k-grams up to the next line that begins with a backslash, or to the end of the file."""
        content = self._content
        stop = content.find(b"\n\\", self._at - 1) + 1 or len(content)
        while True:
            end = stop
            if stop - self._at > BLOCK_BYTES:
                end = content.rfind(b"\n", self._at, self._at + BLOCK_BYTES) + 1 or content.find(b"\n", self._at) + 1
            yield self._block(k, known, self._at, end)
            if end == stop:
                return

    def _block(self, k: int, known: Any, begin: int, end: int) -> _Block:
        """Read the lines from one byte to another; their words are looked up in ``known``, unless it is None."""
        import pyarrow as pa
        import pyarrow.compute as pc

        data = np.frombuffer(self._content, np.uint8, end - begin, begin)
        begins = np.append(0, np.flatnonzero(data == ord("\n")) + 1)
        begins = begins if begins[-1] == end - begin else np.append(begins, end - begin)
        lines = pa.LargeStringArray.from_buffers(len(begins) - 1, pa.py_buffer(begins), pa.py_buffer(data))
        lines = pc.ascii_trim_whitespace(lines)
        some = np.flatnonzero(pc.binary_length(lines).to_numpy())  # the lines that are not empty
        fields = pc.ascii_split_whitespace(lines)
        texts, first = fields.values, fields.offsets.to_numpy()[some].astype(np.int64)
        size = pc.list_value_length(fields).to_numpy()[some]

        def fault(wrong: BoolArray, what: str) -> LmcompareError:
            """Return the error of the first of some lines, with what is wrong in them."""
            at = int(some[np.flatnonzero(wrong)[0]])
            text = self._content[begin + begins[at] : begin + min(begins[at + 1], begins[at] + 200)]
            return self._wrong(f"{what}{_shown(_plain(text))}", self._line + at)

        def numbers(places: IntArray) -> FloatArray:
            found = texts.take(pa.array(places))
            try:
                return np.asarray(found.cast(pa.float64()))
            except pa.ArrowInvalid:
                return np.where(pc.match_substring_regex(found, NUMBER, ignore_case=True), 0.0, np.nan)

        if (wrong := size > k + 2).any():
            raise fault(wrong, f"a {k}-gram must have a log10 probability, {k} words and a weight, not ")
        if (wrong := size < k + 1).any():
            raise fault(wrong, f"a {k}-gram must have a log10 probability and {k} words, not ")
        probs, backoffs = numbers(first), np.zeros(len(some))
        backoffs[size == k + 2] = numbers(first[size == k + 2] + k + 1)
        if (wrong := np.isnan(probs) | np.isnan(backoffs) | (backoffs == np.inf)).any():
            raise fault(wrong, "the probability or the weight is not a number: ")
        if (wrong := probs > ROUNDING).any():
            raise fault(wrong, "the probability is above 1, as its log10 is above 0: ")
        words = texts.take(pa.array((first[:, None] + np.arange(1, k + 1)).ravel())).cast(pa.large_binary())
        if known is not None:
            words = pc.index_in(words, value_set=known).fill_null(NOTHING).to_numpy().reshape(-1, k)
            if (wrong := (words == NOTHING).any(axis=1)).any():
                raise fault(wrong, "a word is not among the 1-grams, which must list all words: ")
        numbered = self._line + some
        self._at, self._line = end, self._line + len(begins) - 1
        return _Block(
            np.minimum(probs, 0).astype(np.float32), backoffs.astype(np.float32), numbered, np.asarray(words)
        )

    def _ids(self, found: Sequence[bytes], lines: Sequence[int]) -> tuple[IntArray, list[str]]:
        """Return the ids of the words by their numbers in the file, and the tokens by id."""
        words: dict[str, None] = {}
        for content, line in zip(found, lines, strict=True):
            try:
                word = content.decode()
            except UnicodeDecodeError:
                raise self._wrong("a word is not UTF-8: convert the file, as with iconv", line) from None
            if word in words:
                raise self._wrong(f"this word is twice among the 1-grams: {_shown(word)}", line)
            words[word] = None
        spelled = {s: s if s in words else s.upper() for s in (UNKNOWN_TOKEN, END_TOKEN, START)}
        if spelled[END_TOKEN] not in words:
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
        order = lexicographic(grams.rows)
        grams = grams.take(order)
        twice = np.flatnonzero((grams.rows[1:] == grams.rows[:-1]).all(axis=1))
        if len(twice):
            pair = sorted(places[order[twice[0] : twice[0] + 2]].tolist())
            raise self._wrong(f"the same n-gram is in line {pair[0]}: keep one of them", pair[1])
        return grams

    def _wrong(self, what: str, line: int | None = None) -> LmcompareError:
        return LmcompareError(f"{self._path}, line {self._line if line is None else line}: {what}")


def _all_words(ids: IntArray, probs: Float32Array, backoffs: Float32Array, start: int) -> Grams:
    """Return the unigrams by id; a missing ``<s>`` has the weight 1, a missing ``<unk>`` the probability 1e-100."""
    log10_probs, log10_backoffs = np.zeros(start + 1, np.float32), np.zeros(start + 1, np.float32)
    log10_probs[0] = NO_UNKNOWN
    log10_probs[ids], log10_backoffs[ids] = probs, backoffs
    return Grams(np.arange(start + 1, dtype=np.int32)[:, None], log10_probs, log10_backoffs)


def _plain(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip(" \t\r\n\v\f")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")
