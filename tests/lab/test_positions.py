"""Means by the position in a document."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.lab.positions import by_position
from lmcompare.tokens import Encoded
from tests.training.texts import VOCABULARY


def test_means_by_position() -> None:
    text = Encoded.from_documents([[2] * 6, [], [3] * 9], VOCABULARY)
    amounts = np.array([*range(6), *range(9)], np.float64)  # the position itself
    begins, means = by_position(text, {"place": amounts})
    assert begins == (1.0,)  # 8 tokens; the others, 6 and 1, are fewer than the fullest bin
    assert means["place"] == pytest.approx([1.5])
    long = Encoded.from_documents([[2] * 30] * 120, VOCABULARY)
    begins, means = by_position(long, {"place": np.tile(np.arange(30.0), 120)})
    assert begins == (1.0, 5.0, 9.0, 17.0)
    assert means["place"] == pytest.approx([1.5, 5.5, 11.5, 22.5])
