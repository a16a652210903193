"""The resampling units: every byte and every token belongs to one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import Run, RunFolderError, load_run
from lmcompare.analysis import resampling as module
from lmcompare.analysis.resampling import units_of
from lmcompare.analysis.totals import sums
from tests.analysis.scores import token_scores
from tests.analysis.tiny import tiny_run
from tests.run_folder import reseal, write_run_folder


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
    monkeypatch.setattr(module, "MOST_UNITS", 12)
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
