"""The level beside the learning curves is what the best counting model needs for the sample of these curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.report.sections.learning_level import Level
from lmcompare.tokens import excerpt_parts
from tests.run_folder import write_run_folder


def curve(losses: list[float]) -> pd.DataFrame:
    size = range(1, len(losses) + 1)
    return pd.DataFrame(
        {
            "step": size,
            "seconds": [60.0 * i for i in size],
            "tokens": [1_001_234 * i for i in size],
            "valid_loss": losses,
        }
    )


def test_it_is_the_mean_of_the_best_model_over_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.report.sections.learning_level.SAMPLE", 40)
    names = ("unigram", "ngram", "transformer")
    data = ReportData(load_run(write_run_folder(tmp_path, models=names, failed=(), invalid=(), seeds=(0,))))
    models = [data.by_name[name] for name in names]
    level = Level.of(data, data.main_tokens, models, models[2:])
    assert level is not None
    text, found = data.run.tokens[data.main_tokens].valid, []
    for model in models[:2]:
        table = pd.read_parquet(model.cell.path / "scores.parquet")
        scores = table[table["split"] == "valid"]["log_prob"].to_numpy()
        parts = [scores[begin:end] for begin, end in zip(*excerpt_parts(text, 40), strict=True)]
        found.append(-np.concatenate(parts).mean() / np.log(2))
    assert level.bits == pytest.approx(min(found))
    assert level.model is models[int(np.argmin(found))]
    assert Level.of(data, data.main_tokens, models[2:], models[2:]) is None


def test_it_says_when_each_curve_is_below_it(tmp_path: Path) -> None:
    names = ("unigram", "ngram", "transformer")
    data = ReportData(load_run(write_run_folder(tmp_path, models=names, failed=(), invalid=(), seeds=(0,))))
    level = Level(data.by_name["ngram"], 6.0)
    said = level.said(
        [(data.by_name["transformer"], curve([7.0, 5.9, 6.1])), (data.by_name["unigram"], curve([7.0, 6.0]))]
    ).replace("\u00a0", " ")
    assert "needs 6.00 bits" in said
    assert "after 2 million tokens (2 min)" in said
    assert said.endswith("The unigram never does.")
    assert level.passing(data.by_name["transformer"], curve([7.0, 5.9, 6.1])) == (2 * 1_001_234, 120.0)
