"""From bytes to text: encodings, byte order marks, and errors that name the byte that cannot be decoded."""

from __future__ import annotations

import codecs

from lmcompare.errors import LmcompareError, suggest

_ENCODINGS = (
    "utf-8",
    "utf-16",
    "utf-32",
    "latin-1",
    "cp1252",
    "iso-8859-15",
    "gb18030",
    "shift_jis",
    "euc-kr",
    "koi8-r",
)


def check_encoding(encoding: str) -> None:
    """Raise `LmcompareError` if Python has no text encoding of this name."""
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError):
        raise LmcompareError(
            f"unknown encoding '{encoding}'{suggest(encoding, _ENCODINGS)}; give the name of a text encoding, "
            "such as utf-8 or latin-1"
        ) from None


def decode(raw: bytes, path: str, encoding: str) -> str:
    """Decode the bytes of a file.

    A byte order mark is removed; line ends stay as they are.

    Parameters
    ----------
    raw : bytes
        The content of the file.
    path : str
        The name of the file in error messages.
    encoding : str
        The name of a text encoding that Python has.

    Raises
    ------
    LmcompareError
        If the bytes are not valid in this encoding (with the offset of the first such byte), or if there is no text.
    """
    if not raw:
        raise LmcompareError(f"{path} is empty; give a file with text in it")
    skip = 0
    if raw.startswith(codecs.BOM_UTF8) and codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
        skip, encoding = len(codecs.BOM_UTF8), "utf-8"
    try:
        text = raw[skip:].decode(encoding)
        text.encode("utf-8")  # some encodings can spell half a surrogate pair, which UTF-8 cannot store
    except UnicodeDecodeError as error:
        at = skip + error.start
        raise LmcompareError(
            f"{path} is not valid {encoding.upper()}: byte {at:,} (0x{raw[at]:02x}) cannot be decoded; "
            "name the encoding of the file with --encoding, for example --encoding latin-1"
        ) from None
    except UnicodeEncodeError as error:
        raise LmcompareError(
            f"{path} contains a lone surrogate at character {error.start:,}, which is not text; name the encoding of "
            "the file with --encoding"
        ) from None
    except (UnicodeError, ValueError) as error:
        raise LmcompareError(
            f"{path} is not valid {encoding.upper()} ({error}); name the encoding of the file with --encoding"
        ) from None
    if not text.strip():
        raise LmcompareError(f"{path} has no text in it, only white space; give a file with text in it")
    return text
