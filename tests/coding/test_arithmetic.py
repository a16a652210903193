"""The arithmetic coder: what is written is read again, at the information that the symbols have."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.coding.arithmetic import TOTAL, Decoder, Encoder, EndOfDataError, cumulative

WEIGHTS = st.lists(st.floats(1e-30, 1.0), min_size=1, max_size=20).map(lambda w: np.array(w) / sum(w))


@given(steps=st.lists(st.tuples(WEIGHTS, st.integers(0, 10**6)), max_size=60))
def test_symbols_come_back_at_their_information(steps: list[tuple[np.ndarray, int]]) -> None:
    encoder, bits = Encoder(), 0.0
    symbols = [number % len(p) for p, number in steps]
    for (p, _), symbol in zip(steps, symbols, strict=True):
        encoder.write(p, symbol)
        sums = cumulative(p)
        bits -= math.log2((int(sums[symbol + 1]) - int(sums[symbol])) / TOTAL)
    data = encoder.finish()
    assert bits - 1 < 8 * len(data) < bits + 2 + 8  # the end takes up to 2 bits, and the last byte is filled
    decoder = Decoder(data)
    assert [decoder.read(p) for p, _ in steps] == symbols
    assert 0 <= decoder.share <= 1
    assert decoder.size == len(data)


@given(p=WEIGHTS)
def test_frequencies_are_the_shares_and_never_zero(p: np.ndarray) -> None:
    shares = np.diff(cumulative(p))
    assert shares.sum() == TOTAL
    assert shares.min() >= 1
    np.testing.assert_allclose(shares / TOTAL, p, atol=2 * len(p) / TOTAL)


def test_frequencies_by_hand() -> None:
    """A quarter of TOTAL - 2, three quarters and what rounding leaves; one of a symbol that is all but impossible."""
    assert cumulative(np.array([0.25, 0.75])).tolist() == [0, TOTAL // 4 - 1, TOTAL]
    assert cumulative(np.array([1e-30, 1.0])).tolist() == [0, 1, TOTAL]


def test_eight_bits_are_a_byte() -> None:
    encoder = Encoder()
    for bit in (1, 0, 1, 1, 0, 0, 1, 0):
        encoder.write(np.array([0.5, 0.5]), bit)
    assert encoder.finish()[0] == 0b10110010


def test_a_decoder_does_not_read_for_ever() -> None:
    encoder = Encoder()
    encoder.write(np.array([0.25, 0.75]), 1)
    decoder = Decoder(encoder.finish())
    with pytest.raises(EndOfDataError):
        deque((decoder.read(np.full(4, 0.25)) for _ in range(1000)), maxlen=0)
