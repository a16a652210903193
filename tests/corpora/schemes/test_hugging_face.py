"""Data sets of Hugging Face as documents, from a stand-in for the library ``datasets``: nothing is downloaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.corpora.schemes import hugging_face
from lmcompare.errors import LmcompareError

SPLITS = {
    "train": [f"Training text {n} says this." for n in range(20)],
    "validation": ["A text for validation.", "", "And one more."],
    "test": ["A text for the test."],
}


@dataclass
class Value:
    dtype: str = "string"


@dataclass
class ClassLabel:
    names: tuple[str, ...] = ("film", "book")
    dtype: str = "int64"

    @property
    def num_classes(self) -> int:
        return len(self.names)

    def int2str(self, number: int) -> str:
        return self.names[number]


@dataclass
class Table:
    texts: list[str]
    column: str = "text"
    split: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> dict[str, Any]:
        return {self.column: Value(), "genre": ClassLabel(), "scores": SimpleNamespace(dtype="list"), **self.more}

    def select_columns(self, names: list[str]) -> Iterator[dict[str, Any]]:
        for n, text in enumerate(self.texts):
            row = {self.column: text, "genre": n % 3 - 1, "scores": [0.5], **dict.fromkeys(self.more, "more")}
            yield {name: row[name] for name in names}


class Library:
    """What is asked of ``datasets``: each folder or stored data set has the tables of ``found``."""

    def __init__(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: Any = {name: Table(texts) for name, texts in SPLITS.items()}
        self.asked: list[tuple[object, ...]] = []
        self.bars, self.level = True, 30
        self.cache = cache

        logging = SimpleNamespace(get_verbosity=lambda: self.level, set_verbosity=lambda n: setattr(self, "level", n))
        logging.set_verbosity_error = lambda: setattr(self, "level", 40)
        library = {
            "Value": Value,
            "ClassLabel": ClassLabel,
            "load_from_disk": lambda folder: self.answer("disk", folder),
            "load_dataset": self.load_dataset,
            "config": SimpleNamespace(HF_DATASETS_CACHE=str(cache)),
            "logging": logging,
            "are_progress_bars_disabled": lambda: not self.bars,
            "disable_progress_bars": lambda: setattr(self, "bars", False),
            "enable_progress_bars": lambda: setattr(self, "bars", True),
        }
        modules: dict[str, dict[str, Any]] = {"": library, ".naming": {"camelcase_to_snakecase": str.lower}}
        modules |= {".packaged_modules": {}, ".packaged_modules.cache": {}}
        modules |= {".packaged_modules.cache.cache": {"Cache": self.stored}}
        for name, contents in modules.items():
            module = ModuleType(f"datasets{name}")
            vars(module).update(contents)
            monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(hugging_face, "find_spec", lambda name: name == "datasets" or None)

    def answer(self, *asked: object) -> Any:
        assert (self.bars, self.level) == (False, 40)  # nothing of it is seen on the terminal
        self.asked.append(asked)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def load_dataset(
        self, folder: str, config: str | None, *, cache_dir: str, keep_in_memory: bool, trust_remote_code: bool = True
    ) -> Any:
        assert keep_in_memory
        assert not trust_remote_code  # the code of a data set never runs
        assert Path(cache_dir).is_dir()
        return self.answer("folder", folder, config)

    def stored(self, *, dataset_name: str, repo_id: str, config_name: str | None, version: str, hash: str) -> Any:
        assert (version, hash) == ("auto", "auto")
        return SimpleNamespace(as_dataset=lambda: self.answer("cache", dataset_name, repo_id, config_name))


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    (tmp_path / "reviews").mkdir()
    monkeypatch.chdir(tmp_path)
    return Library(tmp_path / "cache", monkeypatch)


def test_rows_are_documents_and_labels_metadata(library: Library) -> None:
    corpus = load("hf:./reviews")
    assert library.asked == [("folder", "reviews", None)]
    assert (library.bars, library.level) == (True, 30)
    assert (corpus.name, corpus.source) == ("reviews", "the data set './reviews' of Hugging Face")
    assert [d.text for d in corpus.train] == SPLITS["train"]
    held_out = [("validation:1", "A text for validation."), ("validation:3", "And one more.")]
    assert [(d.name, d.text) for d in corpus.valid] == held_out
    assert [d.metadata for d in corpus.train[:3]] == [{"genre": "-1"}, {"genre": "film"}, {"genre": "book"}]
    assert "train: train, 20 rows; valid: validation, 2 rows; test: test, 1 row." in corpus.said[0]
    assert any("left out: 1" in note for note in corpus.notes)


def test_one_split_or_one_table_is_split_by_hash(library: Library) -> None:
    library.bars = False
    assert sum(len(load("hf:./reviews:train").split(which)) for which in ("train", "valid", "test")) == 20
    assert not library.bars
    library.found = Table(SPLITS["train"], split="train")
    assert len(load("hf:./reviews:train").test) == 2
    library.found.split = None
    assert len(load("hf:./reviews").test) == 2


def test_a_saved_data_set_is_loaded_as_such(library: Library, tmp_path: Path) -> None:
    (tmp_path / "reviews" / "state.json").touch()
    assert len(load("hf:./reviews").train) == 20
    assert library.asked == [("disk", "reviews")]
    os.mkfifo(tmp_path / "reviews" / "pipe.arrow")
    with pytest.raises(LmcompareError, match="not an ordinary file"):
        load("hf:./reviews")


def test_a_config_of_a_folder(library: Library, tmp_path: Path) -> None:
    (tmp_path / "reviews" / "README.md").touch()
    assert load("hf:./reviews/small").train
    assert library.asked == [("folder", "reviews", "small")]


def test_what_load_dataset_has_stored(library: Library) -> None:
    for name in ("somebody___tinytext", "plain"):
        stored = library.cache / name / "default" / "0.0.0" / "abc"
        stored.mkdir(parents=True)
        (stored / "dataset_info.json").touch()
    for source, name in (("somebody/TinyText/small", "small"), ("plain", "plain"), ("plain/default", "default")):
        assert load(f"hf:{source}").name == name
    assert library.asked == [
        ("cache", "TinyText", "somebody/TinyText", "small"),
        ("cache", "plain", "plain", None),
        ("cache", "plain", "plain", "default"),
    ]


def test_the_column_of_text(library: Library) -> None:
    library.found = Table(SPLITS["train"], column="review")
    assert load("hf:./reviews").test  # the only one with strings
    assert load("hf:./reviews", CorpusOptions(text_column="review")).test
    for column, said in (("reviews", "did you mean 'review'"), ("scores", "which is not text")):
        with pytest.raises(LmcompareError, match=said):
            load("hf:./reviews", CorpusOptions(text_column=column))
    library.found = Table(SPLITS["train"], column="question", more={"answer": Value()})
    with pytest.raises(LmcompareError, match=r"--text-column \(there are: question, answer\)"):
        load("hf:./reviews")
    library.found = Table(SPLITS["train"], more={"title": Value()})
    assert load("hf:./reviews").train[0].metadata["title"] == "more"


def test_splits_of_other_names_are_left_out(library: Library) -> None:
    tables = dict(library.found)
    library.found = {**tables, "unsupervised": Table(["More text."])}
    assert "Left out of './reviews': unsupervised." in load("hf:./reviews").said
    library.found = {which: tables[which] for which in ("train", "validation")}
    corpus = load("hf:./reviews")
    assert [d.text for d in corpus.test] == ["A text for validation.", "And one more."]
    assert any("its validation text is the test text" in said for said in corpus.said)
    for splits in (("validation", "test"), ("train", "more")):
        library.found = {which: tables.get(which, tables["test"]) for which in splits}
        with pytest.raises(LmcompareError, match=f"which are not train and test; .*hf:./reviews:{splits[0]}"):
            load("hf:./reviews")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hf:nobody/nothing", r"load_dataset\('nobody/nothing'\)"),
        ("hf:nobody/nothing/small", r"load_dataset\('nobody/nothing', 'small'\)"),
        ("hf:./reviews:tests", "no split 'tests'.*did you mean 'test'"),
        ("hf:", "names no data set"),
        ("hf:../plain", "no folder ../plain"),  # a path is not to be fetched
        ("hf:cache/nothing", "no folder cache/nothing.*has no 'nothing'"),
        ("hf:text.txt", "is a file.*as text.txt"),
        ("hf:broken", r"cannot read 'broken' \(it is broken\)"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    library: Library, source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "text.txt").write_text("A text.\n")
    for name, files in (("many", 3), ("broken", 2)):
        (tmp_path / name).mkdir()
        for n in range(files):
            (tmp_path / name / f"{n}.jsonl").touch()
    if source == "hf:broken":
        library.found = ValueError("it is\nbroken")
    with pytest.raises(LmcompareError, match=said) as caught:
        load(source)
    assert "\n" not in str(caught.value)
    assert (library.bars, library.level) == (True, 30)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hugging_face, "find_spec", lambda _: None)
    with pytest.raises(LmcompareError, match=r"pip install 'lmcompare\[hf\]'"):
        load("hf:wikitext")
    assert "lmcompare[hf]" in hugging_face.HUGGING_FACE.missing()
