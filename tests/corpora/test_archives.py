"""Compressed files and archives are known by their first bytes, read like what is in them, and bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest

from lmcompare.corpora import CorpusOptions, Found, Piece, files
from lmcompare.corpora.contents import Content
from lmcompare.corpora.files import MOST_TIMES, decompressed, inner_name
from lmcompare.corpora.paths import read_path, read_stream
from lmcompare.errors import LmcompareError

DEFAULT = CorpusOptions()
FILES = {
    "wiki/wiki.train.txt": b"train\n",
    "wiki/wiki.valid.txt": b"valid\n",
    "wiki/wiki.test.txt": b"test\n",
    "wiki/README": b"about\n",
    "__MACOSX/wiki/._wiki.train.txt": b"\0\0",
    "wiki/.hidden": b"hidden\n",
}


def zstandard(raw: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("suffix", "name", "compress"),
    [
        (".gz", "gzip", gzip.compress),
        (".bz2", "bzip2", bz2.compress),
        (".xz", "xz", lzma.compress),
        (".zst", "Zstandard", zstandard),
    ],
)
def test_compressed_files(suffix: str, name: str, compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    text = "".join(f"line {n * n}\n" for n in range(100))
    raw = compress(text.encode())
    (tmp_path / f"b.txt{suffix}").write_bytes(raw)
    found = read_path(tmp_path / f"b.txt{suffix}", DEFAULT)
    assert (found.one_text, found.name, [p.text for p in found.pieces]) == (True, "b", [text])
    (tmp_path / f"t.csv{suffix}").write_bytes(compress(b"text,genre\none,x\n"))
    row = Piece(f"t.csv{suffix}:2", "one", {"genre": "x"})
    assert read_path(tmp_path / f"t.csv{suffix}", DEFAULT).pieces == (row,)
    (tmp_path / "a.txt").write_bytes(raw)  # whatever its suffix
    assert [p.text for p in read_path(tmp_path / "a.txt", DEFAULT).pieces] == [text]
    (tmp_path / f"a.txt{suffix}").write_bytes(b"not compressed\n")
    with pytest.raises(LmcompareError, match=f"a.txt{suffix} does not begin like a {name} file"):
        read_path(tmp_path / f"a.txt{suffix}", DEFAULT)
    with pytest.raises(LmcompareError, match=f"f{suffix} is not a well-formed {name} file"):
        decompressed(Content(raw[:-9]), f"f{suffix}", "f")
    two = Content(compress(b"one ") + compress(b"two"))
    assert decompressed(two, "f", "f").read() == b"one two"


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ALWAYS", 1 << 15)
    small = Content(gzip.compress(bytes(1 << 15)))  # small enough, whatever its ratio
    assert MOST_TIMES * small.size < 1 << 15
    assert decompressed(small, "small", "small").size == 1 << 15
    bomb = Content(gzip.compress(bytes((1 << 15) + 1)))
    with pytest.raises(LmcompareError, match=r"bomb\.gz becomes more than 250 times as large"):
        decompressed(bomb, "bomb.gz", "bomb.gz")
    most = Content(gzip.compress(bytes(1 << 20)))
    assert 1 << 15 < MOST_TIMES * most.size < 1 << 20
    with pytest.raises(LmcompareError, match="250 times"):
        decompressed(most, "f", "f")


def test_the_name_inside() -> None:
    names = {"a/b.csv.gz": "a/b.csv", "b.TXT.XZ": "b.TXT", "c.txt": "c.txt", "d.gz": "d"}
    assert {name: inner_name(name) for name in names} == names


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("wiki/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return stream.getvalue()


def damaged(raw: bytes, at: int, bits: int = 255) -> bytes:
    """Change a byte."""
    changed = bytearray(raw)
    changed[at] ^= bits
    return bytes(changed)


def encrypted() -> bytes:
    """A Zip archive with the marks of an encrypted file in its two headers."""
    raw = zipped({"a.txt": b"a\n"})
    return damaged(damaged(raw, 6, 1), raw.index(b"PK\x01\x02") + 8, 1)


def splits(found: Found) -> dict[str, list[str]]:
    assert found.splits is not None
    return {which: [piece.text for piece in pieces] for which, pieces in found.splits.items()}


@pytest.mark.parametrize(
    ("suffix", "raw"),
    [
        (".zip", zipped(FILES)),
        (".tar", tarred(FILES)),
        (".tgz", tarred(FILES, "w:gz")),
        (".tar.xz", tarred(FILES, "w:xz")),
    ],
)
def test_an_archive_is_a_folder(suffix: str, raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"wiki{suffix}"
    path.write_bytes(raw)
    expected = {"train": ["train\n"], "valid": ["valid\n"], "test": ["test\n"]}
    assert splits(read_path(path, DEFAULT)) == splits(read_stream(io.BytesIO(raw), DEFAULT)) == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (zipped(FILES)[:-30], "a.zip is not a well-formed archive"),
        (tarred(FILES)[:700], "a.zip is not a well-formed archive"),
        (tarred(FILES)[: 5 * 1024], "a.zip is not a well-formed archive .its end is missing"),
        (damaged(tarred(FILES), 2 * 1024 + 5), "a.zip is not a well-formed archive .* a header in it"),  # the third
        (damaged(zipped({"a.txt": b"some words of the text\n" * 9}), 45), r"a\.txt in .*a\.zip is not a well-formed"),
        (zipped({"[Content_Types].xml": b"", "word/document.xml": b"<w/>"}), "an Office document, not a text"),
        (zipped({"mimetype": b"application/epub+zip"}), "an e-book or OpenDocument file"),
        (zipped({"a.txt": b"a\n", "b.txt": bytes(1 << 17)}), r"b\.txt in .*a\.zip becomes more than 250 times"),
        (zipped({"a.txt": bytes(40_000), "b.txt": bytes(40_000)}), r"b\.txt in .*a\.zip becomes more than 250"),
        (zipped({"a.png": b"\x89PNG\0\0"}), "has no text files in it"),
        (encrypted(), r"a\.txt in .*a\.zip cannot be read"),
    ],
)
def test_archives_that_are_refused(raw: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ALWAYS", 1 << 16)
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(LmcompareError, match=message):
        read_path(tmp_path / "a.zip", DEFAULT)


def test_members_that_are_not_read_are_named(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):  # noqa: PT031
        for name, content in (("a.txt", b"one\n"), ("a.txt", b"two\n"), ("../b.txt", b"three\n")):
            archive.writestr(name, content)
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "a.zip").write_bytes(stream.getvalue())
    found = read_path(tmp_path / "a.zip", DEFAULT)
    assert [(p.name, p.text) for p in found.pieces] == [("a.txt", "one\n"), ("a.txt (2)", "two\n")]
    assert any("as outside of the archive: ../b.txt" in sentence for sentence in found.said)
    assert any("as a link: link.txt" in sentence for sentence in found.said)


def test_names_of_another_encoding_in_a_tar(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", encoding="latin-1") as archive:
        for name in ("Müller.txt", "b.txt"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"one\n"))
    found = read_path(tmp_path / "a.tar", DEFAULT)
    assert [piece.text for piece in found.pieces] == ["one\n", "one\n"]
    assert all(piece.name.encode() for piece in found.pieces)


def test_an_archive_of_one_text_is_that_text(tmp_path: Path) -> None:
    (tmp_path / "enwik8.zip").write_bytes(zipped({"enwik8": b"<page> text\n" * 100}))
    found = read_path(tmp_path / "enwik8.zip", DEFAULT)
    assert (found.one_text, [piece.name for piece in found.pieces]) == (True, ["enwik8"])
    (tmp_path / "two.zip").write_bytes(zipped({"a.txt": b"a\n", "b.txt": b"b\n"}))
    assert not read_path(tmp_path / "two.zip", DEFAULT).one_text
