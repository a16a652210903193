"""Which models the scenes have, and with which of them a scene compares its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.report.sections import story
from tests.report.tree import Node, parse
from tests.run_folder import write_run_folder

RNNS = ("elman", "gru", "lstm")
NETWORK = {"width": 256, "hidden": 256, "layers": 1, "spelling": False}


def told(folder: Path, cells: dict[str, str], width: int = 256) -> tuple[ReportData, Node]:
    """The story of recurrent networks with these cells, all but the one with attention of this width."""
    names = ("unigram", *RNNS, "rnn-attention")
    data = ReportData(load_run(write_run_folder(folder, models=names, failed=(), invalid=(), seeds=(0,))))
    for name, cell in cells.items():
        model = data.by_name[name]
        given = NETWORK | {"cell": cell} | ({"width": width} if name in RNNS else {})
        cast("dict[str, Any]", model.cell.info)["hyperparameters"] = given
        model.entry.plugin = "rnn" if name in RNNS else "rnn-attention"
    section = story.build(data)
    assert section is not None
    return data, parse(str(section.html))


def bits(data: ReportData, name: str) -> float:
    """Of the test text, from the stored table."""
    scores = pd.read_parquet(data.by_name[name].cell.path / "scores.parquet")
    return float(-scores[scores["split"] == "test"]["log_prob"].astype(float).sum() / np.log(2))


@pytest.mark.parametrize("same", RNNS)
def test_attention_is_compared_with_the_same_network_without_it(tmp_path: Path, same: str) -> None:
    data, shown = told(tmp_path, {name: name for name in RNNS} | {"rnn-attention": same})
    assert [one.text for one in shown.all("p", "which")] == ["unigram", same, "rnn-attention"]
    gain = (bits(data, same) - bits(data, "rnn-attention")) / data.run.corpus.splits["test"].bytes
    said = next(one.text for one in shown.all("article") if "So looking back is worth" in one.text)
    assert float(said.partition("So looking back is worth ")[2].split()[0]) == pytest.approx(gain, abs=6e-4)


@pytest.mark.parametrize("width", [256, 512])
def test_without_the_same_network_the_best_one_is_shown_and_the_gain_is_not_that_of_attention(
    tmp_path: Path, width: int
) -> None:
    cells = {"elman": "elman", "gru": "gru", "lstm": "qrnn" if width == 256 else "lstm", "rnn-attention": "lstm"}
    data, shown = told(tmp_path, cells, width)
    best = min(RNNS, key=lambda name: bits(data, name))
    assert best != RNNS[0], "the first one would be no test"
    assert [one.text for one in shown.all("p", "which")] == ["unigram", best, "rnn-attention"]
    assert "looking back is worth" not in shown.text
