"""From bytes to text, and the errors for bytes that are not text."""

from __future__ import annotations

import pytest

from lmcompare.corpora import CorpusOptions, File
from lmcompare.errors import LmcompareError


def decode(raw: bytes, encoding: str) -> str:
    return File(raw, "f", "f").text(encoding)


def test_byte_order_marks_go_and_line_ends_stay() -> None:
    assert decode(b"\xef\xbb\xbfa\r\nb\rc\n", "utf-8") == "a\r\nb\rc\n"
    assert decode("\ufeffa".encode("utf-16-le"), "utf-16") == "a"
    assert decode(b"a\0b", "utf-8") == "a\0b"


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (b"abc\xff\n", "utf-8", r"f is not valid UTF-8: byte 3 \(0xff\).*--encoding latin-1"),
        (b"\xef\xbb\xbfabc\xff", "utf-8", r"byte 6 \(0xff\)"),  # counted in the file, mark included
        ("é".encode("latin-1"), "ascii", r"not valid ASCII: byte 0 \(0xe9\)"),
        (b"", "utf-8", "f has no text in it"),
        (b" \n\t\n", "utf-8", "f has no text in it"),
    ],
)
def test_bytes_that_are_no_text(raw: bytes, encoding: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        decode(raw, encoding)


@pytest.mark.parametrize(
    ("name", "message"), [("utf8x", "did you mean 'utf-8'"), ("hex", "unknown"), ("rot13", "unknown")]
)
def test_unknown_encodings(name: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        CorpusOptions(encoding=name).check()
