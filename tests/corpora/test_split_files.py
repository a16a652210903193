"""Splits that the names of files show."""

from __future__ import annotations

import pytest

from lmcompare.corpora.split_files import recognised

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
