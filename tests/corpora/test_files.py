"""Which files are read, in which format, and the errors for files that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from lmcompare.corpora import CorpusOptions, Piece, load
from lmcompare.corpora.files import read_path, read_stream
from lmcompare.errors import LmcompareError, PluginError

DEFAULT = CorpusOptions()


def test_a_folder_gives_a_document_a_file_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/y", ".hidden.txt", ".git/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "table.csv").write_text("text\nnot read beside text files\n")
    found = read_path(tmp_path, DEFAULT)
    assert [(p.name, p.metadata["folder"]) for p in found.pieces] == [("a/y", "a"), ("a/z.md", "a"), ("b.txt", ".")]
    assert not found.one_text
    assert not found.table
    assert found.notes == (
        f"Left out of {tmp_path.name} because they are not text: picture.png, table.csv.",
        f"Left out of {tmp_path.name} because they are empty: empty.txt.",
    )


def test_a_folder_of_tables(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "t.csv").write_text("text,genre\none,x\ntwo,y\n")
    found = read_path(tmp_path, DEFAULT)
    assert [(p.name, dict(p.metadata)) for p in found.pieces] == [
        ("sub/t.csv:2", {"folder": "sub", "genre": "x"}),
        ("sub/t.csv:3", {"folder": "sub", "genre": "y"}),
    ]


def test_a_text_file_in_a_folder_that_cannot_be_decoded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("a\n")
    (tmp_path / "bad.txt").write_bytes(b"ab\xff")
    with pytest.raises(LmcompareError, match=r"bad\.txt is not valid UTF-8: byte 2"):
        read_path(tmp_path, DEFAULT)


def test_a_folder_without_text(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(LmcompareError, match="has no text files in it"):
        read_path(tmp_path, DEFAULT)


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("a")
    with pytest.raises(LmcompareError, match=r"no file or folder .*nowel\.txt .did you mean 'novel\.txt'"):
        read_path(tmp_path / "nowel.txt", DEFAULT)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("a")

    def refuse(self: Path) -> bytes:  # permissions do not stop the superuser, whom tests may run as
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(LmcompareError, match=r"secret\.txt cannot be read \(permission denied\)"):
        read_path(path, DEFAULT)


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files_are_read_like_the_files_in_them(
    suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    text = "".join(f"line {n}\n" for n in range(10))
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / f"b.txt{suffix}").write_bytes(compress(text.encode()))
    (tmp_path / f"t.csv{suffix}").write_bytes(compress(b"text,genre\none,x\n"))
    plain, compressed = (read_path(tmp_path / name, DEFAULT) for name in ("a.txt", f"b.txt{suffix}"))
    assert compressed.one_text
    assert [p.text for p in compressed.pieces] == [p.text for p in plain.pieces] == [text]
    assert read_path(tmp_path / f"t.csv{suffix}", DEFAULT).pieces == (
        Piece(f"t.csv{suffix}:2", "one", {"genre": "x"}),
    )
    assert [p.name for p in read_path(tmp_path, DEFAULT).pieces] == ["a.txt", f"b.txt{suffix}"]
    (tmp_path / f"b.txt{suffix}").write_bytes(compress(text.encode())[:-9])
    with pytest.raises(LmcompareError, match=f"not a well-formed {suffix} file"):
        read_path(tmp_path / f"b.txt{suffix}", DEFAULT)


def test_a_format_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "table"
    parquet.write_table(pyarrow.table({"text": ["one", "two"]}), path)
    assert [p.text for p in read_path(path, DEFAULT).pieces] == ["one", "two"]
    assert [p.name for p in read_stream(path.read_bytes(), DEFAULT).pieces] == ["stdin:1", "stdin:2"]
    assert read_path(tmp_path, DEFAULT).table


OWN = """
from lmcompare.corpora import CorpusFormat, Found, Piece

def read(file, options):
    {body}

OWN = CorpusFormat("lines in reverse", (".own",), read)
"""


def own_format(tmp_path: Path, body: str) -> CorpusOptions:
    (tmp_path / "own.py").write_text(OWN.format(body=body))
    return CorpusOptions(file_format=f"{tmp_path / 'own.py'}:OWN")


def test_a_format_of_the_users_own_reads_every_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ab\ncd\nef\n")
    options = own_format(
        tmp_path, "return Found(tuple(Piece(f'{n}', t[::-1]) for n, t in enumerate(file.raw.decode().split())))"
    )
    assert [p.text for p in read_path(path, options).pieces] == ["ba", "dc", "fe"]
    assert {d.text for which in ("train", "valid", "test") for d in load(path, options).split(which)} == {
        "ba",
        "dc",
        "fe",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('x')", r"corpus format '.*own\.py:OWN' raised KeyError"),
        ("raise SystemExit(3)", "raised SystemExit"),
        ("return None", "returned None, not an"),
        ("return Found()", "returned no text"),
        ("return Found((Piece('', 'a'),))", "no name for document 1"),
        ("return Found((Piece('a', b'a'),))", "document 1 that is not text"),
        ("return Found((Piece('a', '\\ud800'),))", "document 1 that is not text"),
        ("return Found((Piece('a', 'a', {'n': 1}),))", "metadata value of document 1"),
        ("return Found(('a',))", "a str as document 1"),
        ("return Found((Piece('a', 'a'), Piece('b', 'b')), one_text=True)", "2 documents as one text"),
        ("return Found(splits={'train': (Piece('a', 'a'),)})", "splits that are not exactly train, valid, test"),
    ],
)
def test_faults_of_a_format_are_blamed_on_it(body: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.own"
    path.write_text("a\n")
    with pytest.raises(PluginError, match=message) as caught:
        read_path(path, own_format(tmp_path, body))
    assert "\n" not in str(caught.value)


def test_what_is_not_a_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "bad.py").write_text(
        "from lmcompare.corpora import CorpusFormat\nNO = 3\nUP = CorpusFormat('', ('TXT',), print)\n"
    )
    for name, message in (
        ("csw", "unknown corpus format 'csw' .did you mean 'csv'"),
        (f"{tmp_path / 'bad.py'}:NO", "is an int, not an lmcompare.corpora.CorpusFormat"),
        (f"{tmp_path / 'bad.py'}:UP", "in lower case with a full stop"),
    ):
        with pytest.raises(PluginError, match=message):
            read_path(tmp_path / "a.txt", CorpusOptions(file_format=name))
