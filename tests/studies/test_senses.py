"""Distances between sentences: the sense of the nearest one, and a map of them in the plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lmcompare.studies.contexts.section import classical_scaling
from lmcompare.studies.contexts.senses import Labelled, gain, separation


def on_a_line(places: list[float], senses: list[int]) -> Labelled:
    at = np.array(places)
    return Labelled(np.abs(at[:, None] - at), np.array(senses))


def test_worked_by_hand() -> None:
    # the nearest of 0 is 1, of 1 it is 0, of 3 it is 1, and of 7 it is 3
    one = on_a_line([0, 1, 3, 7], [0, 0, 1, 1])
    assert one.right == 3
    assert one.chance == pytest.approx(4 / 3)  # one of the three others has the same sense
    # the three ways to make two pairs are right 3, 0 and 1 times
    found = separation([one])
    assert found.share == 0.75
    assert (found.chance, found.p) == pytest.approx((1 / 3, 1 / 3))
    assert separation([one, one]).p == pytest.approx(1 / 9)
    assert separation([on_a_line([0, 1, 3, 7], [0, 1, 0, 1])]).p == 1.0  # right 0 times


@pytest.mark.parametrize("senses", [[0] * 4 + [1] * 4, [0] * 3 + [1] * 4, [1, 0, 0, 1, 1, 0]])
def test_a_vector_that_never_moves_is_exactly_at_chance(senses: list[int]) -> None:
    found = separation([on_a_line([5.0] * len(senses), senses)] * 6)
    own = [senses.count(sense) - 1 for sense in senses]
    assert found.chance == pytest.approx(sum(own) / (len(senses) - 1) / len(senses))
    assert found.share == found.low == found.high == pytest.approx(found.chance)
    assert found.p == pytest.approx(1.0)


def test_senses_far_apart_are_told_apart() -> None:
    found = separation([on_a_line([0, 1, 2, 3, 10, 11, 12, 13], [0] * 4 + [1] * 4)] * 6)
    assert (found.share, found.low, found.high) == (1, 1, 1)
    assert found.p < 1e-6


def test_p_values_are_those_of_random_labels() -> None:
    rng = np.random.default_rng(3)
    sets = [on_a_line(rng.integers(0, 9, 8).tolist(), [0] * 4 + [1] * 4) for _ in range(3)]  # with ties
    right = sum(one.right for one in sets)
    drawn = [sum(Labelled(one.distances, rng.permutation(one.senses)).right for one in sets) for _ in range(4000)]
    share = np.mean(np.array(drawn) >= right - 1e-9)
    assert separation(sets).p == pytest.approx(share, abs=4 * np.sqrt(0.25 / 4000))
    assert np.mean(drawn) == pytest.approx(sum(one.chance for one in sets), abs=0.15)


def test_a_gain_by_hand() -> None:
    right, wrong = on_a_line([0, 1, 7, 8], [0, 0, 1, 1]), on_a_line([0, 7, 1, 8], [0, 0, 1, 1])
    assert (right.right, wrong.right) == (4, 0)
    found = gain([right, right, right, wrong], [wrong, wrong, right, wrong])
    assert found.difference == 0.5  # 8 of 16 sentences more
    assert found.p == 0.5  # the first two sets can be swapped in four ways, and two of them are as far from 0
    assert gain([right] * 6, [wrong] * 6).p == 2 / 2**6
    same = gain([right] * 6, [right] * 6)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


planar = arrays.arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-5, 5, width=16))


def distances(points: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))
    return found


@given(planar)
def test_points_of_the_plane_come_back(points: np.ndarray) -> None:
    found, kept = classical_scaling(distances(points))
    np.testing.assert_allclose(distances(found), distances(points), atol=1e-5)
    assert kept == pytest.approx(1.0)


def test_a_tetrahedron_loses_a_third() -> None:
    found, kept = classical_scaling(1 - np.eye(4))  # three equal eigenvalues, of which two are kept
    assert kept == pytest.approx(2 / 3)
    assert found.shape == (4, 2)


def test_a_triangle_worked_by_hand() -> None:
    # 3, 4 and 5: the right angle is at the first point
    found, kept = classical_scaling([[0, 3, 4], [3, 0, 5], [4, 5, 0]])
    assert kept == pytest.approx(1.0)
    np.testing.assert_allclose(distances(found), [[0, 3, 4], [3, 0, 5], [4, 5, 0]], atol=1e-12)
    np.testing.assert_allclose(found.sum(0), 0, atol=1e-12)
    assert (found[np.abs(found).argmax(0), [0, 1]] > 0).all()


@pytest.mark.parametrize("n", [0, 1, 3])
def test_no_distance_is_one_point(n: int) -> None:
    found, kept = classical_scaling(np.zeros((n, n)))
    assert found.shape == (n, 2)
    assert not found.any()
    assert kept == 1.0
