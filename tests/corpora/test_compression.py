"""Compressed files are known by their first bytes, and bounded."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest

from lmcompare.corpora import CorpusOptions, Piece
from lmcompare.corpora.compression import MOST_TIMES, decompressed, inner_name
from lmcompare.corpora.contents import Content
from lmcompare.corpora.paths import read_path
from lmcompare.errors import LmcompareError

DEFAULT = CorpusOptions()


def zstandard(raw: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return bytes(sink.getvalue())


COMPRESSIONS = [
    (".gz", "gzip", gzip.compress),
    (".bz2", "bzip2", bz2.compress),
    (".xz", "xz", lzma.compress),
    (".zst", "Zstandard", zstandard),
]
every = pytest.mark.parametrize(("suffix", "name", "compress"), COMPRESSIONS)


@every
def test_compressed_files_are_read_like_the_files_in_them(
    suffix: str, name: str, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    text = "".join(f"line {n}\n" for n in range(10))
    (tmp_path / f"b.txt{suffix}").write_bytes(compress(text.encode()))
    (tmp_path / f"t.csv{suffix}").write_bytes(compress(b"text,genre\none,x\n"))
    found = read_path(tmp_path / f"b.txt{suffix}", DEFAULT)
    assert found.one_text
    assert found.name == "b"
    assert [p.text for p in found.pieces] == [text]
    assert read_path(tmp_path / f"t.csv{suffix}", DEFAULT).pieces == (
        Piece(f"t.csv{suffix}:2", "one", {"genre": "x"}),
    )


@every
def test_the_suffix_does_not_matter(
    suffix: str, name: str, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes(compress(b"one\ntwo\n"))
    assert [p.text for p in read_path(tmp_path / "a.txt", DEFAULT).pieces] == ["one\ntwo\n"]
    (tmp_path / f"a.txt{suffix}").write_bytes(b"not compressed\n")
    with pytest.raises(LmcompareError, match=f"a.txt{suffix} does not begin like a {name} file"):
        read_path(tmp_path / f"a.txt{suffix}", DEFAULT)


@every
def test_damaged_files(suffix: str, name: str, compress: Callable[[bytes], bytes]) -> None:
    raw = compress("".join(f"line {n * n}\n" for n in range(100)).encode())
    with pytest.raises(LmcompareError, match=f"f{suffix} is not a well-formed {name} file"):
        decompressed(Content(raw[:-9]), f"f{suffix}", "f")


@every
def test_two_compressed_parts_make_one_file(suffix: str, name: str, compress: Callable[[bytes], bytes]) -> None:
    assert decompressed(Content(compress(b"one ") + compress(b"two")), "f", "f").read() == b"one two"


def test_a_decompression_bomb_is_refused() -> None:
    bomb = gzip.compress(bytes(70 << 20))  # 70 MB of zeros in 70 kB, a thousand times as much
    assert MOST_TIMES * len(bomb) < 70 << 20
    with pytest.raises(LmcompareError, match=r"bomb\.gz becomes more than 250 times as large"):
        decompressed(Content(bomb), "bomb.gz", "bomb.gz")
    assert (
        decompressed(Content(gzip.compress(bytes(1 << 20))), "small", "small").size == 1 << 20
    )  # small enough, whatever its ratio


def test_the_name_inside() -> None:
    assert [inner_name(name) for name in ("a/b.csv.gz", "b.TXT.XZ", "c.txt", "d.gz")] == [
        "a/b.csv",
        "b.TXT",
        "c.txt",
        "d",
    ]
