"""The n-gram lines of an ARPA file, read by compiled loops over its bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray

Bytes = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

# How reading a section ends: at a line that begins with a backslash, at the end of the file, or at a line's fault
MARK, END, TOO_FEW, TOO_MANY, NO_NUMBER, ABOVE_ONE, NOT_LISTED, TWICE = range(8)

ROUNDING = 1e-6  # log10; tools that print a few digits write this for the probability 1
_TENS = 10.0 ** np.arange(23)  # the powers of ten that a float64 holds exactly
_BACKSLASH, _NEWLINE, _RETURN, _TAB, _BLANK = 92, 10, 13, 9, 32
_PLUS, _MINUS, _POINT, _ZERO, _NINE = 43, 45, 46, 48, 57


@compiled
def _is_blank(byte: int) -> bool:
    return byte == _BLANK or (_TAB <= byte <= _RETURN and byte != _NEWLINE)  # also vertical tab and form feed


@compiled
def _number(data: Bytes, begin: int, end: int) -> float:
    """Return a decimal number, or an infinity; NaN for what is none.

    Up to 15 digits with a small exponent it is the nearest float64; beyond, within a few units of the last place.
    """
    at, sign = begin, 1.0
    if at < end and (data[at] == _MINUS or data[at] == _PLUS):
        sign = -1.0 if data[at] == _MINUS else 1.0
        at += 1
    if end - at == 3 or end - at == 8:  # inf, infinity
        spelled = True
        for i, letter in enumerate((105, 110, 102, 105, 110, 105, 116, 121)):
            if i < end - at and (data[at + i] | 32) != letter:
                spelled = False
        if spelled:
            return sign * np.inf
    digits, value, scale = 0, 0.0, 0
    point = False
    while at < end:
        byte = data[at]
        if _ZERO <= byte <= _NINE:
            value = value * 10.0 + (byte - _ZERO)
            digits += 1
            scale -= point
        elif byte == _POINT and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0:
        return np.nan
    if at < end:
        if data[at] | 32 != 101:  # e
            return np.nan
        at += 1
        down = at < end and data[at] == _MINUS
        if at < end and (data[at] == _MINUS or data[at] == _PLUS):
            at += 1
        if at == end or end - at > 6:
            return np.nan
        exponent = 0
        while at < end:
            if not _ZERO <= data[at] <= _NINE:
                return np.nan
            exponent = exponent * 10 + (data[at] - _ZERO)
            at += 1
        scale += -exponent if down else exponent
    while scale < 0 and value != 0.0:
        step = min(-scale, 22)
        value /= _TENS[step]
        scale += step
    while scale > 0 and value != 0.0 and value != np.inf:
        step = min(scale, 22)
        value *= _TENS[step]
        scale -= step
    return sign * value


@compiled
def _slot(data: Bytes, begin: int, length: int, slots: IntArray, begins: IntArray, lengths: IntArray) -> int:
    """Return where in a hash table with linear probing a word is, or would go. ``slots``: (2^m,) word + 1, or 0."""
    code = np.uint64(14695981039346656037)
    for i in range(begin, begin + length):  # FNV-1a
        code = (code ^ np.uint64(data[i])) * np.uint64(1099511628211)
    code ^= code >> np.uint64(32)
    mask = len(slots) - 1
    slot = int(np.int64(code & np.uint64(mask)))
    while slots[slot] != 0:
        word = slots[slot] - 1
        if lengths[word] == length:
            same = True
            for i in range(length):
                if data[begins[word] + i] != data[begin + i]:
                    same = False
                    break
            if same:
                return slot
        slot = (slot + 1) & mask
    return slot


@compiled
def read_section(
    data: Bytes,
    at: int,
    line: int,
    order: int,
    slots: IntArray,
    begins: IntArray,
    lengths: IntArray,
    rows: IntArray,
    log10_probs: Float32Array,
    log10_backoffs: Float32Array,
    lines: IntArray,
) -> tuple[int, int, int, int]:
    """Read n-gram lines from byte ``at`` on, the line number ``line``, until one that begins with a backslash.

    A line is a log10 probability, the words, and perhaps a log10 back-off weight, parted by blanks or tabs. Of order
    1 the words are numbered and go into the hash table ``slots`` with the place of their bytes, ``begins`` and
    ``lengths``; of a higher order they are looked up there. ``rows``: (n, order) gets the words' numbers,
    ``log10_probs`` and ``log10_backoffs`` the numbers, ``lines`` the line numbers; of lines beyond n, none of it.

    Returns the place and the number of the line where it stopped, how many n-grams it read, and how it ended.
    """
    size, n, capacity = len(data), 0, len(rows)
    word_begin, word_end = np.zeros(order + 3, np.int64), np.zeros(order + 3, np.int64)
    while at < size:
        if data[at] == _BACKSLASH:
            return at, line, n, MARK
        fields, next_line = 0, at
        while next_line < size and data[next_line] != _NEWLINE:
            if _is_blank(data[next_line]):
                next_line += 1
                continue
            begin = next_line
            while next_line < size and data[next_line] != _NEWLINE and not _is_blank(data[next_line]):
                next_line += 1
            if fields < order + 3:
                word_begin[fields], word_end[fields] = begin, next_line
            fields += 1
        if fields == 0:  # an empty line
            at, line = next_line + 1, line + 1
            continue
        if fields > order + 2:
            return at, line, n, TOO_MANY
        if fields < order + 1:
            return at, line, n, TOO_FEW
        log10 = _number(data, word_begin[0], word_end[0])
        backoff = _number(data, word_begin[order + 1], word_end[order + 1]) if fields == order + 2 else 0.0
        if np.isnan(log10) or np.isnan(backoff) or backoff == np.inf:
            return at, line, n, NO_NUMBER
        if log10 > ROUNDING:
            return at, line, n, ABOVE_ONE
        if n < capacity:
            log10_probs[n], log10_backoffs[n], lines[n] = min(log10, 0.0), backoff, line
            for k in range(order):
                begin, length = word_begin[k + 1], word_end[k + 1] - word_begin[k + 1]
                slot = _slot(data, begin, length, slots, begins, lengths)
                if order == 1:
                    if slots[slot] != 0:
                        return at, line, n, TWICE
                    slots[slot] = n + 1
                    begins[n], lengths[n] = begin, length
                elif slots[slot] == 0:
                    return at, line, n, NOT_LISTED
                rows[n, k] = slots[slot] - 1
        n += 1
        at, line = next_line + 1, line + 1
    return min(at, size), line, n, END
