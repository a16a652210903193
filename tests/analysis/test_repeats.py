"""Test text that also occurs in earlier text: how much there is, and the comparison of models without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis import compare_models, results
from lmcompare.analysis.repeats import Repeats, repeats
from lmcompare.analysis.units import Units, placed
from tests.analysis.tiny import tiny_run

pytestmark = pytest.mark.slow

# Two models on 40 documents of 10 tokens of one byte each. The first has memorised a part of every fourth document.
SPANS = [[(3, 6)] if d % 4 == 0 else [] for d in range(40)]
KNOWN = np.array([d % 4 == 0 and 3 <= k < 6 for d in range(40) for k in range(10)])
RNG = np.random.default_rng(0)
OTHER = 2.0 ** -RNG.uniform(1.5, 2.5, 400)
MEMORISED = np.where(KNOWN, 0.999, OTHER * 2**-0.1)


def leaky(path: Path, **more: Any) -> Any:
    models = {"memorised": [MEMORISED], "other": [OTHER]}
    return tiny_run(path, models, documents=[[10]] * 40, **more)


def test_models_are_compared_without_it(tmp_path: Path) -> None:
    run = leaky(tmp_path, repeated_spans=SPANS)
    assert repeats(run, "test").share == 30 / 400
    fresh = [float(-np.log2(p)[~KNOWN].sum() / 370) for p in (MEMORISED, OTHER)]
    whole = [float(-np.log2(p).sum() / 400) for p in (MEMORISED, OTHER)]
    assert fresh[0] - fresh[1] == pytest.approx(0.1)
    assert whole[0] < whole[1]
    found = compare_models(run)
    assert [s.bits_per_byte for s in found.standings] == pytest.approx(fresh)
    assert [(s.rank_low, s.rank_high) for s in found.standings] == [(2, 2), (1, 1)]
    (difference,) = found.differences
    assert difference.difference == pytest.approx(0.1)
    table = results(run)
    assert table["repeated_text"]["test"] == {"share": 30 / 400, "documents": 10, "of": 40, "left_out": True}
    first, second = table["models"]
    assert [row["bits_per_byte"] for row in (first, second)] == pytest.approx(whole)
    assert [row["fresh_bits_per_byte"] for row in (first, second)] == pytest.approx(fresh)
    for row in (first, second):
        for key in ("bits_per_byte", "fresh_bits_per_byte"):
            assert row[f"{key}_low"] < row[key] < row[f"{key}_high"]
    # the intervals of the whole text are those of a run without anything left out
    clean = results(leaky(tmp_path / "clean"))["models"]
    for row, other in zip(table["models"], clean, strict=True):
        assert [row[f"bits_per_byte_{end}"] for end in ("low", "high")] == pytest.approx(
            [other[f"bits_per_byte_{end}"] for end in ("low", "high")]
        )
        assert other["fresh_bits_per_byte"] is None


@pytest.mark.parametrize(
    ("parts", "left_out", "ranked"),
    [(2, False, True), (3, True, True), (200, True, True), (201, False, False), (400, False, False)],
)
def test_a_little_is_not_left_out_and_with_most_no_model_is_ranked(
    tmp_path: Path, parts: int, left_out: bool, ranked: bool
) -> None:
    # of 400 bytes 2 are half a percent, and 201 are most
    spans = [[(0, min(10, max(0, parts - 10 * d)))] if parts > 10 * d else [] for d in range(40)]
    table = results(leaky(tmp_path, repeated_spans=spans))
    assert table["repeated_text"]["test"]["share"] == parts / 400
    assert table["repeated_text"]["test"]["left_out"] == left_out
    assert {row["group"] for row in table["models"]} == {"ranked" if ranked else "not ranked"}
    assert all("most of the test text" in row["unranked_reason"] for row in table["models"] if not ranked)


def test_a_token_that_is_partly_in_it_counts_as_repeated() -> None:
    found = Repeats(placed(np.array([0, 2]), np.array([5, 0])), placed(np.array([0, 2]), np.array([9, 4])), 2, 3, 0.1)
    tokens = [(0, 0, 5), (0, 4, 6), (0, 6, 8), (0, 8, 12), (0, 9, 10), (0, 9, 9), (1, 5, 9), (2, 0, 1), (2, 4, 5)]
    covered = found.cover(*(np.array(column) for column in zip(*tokens, strict=True)))
    assert covered.tolist() == [False, True, True, True, False, False, False, True, False]


@given(data=st.data())
def test_the_bytes_of_each_unit_are_those_of_a_loop_over_all_bytes(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=4))
    repeated = [data.draw(st.lists(st.booleans(), min_size=n, max_size=n)) for n in sizes]
    spans = []
    for d, of in enumerate(repeated):
        edges = np.flatnonzero(np.diff([False, *of, False]))
        spans += [(d, int(s), int(e)) for s, e in edges.reshape(-1, 2)]
    begins = [
        (d, b) for d, n in enumerate(sizes) for b in [0, *sorted(data.draw(st.sets(st.integers(1, max(n, 1)))))]
    ]
    document, start, end = np.array(spans, np.int64).reshape(-1, 3).T
    found = Repeats(placed(document, start), placed(document, end), 0, 0, 0.0)
    keys = placed(*np.array(begins).T)
    units = Units("units", np.zeros(len(keys)), keys, np.arange(len(keys)), False)
    wanted = np.zeros(len(keys), int)
    for d, of in enumerate(repeated):
        for byte, again in enumerate(of):
            wanted[[u for u, (e, b) in enumerate(begins) if e == d and b <= byte][-1]] += again
    assert found.bytes_in(units).tolist() == wanted.tolist()
