"""Reading files and folders, and what is said when that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.corpora.files import check_encoding, decode, read_path
from lmcompare.errors import LmcompareError


def test_byte_order_marks_go_and_line_ends_stay() -> None:
    assert decode(b"\xef\xbb\xbfa\r\nb\rc\n", "f", "utf-8") == "a\r\nb\rc\n"
    assert decode("\ufeffa".encode("utf-16-le"), "f", "utf-16") == "a"
    assert decode(b"a\0b", "f", "utf-8") == "a\0b"


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (b"abc\xff\n", "utf-8", r"f is not valid UTF-8: byte 3 \(0xff\).*--encoding latin-1"),
        (b"\xef\xbb\xbfabc\xff", "utf-8", r"byte 6 \(0xff\)"),  # counted in the file, mark included
        ("é".encode("latin-1"), "ascii", r"not valid ASCII: byte 0 \(0xe9\)"),
        (b"", "utf-8", "f is empty; give"),
        (b" \n\t\n", "utf-8", "f has no text in it"),
        (b"+2AA-", "utf-7", "lone surrogate|not valid"),
    ],
)
def test_bytes_that_are_no_text(raw: bytes, encoding: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        decode(raw, "f", encoding)


@pytest.mark.parametrize(
    ("name", "message"), [("utf8x", "did you mean 'utf-8'"), ("hex", "unknown"), ("rot13", "unknown")]
)
def test_unknown_encodings(name: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        check_encoding(name)


def test_a_folder_gives_a_document_a_file_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/y", ".hidden.txt", ".git/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "table.csv").write_text("text\nnot read beside text files\n")
    found = read_path(tmp_path, "utf-8", "text")
    assert [(p.name, p.metadata["folder"]) for p in found.pieces] == [("a/y", "a"), ("a/z.md", "a"), ("b.txt", ".")]
    assert not found.single
    assert found.notes == (
        f"Left out of {tmp_path.name} because they are not text: picture.png, table.csv.",
        f"Left out of {tmp_path.name} because they are empty: empty.txt.",
    )


def test_a_folder_of_tables(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "t.csv").write_text("text,genre\none,x\ntwo,y\n")
    found = read_path(tmp_path, "utf-8", "text")
    assert [(p.name, dict(p.metadata)) for p in found.pieces] == [
        ("sub/t.csv:2", {"folder": "sub", "genre": "x"}),
        ("sub/t.csv:3", {"folder": "sub", "genre": "y"}),
    ]


def test_a_text_file_in_a_folder_that_cannot_be_decoded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("a\n")
    (tmp_path / "bad.txt").write_bytes(b"ab\xff")
    with pytest.raises(LmcompareError, match=r"bad\.txt is not valid UTF-8: byte 2"):
        read_path(tmp_path, "utf-8", "text")


def test_a_folder_without_text(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(LmcompareError, match="has no text files in it"):
        read_path(tmp_path, "utf-8", "text")


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("a")
    with pytest.raises(LmcompareError, match=r"no file or folder .*nowel\.txt .did you mean 'novel\.txt'"):
        read_path(tmp_path / "nowel.txt", "utf-8", "text")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("a")

    def refuse(self: Path) -> bytes:  # permissions do not stop the superuser, whom tests may run as
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(LmcompareError, match=r"secret\.txt cannot be read \(permission denied\)"):
        read_path(path, "utf-8", "text")
