"""NLTK's corpora out of a data folder made here: documents, order, genres, and what is said when data are missing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lmcompare.corpora import Corpus, CorpusOptions, Document, load
from lmcompare.errors import LmcompareError
from lmcompare.tokens import make_tokenizer

NAMES = ("brown", "gutenberg", "reuters", "stopwords", "treebank", "treebank_chunk")

# Brown's own format: word/tag, a sentence a line, blank lines between paragraphs. Listed by NLTK in this order.
BROWN = {
    "ca01": "\n\n\tThe/at jury/nn said/vbd ``/`` no/at evidence/nn ''/'' ./.\n\n\n\tIt/pps did/dod ./.\n\n",
    "ca02": "\tTax/nn-hl rates/nns-hl\n\n\tand\\/or/cc 1\\/2/cd cup/nn ;/. ;/.\n",
    "cb01": "\tWe/ppss disagree/vb ./.\n",
    "ck01": "\tShe/pps laughed/vbd ./.\n\tHe/pps didn't/dod* ./.\n",
}
GENRES = "ck01 fiction\nca01 news\nca02 news\ncb01 editorial\n"
TREEBANK = "( (S (NP-SBJ (DT The) (NN cat)) (VP (VBD sat) (NP (-NONE- *-1))) (. .)) )\n"


class Data:
    """A folder of NLTK's data with modes that NLTK trusts, whatever the umask is."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        for folder in reversed(file.relative_to(self.root).parents):
            (self.root / folder).mkdir(mode=0o755, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)

    def write_brown(self) -> None:
        for name, text in BROWN.items():
            self.write(f"corpora/brown/{name}", text)
        self.write("corpora/brown/cats.txt", GENRES)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Data]:
    root = tmp_path / "nltk_data"
    root.mkdir(mode=0o755)
    monkeypatch.setattr("nltk.data.path", [str(root)])
    _forget()
    yield Data(root)
    _forget()


def _forget() -> None:
    """Let NLTK look for its data again, as a new process does."""
    for name in NAMES:
        getattr(import_module("nltk.corpus"), name)._unload()


def in_order(corpus: Corpus) -> list[Document]:
    return sorted((*corpus.train, *corpus.valid, *corpus.test), key=lambda d: d.name)


def test_a_document_is_a_file_and_a_line_is_a_sentence(data: Data) -> None:
    data.write_brown()
    corpus = load("nltk:brown")
    documents = in_order(corpus)
    assert [(d.name, d.text, d.metadata["genre"]) for d in documents] == [
        ("ca01", "The jury said `` no evidence '' .\nIt did .\n", "news"),
        ("ca02", "Tax rates\nand\\/or 1\\/2 cup ; ;\n", "news"),
        ("cb01", "We disagree .\n", "editorial"),
        ("ck01", "She laughed .\nHe didn't .\n", "fiction"),
    ]
    first = documents[0]
    assert [first.text[start:end] for start, end in first.sentences] == first.text.splitlines()
    assert (corpus.name, corpus.source) == ("brown", "the corpus 'brown' of NLTK's data")
    assert "joined by single spaces" in corpus.notes[0]
    assert (len(corpus.train), len(corpus.valid), len(corpus.test)) == (2, 1, 1)  # by hash
    tokenizer, reader = make_tokenizer({"kind": "whitespace"}), import_module("nltk.corpus").brown
    for document in documents:  # white space gives the reader's tokens back
        lines = [tokenizer.tokenize(document.text[start:end])[0] for start, end in document.sentences]
        assert lines == [list(sentence) for sentence in reader.sents(document.name)]


def test_files_keep_nltks_order_where_the_text_is_cut_by_words(data: Data) -> None:
    data.write_brown()
    corpus = load("nltk:brown", CorpusOptions(train_words=12, valid_words=3))
    # 8 + 3 words of ca01 are too few, the heading of two words reaches 12; then a line of five.
    assert [(d.name, d.text) for d in (*corpus.train, *corpus.valid, *corpus.test)] == [
        ("brown (train)", "The jury said `` no evidence '' .\nIt did .\nTax rates\n"),
        ("brown (valid)", "and\\/or 1\\/2 cup ; ;\n"),
        ("brown (test)", "We disagree .\nShe laughed .\nHe didn't .\n"),
    ]


