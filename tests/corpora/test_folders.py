"""Which files of a folder are read, as what, and the splits that their names show."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from lmcompare.corpora import CorpusOptions, Found, load
from lmcompare.corpora.paths import read_path
from lmcompare.corpora.splits import recognised
from lmcompare.errors import LmcompareError

DEFAULT = CorpusOptions()


def folder(path: Path, files: dict[str, str | bytes]) -> Path:
    """Write files; each name may have folders in it."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, files: dict[str, str | bytes], options: CorpusOptions = DEFAULT) -> Found:
    return read_path(folder(path / "data", files), options)


def texts(found: Found) -> dict[str, list[str]]:
    assert found.splits is not None
    return {which: [piece.text for piece in pieces] for which, pieces in found.splits.items()}


def test_a_folder_gives_a_document_a_file_in_order(tmp_path: Path) -> None:
    names = ("b.txt", "a/z.md", "a/y", ".hidden.txt", ".git/x.txt", "__pycache__/a.py")
    files: dict[str, str | bytes] = {name: f"text of {name}\n" for name in names}
    others: dict[str, str | bytes] = {
        "empty.txt": "\n",
        "picture.png": b"\x89PNG\0\0",
        "catalogue.csv": "file,author\nb.txt,Ann\n",
        "old": "naïve".encode("latin-1"),
    }
    found = read(tmp_path, files | others)
    assert [(p.name, p.metadata["folder"]) for p in found.pieces] == [("a/y", "a"), ("a/z.md", "a"), ("b.txt", ".")]
    assert (found.one_text, found.table, found.splits, found.notes) == (False, False, None, ())
    left_out = ("data: catalogue.csv", "empty: empty.txt", "--encoding): old", "not text: picture.png")
    for sentence, end in zip(found.said, left_out, strict=True):
        assert sentence.endswith(f"{end}.")


def test_a_folder_of_tables(tmp_path: Path) -> None:
    found = read(tmp_path, {"sub/t.csv": "text,genre\none,x\ntwo,y\n", "README.md": "# About the table\n"})
    assert [(p.name, dict(p.metadata)) for p in found.pieces] == [
        ("sub/t.csv:2", {"folder": "sub", "genre": "x"}),
        ("sub/t.csv:3", {"folder": "sub", "genre": "y"}),
    ]
    assert found.table
    assert found.said == ("Left out of data: README.md.",)


@pytest.mark.parametrize(
    ("files", "read_names"),
    [
        (["a.txt", "README.md", "LICENSE"], ["a.txt"]),
        (["a.md", "README.md"], ["README.md", "a.md"]),  # a folder of such documents
        (["README.md", "LICENSE"], ["LICENSE", "README.md"]),  # nothing else is there
        (["code/a.py", "code/README.rst"], ["code/a.py"]),
    ],
)
def test_files_about_the_data_are_no_data(files: list[str], read_names: list[str], tmp_path: Path) -> None:
    assert [p.name for p in read(tmp_path, dict.fromkeys(files, "words\n")).pieces] == read_names


def test_a_split_of_tables_as_hugging_face_writes_it(tmp_path: Path) -> None:
    data = tmp_path / "data" / "data"
    data.mkdir(parents=True)
    for name, rows in {
        "train-00000-of-00002": ["a", "b"],
        "train-00001-of-00002": ["c"],
        "test-00000-of-00001": ["d"],
    }.items():
        parquet.write_table(pyarrow.table({"text": rows, "id": list(range(len(rows)))}), data / f"{name}.parquet")
    found = read(tmp_path, {"README.md": "---\nlicense: mit\n---\n", "dataset_infos.json": '{"default": {}}'})
    assert texts(found) == {"train": ["a", "b", "c"], "test": ["d"]}
    assert found.table
    assert "train-00000-of-00002.parquet, data/train-00001-of-00002.parquet; test: data/test-00000" in found.said[0]
    assert found.said[1] == "Left out of data: README.md, dataset_infos.json."


def test_without_a_test_the_validation_text_is_the_test_of_the_folder_alone(tmp_path: Path) -> None:
    rows = "".join(f'{{"text": "a{n}"}}\n' for n in range(20))
    found = read(tmp_path, {"train.jsonl": rows, "validation.jsonl": '{"text": "b"}\n'})
    assert texts(found)["valid"] == ["b"]
    alone = load("data", base=tmp_path)
    assert [document.text for document in alone.test] == ["b"]
    assert len(alone.train) + len(alone.valid) == 20
    assert any("no test text of its own" in sentence for sentence in alone.said)
    (tmp_path / "c.txt").write_text("c\n")
    parts = load("train=data,valid=data,test=c.txt", base=tmp_path)
    assert len(parts.train) == 20
    assert [document.text for split in (parts.valid, parts.test) for document in split] == ["b", "c\n"]
    with pytest.raises(LmcompareError, match="itself split, but has no test text"):
        load("train=data,test=data", base=tmp_path)


