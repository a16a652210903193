"""What a file contains, by its bytes: text in some encoding, or something else."""

from __future__ import annotations

import codecs
import io
import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from lmcompare.errors import LmcompareError, one_line
from lmcompare.memory import IN_MEMORY, ScratchFile

_BINARY = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a Zip archive",
    b"\x1f\x8b\x08": "a gzip file",
    b"PAR1": "a Parquet table",
    b"ARROW1": "an Arrow file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a sound, film or picture",
    b"ID3": "a sound",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"{\\rtf": "an RTF document",
    b"mmlm": "a KenLM model",
}
_BOMS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LOOKED_AT = 1 << 16  # characters of a file that are checked for control characters
PART = 1 << 20  # bytes of a file that are read at a time
_NOISE = 0.01  # no text has this share of control characters; random bytes have a tenth
_CONTROL = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1b")  # \x1b colours lines of logs


class Content:
    """The bytes of a file, which are read when they are asked for: a file may be longer than memory.

    Parameters
    ----------
    source : bytes, Path or ScratchFile
        The bytes, or the file that they are in.
    """

    def __init__(self, source: bytes | Path | ScratchFile) -> None:
        self._source = source

    @classmethod
    def of_parts(cls, parts: Iterable[bytes]) -> Content:
        """Return all parts as one content; many bytes are put into a temporary file."""
        held: list[bytes] = []
        file: ScratchFile | None = None
        for part in parts:
            held.append(part)
            if file is not None or sum(map(len, held)) > IN_MEMORY:
                file = file or ScratchFile()
                file.append(b"".join(held))
                held = []
        return cls(file or b"".join(held))

    @cached_property
    def size(self) -> int:
        """The number of bytes."""
        if isinstance(self._source, Path):
            return self._source.stat().st_size
        return self._source.size if isinstance(self._source, ScratchFile) else len(self._source)

    @cached_property
    def head(self) -> bytes:
        """The first bytes, which show what it is."""
        return self.at(0, 4 * LOOKED_AT)  # no encoding has more bytes for a character

    def open(self) -> BinaryIO:
        """Return a stream of the bytes, which can be read from any place on."""
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        return io.BufferedReader(_Reader(self), PART)

    def at(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on; fewer at the end."""
        if isinstance(self._source, bytes):
            return self._source[start : start + size]
        if isinstance(self._source, ScratchFile):
            return self._source.read(start, size)
        with self._source.open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)

    def read(self) -> bytes:
        """Return all bytes."""
        with self.open() as stream:
            return stream.read()

    def parts(self) -> Iterator[bytes]:
        """Yield the bytes in parts of a size that memory always has."""
        with self.open() as stream:
            while part := stream.read(PART):
                yield part


class _Reader(io.RawIOBase):
    """A stream that holds no file open: a folder or an archive may have more files than can be open at a time."""

    def __init__(self, content: Content) -> None:
        self._content, self._at = content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._content.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._content.at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def binary_kind(head: bytes) -> str:
    """Return what kind of binary file begins with these bytes, such as "a PDF document"; "" for other bytes."""
    return next((kind for start, kind in _BINARY.items() if head.startswith(start)), "")


def decoded(content: Content, encoding: str, path: str) -> Iterator[str]:
    """Yield the text of a file in parts, without a byte order mark; line ends stay as they are.

    A byte order mark of UTF-8, UTF-16 or UTF-32 takes precedence over ``encoding``.

    Raises
    ------
    LmcompareError
        If the file is not text, is not valid in this encoding, or has no text in it.
    """
    if kind := binary_kind(content.head):
        raise LmcompareError(f"{path} is {kind}, not a text; give a text file instead")
    marked = encoding_of_mark(content.head)
    encoding = marked or encoding
    decoder = codecs.getincrementaldecoder(encoding)()
    with content.open() as stream:
        at = stream.seek(len(codecs.BOM_UTF8) if marked == "utf-8" else 0)
        first, blank, raw = True, True, b"begin"
        while raw:
            raw = stream.read(PART)
            try:
                text = decoder.decode(raw, final=not raw)
                text.encode()  # some encodings yield lone surrogates, which are not text
            except UnicodeDecodeError as error:
                if not marked and is_noise(bytes_as_text := content.head[:LOOKED_AT].decode("latin-1")):
                    raise _not_text(path, bytes_as_text) from None
                at += error.start - (len(error.object) - len(raw))  # the decoder kept some bytes of the part before
                advice = (
                    "it begins with the byte order mark of this encoding and may be damaged, so copy it again"
                    if marked
                    else "name the encoding of the file with --encoding, such as cp1252 for Western European, cp1251 "
                    "for Cyrillic or gb18030 for Chinese text"
                )
                raise LmcompareError(
                    f"{path} is not valid {encoding.upper()}: byte {at:,} (0x{error.object[error.start]:02x}) cannot "
                    f"be decoded; {advice}"
                ) from None
            except (UnicodeError, ValueError) as error:
                raise LmcompareError(
                    f"{path} is not valid {encoding.upper()} ({one_line(error)[:100]}); name the encoding of the "
                    "file with --encoding"
                ) from None
            if first and is_noise(text):
                raise _not_text(path, text)
            at += len(raw)
            first, blank = False, blank and not text.strip()
            yield text
    if blank:
        raise LmcompareError(f"{path} has no text in it; give a file with text in it")


def decoded_lines(content: Content, encoding: str, path: str, newline: str = "\n") -> Iterator[str]:
    """Yield the lines of a file with their ends: ``newline`` or, if it is "", each of "\\n", "\\r\\n" and "\\r".

    Raises
    ------
    LmcompareError
        As ``decoded``.
    """
    begun: list[str] = []  # the parts of a line whose end is not read yet
    for part in decoded(content, encoding, path):
        if "\n" not in part and (newline or "\r" not in part):
            begun.append(part)
            continue
        *lines, last = io.StringIO("".join([*begun, part]), newline=newline)
        yield from lines
        begun = [last]
    yield from io.StringIO("".join(begun), newline=newline)


def encoding_of(content: Content, encoding: str) -> str:
    """Return the encoding in which ``decoded`` reads a file; "ascii" if it has ASCII characters only."""
    if marked := encoding_of_mark(content.head):
        return marked
    if codecs.lookup(encoding).name == "utf-8" and all(part.isascii() for part in content.parts()):
        return "ascii"
    return encoding


def encoding_of_mark(head: bytes) -> str | None:
    """Return the encoding that a byte order mark names, or None."""
    return next((of_mark for mark, of_mark in _BOMS if head.startswith(mark)), None)


def is_object(line: str | bytes) -> bool:
    """Return whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def is_noise(text: str) -> bool:
    """Return whether decoded bytes are not text: more than 1 in 100 characters are control characters.

    A few of them, up to 3, are no noise unless there are also more than 1 in 5, and one.
    """
    looked_at = text[:LOOKED_AT]
    return sum(c in _CONTROL for c in looked_at) > max(min(3, 1 + len(looked_at) / 5), _NOISE * len(looked_at))


def _not_text(path: str, text: str) -> LmcompareError:
    looked_at = text[:LOOKED_AT]
    found = [at for at, c in enumerate(looked_at) if c in _CONTROL]
    advice = "give a text file"
    if looked_at.count("\0") > len(looked_at) / 5:
        advice = "if it is UTF-16 without a byte order mark, use --encoding utf-16-le or --encoding utf-16-be"
    return LmcompareError(
        f"{path} is not text: {len(found):,} of its first {len(looked_at):,} characters are control characters, the "
        f"first of them 0x{ord(looked_at[found[0]]):02x} at position {found[0]:,}; {advice}"
    )
