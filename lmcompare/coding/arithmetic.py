"""An arithmetic coder over integers (Witten, Neal and Cleary 1987, *Arithmetic coding for data compression*).

It knows nothing of language models: the encoder takes a distribution and a symbol and gives bits; the decoder takes
the same distributions and gives the symbols back.
"""

from __future__ import annotations

import numpy as np

from lmcompare.tokens import FloatArray, IntArray

WIDTH = 62  # bits of the registers
TOTAL = 1 << 40  # what the frequencies of a distribution add up to
HALF, QUARTER = 1 << (WIDTH - 1), 1 << (WIDTH - 2)


def cumulative(distribution: FloatArray) -> IntArray:
    """Return a distribution (K,) as whole numbers that add up to ``TOTAL``, at least 1 for each symbol.

    Returns
    -------
    (K + 1,) int64 array
        The sums of the numbers before each symbol, and ``TOTAL``.
    """
    p = distribution.astype(np.float64)
    shares = np.maximum((p * ((TOTAL - len(p)) / p.sum())).astype(np.int64), 1)
    shares[p.argmax()] += TOTAL - shares.sum()
    return np.append(0, np.cumsum(shares))


class _Interval:
    """The interval that encoder and decoder narrow in the same way: ``low`` to ``high``."""

    def __init__(self) -> None:
        self.low, self.high = 0, (1 << WIDTH) - 1

    def narrow(self, sums: IntArray, symbol: int) -> None:
        """Go on with the part of the interval that belongs to a symbol."""
        width = self.high - self.low + 1
        self.high = self.low + width * int(sums[symbol + 1]) // TOTAL - 1
        self.low += width * int(sums[symbol]) // TOTAL

    def shift(self) -> int | None:
        """Double the interval if it is in one half or around the middle.

        Returns what was subtracted before: 0 in the lower half, ``HALF`` in the upper one, ``QUARTER`` around the
        middle; None if the interval is too wide to be doubled.
        """
        if self.high < HALF:
            less = 0
        elif self.low >= HALF:
            less = HALF
        elif self.low >= QUARTER and self.high < HALF + QUARTER:
            less = QUARTER
        else:
            return None
        self.low, self.high = 2 * (self.low - less), 2 * (self.high - less) + 1
        return less


class Encoder:
    """Narrows an interval symbol by symbol and writes the bits that its ends have in common."""

    def __init__(self) -> None:
        self._interval = _Interval()
        self._pending = 0  # bits that are the opposite of the next one
        self._bytes = bytearray()
        self._byte, self._room = 0, 8

    def write(self, distribution: FloatArray, symbol: int) -> None:
        """Write a symbol that was drawn from a distribution (K,)."""
        self._interval.narrow(cumulative(distribution), symbol)
        while (less := self._interval.shift()) is not None:
            if less == QUARTER:
                self._pending += 1
            else:
                self._emit(int(less == HALF))

    def finish(self) -> bytes:
        """Return the bytes of all symbols."""
        self._pending += 1
        self._emit(int(self._interval.low >= QUARTER))
        if self._room < 8:
            self._bytes.append(self._byte << self._room)
        return bytes(self._bytes)

    def _emit(self, bit: int) -> None:
        self._put(bit)
        for _ in range(self._pending):
            self._put(1 - bit)
        self._pending = 0

    def _put(self, bit: int) -> None:
        self._byte, self._room = 2 * self._byte + bit, self._room - 1
        if not self._room:
            self._bytes.append(self._byte)
            self._byte, self._room = 0, 8


class EndOfDataError(Exception):
    """The decoder was asked for more symbols than were written."""


class Decoder:
    """Follows the encoder: from the bytes and the same distributions to the symbols.

    Parameters
    ----------
    data : bytes
        What ``Encoder.finish`` returned.
    """

    def __init__(self, data: bytes) -> None:
        self._interval = _Interval()
        self._data = data
        self._at = 0  # the next bit
        self._value = 0
        for _ in range(WIDTH):
            self._value = 2 * self._value + self._bit()

    @property
    def share(self) -> float:
        """The share of the data that was read, from 0 to 1."""
        return min(1.0, self._at / max(1, 8 * len(self._data)))

    @property
    def size(self) -> int:
        """How many bytes the encoder wrote for the symbols that were read so far."""
        return -(-(self._at - WIDTH + 2) // 8)  # a bit for each time the interval was doubled, and two to end with

    def read(self, distribution: FloatArray) -> int:
        """Return the next symbol, given its distribution (K,). Raises ``EndOfDataError``."""
        sums = cumulative(distribution)
        interval = self._interval
        width = interval.high - interval.low + 1
        target = ((self._value - interval.low + 1) * TOTAL - 1) // width
        symbol = int(np.searchsorted(sums, target, side="right")) - 1
        interval.narrow(sums, symbol)
        while (less := interval.shift()) is not None:
            self._value = 2 * (self._value - less) + self._bit()
        return symbol

    def _bit(self) -> int:
        byte, bit = divmod(self._at, 8)
        self._at += 1
        if byte < len(self._data):
            return self._data[byte] >> (7 - bit) & 1
        if byte > len(self._data) + WIDTH // 8 + 1:
            raise EndOfDataError
        return 0  # after the end the bits are 0
