"""Every kind of source, every option, and what is said when there is no corpus in it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from lmcompare.corpora import Corpus, CorpusOptions, Document, documents_of, load, read_documents
from lmcompare.errors import LmcompareError

TEN_LINES = "".join(f"line number {n} ends here\n" for n in range(10))


def sentences(document: Document) -> list[str]:
    return [document.text[start:end] for start, end in document.sentences]


def everything(corpus: Corpus) -> list[Document]:
    return [*corpus.train, *corpus.valid, *corpus.test]


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
    assert load(file, CorpusOptions(documents="file")).fingerprint == corpus.fingerprint


def test_strings_paths_and_base_lead_to_the_same_file(file: Path) -> None:
    fingerprint = load(file).fingerprint
    assert load(str(file)).fingerprint == fingerprint
    assert load("ten.txt", base=file.parent).fingerprint == fingerprint


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
    assert [len(corpus.split(which)) for which in ("train", "valid", "test")] == [8, 1, 1]
    assert {d.text for d in everything(corpus)} == set(TEN_LINES.splitlines(keepends=True))
    assert all(sentences(d) == [d.text.rstrip("\n")] for d in everything(corpus))
    assert {d.name for d in everything(corpus)} == {f"ten.txt:{n}" for n in range(1, 11)}


def test_blank_lines_between_documents(tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text("\none\ntwo\n\n\nthree\n\nfour\nfive")
    documents = {d.name: d for d in everything(load(path, CorpusOptions(documents="blank-line")))}
    assert documents["poems.txt:2"].text == "one\ntwo\n\n\n"
    assert {name: [s for s in sentences(d) if s] for name, d in documents.items()} == {
        "poems.txt:2": ["one", "two"],
        "poems.txt:6": ["three"],
        "poems.txt:8": ["four", "five"],
    }
    assert sentences(documents["poems.txt:2"]) == ["one", "two"]  # blank lines are no sentences between documents


def test_a_folder_is_split_by_hash(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / "news").mkdir(parents=True)
    for n in range(12):
        (folder / "news" / f"{n}.txt").write_text(f"this is text number {n}\nwith a second line\n")
    corpus = load(folder)
    assert [len(corpus.split(which)) for which in ("train", "valid", "test")] == [8, 2, 2]
    assert {d.metadata["folder"] for d in everything(corpus)} == {"news"}
    assert corpus.name == "texts"
    by_line = load(folder, CorpusOptions(documents="line"))
    assert len(everything(by_line)) == 24
    assert "Documents that repeat the text of another: 11;" in by_line.notes[1]


def test_a_table_keeps_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("id,review,genre\n" + "".join(f"{n},film {n} was good,{'ab'[n % 2]}\n" for n in range(6)))
    corpus = load(path, CorpusOptions(text_column="review"))
    assert {(d.text, d.metadata["genre"], d.metadata["id"]) for d in everything(corpus)} == {
        (f"film {n} was good", "ab"[n % 2], str(n)) for n in range(6)
    }
    with pytest.raises(LmcompareError, match=r"no column 'revew' .did you mean 'review'"):
        load(path, CorpusOptions(text_column="revew"))


def test_a_given_split_is_kept_and_its_overlap_reported(triple: dict[str, str], tmp_path: Path) -> None:
    corpus = load(triple, base=tmp_path)
    assert [len(corpus.split(which)) for which in ("train", "valid", "test")] == [1, 1, 1]
    assert sentences(corpus.train[0]) == ["a b.", "c.", "", "d"]
    assert corpus.notes == ("Of the 2 lines of test, 1 (50.0 %) also occurs in train.",)
    spec = "train=train.txt, valid=valid.txt,test=test.txt"
    assert load(spec, base=tmp_path).fingerprint == corpus.fingerprint
    lines = load(spec, CorpusOptions(documents="line"), base=tmp_path)
    assert [len(lines.split(which)) for which in ("train", "valid", "test")] == [3, 1, 2]
    (said,) = lines.notes
    assert said.startswith(
        "Of the 2 documents of test, 1 also occurs in the training text: 1 word for word (test.txt:1 (100 %))."
    )


def test_validation_text_is_taken_from_train_if_none_is_given(tmp_path: Path) -> None:
    # 20 words in ten lines: the first nine lines have nine tenths of them.
    (tmp_path / "train.txt").write_text("".join(f"w{n} v{n}\n" for n in range(10)))
    (tmp_path / "test.txt").write_text("x y\n")
    corpus = load("train=train.txt,test=test.txt", base=tmp_path)
    assert [d.text for d in corpus.valid] == ["w9 v9\n"]
    assert corpus.train[0].text == "".join(f"w{n} v{n}\n" for n in range(9))
    assert [d.text for d in corpus.test] == ["x y\n"]
    assert any("There is no validation text, so the end of the training text" in note for note in corpus.notes)
    lines = load("train=train.txt,test=test.txt", CorpusOptions(documents="line"), base=tmp_path)
    first = min((f"w{n} v{n}\n" for n in range(10)), key=lambda text: hashlib.sha256(text.encode()).digest())
    assert [d.text for d in lines.valid] == [first]
    assert len(lines.train) == 9


def test_a_split_in_a_folder_is_kept_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "ptb"
    folder.mkdir()
    for which in ("train", "valid", "test"):
        (folder / f"ptb.{which}.txt").write_text(f"the text of {which}\n")
    (folder / "README.md").write_text("# About\nThis is no part of the corpus.\n")
    corpus = load(folder)
    for which in ("train", "valid", "test"):
        assert [d.text for d in corpus.split(which)] == [f"the text of {which}\n"]
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


def test_a_path_with_a_comma_in_a_triple(triple: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a,b.txt").write_text("g\n")
    assert load("train=train.txt,valid=a,b.txt,test=test.txt", base=tmp_path).valid[0].text == "g\n"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("train=train.txt,valid=valid.txt", "names no test; give train=A,valid=B,test=C on the command line"),
        ("valid=valid.txt", "names no train and no test"),
        ("train=train.txt,valid=,test=test.txt", "names no valid"),
        ("train=train.txt,vaild=valid.txt,test=test.txt", "unknown split 'vaild' .did you mean 'valid'"),
        ("train=train.txt,train=valid.txt,test=test.txt", "gives train twice"),
        ("train=tran.txt,valid=valid.txt,test=test.txt", r"tran\.txt .did you mean 'train\.txt'"),
    ],
)
def test_broken_triples(spec: str, message: str, triple: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=message):
        load(spec, base=tmp_path)


def test_texts_in_memory() -> None:
    texts = [
        f"This is a text of {a}. Here follow the {b}.\n" for a in ("sea", "land", "air") for b in ("men", "fish")
    ]
    corpus = load([*texts, " "])
    assert {d.text for d in everything(corpus)} == set(texts)
    assert all(len(d.sentences) == 1 for d in everything(corpus))  # a line is a sentence, as in files
    punkt = load([*texts, " "], CorpusOptions(sentences="punkt"))
    assert all(len(d.sentences) == 2 for d in everything(punkt))
    assert corpus.notes[0] == "Documents without text that were left out: 1."
    with pytest.raises(LmcompareError, match="document 2 is an int"):
        load(["a", 2, "c"])
    with pytest.raises(LmcompareError, match="only 2 different documents"):
        load(["a", "b"])


def test_sentences_can_be_chosen(file: Path, lee: Corpus) -> None:
    whole = load("lee", CorpusOptions(sentences="line"))
    assert all(len(d.sentences) == 1 for d in everything(whole))
    assert {d.text for d in everything(whole)} == {d.text for d in everything(lee)}
    in_memory = load(["One. Two.\n", "Three. Four.\n", "Five. Six.\n"], CorpusOptions(sentences="line"))
    assert all(len(d.sentences) == 1 for d in everything(in_memory))
    file.write_text(
        "".join(
            f"We came to {a}. They left {a}.\n"
            for a in ("Rome", "Oslo", "Bonn", "Bern", "Lund", "Graz", "Kiel", "Metz", "Pisa", "Nice")
        )
    )
    assert [len(d.sentences) for d in everything(load(file, CorpusOptions(sentences="punkt")))] == [16, 2, 2]


def test_lowercase_changes_letters_and_not_the_sentences(lee: Corpus) -> None:
    small = load("lee", CorpusOptions(lowercase=True))
    cased = {d.name: d for d in everything(lee)}
    same_splits = [d.name for d in lee.train] == [d.name for d in small.train]
    for document in everything(small):
        assert document.text == cased[document.name].text.lower()
        if same_splits:
            assert document.sentences == cased[document.name].sentences


def test_a_letter_that_grows_moves_the_spans_after_it(tmp_path: Path) -> None:
    # U+0130 is one character whose small form is two: i and a combining dot.
    path = tmp_path / "t.txt"
    path.write_text("\u0130\u0130 A\nB\u0130\nC\nd\n", encoding="utf-8")
    corpus = load(path, CorpusOptions(lowercase=True))
    assert [sentences(d) for d in everything(corpus)] == [["i\u0307i\u0307 a", "bi\u0307"], ["c"], ["d"]]


def test_too_many_marks_to_normalise_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "marks.txt"
    path.write_text("one\ntwo\n" + "a" + "\u0301" * 1000 + "\u2014" * 2000 + "\n", encoding="utf-8")
    assert load(path, CorpusOptions(documents="line", nfc=True))
    path.write_text("one\ntwo\n" + "a\u2014" + "\u0301" * 300_000 + "\n", encoding="utf-8")
    with pytest.raises(LmcompareError, match="1,000 combining marks in a row"):
        load(path, CorpusOptions(documents="line", nfc=True))
    assert load(path, CorpusOptions(documents="line"))


def test_nfc_composes(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(unicodedata.normalize("NFD", "café\nnoël\nà\n"), encoding="utf-8")
    assert "".join(d.text for d in everything(load(path))) != "café\nnoël\nà\n"
    assert "".join(d.text for d in everything(load(path, CorpusOptions(nfc=True)))) == "café\nnoël\nà\n"


def test_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("é\nè\nà\n".encode("latin-1"))
    with pytest.raises(LmcompareError, match=r"t\.txt is not valid UTF-8: byte 0 \(0xe9\)"):
        load(path)
    assert "".join(d.text for d in everything(load(path, CorpusOptions(encoding="latin-1")))) == "é\nè\nà\n"


def test_a_split_in_words_and_what_its_documents_are(file: Path, lee: Corpus) -> None:
    sizes: dict[str, Any] = {"train_words": 10, "valid_words": 11}  # lines of five words
    corpus = load(file, CorpusOptions(**sizes))
    assert [(d.name, len(d.sentences)) for d in everything(corpus)] == [
        ("ten (train)", 2),
        ("ten (valid)", 3),
        ("ten (test)", 5),
    ]
    assert "".join(d.text for d in everything(corpus)) == TEN_LINES
    lines = load(file, CorpusOptions(documents="line", **sizes))
    assert [len(lines.split(which)) for which in ("train", "valid", "test")] == [2, 3, 5]
    assert lines.test[0].name == "ten (test):1"
    assert load(file, CorpusOptions(train_words=11, valid_words=6)).fingerprint != corpus.fingerprint
    prose = load("lee", CorpusOptions(train_words=30_000, valid_words=10_000))
    assert [len(prose.split(which)) for which in ("train", "valid", "test")] == [1, 1, 1]
    assert 30_000 <= prose.train[0].words < 31_000
    assert len(prose.train[0].sentences) > 1_000  # Punkt's, of which a line has several
    assert {d.words for d in everything(prose)} != {d.words for d in everything(lee)}


def test_a_given_split_has_no_sizes(triple: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="is split already, so train_words and valid_words have no effect"):
        load(triple, CorpusOptions(train_words=1, valid_words=1), base=tmp_path)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("wiki-sampel", {}, "is not a file, a folder or the name of a corpus .did you mean 'wiki-sample'"),
        ("ten", {}, r"did you mean 'ten\.txt'"),
        ("none.txt", {}, "there is no file or folder"),
        ("https://example.org/a.txt", {}, "https://example.org/a.txt is an address"),
        ("", {}, "has no name"),
        (
            "A whole text instead of a path. " * 30,
            {},
            "cannot be a path; give the path of a file or folder, or texts as a list",
        ),
        ("tiny.txt", {}, "has only 2 characters, too few to cut"),
        ("two.txt", {"documents": "line"}, "has only 2 different documents, too few to split"),
        (
            "ten.txt",
            {"train_words": 40, "valid_words": 10},
            r"only 50 words, too few for train_words \(40\), valid_words \(10\)",
        ),
        ("ten.txt", {"train_words": 40}, "train_words is given without valid_words"),
        ("ten.txt", {"rare_count": 10, "rare_word": "R"}, "no word occurs more than 10 times"),
        ("empty.txt", {}, r"empty\.txt is empty"),
        ("ten.txt", {"encoding": "utf-99"}, "unknown encoding 'utf-99'"),
        ("ten.txt", {"documents": "lines"}, "unknown value 'lines' of documents .did you mean 'line'"),
        ("ten.txt", {"sentences": "punct"}, "unknown value 'punct' of sentences .did you mean 'punkt'"),
    ],
)
def test_what_is_no_corpus_is_said_in_one_sentence(
    source: str, options: dict[str, Any], message: str, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "two.txt").write_text("a\n\nb\n")
    (tmp_path / "tiny.txt").write_text("ab")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(LmcompareError, match=message) as caught:
        load(source, CorpusOptions(**options), base=tmp_path)
    assert "\n" not in str(caught.value)


def test_documents_without_a_split(file: Path) -> None:
    assert [d.text for d in read_documents(file, CorpusOptions(documents="line"))] == TEN_LINES.splitlines(
        keepends=True
    )
    assert [d.text for d in read_documents("-", stdin=io.BytesIO(b"one\n"))] == ["one\n"]
    assert [d.sentences for d in documents_of(["a\nb", ""])] == [((0, 1), (2, 3)), ((0, 0),)]


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


def test_a_module_does_not_hide_the_function_of_its_package() -> None:
    code = "from lmcompare import corpora; corpora.documents_of(['a']); assert callable(corpora.load)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_text_that_an_experiment_file_names_is_replaced_and_not_taken_for_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "wikitext2.toml").write_text("")
    with pytest.raises(LmcompareError, match=r"'wikitext-2' is not a file, .*--corpus replaces the text") as refused:
        load("wikitext-2", base=tmp_path)
    assert "toml" not in str(refused.value)


def test_rows_without_text_are_said(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,n\nthe cat,1\n,2\na dog,3\n")
    said: list[str] = []
    assert len(read_documents(tmp_path / "rows.csv", note=said.append)) == 2
    assert said == ["Rows of rows.csv without text that were left out: 1."]
