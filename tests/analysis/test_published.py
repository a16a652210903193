"""Which published figures are compared with a run, and with which of its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run, results
from tests.run_folder import edit, write_run_folder

pytestmark = pytest.mark.slow

NAMES = ("unigram", "ngram", "char-ngram", "leaky")


def table(**changes: Any) -> dict[str, Any]:
    base = {"name": "AWD-LSTM", "figure": 57.3, "unit": "perplexity", "split": "test", "tokens": "word", "over": None}
    return {**base, "source": "Merity 2018", "note": "", **changes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run_folder(tmp_path / "run", models=NAMES, seeds=(0,), failed=(), documents=8)


def rows(folder: Path, *tables: dict[str, Any]) -> list[dict[str, Any]]:
    edit(folder, experiment={**load_run(folder).manifest.experiment, "published": list(tables)})
    found: list[dict[str, Any]] = results(load_run(folder))["published"]
    return found


def test_a_run_without_published_figures_has_none(folder: Path) -> None:
    assert results(load_run(folder))["published"] == []
    edit(folder, experiment={"seeds": [0]})  # as of an older version
    assert results(load_run(folder))["published"] == []


@pytest.mark.parametrize(
    ("split", "unit", "column"),
    [
        ("test", "perplexity", "perplexity"),
        ("valid", "perplexity", "valid_perplexity"),
        ("test", "bits per byte", "bits_per_byte"),
        ("valid", "bits per byte", "valid_bits_per_byte"),
    ],
)
def test_the_best_model_that_it_is_compared_with(folder: Path, split: str, unit: str, column: str) -> None:
    tokens = "word" if unit == "perplexity" else ""
    (row,) = rows(folder, table(split=split, unit=unit, tokens=tokens))
    models = {model["name"]: model for model in results(load_run(folder))["models"]}
    compared = [name for name in ("unigram", "ngram", "char-ngram") if tokens == "" or not name.startswith("char")]
    best = min(compared, key=lambda name: models[name][column])  # never leaky, which is not ranked
    assert row["best"] == {"name": best, "figure": models[best][column]}
    assert row["reason"] is None


def test_a_perplexity_is_compared_under_its_tokens_only(folder: Path) -> None:
    words, characters, pieces = rows(
        folder, table(), table(name="char", tokens="char"), table(name="bpe", tokens="bpe")
    )
    assert words["best"]["name"] == "ngram"
    assert characters["best"]["name"] == "char-ngram"
    assert (pieces["best"], pieces["reason"]) == (None, "no model of this run has the tokens of 'bpe'")


def test_the_number_of_scored_tokens_must_be_the_same(folder: Path) -> None:
    entry = next(e for e in load_run(folder).manifest.tokens.values() if e.spec["kind"] == "word")
    size = entry.tokens["test"]
    same, other = rows(folder, table(over=size), table(name="other", over=size + 1))
    assert same["reason"] is None
    assert other["reason"] == f"the test text has {size:,} tokens here and {size + 1:,} where the figure is from"
    assert other["best"] is None
    unknown = entry.unknown["test"]
    assert unknown > 0
    assert f"{unknown:,} are unknown" in same["note"]


def test_bytes_may_differ_by_a_cut_inside_a_character(folder: Path) -> None:
    size = load_run(folder).corpus.splits["test"].bytes
    kinds = {"unit": "bits per character", "tokens": ""}
    near, far = rows(folder, table(over=size, **kinds), table(name="far", over=round(1.01 * size), **kinds))
    assert near["reason"] is None
    assert "characters here and" in far["reason"]


def test_those_that_are_compared_come_first(folder: Path) -> None:
    found = rows(folder, table(name="a", tokens="bpe"), table(name="b", figure=70), table(name="c", figure=60))
    assert [row["name"] for row in found] == ["c", "b", "a"]
