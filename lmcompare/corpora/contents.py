"""What a file contains, by its bytes: text in some encoding, or something else."""

from __future__ import annotations

import codecs

from lmcompare.errors import LmcompareError, one_line

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
LOOKED_AT = 1 << 16  # characters of a file, to see whether they are text
_NOISE = 0.01  # the share of control characters that no text has; random bytes have a tenth
_CONTROL = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1b")  # the last colours the lines of logs


def binary_kind(raw: bytes) -> str:
    """Return what a file is that is not text, such as "a PDF document"; "" if its first bytes do not say."""
    return next((kind for start, kind in _BINARY.items() if raw.startswith(start)), "")


def decoded(raw: bytes, encoding: str, path: str) -> str:
    """Return the text of a file, without a byte order mark; line ends stay as they are.

    A byte order mark of UTF-8, UTF-16 or UTF-32 goes before ``encoding``.

    Raises
    ------
    LmcompareError
        If the file is not text, is not valid in this encoding, or has no text in it.
    """
    if kind := binary_kind(raw):
        raise LmcompareError(f"{path} is {kind}, not a text; give the text itself")
    marked = _marked(raw)
    skip = len(codecs.BOM_UTF8) if marked == "utf-8" else 0
    encoding = marked or encoding
    try:
        text = raw[skip:].decode(encoding)
        text.encode()  # some encodings decode to what is not text
    except UnicodeDecodeError as error:
        if is_noise(bytes_as_text := raw[:LOOKED_AT].decode("latin-1")):
            raise _not_text(path, bytes_as_text) from None
        at = skip + error.start
        raise LmcompareError(
            f"{path} is not valid {encoding.upper()}: byte {at:,} (0x{raw[at]:02x}) cannot be decoded; name the "
            "encoding of the file with --encoding, such as cp1252 for Western European, cp1251 for Cyrillic or "
            "gb18030 for Chinese text"
        ) from None
    except (UnicodeError, ValueError) as error:
        raise LmcompareError(
            f"{path} is not valid {encoding.upper()} ({one_line(error)[:100]}); name the encoding of the file with "
            "--encoding"
        ) from None
    if is_noise(text):
        raise _not_text(path, text)
    if not text.strip():
        raise LmcompareError(f"{path} has no text in it; give a file with text in it")
    return text


def encoding_of(raw: bytes, encoding: str) -> str:
    """Return the encoding in which ``decoded`` reads a file; "ascii" if it has ASCII characters only."""
    return _marked(raw) or ("ascii" if raw.isascii() and codecs.lookup(encoding).name == "utf-8" else encoding)


def _marked(raw: bytes) -> str | None:
    """The encoding that a byte order mark names, or None."""
    return next((of_mark for mark, of_mark in _BOMS if raw.startswith(mark)), None)


def is_noise(text: str) -> bool:
    """Return whether decoded bytes are not text: more than 3 characters, and 1 in 100, are control characters."""
    looked_at = text[:LOOKED_AT]
    return sum(c in _CONTROL for c in looked_at) > max(3, _NOISE * len(looked_at))


def _not_text(path: str, text: str) -> LmcompareError:
    looked_at = text[:LOOKED_AT]
    found = [at for at, c in enumerate(looked_at) if c in _CONTROL]
    advice = "give a text file"
    if looked_at.count("\0") > len(looked_at) / 5:
        advice = "if it is UTF-16 without a byte order mark, use --encoding utf-16-le or --encoding utf-16-be"
    return LmcompareError(
        f"{path} is not text: {len(found):,} of its first {len(looked_at):,} characters are control characters, the "
        f"first of them 0x{ord(looked_at[found[0]]):02x} at {found[0]:,}; {advice}"
    )
