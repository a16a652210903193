"""Texts given in memory, in the forms that Python users have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmcompare.corpora import CorpusOptions, load
from lmcompare.errors import LmcompareError

TEXTS = [f"This is text {n}.\nIt has two lines.\n" for n in range(12)]
ROWS = [{"text": text, "genre": "ab"[n % 2]} for n, text in enumerate(TEXTS)]
FRAME = pd.DataFrame(ROWS)


def texts(source: Any, **options: Any) -> dict[str, list[str]]:
    corpus = load(source, CorpusOptions(**options))
    return {which: [document.text for document in corpus.split(which)] for which in ("train", "valid", "test")}


@pytest.mark.parametrize(
    "source", [TEXTS, tuple(TEXTS), (text for text in TEXTS), FRAME, FRAME["text"], FRAME["text"].to_numpy(), ROWS]
)
def test_the_same_texts_give_the_same_corpus(source: Any) -> None:
    expected = texts(list(TEXTS))
    assert texts(source) == expected
    assert sum(map(len, expected.values())) == 12


def test_a_table_in_memory_is_split_and_cut_like_one_in_a_file(tmp_path: Any) -> None:
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    of_file, in_memory = load(tmp_path / "t.csv"), load(FRAME)
    for which in ("train", "valid", "test"):
        assert [(d.text, d.sentences, d.metadata) for d in of_file.split(which)] == [
            (d.text, d.sentences, d.metadata) for d in in_memory.split(which)
        ]


def test_lists_in_a_table() -> None:
    rows = [{"text": text, "labels": np.array([n, 2])} for n, text in enumerate(TEXTS)]
    corpus = load(rows)
    assert sum(len(corpus.split(which)) for which in ("train", "valid", "test")) == len(TEXTS)


def test_another_column_and_missing_values() -> None:
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
    assert texts(split) == {"train": TEXTS[:8], "valid": TEXTS[8:10], "test": TEXTS[10:]}


def test_a_split_without_validation_text() -> None:
    found = texts({"train": TEXTS[:10], "test": TEXTS[10:]})
    assert len(found["valid"]) == 1
    assert sorted(found["train"] + found["valid"]) == sorted(TEXTS[:10])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "no text in the documents"),
        (["", " "], "no text in the documents"),
        ([1, 2], "document 1 is an int, not a text"),
        (["a", b"b"], "document 2 is a bytes, not a text|document 2 is bytes"),
        (["a", "\ud800"], "document 2 has a lone surrogate"),
        ([{"text": "a"}, "b"], "row 2 is a str, but the first row is a mapping"),
        (5, "a corpus in memory must be a list of texts"),
        (np.array("a text"), "a corpus in memory must be a list of texts"),
        ({"train": TEXTS, "tets": TEXTS}, "unknown split 'tets' .did you mean 'test'"),
        ({"train": TEXTS, "valid": TEXTS}, "the mapping has no test"),
        ({"train": TEXTS, "valid": TEXTS, "dev": TEXTS, "test": TEXTS}, "valid is given twice"),
        ({"train": TEXTS, "test": 5}, "not an int"),
    ],
)
def test_what_is_no_corpus(source: Any, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        load(source)
