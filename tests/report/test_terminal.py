"""The leaderboard that a run prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import lmcompare
from lmcompare.analysis import load_run, write_results
from lmcompare.model import Setting
from lmcompare.report.terminal import print_leaderboard
from lmcompare.tokens import Encoded
from tests.checks.honest import Honest
from tests.harness.small import write_text
from tests.run_folder import reseal, write_run_folder


def test_ties_and_a_text_that_is_too_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for documents in (2, 40):
        folder = tmp_path / str(documents)
        write_run_folder(folder, models=("unigram", "ngram"), documents=documents, sentences=3, failed=())
        write_results(load_run(folder))
        print_leaderboard(folder)
    short, long = capsys.readouterr().out.split("rank ")[1:]
    assert short.count("1–2") == 2
    assert "The test text has only 2 documents, too few to tell the models apart" in short
    assert "1–2" not in long
    assert "too few" not in long


def test_no_figure_is_cut_on_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram"), failed=())
    write_results(load_run(folder))
    print_leaderboard(folder)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    wide = capsys.readouterr().out.split()
    print_leaderboard(folder)
    assert re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).split() == wide


def test_figures_that_cannot_be_compared_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram", "char-ngram", "leaky"), failed=())
    write_results(load_run(folder))
    print_leaderboard(folder)
    said = capsys.readouterr().out.splitlines()
    lines = {name: next(line for line in said if name in line.split()) for name in ("ngram", "char-ngram", "leaky")}
    assert lines["char-ngram"].count("–") == lines["ngram"].count("–") + 2, "no perplexity and no accuracy"
    assert lines["leaky"].count("–") == 4, "no rank, no interval, no perplexity and no accuracy"
    assert "(" in lines["leaky"], "its bits per byte are in brackets"
    assert any("char-ngram" in line and "other tokens (char" in line for line in said[5:])
    assert any(line.startswith("leaky is not ranked") for line in said[5:])


def test_models_of_the_same_other_tokens_are_named_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = ("unigram", "ngram", "transformer", "char-ngram", "char-net")
    folder = write_run_folder(tmp_path / "run", models=models, failed=(), invalid=())
    write_results(load_run(folder))
    print_leaderboard(folder)
    said = [line for line in capsys.readouterr().out.splitlines() if "read other tokens (char)" in line]
    assert len(said) == 1
    assert {"char-ngram", "char-net"} <= set(said[0].split())


class Peeks(Honest):
    """A bigram model of the validation text, which it reads where the run has stored it."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Peeks:
        assert setting.checkpoints is not None
        hidden = setting.checkpoints.parents[2]
        run = hidden.with_name(hidden.name[1:].removesuffix(".checkpoints"))
        (path,) = run.glob("tokens/*/valid.ids.npy")
        super().fit(Encoded.from_documents([np.load(path)], train.vocabulary), valid, setting)
        return self


def test_a_model_that_knows_the_validation_text_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_text(tmp_path, 200).read_text().splitlines()
    texts = [" ".join(f"{word}{k % 40}" for word in line.split()) for k, line in enumerate(lines)]  # 40 dialects
    lmcompare.compare(texts, [Peeks, Honest], out=tmp_path / "run", quiet=True)
    print_leaderboard(tmp_path / "run")
    said = capsys.readouterr().out
    assert "Peeks predicts the validation text far better than its training text" in said
    assert "Honest predicts" not in said
    report = (tmp_path / "run/report.md").read_text().replace("\u00a0", " ")
    assert report.count("predicts the validation text far better than its training text") == 1


def test_a_pretrained_model_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_run_folder(tmp_path / "run", models=("unigram", "ngram"), seeds=(0,), failed=())
    path = folder / "cells" / "ngram" / "0" / "cell.json"
    cell = json.loads(path.read_text())
    cell["traits"]["pretrained"] = True
    path.write_text(json.dumps(cell))
    write_results(load_run(reseal(folder)))
    print_leaderboard(folder)
    said = capsys.readouterr().out
    assert "ngram (pre-trained)" in said
    assert "possibly including this test text" in said
    assert "unigram (pre-trained)" not in said


def test_a_long_name_is_not_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "transformer-heads-8-layers-12-positions-rotary-steps-20000"
    folder = write_run_folder(tmp_path / "run", models=("unigram", name), failed=())
    write_results(load_run(folder))
    print_leaderboard(folder)
    assert name in capsys.readouterr().out.split()
