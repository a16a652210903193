"""The level beside the learning curves is what the best counting model needs for the sample of these curves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmcompare.studies.learning.section import Level, passing
from lmcompare.tokens import excerpt_parts
from tests.report.part import data_of
from tests.report.test_captions import said_of


@pytest.mark.slow
def test_it_is_the_mean_of_the_best_model_over_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.studies.learning.section.SAMPLE", 40)
    names = ("unigram", "ngram", "transformer")
    data = data_of(tmp_path, *names)
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


def test_it_says_when_each_curve_is_below_it() -> None:
    def curve(*losses: float) -> pd.DataFrame:
        at = np.arange(1, len(losses) + 1)
        return pd.DataFrame(
            {"step": at, "processor_seconds": 60.0 * at, "tokens": 1_001_234 * at, "valid_loss": losses}
        )

    models: list[Any] = [SimpleNamespace(title=title) for title in ("Counts", "Net", "Other")]
    counts, net, other = models
    level = Level(counts, 6.0)
    curves = [(net, curve(7.0, 5.9, 6.1)), (other, curve(7.0, 6.0)), (counts, curve(np.nan))]
    passed, never = passing(level, curves)
    said = said_of(level=level, passed=passed, never=never)
    assert "The counts, which is not trained in steps, needs 6.00 bits" in said
    assert "the net after 2 million tokens (2 min)." in said
    assert "The other never does." in said
    assert [one.read.replace("\u00a0", " ") for one in passing(level, curves, timed=False)[0]] == ["2 million tokens"]
    assert level.passing(curve(7.0, 5.9, 6.1)) == (2 * 1_001_234, 120.0)
