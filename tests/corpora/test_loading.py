"""Every kind of source becomes a corpus: files, folders, streams, mappings and texts in memory, under all options."""

from __future__ import annotations

import hashlib
import io
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmcompare.corpora import Corpus, CorpusOptions, Document, documents_of, load, read_documents
from lmcompare.errors import LmcompareError

TEN_LINES = "".join(f"line number {n} ends here\n" for n in range(10))
TEXTS = [f"This is text {n}.\nIt has two lines.\n" for n in range(12)]
ROWS = [{"text": text, "genre": "ab"[n % 2]} for n, text in enumerate(TEXTS)]
FRAME = pd.DataFrame(ROWS)


def sentences(document: Document) -> list[str]:
    return [document.text[start:end] for start, end in document.sentences]


def everything(corpus: Corpus) -> list[Document]:
    return [*corpus.train, *corpus.valid, *corpus.test]


def sizes(corpus: Corpus) -> list[int]:
    return [len(corpus.split(which)) for which in ("train", "valid", "test")]


def texts(corpus: Corpus) -> dict[str, list[str]]:
    return {which: [document.text for document in corpus.split(which)] for which in ("train", "valid", "test")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ten.txt"
    path.write_text(TEN_LINES)
    return path


@pytest.fixture
def triple(tmp_path: Path) -> dict[str, str]:
    for which, text in (("train", "a b.\nc.\n\nd\n"), ("valid", "e\n"), ("test", "c.\nf\n")):
        (tmp_path / f"{which}.txt").write_text(text)
    return {which: f"{which}.txt" for which in ("train", "valid", "test")}


def test_one_file_is_cut_into_three_documents_whose_lines_are_sentences(file: Path) -> None:
    corpus = load(file)
    assert [len(d.text.splitlines()) for d in everything(corpus)] == [8, 1, 1]
    assert "".join(d.text for d in everything(corpus)) == TEN_LINES
    assert sentences(corpus.train[0])[7] == "line number 7 ends here"
    assert (corpus.name, corpus.source) == ("ten", str(file))
    for same in (load(str(file)), load("ten.txt", base=file.parent), load(file, CorpusOptions(documents="file"))):
        assert same.fingerprint == corpus.fingerprint


def test_standard_input() -> None:
    corpus = load("-", stdin=io.BytesIO(TEN_LINES.encode()))
    assert (corpus.name, corpus.source) == ("stdin", "standard input")
    assert "".join(d.text for d in everything(corpus)) == TEN_LINES
    with pytest.raises(LmcompareError, match="standard input is empty"):
        load("-", stdin=io.BytesIO(b""))
    with pytest.raises(LmcompareError, match="standard input is not valid UTF-8: byte 1"):
        load("-", stdin=io.BytesIO(b"a\xe9"))


def test_lines_as_documents(file: Path) -> None:
    corpus = load(file, CorpusOptions(documents="line"))
    assert sizes(corpus) == [8, 1, 1]
    assert {d.text for d in everything(corpus)} == set(TEN_LINES.splitlines())
    assert all(sentences(d) == [d.text] for d in everything(corpus))
    assert {d.name for d in everything(corpus)} == {f"ten.txt:{n}" for n in range(1, 11)}


def test_blank_lines_between_documents_are_no_sentences(tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text("\none\ntwo\n\n\nthree\n\nfour\nfive")
    documents = {d.name: d for d in everything(load(path, CorpusOptions(documents="blank-line")))}
    assert documents["poems.txt:2"].text == "one\ntwo\n\n\n"
    assert {name: sentences(d) for name, d in documents.items()} == {
        "poems.txt:2": ["one", "two"],
        "poems.txt:6": ["three"],
        "poems.txt:8": ["four", "five"],
    }


def test_a_given_split_is_kept(triple: dict[str, str], tmp_path: Path) -> None:
    corpus = load(triple, base=tmp_path)
    assert sizes(corpus) == [1, 1, 1]
    assert sentences(corpus.train[0]) == ["a b.", "c.", "", "d"]
    assert corpus.notes == ()
    spec = "train=train.txt, valid=valid.txt,test=test.txt"
    assert load(spec, base=tmp_path).fingerprint == corpus.fingerprint
    lines = load(spec, CorpusOptions(documents="line"), base=tmp_path)
    assert sizes(lines) == [3, 1, 2]
    with pytest.raises(LmcompareError, match="is split already, so train_words and valid_words"):
        load(triple, CorpusOptions(train_words=1, valid_words=1), base=tmp_path)
    (tmp_path / "a,b.txt").write_text("g\n")
    assert load("train=train.txt,valid=a,b.txt,test=test.txt", base=tmp_path).valid[0].text == "g\n"


def test_validation_text_is_taken_from_train_if_none_is_given(tmp_path: Path) -> None:
    # 20 words in ten lines: the first nine lines have nine tenths of them.
    text = [f"w{n} v{n}\n" for n in range(10)]
    (tmp_path / "train.txt").write_text("".join(text))
    (tmp_path / "test.txt").write_text("x y\n")
    corpus = load("train=train.txt,test=test.txt", base=tmp_path)
    assert texts(corpus) == {"train": ["".join(text[:9])], "valid": ["w9 v9\n"], "test": ["x y\n"]}
    assert any("There is no validation text" in note for note in corpus.notes)
    lines = load("train=train.txt,test=test.txt", CorpusOptions(documents="line"), base=tmp_path)
    first = min((line.strip() for line in text), key=lambda each: hashlib.sha256(each.encode()).digest())
    assert ([d.text for d in lines.valid], len(lines.train)) == ([first], 9)


def test_a_split_in_a_folder_is_kept_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "ptb"
    folder.mkdir()
    for which in ("train", "valid", "test"):
        (folder / f"ptb.{which}.txt").write_text(f"the text of {which}\n")
    (folder / "README.md").write_text("# About\nThis is no part of the corpus.\n")
    corpus = load(folder)
    assert texts(corpus) == {which: [f"the text of {which}\n"] for which in ("train", "valid", "test")}
    assert corpus.said == (
        "ptb is split already: train: ptb.train.txt; valid: ptb.valid.txt; test: ptb.test.txt.",
        "Left out of ptb: README.md.",
    )
    assert corpus.notes[:2] == corpus.said


def test_a_split_folder_gives_its_own_part_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for which in ("train", "test"):
            (tmp_path / name / f"{which}.txt").write_text("".join(f"{which} {n} of {name}\n" for n in range(4)))
    corpus = load("train=one,test=two", base=tmp_path)
    assert corpus.train[0].text.startswith("train 0 of one")
    assert {d.text.split()[0] for d in (*corpus.train, *corpus.valid)} == {"train"}
    assert [d.text.splitlines()[0] for d in corpus.test] == ["test 0 of two"]
    assert len(corpus.said) == 2
    with pytest.raises(LmcompareError, match="is itself split, but has no valid text"):
        load("train=one,valid=one,test=two", base=tmp_path)


@pytest.mark.parametrize(
    "source", [TEXTS, tuple(TEXTS), (text for text in TEXTS), FRAME, FRAME["text"], FRAME["text"].to_numpy(), ROWS]
)
def test_the_same_texts_in_memory_give_the_same_corpus(source: Any) -> None:
    expected = texts(load(list(TEXTS)))
    assert texts(load(source)) == expected
    assert sum(map(len, expected.values())) == 12


def test_a_table_in_memory_is_split_and_cut_like_one_in_a_file(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    of_file, in_memory = load(tmp_path / "t.csv"), load(FRAME)
    for which in ("train", "valid", "test"):
        assert [(d.text, d.sentences, d.metadata) for d in of_file.split(which)] == [
            (d.text, d.sentences, d.metadata) for d in in_memory.split(which)
        ]


def test_lists_another_column_and_missing_values_in_a_table() -> None:
    lists = load([{"text": text, "labels": np.array([n, 2])} for n, text in enumerate(TEXTS)])
    assert sum(sizes(lists)) == len(TEXTS)
    frame = pd.DataFrame({"body": [*TEXTS, None], "year": [1.0] * 12 + [float("nan")]})
    corpus = load(frame, CorpusOptions(text_column="body"))
    assert {d.metadata["year"] for d in corpus.train} == {"1.0"}
    assert "Rows of document without text that were left out: 1." in corpus.notes
    with pytest.raises(LmcompareError, match="the table has no column 'text' in row 1"):
        load(frame)


@pytest.mark.parametrize(
    "split",
    [
        {"train": TEXTS[:8], "valid": TEXTS[8:10], "test": TEXTS[10:]},
        {"train": FRAME[:8], "validation": FRAME[8:10], "test": FRAME[10:]},  # as a data set of Hugging Face
        {"train": iter(ROWS[:8]), "dev": ROWS[8:10], "test": ROWS[10:]},
    ],
)
def test_a_split_in_memory(split: Mapping[str, Any]) -> None:
    assert texts(load(split)) == {"train": TEXTS[:8], "valid": TEXTS[8:10], "test": TEXTS[10:]}


def test_sentences_can_be_chosen(file: Path) -> None:
    prose = [f"We came to {a}. They left {a}.\n" for a in ("Rome", "Oslo", "Bonn", "Bern", "Lund")]
    prose += [f"Here is {a}. It is {a}.\n" for a in ("Graz", "Kiel", "Metz", "Pisa", "Nice")]
    corpus, punkt = load([*prose, " "]), load([*prose, " "], CorpusOptions(sentences="punkt"))
    assert [{len(d.sentences) for d in everything(each)} for each in (corpus, punkt)] == [{1}, {2}]
    assert corpus.notes[0] == punkt.notes[0] == "Documents without text that were left out: 1."
    file.write_text("".join(prose))
    assert [len(d.sentences) for d in everything(load(file, CorpusOptions(sentences="punkt")))] == [16, 2, 2]
    sure = CorpusOptions(sentences="punkt", lowercase=True)  # sentences are found before letters are made small
    assert [sentences(d) for d in load(file, sure).valid] == [["here is pisa.", "it is pisa."]]


@pytest.mark.slow
def test_of_lee_the_lines_can_be_sentences(lee: Corpus) -> None:
    whole = load("lee", CorpusOptions(sentences="line"))
    assert all(len(d.sentences) == 1 for d in everything(whole))
    assert {d.text for d in everything(whole)} == {d.text for d in everything(lee)}
    assert sum(len(d.sentences) for d in everything(lee)) > 2000
    prose = load("lee", CorpusOptions(train_words=30_000, valid_words=10_000))
    assert sizes(prose) == [1, 1, 1]
    assert 30_000 <= prose.train[0].words < 31_000
    assert len(prose.train[0].sentences) > 1_000  # Punkt's, of which a line has several


def test_a_letter_that_grows_moves_the_spans_after_it(tmp_path: Path) -> None:
    # U+0130 is one character whose small form is two: i and a combining dot.
    path = tmp_path / "t.txt"
    path.write_text("\u0130\u0130 A\nB\u0130\nC\nd\n", encoding="utf-8")
    corpus = load(path, CorpusOptions(lowercase=True))
    assert [sentences(d) for d in everything(corpus)] == [["i\u0307i\u0307 a", "bi\u0307"], ["c"], ["d"]]


def test_an_encoding_is_read_and_nfc_composes_but_not_very_many_marks(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(unicodedata.normalize("NFD", "café\nnoël\nà\n"), encoding="utf-8")
    assert "".join(d.text for d in everything(load(path))) != "café\nnoël\nà\n"
    assert "".join(d.text for d in everything(load(path, CorpusOptions(nfc=True)))) == "café\nnoël\nà\n"
    path.write_bytes("é\nè\nà\n".encode("latin-1"))
    assert "".join(d.text for d in everything(load(path, CorpusOptions(encoding="latin-1")))) == "é\nè\nà\n"
    lines = CorpusOptions(documents="line", nfc=True)
    path.write_text("one\ntwo\n" + "a" + "\u0301" * 1000 + "\u2014" * 2000 + "\n", encoding="utf-8")
    assert load(path, lines)
    path.write_text("one\ntwo\n" + "a\u2014" + "\u0301" * 1001 + "\n", encoding="utf-8")
    with pytest.raises(LmcompareError, match="1,000 combining marks in a row"):
        load(path, lines)
    assert load(path, CorpusOptions(documents="line"))


def test_a_split_in_words(file: Path) -> None:
    words: dict[str, Any] = {"train_words": 10, "valid_words": 11}  # lines of five words
    corpus = load(file, CorpusOptions(**words))
    parts = [("ten (train)", 2), ("ten (valid)", 3), ("ten (test)", 5)]
    assert [(d.name, len(d.sentences)) for d in everything(corpus)] == parts
    assert "".join(d.text for d in everything(corpus)) == TEN_LINES
    lines = load(file, CorpusOptions(documents="line", **words))
    assert (sizes(lines), lines.test[0].name) == ([2, 3, 5], "ten (test):1")
    assert load(file, CorpusOptions(train_words=11, valid_words=6)).fingerprint != corpus.fingerprint


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("wiki-sampel", {}, "is not a file, a folder or the name of a corpus .did you mean 'wiki-sample'"),
        ("ten", {}, r"did you mean 'ten\.txt'"),
        ("none.txt", {}, "there is no file or folder"),
        ("https://example.org/a.txt", {}, "https://example.org/a.txt is an address"),
        ("", {}, "has no name"),
        ("A whole text instead of a path. " * 30, {}, "cannot be a path"),
        ("tiny.txt", {}, "has only 2 characters, too few to cut"),
        ("two.txt", {"documents": "line"}, "has only 2 different documents"),
        ("ten.txt", {"train_words": 40, "valid_words": 10}, r"only 50 words, .* \(40\), valid_words \(10\)"),
        ("ten.txt", {"train_words": 40}, "train_words is given without valid_words"),
        ("ten.txt", {"rare_count": 10, "rare_word": "R"}, "no word occurs more than 10 times"),
        ("empty.txt", {}, r"empty\.txt is empty"),
        ("ten.txt", {"text_column": "body"}, "no text column 'body'"),
        (TEXTS, {"text_column": "body"}, "no text column 'body'"),
        (TEXTS, {"file_format": "csv"}, "file_format 'csv' has no effect"),
        (TEXTS, {"encoding": "latin-1"}, "encoding 'latin-1' has no effect"),
        ("train=train.txt,valid=valid.txt", {}, "names no test"),
        ("valid=valid.txt", {}, "names no train and no test"),
        ("train=train.txt,valid=,test=test.txt", {}, "names no valid"),
        ("train=train.txt,vaild=valid.txt,test=test.txt", {}, "unknown split 'vaild' .did you mean 'valid'"),
        ("train=train.txt,train=valid.txt,test=test.txt", {}, "gives train twice"),
        ("train=tran.txt,valid=valid.txt,test=test.txt", {}, r"tran\.txt .did you mean 'train\.txt'"),
        ([], {}, "no text in the documents"),
        (["", " "], {}, "no text in the documents"),
        (["a", "b"], {}, "only 2 different documents"),
        (["a", 2, "c"], {}, "document 2 is an int"),
        (["a", b"b"], {}, "document 2 is (a )?bytes"),
        (["a", "\ud800"], {}, "document 2 has a lone surrogate"),
        ([{"text": "a"}, "b"], {}, "row 2 is a str, but the first row is a mapping"),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), {}, "several columns of the same name"),
        (5, {}, "a corpus in memory must be a list of texts"),
        (np.array("a text"), {}, "a corpus in memory must be a list of texts"),
        ({"train": TEXTS, "tets": TEXTS}, {}, "unknown split 'tets' .did you mean 'test'"),
        ({"train": TEXTS, "valid": TEXTS}, {}, "the mapping has no test"),
        ({"train": TEXTS, "valid": TEXTS, "dev": TEXTS, "test": TEXTS}, {}, "valid is given twice"),
        ({"train": TEXTS, "test": 5}, {}, "not an int"),
    ],
)
@pytest.mark.usefixtures("file", "triple")
def test_what_is_no_corpus_is_said_in_one_sentence(
    source: Any, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "two.txt").write_text("a\n\nb\n")
    (tmp_path / "tiny.txt").write_text("ab")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(LmcompareError, match=message) as caught:
        load(source, CorpusOptions(**options), base=tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(LmcompareError, match="not a dict"):
        load("ten.txt", {}, base=tmp_path)  # type: ignore[arg-type]


def test_documents_without_a_split(file: Path, tmp_path: Path) -> None:
    lines = CorpusOptions(documents="line", nfc=True)
    for source, base in ((file, None), ("ten.txt", tmp_path)):
        assert [d.text for d in read_documents(source, lines, base=base)] == TEN_LINES.splitlines()
    assert [d.text for d in read_documents("-", stdin=io.BytesIO(b"one\n"))] == ["one\n"]
    assert [d.sentences for d in documents_of(["a\nb", ""])] == [((0, 1), (2, 3)), ((0, 0),)]
    (tmp_path / "rows.csv").write_text("text,n\nthe cat,1\n,2\na dog,3\n")
    said: list[str] = []
    assert len(read_documents(tmp_path / "rows.csv", note=said.append)) == 2
    assert said == ["Rows of rows.csv without text that were left out: 1."]
    with pytest.raises(LmcompareError, match="not from a list"):
        read_documents(TEXTS)  # type: ignore[arg-type]


def test_the_fingerprint_of_what_was_read_is_that_of_the_text_before_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"The Cat {n} sat.\n" for n in range(40)))
    plain = load(path, CorpusOptions(documents="line")).parts
    lower = load(path, CorpusOptions(documents="line", lowercase=True)).parts
    whole = load(path, CorpusOptions(documents="file")).parts
    assert plain["read"] == lower["read"] == whole["read"]
    assert (plain["changes"], lower["changes"]) == ([], ["lower case"])
    assert plain["train"] != lower["train"]
    rare = CorpusOptions(documents="line", nfc=True, rare_count=1, rare_word="<r>")
    assert load(path, rare).parts["changes"] == ["Unicode NFC", "words seen 1 times or less are <r>"]
    path.write_text("".join(f"The Cat {n} sat.\n" for n in range(41)))
    assert load(path, CorpusOptions(documents="line")).parts["read"] != plain["read"]


def test_a_text_that_an_experiment_file_names_is_replaced_and_not_taken_for_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "wikitext2.toml").write_text("")
    with pytest.raises(LmcompareError, match=r"'wikitext-2' is not a file, .*--corpus replaces the text") as refused:
        load("wikitext-2", base=tmp_path)
    assert "toml" not in str(refused.value)
