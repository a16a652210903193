"""Every built-in experiment runs on a text that it was not made for, and its findings are drawn."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from lmcompare.lab import experiment_names
from tests.lab.everything import ELSEWHERE, little_is_asked, narrow, run_all, wordnet
from tests.lab.recomputed import check_contrasts

__all__ = ["little_is_asked", "narrow", "wordnet"]

pytestmark = pytest.mark.slow

DIFFERENCES = {
    "transformer no order": ("known = 1 instead of 64",),
    "transformer random vectors": ("parameters that are not trained: head.table",),
    "transformer no attention": ("window = 1 instead of 64",),
    "transformer attention by distance": (
        "parameters that it lacks: blocks.*.attention.query.weight and blocks.*.attention.key.weight",
        "parameters that only it has: blocks.*.attention.query.vector and blocks.*.attention.key.vector",
    ),
    "transformer no mask": ("causal = False instead of True",),
    "transformer one head": ("heads = 1 instead of 4",),
    "transformer one layer": ("layers = 1 instead of 2", "parameters that it lacks: blocks.1.*"),
    "transformer single sentences": (
        "alone = 1.0 instead of 0.0",
        "it is scored with each sentence as a document of its own",
    ),
    "transformer half text": ("share = 0.5",),
    "transformer half parameters": (
        "parameters of another size: head.table, blocks.0.*, blocks.1.*, last_norm.weight and last_norm.bias",
    ),
    "transformer positions learned": ("positions = learned instead of none", "parameters that only it has: places"),
    "transformer order of 4 words": ("known = 4 instead of 64",),
    "rnn-attention even": (
        *("scores = even", "attention = 16", "window = 128"),
        "parameters of another size: output.weight",
    ),
    "encoder-decoder that sees its chunk": (
        "another kind of model: Encoder-decoder that reads its chunk",
        "the encoder reads the words that the decoder predicts",
    ),
    "wordnet-bow permuted": ("the rows of the table are permuted",),
    "sets of words": ("ternary = True instead of False",),
    "transformer bytes": ("parameters of another size: head.table and head.bias", "tokens: byte"),
}
WITHOUT_CONTRASTS = {"gradient", "rules"}


@pytest.mark.usefixtures("cells_here", "measured_here", "wordnet", "narrow", "little_is_asked")
def test_all_experiments(tmp_path: Path) -> None:
    failures, found, page = run_all(tmp_path)
    assert failures == {}
    assert list(found) == [name for name in experiment_names() if name not in ELSEWHERE]
    for name, each in found.items():
        assert each.verdict
        assert each.tables, name
        assert each.exhibits or name == "ideas", name
        assert each.title in page
        assert not each.decides
        for table in each.tables:
            assert len({row.name for row in table.rows}) == len(table.rows) > 0, table.title
            for row in table.rows:
                assert row.low is None or row.low <= row.amount <= (row.high or 0.0), row
        assert check_contrasts(asdict(each)) or name in WITHOUT_CONTRASTS, name
    ideas = {row.name: row for row in found["ideas"].tables[0].rows}
    assert len(ideas) == 11
    assert ideas["The causal mask"].remark
    assert ideas["The causal mask"].p_holm is None
    windows = {row.name: row for row in found["positions"].tables[2].rows}
    assert {name for name, row in windows.items() if row.remark} == {
        *("learned, 2 × window", "learned, 4 × window", "relative, 2 × window", "relative, 4 × window")
    }
    (by_position,) = found["positions"].exhibits
    assert all(perplexity > 1 for line in by_position["y"] for perplexity in line)
    assert "can't be drawn" not in page
    differ = {condition: said for each in reversed(found.values()) for condition, _, said in each.differences}
    assert {condition: differ[condition] for condition in DIFFERENCES} == DIFFERENCES
    references = {condition: reference for condition, reference, _ in found["ideas"].differences}
    assert references.pop("transformer no order") == "transformer order of 64 words"
    assert set(references.values()) == {"transformer"}
