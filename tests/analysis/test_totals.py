"""What is kept of a token table, against the same by pandas over the whole of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import Run
from lmcompare.analysis.resampling import units_of
from lmcompare.analysis.totals import sums
from lmcompare.runfolder import parquet as module
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import load_run
from tests.analysis.tiny import tiny_run


@pytest.mark.parametrize("split", ["valid", "test"])
def test_sums_are_those_of_the_whole_table(run: Run, monkeypatch: pytest.MonkeyPatch, split: Split) -> None:
    monkeypatch.setattr(module, "BLOCK", 101)
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