def test_a_treebank_needs_no_genres_and_has_no_empty_elements(data: Data) -> None:
    for n in range(3):
        data.write(f"corpora/treebank/combined/wsj_{n:04}.mrg", TREEBANK.replace("cat", f"cat{n}"))
    assert [(d.text, d.metadata) for d in in_order(load("nltk:treebank"))] == [
        (f"The cat{n} sat .\n", {}) for n in range(3)
    ]


def test_running_text_is_as_it_is_and_needs_no_other_data(data: Data) -> None:
    for file in ("training/1", "training/2", "test/3"):
        data.write(f"corpora/reuters/{file}", f"Gold fell to {file[-1]} pct. It rose\nagain.\n\nNext day.\n")
    data.write("corpora/reuters/cats.txt", "training/1 gold trade\ntraining/2 gold\ntest/3 trade\n")
    corpus = load("nltk:reuters")
    documents = {d.name: d for d in in_order(corpus)}
    assert documents["training/1"].metadata == {"genre": "gold, trade"}
    third = documents["test/3"]
    assert third.text == "Gold fell to 3 pct. It rose\nagain.\n\nNext day.\n"
    found = [third.text[start:end] for start, end in third.sentences if end > start]
    assert found == ["Gold fell to 3 pct.", "It rose", "again.", "Next day."]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nltk:brown", r"'brown' is not on this machine.* python -m nltk\.downloader brown, or set NLTK_DATA"),
        ("nltk:gutenberg", r"python -m nltk\.downloader gutenberg,"),
        ("nltk:treebank_chunk", r"which needs 'treebank',.* python -m nltk\.downloader treebank,"),
        ("nltk:brwon", r"NLTK has no corpus 'brwon' \(did you mean 'brown'\?\)"),
        ("nltk:", r"NLTK has no corpus ''; give one of its names, such as nltk:brown"),
        ("nltk:reader", r"NLTK has no corpus 'reader'"),  # something else that lies in NLTK's module
        ("brown", r"did you mean 'nltk:brown'.*or nltk:NAME"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(spec: str, said: str, data: Data, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=said) as caught:
        load(spec, base=tmp_path)
    assert "\n" not in str(caught.value)


def test_data_that_are_no_text_or_broken_are_refused(data: Data) -> None:
    data.write("corpora/stopwords/english", "the\na\n")
    with pytest.raises(LmcompareError, match=r"'stopwords' has no sentences of words"):
        load("nltk:stopwords")
    data.write_brown()
    (data.root / "corpora/brown/ca02").write_bytes(b"\tna\xefve/jj ./.\n")
    with pytest.raises(LmcompareError, match=r"cannot read its corpus 'brown' .*; fetch it again with python -m"):
        load("nltk:brown")
    for name in BROWN:
        data.write(f"corpora/brown/{name}", "\n")
    _forget()
    with pytest.raises(LmcompareError, match="'brown' has no sentence in it"):
        load("nltk:brown")


class Reader:
    """A reader of files named a, b and c, whose sentences or words are given."""

    def __init__(self, **readers: Any) -> None:
        vars(self).update(readers)

    def fileids(self) -> list[str]:
        return ["b", "a", "c"]


def odd(monkeypatch: pytest.MonkeyPatch, reader: object) -> Corpus:
    monkeypatch.setattr("lmcompare.corpora.schemes.nltk_data._reader", lambda name: reader)
    return load("nltk:odd")


def test_words_without_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = odd(monkeypatch, Reader(words=lambda file: ["word", file]))
    assert [(d.text, d.metadata) for d in in_order(corpus)] == [(f"word {file}\n", {}) for file in "abc"]


def test_tokens_with_white_space_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = odd(monkeypatch, Reader(sents=lambda file: [[file, "New York", ""], [], [file, "x"]]))
    assert "white space, and are split differently: 3." in corpus.notes[1]
    assert in_order(corpus)[0].text == "a New York \na x\n"


@pytest.mark.parametrize("sentence", ["a string", {"text": "a"}, [("tagged", "vbn")], 7, ["\ud800"]])
def test_sentences_of_something_else_than_words_are_refused(
    sentence: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LmcompareError, match="'odd' has no sentences of words"):
        odd(monkeypatch, Reader(sents=lambda file: [sentence]))
