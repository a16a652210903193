"""Tests of the suffix array against sorting the suffixes themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts.suffixes.sorting import suffix_array


def sorted_suffixes(ids: list[int]) -> list[int]:
    return sorted(range(len(ids)), key=lambda at: ids[at:])


@given(st.lists(st.integers(0, 3), max_size=80))
def test_equals_sorting(ids: list[int]) -> None:
    assert suffix_array(np.array(ids, np.int32), 4).tolist() == sorted_suffixes(ids)


@pytest.mark.parametrize("types", [1, 2, 255, 2**16, 2**31 - 1])
def test_of_few_and_many_types(types: int) -> None:
    generator = np.random.default_rng(types)
    some = generator.integers(0, types, 3)  # that occur again and again
    ids = some[generator.integers(0, 3, 400)].astype(np.int32)
    assert suffix_array(ids, types).tolist() == sorted_suffixes(ids.tolist())


def test_of_one_token_again_and_again() -> None:
    assert suffix_array(np.zeros(1000, np.int32), 1).tolist() == list(range(999, -1, -1))


def test_by_hand() -> None:
    # "banana" with a = 0, b = 1, n = 2: a, ana, anana, banana, na, nana
    assert suffix_array(np.array([1, 0, 2, 0, 2, 0], np.int32), 3).tolist() == [5, 3, 1, 0, 4, 2]
