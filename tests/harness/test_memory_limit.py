"""A limit of memory changes no figure, and a run says whom it does not bind."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from lmcompare.harness import cell
from lmcompare.harness.plan import begin
from tests.harness.small import run_and_report, small_experiment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_a_limit_of_memory_changes_no_figure_and_is_no_part_of_what_a_cell_is(place: Path) -> None:
    model = {"plugin": "ngram"}
    free, _ = run_and_report(place, place / "free", small_experiment(model, threads=1))
    limited, _ = run_and_report(place, place / "limited", small_experiment(model, threads=1, memory="256MB"))
    assert not free.failures
    assert not limited.failures
    cells = [outcome.folder / "cells" / "ngram" / "0" for outcome in (free, limited)]
    for name in ("scores.parquet", "words.parquet", "top.parquet", "model/arrays.safetensors"):
        assert (cells[0] / name).read_bytes() == (cells[1] / name).read_bytes(), name
    assert (
        json.loads((cells[0] / "cell.json").read_text())["key"]
        == json.loads((cells[1] / "cell.json").read_text())["key"]
    )
    before = (cells[0] / "cell.json").stat().st_mtime_ns
    run_and_report(place, place / "free", small_experiment(model, threads=1, memory="1GB"))
    assert (cells[0] / "cell.json").stat().st_mtime_ns == before  # it is finished


def test_a_peak_of_memory_that_could_not_be_measured_is_not_known(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell, "peak_memory_bytes", lambda: None)
    outcome, _ = run_and_report(place, place / "unknown", small_experiment({"plugin": "unigram"}, threads=1))
    assert not outcome.failures
    stored = json.loads((outcome.folder / "cells" / "unigram" / "0" / "cost.json").read_text())
    assert stored["peak_memory_bytes"] is None


def test_a_run_says_which_models_may_take_more_than_the_limit(place: Path) -> None:
    models = [
        {"plugin": "unigram"},
        {"plugin": "ngram"},
        {"plugin": "ngram", "name": "added", "smoothing": "add-k"},
        {"plugin": "ngram-tuned"},
        {"plugin": "stupid-backoff"},
        {"plugin": "plugins.py:Flat", "name": "flat"},
    ]
    for memory, said in (("1GB", ["added, ngram-tuned, stupid-backoff, flat may take more"]), (None, [])):
        show = Mock()
        experiment = small_experiment(*models, threads=1, memory=memory)
        begin(experiment, place / "not run", base=place, force=False, show=show)
        sentences = [call.args[0] for call in show.say.call_args_list if "1GB" in call.args[0]]
        assert len(sentences) == len(said)
        assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))
