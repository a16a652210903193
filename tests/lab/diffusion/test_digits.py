"""The parts of the pictures have nothing in common, and the nearest picture is the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lmcompare.lab.diffusion.digits import Digits, Judge, nearest


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits.load()


def test_no_picture_is_in_two_parts(digits: Digits) -> None:
    parts = (digits.diffusion, digits.classifier, digits.apart)
    every = np.concatenate([part.at for part in parts])
    assert sorted(every) == list(range(1_797))
    assert [len(part) for part in parts] == [719, 719, 359]
    data = load_digits()
    for part in parts:
        assert (part.labels == data.target[part.at]).all()
        assert part.pictures == pytest.approx(data.data[part.at] / 8 - 1)
        assert set(part.labels) == set(range(10))
    again = Digits.load()
    assert (again.diffusion.at == digits.diffusion.at).all()


def test_the_classifier_reads_pictures_that_it_has_not_seen(digits: Digits) -> None:
    judge = Judge(digits)
    assert judge.asked == 359
    assert judge.right / judge.asked > 0.97
    assert (judge(digits.apart.pictures) == digits.apart.labels).sum() == judge.right
    assert (judge(digits.diffusion.pictures) == digits.diffusion.labels).mean() > 0.97


def test_the_nearest_picture_by_brute_force() -> None:
    random = np.random.default_rng(0)
    pictures, among = random.normal(size=(5, 7)), random.normal(size=(9, 7))
    at, distances = nearest(pictures, among)
    for row, picture in enumerate(pictures):
        every = [float(np.linalg.norm(picture - other)) for other in among]
        assert at[row] == int(np.argmin(every))
        assert distances[row] == pytest.approx(min(every))
    assert nearest(among[:2], among)[1] == pytest.approx([0.0, 0.0])