def test_compressed_files_of_a_split(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"{which}/a.txt.gz": gzip.compress(which.encode()) for which in ("train", "dev")}
    found = texts(read(tmp_path, {**files, "test/a.txt": "test"}))
    assert found == {"train": ["train"], "valid": ["dev"], "test": ["test"]}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.txt", "test.txt", "train.csv", "test.csv"], r"several data sets .*: \*\.csv, \*\.txt"),
        (["a.train.txt", "a.test.txt", "b.train.txt", "b.test.txt"], r"several data sets .*: a\.\*\.txt"),
        (["train_10M/a.train", "train_100M/a.train", "dev/a.dev"], "several folders of train: train_100M, train_10M"),
        (["train/train.txt", "train/test.txt", "test/a.txt"], r"several data sets .*: \*, train/\*\.txt"),
        (["train.txt", "test.jsonl"], r"test\.jsonl, train\.txt look like parts of a split"),
        (["cv1_train.txt", "cv1_test.txt", "cv2_train.txt", "cv2_test.txt"], r"several .* cv1_\*\.txt, cv2"),
        (["train_10M.txt", "train_100M.txt", "test_10M.txt"], r"train_100M\.txt are also named like parts"),
        (["dev.txt", "test.txt"], r"the files dev\.txt, test\.txt look like parts of a split"),
    ],
)
def test_names_that_say_two_things_are_refused(names: list[str], message: str, tmp_path: Path) -> None:
    content = {".csv": "text\nwords\n", ".jsonl": '{"text": "words"}\n'}
    with pytest.raises(LmcompareError, match=message):
        read(tmp_path, {name: content.get(Path(name).suffix, "words\n") for name in names})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"train.txt": "a\n", "test.txt": " ", "valid.txt": "b\n"},
            "test.txt in data is empty, and there is no other",
        ),
        ({"train": "a\n", "valid": "b\n", "test": "naïve".encode("latin-1")}, "test in data is not valid UTF-8"),
        ({"train.txt": "", "test.txt": "b\n", "x.txt": "c\n"}, "train.txt in data is empty"),
        (
            dict.fromkeys(("train_1.txt", "test_1.txt", *(f"{n}.txt" for n in range(5))), "some words\n"),
            r"data has a split \(train_1\.txt, test_1\.txt\), but most of its text",
        ),
        ({"notes.txt": "some notes\n", "t.csv": "text\none\n"}, r"tables .*\(t\.csv\) and text files \(notes\.txt\)"),
        ({"good.txt": "a\n", "bad.txt": b"ab\xff"}, r"bad\.txt is not valid UTF-8: byte 2"),
        ({"picture.png": b"\x89PNG\0\0"}, "has no text files in it"),
    ],
)
def test_folders_that_are_refused(files: dict[str, str | bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=message):
        read(tmp_path, files)


def test_files_about_the_data_in_the_folders_of_a_split(tmp_path: Path) -> None:
    files = {"train/a.txt": "a\n", "train/LICENSE": "x\n", "test/b.txt": "b\n", "test/README.md": "x\n"}
    found = read(tmp_path, {**files})
    assert texts(found) == {"train": ["a\n"], "test": ["b\n"]}
    assert found.said[1] == "Left out of data: test/README.md, train/LICENSE."


def test_names_of_another_encoding_are_told_apart(tmp_path: Path) -> None:
    folder(tmp_path / "data", {"a.txt": "a\n"})
    for name, content in ((b"M\xfcller.txt", "one\n"), (b"M\xf6ller.txt", "two\n")):
        (tmp_path / "data" / os.fsdecode(name)).write_text(content)
    found = read_path(tmp_path / "data", DEFAULT)
    assert sorted(piece.text for piece in found.pieces) == ["a\n", "one\n", "two\n"]
    assert len({piece.name for piece in found.pieces}) == 3


@pytest.mark.parametrize("nothing", [b"\xef\xbb\xbf", b"\xff\xfe\n\0", b" \n"])
def test_a_file_with_nothing_but_a_mark_is_empty(nothing: bytes, tmp_path: Path) -> None:
    found = read(tmp_path, {"a.txt": "a\n", "b.txt": "b\n", "c.txt": nothing})
    assert [piece.name for piece in found.pieces] == ["a.txt", "b.txt"]
    assert found.said == ("Left out of data as empty: c.txt.",)


def test_links_and_pipes_are_left_out_with_a_word(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", {"a.txt": "a\n", "b.txt": "b\n"})
    folder(tmp_path / "other", {"c.txt": "c\n"})
    (data / "linked").symlink_to(tmp_path / "other")
    os.mkfifo(data / "pipe")
    found = read_path(data, DEFAULT)
    assert [p.name for p in found.pieces] == ["a.txt", "b.txt"]
    assert ["link to a folder: linked" in found.said[0], "not an ordinary file: pipe" in found.said[1]] == [
        True,
        True,
    ]


def test_a_run_folder_is_no_text(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", {"a.txt": "a\n", "b/c.txt": "c\n"})
    manifest = '{"schema_version": 2, "lmcompare": "1.0", "models": []}'
    folder(data, {"one/.lmcompare": "", "one/log.txt": "x\n", "b/two/manifest.json": manifest})
    folder(data, {"b/two/report.txt": "x\n", "manifest.json": '{"name": "of something else"}'})
    for source in (data, data / "**" / "*"):
        found = read_path(source, CorpusOptions(file_format="text"))
        assert [p.name for p in found.pieces] == ["a.txt", "b/c.txt", "manifest.json"]
        assert found.said[0].endswith("as a run folder of lmcompare: b/two, one.")
    with pytest.raises(LmcompareError, match="one is a run folder of lmcompare"):
        read_path(data / "one", DEFAULT)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = folder(tmp_path / "data", {"a.txt": "a\n", "shut/b.txt": "b\n"})
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("shut"):  # its owner alone may read it, and tests may run as root
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(LmcompareError, match=r"data/shut cannot be read .permission denied"):
        read_path(data, DEFAULT)


def test_a_mark_says_how_files_without_a_suffix_are_encoded(tmp_path: Path) -> None:
    found = read(tmp_path, {"a": "über\n".encode("utf-16"), "b": "b\n"})
    assert [(p.name, p.text) for p in found.pieces] == [("a", "über\n"), ("b", "b\n")]
    assert [(f.name, f.encoding) for f in found.files] == [("a", "utf-16"), ("b", "ascii")]


ONE_BILLION = "-monolingual.tokenized.shuffled/news.en"


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        (["train.txt"], ["valid.txt"], ["test.txt"]),
        (["ptb.train.txt"], ["ptb.valid.txt"], ["ptb.test.txt"]),
        (["wikitext-2/wiki.train.tokens"], ["wikitext-2/wiki.valid.tokens"], ["wikitext-2/wiki.test.tokens"]),
        (["TRAIN.TXT"], ["Dev.TXT"], ["Test.TXT"]),
        (["train/a.txt", "train/b/c.txt"], ["dev/x.txt"], ["test/y.txt"]),
        (["train1.txt", "train2.txt"], ["val1.txt"], ["test1.txt"]),
        (["en_ewt-ud-train.conllu"], ["en_ewt-ud-dev.conllu"], ["en_ewt-ud-test.conllu"]),
        (["train_100M/a.train", "train_100M/b.train"], ["dev/a.dev", "dev/b.dev"], ["test/a.test", "test/b.test"]),
        (
            ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
            ["data/validation-00000-of-00001-b42a775f407cee45.parquet"],
            ["data/test-00000-of-00001.parquet"],
        ),
        (["train.csv"], [], ["test.csv"]),
        (["train.jsonl"], ["validation.jsonl"], []),
        ([f"training{ONE_BILLION}-00001-of-00100"], [], [f"heldout{ONE_BILLION}.heldout-00000-of-00050"]),
        (["train/dev story.txt", "train/test.txt"], [], ["test/a.txt"]),  # no other file differs by this word
        (["training/wiki.train.txt"], [], ["training/wiki.test.txt"]),
        (["train_data/train/a.txt", "train_data/train/b.txt"], [], ["train_data/test/a.txt"]),
        (["dev/corpus/train/a.txt"], ["dev/corpus/dev/a.txt"], ["dev/corpus/test/a.txt"]),
        (["train/train.py", "train/test.py"], [], ["test/train.py"]),
    ],
)
def test_layouts(train: list[str], valid: list[str], test: list[str]) -> None:
    expected = {which: names for which, names in {"train": train, "valid": valid, "test": test}.items() if names}
    assert recognised([*train, *valid, *test, "vocabulary.txt"]) == expected


@pytest.mark.parametrize(
    "names",
    [
        ["a.txt", "b.txt"],
        ["train.txt"],  # a text with this name
        ["train.py", "test.py", "model.py"],  # a program
        ["src/train.js", "src/test.js"],
        ["train/a.txt", "train/b.txt"],
        ["latest.txt", "trained.txt", "contest.txt", "devil.txt", "value.txt"],
        ["my train journey.txt", "a test of time.txt", "c.txt"],
        ["train_accident.txt", "test_match.txt", "bus.txt", "car.txt", "ship.txt"],  # documents among others
    ],
)
def test_what_is_no_split(names: list[str]) -> None:
    assert recognised(names) is None
