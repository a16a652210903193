"""The windows in which a pre-trained model reads a long document."""

from __future__ import annotations

import numpy as np

from lmcompare.models.hf_causal.network import Windows


def test_the_window_of_an_offset() -> None:
    windows = Windows(length=4, stride=3)
    assert windows.first_inputs(np.arange(12)).tolist() == [0, 0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9]
    assert Windows(length=4, stride=4).first_inputs(np.arange(9)).tolist() == [0, 0, 0, 0, 4, 4, 4, 4, 8]
    assert Windows(length=4, stride=1).first_inputs(np.arange(6)).tolist() == [0, 0, 0, 0, 1, 2]
