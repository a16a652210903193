"""The verdict says what the figures say, and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lmcompare.analysis import Run, load_run, results, verdict
from tests.analysis.tiny import SOUND, tiny_run
from tests.run_folder import reseal


def bits(rate: float, seed: int) -> list[list[float]]:
    """400 tokens of ``rate`` bits each on the average, up to 0.1 more or less."""
    noise = np.random.default_rng(seed).permutation(np.linspace(-0.1, 0.1, 400))
    return [(2.0 ** -(rate + noise)).tolist()]


def test_a_tie_is_called_one(run: Run) -> None:
    said = verdict(run)
    figures = {m["name"]: m for m in results(run)["models"]}
    assert said[0].startswith(
        f"transformer has the lowest figure, {figures['transformer']['bits_per_byte']:.3f} bits"
    )
    assert "can't be told apart from rnn-attention" in said[0]
    assert "they share rank 1" in said[0]
    assert any(s.startswith("leaky is not ranked") and "3.2" in s for s in said)
    assert "crashing failed with seeds 0 and 1: crashing stopped in fit: division by zero." in said
    assert "over test documents" in said[-1]


def test_a_clear_winner_and_a_cheaper_one_close_by(tmp_path: Path) -> None:
    costs = {"best": {"train_seconds": 600.0}, "cheap": {"train_seconds": 6.0}, "floor": {"train_seconds": 0.1}}
    run = tiny_run(
        tmp_path,
        {"floor": bits(4, 0), "best": bits(2, 1), "cheap": bits(2.06, 2)},
        documents=[[10]] * 40,
        costs=costs,
    )
    said = verdict(run)
    assert said[0].startswith("best predicts the test text best: 2.000 bits per byte")
    assert "less than the next, cheap (2.060; behind by 0.060" in said[0]
    assert said[1] == "The weakest, floor, needs 4.000; best saves 50 % of that."
    assert said[2].startswith(
        "The cheapest to train within 5 % of the best is cheap: 6 s of training, against 10.0 min"
    )


def test_an_interval_that_excludes_zero_among_many_pairs_is_explained(tmp_path: Path) -> None:
    def behind(seed: int) -> list[list[float]]:
        """Documents that need 0.02 bits more a token on average, 2.2 standard errors."""
        gaps = np.random.default_rng(seed).normal(size=40)
        gaps = 0.02 + (gaps - gaps.mean()) / gaps.std() * 0.02 * 40**0.5 / 2.2
        return [(2.0 ** -(2.0 + np.repeat(gaps, 10))).tolist()]

    run = tiny_run(tmp_path, {"a": [[0.25] * 400], "b": behind(1), "c": behind(2)}, documents=[[10]] * 40)
    lead = verdict(run)[0]
    assert lead.count("which among so many pairs is no evidence: p = 0.") == 2
    assert "can't be told apart from" in lead


def test_of_many_that_share_the_first_rank_only_the_names_are_told(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {name: bits(2, 0) for name in "abcde"}, documents=[[10]] * 40)
    lead = verdict(run)[0]
    assert "can't be told apart from 4 others, b, c, d and e (up to 2.000): they share rank 1." in lead
    assert "behind" not in lead


def test_equal_models_are_behind_by_nothing(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2, 0)}, documents=[[10]] * 40)
    said = " ".join(verdict(run))
    assert "behind by 0.000, 95 % interval 0.000 to 0.000" in said
    assert "saves" not in said
    assert "-0.0" not in said
    assert "−0.0" not in said


def test_seeds_that_differ_by_more_than_the_models_are_warned_of(tmp_path: Path) -> None:
    seeds = {"a": [*bits(2.0, 0), *bits(2.2, 1)], "b": [*bits(2.11, 2), *bits(2.12, 3)]}
    said = verdict(tiny_run(tmp_path, seeds, documents=[[10]] * 40))
    # a: 2.0 and 2.2, so 2.1 with a standard deviation of 0.2 / √2; b: 2.115
    assert said[1] == (
        "From seed to seed a varies by more (a standard deviation of 0.141) than the two differ (0.015): with other"
        " seeds the order may be another."
    )


def test_test_documents_that_stand_in_train_are_counted(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(3, 1)}, documents=[[10]] * 40)
    assert not any("stand in train" in said for said in verdict(run))
    (path,) = tmp_path.glob("tokens/*/documents.parquet")
    table = pd.read_parquet(path)
    repeated = table["document"].isin([3, 7])
    table.assign(repeated=repeated, repeats=repeated.map({True: "passages", False: ""})).to_parquet(path)
    said = verdict(load_run(reseal(tmp_path)))
    told = "Of 40 test documents 2 stand in train as well (2 in passages, half of it or more)"
    assert f"{told}: what learns by heart gains by that." in said
    table.assign(repeats=["copy"] + ["near copy"] * 2 + [""] * 77).to_parquet(path)
    assert not any("stand in train" in each for each in verdict(load_run(reseal(tmp_path)))), "of valid, not of test"
    table.assign(repeats=[""] * 77 + ["copy"] + ["near copy"] * 2).to_parquet(path)
    said = verdict(load_run(reseal(tmp_path)))
    assert any("3 stand in train as well (1 word for word, 2 nearly so)" in each for each in said)
    counted = results(load_run(reseal(tmp_path)))["repeated_documents"]
    assert counted["test"] == {"documents": 40, "copy": 1, "near copy": 2, "passages": 0}
    assert counted["valid"] == {"documents": 40, "copy": 0, "near copy": 0, "passages": 0}


def test_nearly_a_hundred_seconds_are_written_out(tmp_path: Path) -> None:
    costs = {"best": {"train_seconds": 99.9}, "near": {"train_seconds": 250.0}}
    run = tiny_run(tmp_path, {"best": bits(2, 1), "near": bits(2.02, 2)}, documents=[[10]] * 40, costs=costs)
    assert "Of the models within 5 % of it, none trains in less time than best (100 s of training)." in verdict(run)


def test_nothing_within_five_percent(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(3, 1)}, documents=[[10]] * 40)
    assert "No other model comes within 5 % of a." in verdict(run)


def test_one_model_none_ranked_none_finished(tmp_path: Path, copied: Path) -> None:
    alone = tiny_run(tmp_path / "1", {"a": bits(2, 0)}, documents=[[10]] * 40)
    assert verdict(alone)[0].startswith("a is the only model that can be ranked: it needs 2.000")
    cells = {"a": {"traits": SOUND | {"normalised": False}}, "b": {"traits": SOUND | {"adaptive": True}}}
    none = tiny_run(tmp_path / "2", {"a": bits(2, 0), "b": bits(2, 0)}, documents=[[10]] * 40, cells=cells)
    said = verdict(none)
    assert said[0] == "No model of this run can be ranked."
    assert said[1].startswith("a is not ranked: not a probability model")
    assert said[2].startswith("b stands apart with 2.000")
    for path in copied.glob("cells/*/*/cell.json"):
        path.unlink()
    said = verdict(load_run(copied))
    assert said[0] == "No model of this run can be ranked."
    assert len(said) == 1 + 8


def test_a_text_too_short_to_tell(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.9] * 6], "b": [[0.1] * 6]}, documents=[[3], [3]])
    said = verdict(run)
    assert "can't be told apart from b" in said[0]
    assert "too short for intervals" in said[-1]
    assert not any("nan" in s for s in said)
