from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lmcompare.analysis.scaling import classical_scaling

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
