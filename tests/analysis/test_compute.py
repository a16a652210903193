"""Which model is best after some amount of compute, on courses whose crossings are known."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.analysis.compute import Course, leaders


def course(name: str, seconds: list[float], figures: list[float], flops: list[float] | None = None) -> Course:
    given = np.array(figures)
    return Course(name, np.array(seconds), None if flops is None else np.array(flops), given, given, given)


COUNTS = course("counts", [0.1], [2.0])
NETWORK = course("network", [1.0, 10.0, 100.0], [3.0, 2.2, 1.8], [1e9, 1e10, 1e11])


def test_figures_between_two_points_lie_on_a_line_over_the_logarithm() -> None:
    assert NETWORK.at("seconds", np.array([0.5, 1.0, 10**1.5, 1000.0])).tolist() == pytest.approx([np.inf, 3, 2, 1.8])
    assert COUNTS.at("seconds", np.array([0.05, 0.2])).tolist() == [np.inf, 2.0]
    assert COUNTS.at("flops", np.array([1.0])).tolist() == [np.inf]


def test_a_network_overtakes_counts_where_their_lines_cross() -> None:
    (first, one), (second, other) = leaders([COUNTS, NETWORK], "seconds")
    assert (one, other) == ("counts", "network")
    assert first == pytest.approx(0.1)
    assert second == pytest.approx(10**1.5, rel=0.02)


def test_by_operations_only_those_are_compared_that_were_counted() -> None:
    other = course("other", [1.0, 2.0], [2.5, 2.4], [1e9, 1e12])
    assert leaders([COUNTS, NETWORK], "flops") == []
    names = [name for _, name in leaders([COUNTS, NETWORK, other], "flops")]
    assert names == ["other", "network"]
