"""Effects that may be chance are told apart: nearly zero, or unclear because the interval is wide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lmcompare.analysis.contrasts import Contrast
from lmcompare.lab.contract import Row
from lmcompare.lab.wording import above, all_of, below, effects, without_effect

FOUND = Row("Word order", value=0.1, low=0.09, high=0.11, p_holm=0.001)
HARMFUL = Row("Reading on", value=-0.2, low=-0.3, high=-0.1, p_holm=0.001)
ZERO = Row("Several heads", value=-0.002, low=-0.005, high=0.001, p_holm=0.5)
WIDE = Row("Twice the text", value=0.085, low=-0.056, high=0.226, p_holm=0.19)


def test_a_wide_interval_is_not_called_no_effect() -> None:
    small, uncertain = without_effect([FOUND, ZERO, WIDE], 0.02, "bits")
    assert small == "The effect of several heads is smaller than 0.02 bits."
    assert "uncertain" in uncertain
    assert "twice the text (−0.056 to +0.226)" in uncertain
    assert without_effect([FOUND, HARMFUL], 0.02, "bits") == []
    (small,) = without_effect([WIDE], 0.3, "bits")
    assert "0.3 bits" in small
    assert "twice the text" in small


def test_an_interval_without_zero_that_the_correction_leaves_open_is_not_called_uncertain() -> None:
    corrected = Row("A second layer", value=0.015, low=0.001, high=0.029, p_holm=0.1)
    said, uncertain = without_effect([corrected, WIDE], 0.02, "bits")
    assert "Holm" in said
    assert "a second layer (+0.001 to +0.029)" in said
    assert "second layer" not in uncertain


def test_a_row_without_an_interval_tells_nothing() -> None:
    (said,) = without_effect([Row("Attention", value=0.3)], 0.02, "bits")
    assert "too short" in said


def test_effects_have_a_sign_and_the_largest_comes_first() -> None:
    larger = Row("Attention", value=0.3, low=0.2, high=0.4, p_holm=0.001)
    assert effects([FOUND, ZERO, HARMFUL, WIDE, larger], 1) == ["attention (0.300)", "word order (0.100)"]
    assert effects([FOUND, HARMFUL], -1) == ["reading on (0.200)"]


def contrast(bits: float, width: float) -> Contrast:
    return Contrast("", 1.0, bits, bits - width, bits + width, 1.0, 1.0)


def test_a_bound_inside_an_interval_decides_nothing() -> None:
    assert below(contrast(0.04, 0.005), 0.05) is True
    assert below(contrast(0.06, 0.005), 0.05) is False
    assert below(contrast(0.04, 0.02), 0.05) is None
    assert below(contrast(0.04, np.nan), 0.05) is True
    assert above(contrast(0.06, 0.005), 0.05) is True
    assert above(contrast(0.04, 0.02), 0.05) is None
    row = Row("it", value=0.04)
    assert below(row, 0.05) is True
    assert below(replace(row, low=0.01, high=0.07), 0.05) is None


def test_claims_together() -> None:
    assert all_of([True, True]) is True
    assert all_of([True, None]) is None
    assert all_of([None, False]) is False
