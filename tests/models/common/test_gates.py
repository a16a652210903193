"""Tests of gates against expectation maximisation and known data."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.models.common import gates
from lmcompare.models.common.gates import Seen

pytestmark = pytest.mark.slow


def expectation_maximisation(p: np.ndarray) -> np.ndarray:
    """Return the constant weights, (M,), that maximise the likelihood of a mixture."""
    weights = np.full(len(p), 1 / len(p))
    for _ in range(2000):
        parts = p * weights[:, None]
        weights = (parts / parts.sum(0)).mean(1)
    return weights


def test_without_evidence_the_weights_equal_those_of_em() -> None:
    p = np.random.default_rng(0).beta(0.4, 1.5, (3, 3000)).astype(np.float32)
    nothing = np.zeros((0, 3000), np.float32)
    members = [[Seen(row[None], nothing)] for row in p]
    _, gate = gates.fit(members, nothing, seed=0)
    found = gate.shares(np.zeros((0, 1)))[:, 0]
    np.testing.assert_allclose(found, expectation_maximisation(p.astype(float)), atol=0.02)


def test_the_member_that_the_evidence_favours_has_the_weight() -> None:
    rng = np.random.default_rng(1)
    evidence = rng.integers(0, 2, (1, 8000)).astype(np.float32) * 3
    good = np.where(evidence[0] > 0, 0.5, 0.01).astype(np.float32)
    members = [[Seen(good[None], evidence)], [Seen(np.full((1, 8000), 0.1, np.float32), evidence)]]
    _, gate = gates.fit(members, evidence, seed=0)
    shares = gate.shares(np.array([[0.0, 3.0]]))  # (M, 2)
    assert shares[0, 0] < 0.1
    assert shares[0, 1] > 0.9
    np.testing.assert_allclose(shares.sum(0), 1)


def test_parts_are_multiplied_and_their_gates_are_fitted_too() -> None:
    nothing = np.zeros((0, 4000), np.float32)
    better = np.stack([np.full(4000, 0.4), np.full(4000, 0.1)]).astype(np.float32)
    part = Seen(np.full((1, 4000), 0.5, np.float32), nothing)
    found, gate = gates.fit([[Seen(better, nothing), part]], nothing, seed=0)
    assert len(found) == 2
    assert found[0].shares(np.zeros((0, 1)))[0, 0] > 0.9
    assert gate.shares(np.zeros((0, 1))).tolist() == [[1.0]]


def test_the_same_seed_gives_the_same_gates() -> None:
    p = np.random.default_rng(2).random((2, 1, 500)).astype(np.float32)
    evidence = np.random.default_rng(3).random((2, 500)).astype(np.float32)
    one, two = (gates.fit([[Seen(q, evidence)] for q in p], evidence, seed=4)[1] for _ in range(2))
    assert np.array_equal(one.weights, two.weights)
    assert np.array_equal(one.bias, two.bias)
    assert one.shares(np.ones((2, 1))).sum() == pytest.approx(1)
