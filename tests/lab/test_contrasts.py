"""Planned contrasts: an effect of known size is found, none is found where there is none, and only those asked for
are corrected for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.intervals import holm
from lmcompare.lab import Condition
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, Measured, contrasts, of_same_trainings
from tests.analysis.tiny import tiny_run

DOCUMENTS, BYTES = 40, 1000.0


def condition(effect: float, noise: float, seed: int, trainings: int = 3) -> Measured:
    """Bits of 40 documents of a text, each with a level of its own; ``effect`` and ``noise`` are bits per byte."""
    level = np.random.default_rng(0).gamma(20, 0.1, DOCUMENTS)
    own = np.random.default_rng(seed)
    of_training = own.normal(0, noise, (trainings, 1))
    return Measured.of(BYTES * (level + effect + of_training + own.normal(0, noise, (trainings, DOCUMENTS))))


def ends(found: Contrast) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_a_planted_effect_is_found_and_no_other() -> None:
    sizes = np.full(DOCUMENTS, BYTES)
    changed = {
        "worse": condition(0.05, 0.004, 1),
        "same": condition(0.0, 0.004, 2),
        "better": condition(-0.03, 0.004, 3),
    }
    found = contrasts(condition(0.0, 0.004, 4), changed, sizes)
    assert list(found) == ["worse", "same", "better"]
    for name, effect in (("worse", 0.05), ("same", 0.0), ("better", -0.03)):
        low, high = ends(found[name])
        assert low <= effect <= high
        assert found[name].found == (effect != 0.0)
    assert found["worse"].baseline == pytest.approx(condition(0.0, 0.004, 4).totals.mean() / sizes.sum())


@given(st.floats(0.5, 4.0), st.floats(-0.4, 0.4))
def test_figures_are_ratios_of_sums(level: float, effect: float) -> None:
    amounts = np.linspace(100, 300, 12) * level
    sizes = np.linspace(50, 90, 12)
    found = contrasts(Measured.of(amounts[None]), {"x": Measured.of(amounts[None] * (1 + effect))}, sizes)["x"]
    assert found.figure == pytest.approx(amounts.sum() * (1 + effect) / sizes.sum())
    assert found.amount == pytest.approx(amounts.sum() * effect / sizes.sum(), abs=1e-9)


def test_only_planned_contrasts_are_corrected_for() -> None:
    sizes = np.full(DOCUMENTS, BYTES)
    found = contrasts(condition(0, 0.02, 5), {str(k): condition(0.01, 0.02, 10 + k) for k in range(4)}, sizes)
    p = np.array([each.p_value for each in found.values()])
    assert [each.p_holm for each in found.values()] == pytest.approx(holm(p).tolist())


def test_bits_of_a_run_in_context_and_by_sentence(tmp_path: Path) -> None:
    half, quarter = [0.5] * 12, [0.25] * 12
    run = tiny_run(
        tmp_path, {"m": [half, quarter]}, documents=[[2, 2]] * 3, reset=[0.125] * 12, overhead_bits=[1.0] * 12
    )
    bench, model = Bench(run, {"m": "m"}), Condition("m", "m")
    found = bench.bits(model)
    assert found.totals.tolist() == [24.0, 36.0]  # 1 and 2 bits a token, and 1 bit that is charged beside them
    assert found.units.sum() == pytest.approx(30.0)
    alone = bench.bits(model, by_sentence=True)
    assert alone.totals.tolist() == pytest.approx([48.0, 48.0])
    assert alone.units.sum() == pytest.approx(48.0)


def trainings(seed: int, noise: float = 0.5) -> np.ndarray:
    """(3, U) bits of trainings that differ by much."""
    own = np.random.default_rng(seed)
    return BYTES * (own.gamma(20, 0.1, DOCUMENTS) + own.normal(0, noise, (3, 1)))


def test_a_network_that_is_scored_twice_alike_has_no_difference() -> None:
    sizes, amounts = np.full(DOCUMENTS, BYTES), trainings(6)
    twice = Measured.of(amounts), Measured.of(amounts * (1 + 1e-9))  # the rounding of another batch
    changed = Measured.of(trainings(7)), Measured.of(trainings(7) + np.random.default_rng(8).normal(9, 5, (3, 1)))
    found = of_same_trainings({"alike": twice, "changed": changed}, sizes)["alike"]
    assert (found.amount, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert found.figure == pytest.approx(amounts.mean(axis=0).sum() / sizes.sum())


def test_a_small_effect_on_trainings_that_differ_by_much_is_found() -> None:
    sizes, before = np.full(DOCUMENTS, BYTES), trainings(9)
    after = before + BYTES * (0.01 + np.random.default_rng(10).normal(0, 0.001, before.shape))
    one, other = Measured.of(before), Measured.of(after)
    found = of_same_trainings({"worse": (one, other)}, sizes)["worse"]
    low, high = ends(found)
    assert 0.005 < low < found.amount < high < 0.015
    assert found.found
    apart = contrasts(one, {"worse": other}, sizes)["worse"]
    low, high = ends(apart)
    assert low < 0 < high
    assert found.amount == pytest.approx(apart.amount)
