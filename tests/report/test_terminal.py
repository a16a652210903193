"""The leaderboard that a run prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run, write_results
from lmcompare.report.notes import sampled_notes
from lmcompare.report.terminal import print_leaderboard
from tests.analysis.tiny import SOUND, bits, tiny_run
from tests.report.part import part_of
from tests.run_folder import edit

pytestmark = pytest.mark.slow

DOCUMENTS = [[10]] * 40
LONG = "transformer-heads-8-layers-12-positions-rotary-steps-20000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two models of characters and one that is not ranked."""
    names = ("unigram", "ngram", "rnn-attention", "transformer", "char-transformer", "leaky")
    place = part_of(tmp_path_factory.mktemp("printed"), names)
    models = json.loads((place / "manifest.json").read_text(encoding="utf-8"))["models"]
    other = {"name": "char-net", "seeds": [1], "cells": ["cells/char-transformer/1"]}
    edit(place, models=[*models, models[4] | other])
    write_results(load_run(place))
    return place


def test_figures_that_cannot_be_compared_are_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(folder)
    said = capsys.readouterr().out.splitlines()
    lines = {
        name: next(line for line in said if name in line.split()) for name in ("ngram", "char-transformer", "leaky")
    }
    assert lines["char-transformer"].count("–") == lines["ngram"].count("–") + 2, "no perplexity and no accuracy"
    assert lines["leaky"].count("–") == 4, "no rank, no interval, no perplexity and no accuracy"
    assert "(" in lines["leaky"], "its bits per byte are in brackets"
    (others,) = (line for line in said if "other tokens (char)" in line)
    assert {"char-transformer", "char-net"} <= set(others.split())
    assert any(line.startswith("leaky is not ranked") for line in said)
    for name in ("transformer", "rnn-attention"):
        assert next(line for line in said if name in line.split()).split()[0] == "1–2"


def test_no_figure_is_cut_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(3, 1)}, documents=DOCUMENTS))
    print_leaderboard(tmp_path)
    wide = capsys.readouterr().out.split()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    print_leaderboard(tmp_path)
    assert re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).split() == wide


def test_a_text_that_is_too_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(tiny_run(tmp_path, {"a": [[0.9] * 6], "b": [[0.1] * 6]}, documents=[[3], [3]]))
    print_leaderboard(tmp_path)
    said = capsys.readouterr().out
    assert said.count("1–2") == 2
    assert "only 2 documents" in said


def test_models_that_may_have_read_the_text_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One predicts validation text better than training text, another was trained by somebody else."""
    models = {"peeks": bits(2, 0), LONG: bits(2.1, 1), "given": bits(2.2, 2)}
    cells: dict[str, dict[str, Any]] = {"given": {"traits": SOUND | {"pretrained": True}}}
    measured = {"peeks": {"memorisation": {"train_nats": 4.0, "valid_nats": 1.0}}}
    write_results(tiny_run(tmp_path, models, documents=DOCUMENTS, cells=cells, measured=measured))
    print_leaderboard(tmp_path)
    said = capsys.readouterr().out
    assert "Peeks predicts the validation text" in said
    assert "perplexity 2.72 instead of 54.60" in said
    assert "given (pre-trained)" in said
    assert "possibly including this test text" in said
    assert LONG in said.split(), "a long name is not cut"
    assert said.count("(pre-trained)") == said.count("validation text far better") == 1


def test_what_was_measured_in_a_sample_is_said_with_its_intervals() -> None:
    def model(name: str, low: float | None) -> dict[str, Any]:
        sample = {"tokens": 1000, "top1_accuracy": (low, 0.3)}
        return {"name": name, "sampled": sample, "test_tokens": 50_000, "top1_accuracy": 0.25}

    whole = {"name": "whole", "sampled": None}
    (said,) = sampled_notes({"models": [whole, model("a", 0.2), model("b", None)]})
    assert "1,000 of the 50,000 test tokens" in said
    assert said.replace("\u00a0", " ").endswith("a 25.0 % (20.0 % to 30.0 %) and b 25.0 %.")
