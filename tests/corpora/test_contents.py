"""From bytes to text, and the errors for bytes that are not text."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import File
from lmcompare.corpora.contents import Content, encoding_of
from lmcompare.errors import LmcompareError


def decode(raw: bytes, encoding: str) -> str:
    return File(Content(raw), "f", "f").text(encoding)


def test_byte_order_marks_go_and_line_ends_stay() -> None:
    assert decode(b"\xef\xbb\xbfa\r\nb\rc\n", "utf-8") == "a\r\nb\rc\n"
    assert decode(b"a\0b", "utf-8") == "a\0b"  # a single control character, in a text
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):  # the mark says which encoding it is
        assert decode("\ufeffaé\n".encode(encoding), "utf-8") == "aé\n"
    assert decode("\ufeffa".encode("utf-16-le"), "utf-16") == "a"
    assert decode("\ufeffé".encode(), "latin-1") == "é"  # the mark goes before the option
    assert decode("\ufeffa".encode("utf-16-le"), "utf-16-be") == "a"


def test_the_encoding_that_is_used() -> None:
    assert encoding_of(Content(b"abc\n"), "utf-8") == "ascii"
    assert encoding_of(Content(b"abc\n"), "UTF8") == "ascii"
    assert encoding_of(Content(b"abc\n"), "latin-1") == "latin-1"
    assert encoding_of(Content("é".encode()), "utf-8") == "utf-8"
    assert encoding_of(Content("\ufeffé".encode("utf-16-le")), "utf-8") == "utf-16"


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (b"abc\xff\n", "utf-8", r"f is not valid UTF-8: byte 3 \(0xff\).*--encoding, such as"),
        (b"\xef\xbb\xbfabc\xff", "utf-8", r"byte 6 \(0xff\)"),  # counted in the file, mark included
        ("é".encode("latin-1"), "ascii", r"not valid ASCII: byte 0 \(0xe9\)"),
        (b"", "utf-8", "f has no text in it"),
        (b"a\\ud800", "unicode_escape", "f is not valid UNICODE_ESCAPE"),
        (b"caf\xe9-", "punycode", "f is not valid PUNYCODE"),
        (b" \n\t\n", "utf-8", "f has no text in it"),
    ],
)
def test_bytes_that_are_no_text(raw: bytes, encoding: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        decode(raw, encoding)


NOISE = random.Random(0).randbytes(5000)


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (NOISE, "utf-8", "f is not text: .* control characters"),
        (NOISE, "latin-1", "f is not text: .* control characters"),
        (NOISE, "utf-16", "not valid UTF-16|not text"),
        (b"%PDF-1.7\n" + NOISE, "cp437", "f is a PDF document"),
        (b"PK\x03\x04" + NOISE, "utf-8", "f is a Zip archive"),
        (b"\x1f\x8b\x08" + NOISE, "latin-1", "f is a gzip file"),
        (b"PAR1" + NOISE, "utf-16", "f is a Parquet table"),
    ],
)
def test_no_encoding_makes_noise_a_text(raw: bytes, encoding: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message) as caught:
        decode(raw, encoding)
    assert "latin-1" not in str(caught.value)


def test_utf_16_without_its_mark_is_recognised() -> None:
    with pytest.raises(LmcompareError, match=r"0x00 at position 1; .*--encoding utf-16-le"):
        decode("Some words.\n".encode("utf-16-le"), "utf-8")
    assert decode("Some words.\n".encode("utf-16-le"), "utf-16-le") == "Some words.\n"
    with pytest.raises(LmcompareError, match=r"not valid UTF-16: byte 24 .*damaged"):
        decode("Some words.".encode("utf-16") + b"x", "latin-1")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_whatever_has_no_control_characters_is_text(text: str) -> None:
    assert decode(text.encode("utf-8"), "utf-8") in (text, text.removeprefix("\ufeff"))
