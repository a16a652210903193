"""The calculations in small of the story, against hand-worked arithmetic."""

from __future__ import annotations

import pytest

from lmcompare.report.sections.story import outlines
from lmcompare.report.sections.story_small import SmallExample


def test_products_and_softmax_are_those_by_hand() -> None:
    outline = {
        "key": "small",
        "asks": "The query",
        "numbers": [2, 1],
        "columns": ["word", "key", "score", "power", "weight"],
        "words": {"river": [1, 0], "the": [-1, 2]},
        "values": {"river": [3, -1], "the": [0, 1]},
        "result": "the mix is {mix}",
    }
    found = SmallExample.of(outline)
    # e² = 7.389 and e⁰ = 1: 7.389 / 8.389 = 0.8808
    assert found.asks == "The query: (2, 1)"
    assert found.rows == (
        ("river", "(1, 0)", "2 · 1 + 1 · 0 = 2", "7.39", "88.1\u00a0%", "(3, −1)", "(2.64, −0.88)"),
        ("the", "(−1, 2)", "2 · (−1) + 1 · 2 = 0", "1.00", "11.9\u00a0%", "(0, 1)", "(0.00, 0.12)"),
    )
    assert found.result == "the mix is (2.64, −0.76)"  # 3 × 0.8808, and 0.1192 − 0.8808


@pytest.mark.parametrize("plugin", ["word2vec-bow", "transformer"])
def test_scenes_of_vectors_and_of_attention_have_one(plugin: str) -> None:
    (outline,) = (one for one in outlines() if plugin in one["plugins"])
    shares = [float(row[4].split("\u00a0")[0]) for row in SmallExample.of(outline["small"]).rows]
    assert sum(shares) == pytest.approx(100, abs=0.2)
