"""Token tables read block by block: the same rows, whatever the blocks, and no more than a few of them at once."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmcompare.analysis import Run, RunFolderError, load_run, mixtures, results, slices, wins
from lmcompare.analysis.token_blocks import blocks
from lmcompare.runfolder import parquet as module
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import read_blocks
from tests.analysis.scores import token_scores
from tests.run_folder import reseal


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks whose length is chosen so that no document ends with one."""
    monkeypatch.setattr(module, "BLOCK", 17)
    return 17


@pytest.mark.parametrize("split", ["valid", "test"])
def test_blocks_are_the_tables_side_by_side(run: Run, short: int, split: Split) -> None:
    models = [run.model("ngram"), run.model("transformer")]
    found = list(blocks(run, models, split, features=("sentence",), scores=("log_prob", "byte_start")))
    assert max(map(len, found)) <= short < len(found)
    features = run.tokens[models[0].tokens_fingerprint].features(split)
    for column in ("document", "position", "sentence"):
        assert np.concatenate([b.features[column] for b in found]).tolist() == features[column].tolist()
    for m, model in enumerate(models):
        for column in ("log_prob", "byte_start"):
            whole = np.concatenate([b.stacked(m, column) for b in found], axis=1)
            assert whole.tolist() == [cell.scores(split)[column].tolist() for cell in model.done]


def test_tables_need_not_be_stored_in_the_same_pieces(copied: Path) -> None:
    path = copied / "cells" / "ngram" / "0" / "scores.parquet"
    run = load_run(copied)
    before = token_scores(run, run.model("ngram"))
    pd.read_parquet(path).to_parquet(path, row_group_size=13)
    run = load_run(reseal(copied))
    after = token_scores(run, run.model("ngram"))
    assert after.log_prob.tolist() == before.log_prob.tolist()


@pytest.mark.parametrize("change", ["short", "long", "moved"])
def test_other_rows_than_the_features_are_an_error(copied: Path, short: int, change: str) -> None:
    path = copied / "cells" / "ngram" / "1" / "scores.parquet"
    scores = pd.read_parquet(path)
    changed = {
        "short": scores.iloc[:-1],
        "long": pd.concat([scores, scores.iloc[-1:]]),
        "moved": scores.assign(position=scores["position"] + (np.arange(len(scores)) == len(scores) - 1)),
    }
    changed[change].to_parquet(path)
    run = load_run(reseal(copied))
    for _ in range(2):  # nor is it taken for checked the second time
        with pytest.raises(RunFolderError, match=r"ngram/1/scores\.parquet are not those of .*features\.parquet"):
            list(blocks(run, [run.model("unigram"), run.model("ngram")], "test"))


@pytest.mark.parametrize(
    ("column", "nats", "passed", "refused"),
    [
        ("log_prob", np.nan, True, True),
        ("log_prob", np.inf, False, True),
        ("log_prob", 2.5, True, True),
        ("log_prob", 2.5, False, False),  # no valid probability model, which is not ranked
        ("log_prob", 1e-7, True, False),  # the rounding of float32
        ("log_prob", -np.inf, True, False),
        ("log_prob_reset", 2.5, True, True),
        ("log_prob_reset", np.nan, True, False),
    ],
)
def test_scores_that_are_no_log_probabilities(
    copied: Path, column: str, nats: float, passed: bool, refused: bool
) -> None:
    path = copied / "cells" / "ngram" / "0" / "scores.parquet"
    scores = pd.read_parquet(path)
    scores.loc[scores.index[scores["split"] == "test"][3], column] = nats
    scores.to_parquet(path)
    cell = json.loads(path.with_name("cell.json").read_text())
    path.with_name("cell.json").write_text(json.dumps(cell | {"truth": {"passed": passed, "checks": []}}))
    run = load_run(reseal(copied))
    expected = pytest.raises(RunFolderError, match=r"ngram/0/scores\.parquet has (nan|inf|2\.5) as a log-prob")
    with expected if refused else nullcontext():
        list(blocks(run, [run.model("ngram")], "test", scores=("log_prob", "log_prob_reset")))


def test_only_the_wanted_documents_are_read(run: Run, short: int) -> None:
    cell = run.model("ngram").done[0]
    found = [pd.DataFrame(b) for b in cell.score_blocks("test", ("document", "token"), np.array([3, 30]))]
    scores = cell.scores("test", ("document", "token"))
    wanted = scores[scores["document"].isin([3, 30])]
    assert pd.concat(found).to_numpy().tolist() == wanted.to_numpy().tolist()


def test_a_long_table_is_never_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 4_096)
    values = np.random.default_rng(0).random(1_000_000)
    path = tmp_path / "long.parquet"
    pd.DataFrame({"split": "test", "value": values}).to_parquet(path, row_group_size=20_000)
    before, most, total = pa.total_allocated_bytes(), 0, 0.0
    for block in read_blocks(path, ("value",), "test"):
        most = max(most, pa.total_allocated_bytes() - before)
        total += block["value"].sum()
    assert total == pytest.approx(values.sum())
    assert most < values.nbytes / 4


def test_row_groups_of_another_split_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "two.parquet"
    frame = pd.DataFrame({"split": ["valid"] * 30 + ["test"] * 30, "value": np.arange(60)})
    frame.to_parquet(path, row_group_size=20)
    for split, groups in (("valid", [0, 1]), ("test", [1, 2]), ("train", [1])):
        assert module._row_groups(pq.read_metadata(path), split) == groups  # the second holds both
        found = np.concatenate([np.zeros(0), *(b["value"] for b in read_blocks(path, ("value",), split))])
        assert found.tolist() == frame.loc[frame["split"] == split, "value"].tolist()


def test_figures_do_not_depend_on_the_blocks(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 173)
    again = load_run(folder)
    for one, other in ((results(run), results(again)), (slices(run), slices(again))):
        assert_near(one, other)
    for table in (mixtures, wins):
        assert_near(table(run).to_dict("list"), table(again).to_dict("list"))


def assert_near(one: object, other: object) -> None:
    """Compare tables of tables; numbers may differ by rounding."""
    if isinstance(one, pd.DataFrame):
        assert isinstance(other, pd.DataFrame)
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert list(one) == list(other)
        for key in one:
            assert_near(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple)
        for a, b in zip(one, other, strict=True):
            assert_near(a, b)
    else:
        assert one == (pytest.approx(other, rel=1e-9) if isinstance(other, float) else other)
