"""Token tables: the same rows whatever the blocks that are read, their sums, and the units that are resampled."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmcompare.analysis import Run, RunFolderError, load_run, results
from lmcompare.analysis.blocks import blocks
from lmcompare.analysis.metrics import sums
from lmcompare.analysis.units import units_of
from lmcompare.runfolder import files
from lmcompare.runfolder.files import read_blocks
from lmcompare.runfolder.layout import Split
from lmcompare.studies.mixtures.mixture import mixtures, wins
from lmcompare.studies.slices.slices import slices
from tests.analysis.scores import token_scores
from tests.analysis.tiny import tiny_run
from tests.run_folder import reseal, write_run_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks whose length is chosen so that no document ends with one."""
    monkeypatch.setattr(files, "BLOCK", 17)
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
    monkeypatch.setattr(files, "BLOCK", 4_096)
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
        assert files._row_groups(pq.read_metadata(path), split) == groups  # the second holds both
        found = np.concatenate([np.zeros(0), *(b["value"] for b in read_blocks(path, ("value",), split))])
        assert found.tolist() == frame.loc[frame["split"] == split, "value"].tolist()


def test_figures_do_not_depend_on_the_blocks(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 173)
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


@pytest.mark.parametrize("split", ["valid", "test"])
def test_sums_are_those_of_the_whole_table(run: Run, monkeypatch: pytest.MonkeyPatch, split: Split) -> None:
    monkeypatch.setattr(files, "BLOCK", 101)
    again = load_run(run.path)
    for model in again.scored:
        found = sums(again, split)[model.name]
        frames = [cell.scores(split) for cell in model.done]
        features = again.tokens[model.tokens_fingerprint].features(split)
        known = ~frames[0]["is_unknown"]
        assert (found.tokens, found.known, found.impossible) == (len(features), known.sum(), 0)
        assert found.overhead_bits == pytest.approx(features["overhead_bits"].sum())
        assert found.log_prob == pytest.approx([f["log_prob"].sum() for f in frames])
        assert found.log_prob_known == pytest.approx([f.loc[known, "log_prob"].sum() for f in frames])
        assert found.bits == pytest.approx([(-f["log_prob"] / np.log(2)).sum() + found.overhead_bits for f in frames])
        if split == "test":
            assert found.log_prob_reset == pytest.approx(
                [f["log_prob_reset"].sum(skipna=False) for f in frames], nan_ok=True
            )
            assert found.first.tolist() == [(f["target_rank"] == 1).sum() for f in frames]
            assert found.fifth.tolist() == [(f["target_rank"] <= 5).sum() for f in frames]
        mean = pd.concat([f["log_prob"] for f in frames], axis=1).mean(axis=1)
        bits = -mean / np.log(2) + features["overhead_bits"]
        by_document = bits.groupby(features["document"])
        assert found.document_bits == pytest.approx(by_document.sum().to_numpy())
        assert found.document_nats == pytest.approx((-mean).groupby(features["document"]).sum().to_numpy())
        assert found.document_tokens.tolist() == by_document.size().tolist()
        assert found.document_unknown.tolist() == (~known).groupby(features["document"]).sum().tolist()
        if split == "test":
            unit = units_of(again).of(features["document"].to_numpy(), frames[0]["byte_start"].to_numpy())
            assert found.unit_bits == pytest.approx(bits.groupby(unit).sum().to_numpy())


