"""A limit of memory changes no figure, and a run says whom it does not bind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcompare.harness.cells import cell
from lmcompare.harness.plan import begin
from lmcompare.harness.run import run
from tests.harness.small import FLAT, Watch, small_experiment

pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.mark.slow
def test_a_limit_of_memory_changes_no_figure_and_is_no_part_of_what_a_cell_is(place: Path) -> None:
    cells = []
    for memory in (None, "256MB"):
        plan = small_experiment({"plugin": "ngram"}, memory=memory)
        assert not run(plan, place / str(memory), base=place).failures
        cells.append(place / str(memory) / "cells/ngram/0")
    for name in ("scores.parquet", "words.parquet", "top.parquet", "model/arrays.safetensors"):
        assert (cells[0] / name).read_bytes() == (cells[1] / name).read_bytes(), name
    watch = Watch()
    run(small_experiment({"plugin": "ngram"}, memory="1GB"), place / "None", base=place, show=watch)
    assert watch.stages == {0: ["kept"]}


@pytest.mark.slow
def test_a_peak_of_memory_that_could_not_be_measured_is_not_known(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell, "peak_memory_bytes", lambda: None)
    assert not run(small_experiment({"plugin": "unigram"}), place / "run", base=place).failures
    assert json.loads((place / "run/cells/unigram/0/cost.json").read_text())["peak_memory_bytes"] is None


@pytest.mark.slow
def test_a_run_says_which_models_may_take_more_than_the_limit(place: Path) -> None:
    names = ("unigram", "ngram", "ngram-tuned", "stupid-backoff")
    added = {"plugin": "ngram", "name": "added", "smoothing": "add-k"}
    for memory, said in (("1GB", ["ngram-tuned, stupid-backoff, added, flat may take more"]), (None, [])):
        show, models = Watch(), [*({"plugin": name} for name in names), added, FLAT]
        begin(small_experiment(*models, memory=memory), place / "not run", base=place, force=False, show=show)
        sentences = [sentence for sentence in show.said if "1GB" in sentence]
        assert len(sentences) == len(said)
        assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))
