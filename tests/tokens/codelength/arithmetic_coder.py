"""An arithmetic coder over integers (Witten, Neal and Cleary 1987): what proves that a code length is one.

It knows nothing of language models: it takes a distribution and a symbol, and gives bits; the decoder takes the
same distributions and gives the symbols back.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lmcompare.tokens import FloatArray

WIDTH = 62  # bits of the registers
TOTAL = 1 << 40  # what the frequencies of a distribution add up to
HALF, QUARTER = 1 << (WIDTH - 1), 1 << (WIDTH - 2)


def frequencies(distribution: FloatArray) -> list[int]:
    """Return cumulative integer frequencies, K + 1 of them, each symbol's share 1 at the least."""
    assert abs(distribution.sum() - 1) < 1e-9
    assert distribution.min() > 0
    shares = [max(1, int(p * (TOTAL - len(distribution)))) for p in distribution.tolist()]
    shares[int(np.argmax(distribution))] += TOTAL - sum(shares)
    cumulative = [0]
    for share in shares:
        cumulative.append(cumulative[-1] + share)
    assert cumulative[-1] == TOTAL
    return cumulative


class Encoder:
    """Narrows an interval symbol by symbol and writes the bits that its ends share."""

    def __init__(self) -> None:
        self.low, self.high = 0, (1 << WIDTH) - 1
        self.pending = 0
        self.bits: list[int] = []

    def write(self, distribution: FloatArray, symbol: int) -> None:
        cumulative = frequencies(distribution)
        width = self.high - self.low + 1
        self.high = self.low + width * cumulative[symbol + 1] // TOTAL - 1
        self.low += width * cumulative[symbol] // TOTAL
        while True:
            if self.high < HALF:
                self._emit(0)
            elif self.low >= HALF:
                self._emit(1)
                self.low, self.high = self.low - HALF, self.high - HALF
            elif self.low >= QUARTER and self.high < HALF + QUARTER:
                self.pending += 1
                self.low, self.high = self.low - QUARTER, self.high - QUARTER
            else:
                return
            self.low, self.high = 2 * self.low, 2 * self.high + 1

    def finish(self) -> list[int]:
        self.pending += 1
        self._emit(int(self.low >= QUARTER))
        return self.bits

    def _emit(self, bit: int) -> None:
        self.bits += [bit] + [1 - bit] * self.pending
        self.pending = 0


class Decoder:
    """Follows the encoder: from the bits and the same distributions to the symbols."""

    def __init__(self, bits: Iterable[int]) -> None:
        self.bits = iter(bits)
        self.low, self.high = 0, (1 << WIDTH) - 1
        self.value = 0
        for _ in range(WIDTH):
            self.value = 2 * self.value + next(self.bits, 0)

    def read(self, distribution: FloatArray) -> int:
        cumulative = frequencies(distribution)
        width = self.high - self.low + 1
        target = ((self.value - self.low + 1) * TOTAL - 1) // width
        symbol = int(np.searchsorted(cumulative, target, side="right")) - 1
        self.high = self.low + width * cumulative[symbol + 1] // TOTAL - 1
        self.low += width * cumulative[symbol] // TOTAL
        while True:
            if self.high < HALF:
                shift = 0
            elif self.low >= HALF:
                shift = HALF
            elif self.low >= QUARTER and self.high < HALF + QUARTER:
                shift = QUARTER
            else:
                return symbol
            self.low, self.high = 2 * (self.low - shift), 2 * (self.high - shift) + 1
            self.value = 2 * (self.value - shift) + next(self.bits, 0)