def test_a_token_is_impossible_if_it_is_so_to_some_seed(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = tiny_run(tmp_path_factory.mktemp("tiny"), {"a": [[0.5, 0.0, 0.5, 0.0], [0.5, 0.5, 0.5, 0.0]]})
    found = sums(run, "test")["a"]
    assert found.impossible == 2
    assert found.log_prob.tolist() == [-np.inf, -np.inf]
    assert np.isinf(found.document_bits).all()


def test_documents_are_units_where_there_are_thirty(run: Run) -> None:
    units = units_of(run)
    assert units.kind == "documents"
    assert units.whole_documents
    assert len(units) == 40
    scores = token_scores(run, run.model("ngram"))
    assert (units.of(scores.document, scores.byte_start) == scores.document).all()


def test_blocks_of_twenty_sentences_by_hand(tmp_path: Path) -> None:
    # 49 sentences: 20 and 29 (a rest of 9 joins); 50: 20, 20, 10; 3: one block. Two tokens, hence bytes, a sentence,
    # and the first document charges 5 bytes after its last token.
    documents = [[2] * 49, [2] * 50, [2] * 3]
    run = tiny_run(
        tmp_path, {"a": [[0.5] * 204]}, documents=documents, n_bytes=[103, 100, 6], overhead_bits=[0.25] * 204
    )
    units = units_of(run)
    assert units.kind == "blocks of 20 sentences"
    assert not units.whole_documents
    assert units.bytes.tolist() == [40, 63, 40, 40, 20, 6]
    scores = token_scores(run, run.model("a"))
    assert np.bincount(units.of(scores.document, scores.byte_start)).tolist() == [40, 58, 40, 40, 20, 6]
    assert sums(run, "test")["a"].unit_bits == pytest.approx(1.25 * np.array([40, 58, 40, 40, 20, 6]))


def test_long_lines_are_cut_into_blocks_of_bytes(tmp_path: Path) -> None:
    # Two documents of 4,300 and 2,900 bytes, each a single line: 4300/2000 is about 2, 2900/2000 about 1. A token of
    # the first document that begins at byte 1,999 is in the first block, one that begins at byte 2,000 in the second.
    documents = [[4300], [2900]]
    run = tiny_run(tmp_path, {"a": [[0.5] * 7200]}, documents=documents, n_bytes=[4300, 2900])
    units = units_of(run)
    assert units.kind == "blocks of 2,000 bytes"
    assert units.bytes.tolist() == [2000, 2300, 2900]
    assert not units.whole_documents
    assert units.of(np.array([0, 0, 0, 1]), np.array([1999, 2000, 4299, 0])).tolist() == [0, 1, 1, 2]
    assert sums(run, "test")["a"].unit_bits.tolist() == [2000, 2300, 2900]


def test_short_documents_are_blocks_of_their_own(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.5] * 60]}, documents=[[2] * 29, [2]], n_bytes=[58, 4])
    units = units_of(run)
    assert units.whole_documents
    assert units.bytes.tolist() == [58, 4]


def test_blocks_are_the_same_passages_under_every_tokenizer(tmp_path: Path) -> None:
    write_run_folder(
        tmp_path, models=("unigram", "char-transformer"), seeds=(0,), documents=6, sentences=50, invalid=()
    )
    run = load_run(tmp_path)
    units = units_of(run)
    assert 8 < len(units) < 25
    assert units.bytes.sum() == run.tokens[run.models[0].tokens_fingerprint].documents_of("test")["bytes"].sum()
    for model in run.scored:  # bytes that tokens stand for, and one newline that </s> stands for a sentence
        cell = model.first
        assert cell is not None
        spans = cell.scores("test", ("document", "byte_start", "byte_end"))
        scores = token_scores(run, model)
        unit = units.of(scores.document, scores.byte_start)
        last = np.flatnonzero(np.diff(unit, append=-1))
        first = np.append(0, last[:-1] + 1)
        ends = spans["byte_end"].to_numpy()[last] + 1  # the newline
        assert (ends - spans["byte_start"].to_numpy()[first]).tolist() == units.bytes.tolist()


def test_many_documents_are_dealt_into_groups(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("lmcompare.analysis.units.MOST_UNITS", 12)
    run = load_run(folder)
    units = units_of(run)
    assert len(units) == 12
    assert (units.bytes > 0).all()
    scores = token_scores(run, run.model("ngram"))
    assert sums(run, "test")["ngram"].unit_bits.sum() == pytest.approx(scores.bits.mean(axis=0).sum())
    by_document = units.group[scores.document]
    assert (by_document == units.of(scores.document, scores.byte_start)).all()


def test_tokenizers_that_charge_other_bytes_are_an_error(copied: Path) -> None:
    run = load_run(copied)
    path = copied / "tokens" / run.model("char-transformer").tokens_fingerprint / "documents.parquet"
    table = pd.read_parquet(path)
    table["bytes"] += 1
    table.to_parquet(path)
    with pytest.raises(RunFolderError, match="other bytes"):
        units_of(load_run(reseal(copied)))
