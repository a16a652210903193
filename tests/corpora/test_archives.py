"""Zip and tar archives are read like the folders in them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from lmcompare.corpora import CorpusOptions, Found
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


def damaged_header(raw: bytes) -> bytes:
    """Change a byte of the third header."""
    changed = bytearray(raw)
    changed[2 * 1024 + 5] ^= 255
    return bytes(changed)


def splits(found: Found) -> dict[str, list[str]]:
    assert found.splits is not None
    return {which: [piece.text for piece in pieces] for which, pieces in found.splits.items()}


@pytest.mark.parametrize(
    ("suffix", "raw"),
    [
        (".zip", zipped(FILES)),
        (".tar", tarred(FILES)),
        (".tar.gz", tarred(FILES, "w:gz")),
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
        (zipped({"[Content_Types].xml": b"", "word/document.xml": b"<w/>"}), "an Office document, not a text"),
        (zipped({"a.txt": b"a\n", "b.txt": bytes(70 << 20)}), r"b\.txt in .*a\.zip becomes more than 250 times"),
        (zipped({"a.png": b"\x89PNG\0\0"}), "has no text files in it"),
        (tarred(FILES)[: 5 * 1024], "a.zip is not a well-formed archive .its end is missing"),
        (damaged_header(tarred(FILES)), "a.zip is not a well-formed archive .its end is missing, or a header"),
    ],
)
def test_archives_that_are_refused(raw: bytes, message: str, tmp_path: Path) -> None:
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
    assert any("because it is outside of the archive: ../b.txt" in sentence for sentence in found.said)
    assert any("because it is a link: link.txt" in sentence for sentence in found.said)


def test_names_of_another_encoding_in_a_tar(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", encoding="latin-1") as archive:
        for name in ("Müller.txt", "b.txt"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"one\n"))
    found = read_path(tmp_path / "a.tar", DEFAULT)
    assert [piece.text for piece in found.pieces] == ["one\n", "one\n"]
    assert all(piece.name.encode() for piece in found.pieces)


def test_a_damaged_file_inside(tmp_path: Path) -> None:
    raw = bytearray(zipped({"a.txt": b"some words of the text\n" * 9}))
    raw[45] ^= 255  # in the compressed content
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(LmcompareError, match=r"a\.txt in .*a\.zip is not a well-formed archive"):
        read_path(tmp_path / "a.zip", DEFAULT)


def test_an_archive_of_one_text_is_that_text(tmp_path: Path) -> None:
    (tmp_path / "enwik8.zip").write_bytes(zipped({"enwik8": b"<page> text\n" * 100}))
    found = read_path(tmp_path / "enwik8.zip", DEFAULT)
    assert (found.one_text, [piece.name for piece in found.pieces]) == (True, ["enwik8"])
    (tmp_path / "two.zip").write_bytes(zipped({"a.txt": b"a\n", "b.txt": b"b\n"}))
    assert not read_path(tmp_path / "two.zip", DEFAULT).one_text
