"""Which files are read, in which format, and the errors for files that cannot be read."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from lmcompare.corpora import CorpusOptions, read_documents
from lmcompare.corpora.paths import read_path, read_stream
from lmcompare.errors import LmcompareError, PluginError

DEFAULT = CorpusOptions()


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("a")

    def refuse(self: Path, *_: object, **__: object) -> None:  # permissions do not stop the superuser
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(LmcompareError, match=r"secret\.txt cannot be read \(permission denied\)"):
        read_path(path, DEFAULT)


def test_a_format_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "table"
    parquet.write_table(pyarrow.table({"text": ["one", "two"]}), path)
    assert [p.text for p in read_path(path, DEFAULT).pieces] == ["one", "two"]
    assert [p.name for p in read_stream(io.BytesIO(path.read_bytes()), DEFAULT).pieces] == ["stdin:1", "stdin:2"]
    assert read_path(tmp_path, DEFAULT).table
    rows = b'{"text": "one", "n": 5}\n{"text": "two"}\n'
    found = read_stream(io.BytesIO(rows), DEFAULT)
    assert [(p.text, dict(p.metadata)) for p in found.pieces] == [("one", {"n": "5"}), ("two", {})]
    assert read_stream(io.BytesIO(b"{not json}\n"), DEFAULT).one_text
    path.with_name("a.txt").write_bytes(rows)
    assert read_path(path.with_name("a.txt"), DEFAULT).one_text  # its suffix says what it is


def test_a_format_of_another_package_is_imported_for_what_no_built_in_one_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "snatch-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: snatch\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[lmcompare.corpus_formats]\na-snatch = snatch:OWN\n")
    own = OWN.format(body="return Found((Piece('stolen', file.raw.decode()),))")
    first = '(".own",), read, first_bytes=(b"The", b"PAR1"))'
    (tmp_path / "site" / "snatch.py").write_text(own.replace('(".own",), read)', first))
    monkeypatch.syspath_prepend(tmp_path / "site")
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("The cat")
    (folder / "b.csv").write_text("text\nThe dog\nThe cat\n")
    parquet.write_table(pyarrow.table({"text": ["one", "two"]}), folder / "table")
    for name, text in (("a.txt", "The cat"), ("b.csv", "The dog"), ("table", "one")):
        assert read_path(folder / name, DEFAULT).pieces[0].text == text
    read_path(folder / "*.txt", DEFAULT)
    assert "snatch" not in sys.modules
    (folder / "c").write_text("The fish")
    assert [piece.name for piece in read_path(folder / "c", DEFAULT).pieces] == ["stolen"]
    del sys.modules["snatch"]


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
    reversed_lines = "tuple(Piece(f'{n}', t[::-1]) for n, t in enumerate(file.raw.decode().split()))"
    options = own_format(tmp_path, f"return Found({reversed_lines})")
    assert [p.text for p in read_path(path, options).pieces] == ["ba", "dc", "fe"]
    assert {d.text for d in read_documents(path, options)} == {"ba", "dc", "fe"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('x')", r"corpus format '.*own\.py:OWN' raised KeyError"),
        ("raise SystemExit(3)", "raised SystemExit"),
        ("return None", "returned None, not an"),
        ("return Found()", "returned no text"),
        ("return Found((Piece('', 'a'),))", "no name for document 1"),
        ("return Found((Piece('a', b'a'),))", "document 1 that is not a string"),
        ("return Found((Piece('a', '\\ud800'),))", "document 1 that is not a string that UTF-8 can store"),
        ("return Found((Piece('a', 'a', {'n': 1}),))", "metadata value of document 1"),
        ("return Found(('a',))", "a str as document 1"),
        ("return Found((Piece('a', 'a'), Piece('b', 'b')), one_text=True)", "2 documents as one text"),
        ("return Found(splits={'train': (Piece('a', 'a'),)})", "splits that are not train, test and"),
        ("return Found(splits=5)", "an int as splits"),
        ("return Found(splits={'train': 5, 'test': ()})", r"an int as splits\['train'\]"),
        ("return Found(5)", "an int as pieces"),
        ("return Found((Piece('a', 'a', 5),))", "an int as the metadata of document 1"),
        *(
            (f"return Found((Piece('a', 'a'),), {field}={value})", f"{field} that (is|are) not .*{value}")
            for field, value in (("notes", "5"), ("said", "(5,)"), ("name", "5"), ("source", "(5,)"), ("files", "5"))
        ),
        ("return Found((Piece('a', 'a'),), sentences=5)", "returned 5 as sentences, which must be one of"),
    ],
)
def test_faults_of_a_format_are_blamed_on_it(body: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.own"
    path.write_text("a\n")
    with pytest.raises(PluginError, match=message) as caught:
        read_path(path, own_format(tmp_path, body))
    assert "own.py:OWN'" in str(caught.value)
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
