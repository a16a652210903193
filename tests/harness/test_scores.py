"""The scores that a cell stores: of single sentences, and of long texts, of which a part is ranked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmcompare.measure import scoring
from lmcompare.tokens import Encoded
from tests.harness.small import run_and_report, small_experiment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_single_sentences_are_scored_as_documents_of_their_own(place: Path) -> None:
    subjects = ("dog", "cat", "fish")
    lines = [f"My {a} saw the {b}. The {b} likes a {c}." for a in subjects for b in subjects for c in subjects] * 2
    (place / "pairs.txt").write_text("\n".join(lines))
    net = {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 4, "batch": 4, "length": 8}
    corpus = {"source": "pairs.txt", "documents": "line", "sentences": "punkt"}
    outcome, _ = run_and_report(place, place / "sentences", small_experiment(net, corpus=corpus))
    model = outcome.model("rnn")
    text = model.corpus.test
    scores = pd.read_parquet(outcome.folder / "cells/rnn/0/scores.parquet").query("split == 'test'")
    ends = np.flatnonzero(text.ids == text.vocabulary.end) + 1
    assert len(ends) >= 2 * text.n_documents
    alone = [
        model.model.log_probs(Encoded.from_documents([sentence], text.vocabulary))
        for sentence in np.split(text.ids, ends[:-1])
    ]
    np.testing.assert_allclose(scores["log_prob_reset"], np.concatenate(alone), atol=1e-5)
    assert not np.allclose(scores["log_prob"], scores["log_prob_reset"], atol=1e-3)  # it reads on across sentences


def test_ranks_of_a_long_text_are_measured_in_a_part_of_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"plugin": "ngram"}, {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 2, "batch": 4, "length": 8}
    whole, _ = run_and_report(place, place / "whole", small_experiment(*models))
    monkeypatch.setattr(scoring, "MOST_PROBABILITIES", 10)
    monkeypatch.setattr(scoring, "SAMPLE_TOKENS", range(30, 31))
    part, _ = run_and_report(place, place / "part", small_experiment(*models))
    assert not whole.failures
    assert not part.failures
    for name in ("ngram", "rnn"):
        full, some = (
            pd.read_parquet(outcome.folder / "cells" / name / "0" / "scores.parquet") for outcome in (whole, part)
        )
        np.testing.assert_allclose(some["log_prob"], full["log_prob"], atol=1e-5)
        ranked = some["target_rank"] > 0
        assert 10 < ranked.sum() <= 30
        np.testing.assert_array_equal(some["target_rank"][ranked], full["target_rank"][ranked])
        reset = ~some["log_prob_reset"].isna()
        assert (reset == ranked).all()
        np.testing.assert_allclose(some["log_prob_reset"][reset], full["log_prob_reset"][reset], atol=1e-5)
        cell = json.loads((part.folder / "cells" / name / "0" / "cell.json").read_text())
        assert cell["truth"]["passed"]
        row = next(m for m in json.loads((part.folder / "results.json").read_text())["models"] if m["name"] == name)
        assert row["top1_accuracy"] == pytest.approx((some["target_rank"] == 1).sum() / ranked.sum())
        assert row["sampled"]["tokens"] == ranked.sum()
    page = (part.folder / "report.html").read_text(encoding="utf-8")
    assert f"measured in {ranked.sum():,} of the {row['test_tokens']:,} test tokens" in " ".join(page.split())
