"""The compiled loop that cuts a block of UTF-8 text at white space and numbers its tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, prefetch

IntArray = npt.NDArray[np.integer[Any]]
Bytes = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]

NEWLINE, BLANK, WIDE = 10, 32, 0xC2  # bytes from WIDE on begin characters beyond ASCII
FEWEST = 2**12  # slots of the hash table at the beginning
TOGETHER = 256  # tokens that are cut before they are looked up
ONE, EIGHT, LENGTH, UPPER = np.uint64(1), np.uint64(8), np.uint64(56), np.uint64(32)
LONG = np.uint64(0xFF << 56)  # the mark of a key that is a hash
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth 1973, section 6.4)
OFFSET, PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # of FNV-1a


@compiled
def _blank(text: Bytes, at: np.uint64) -> int:
    """Return how many bytes the white space (Unicode's White_Space) that begins here has; 0 for another character."""
    byte = text[at]
    if byte <= 32:
        return int(byte == 32 or 9 <= byte <= 13)
    if byte < 0xC2 or byte > 0xE3:
        return 0
    second = text[at + ONE] if at + ONE < np.uint64(len(text)) else np.uint8(0)
    third = text[at + ONE + ONE] if at + ONE + ONE < np.uint64(len(text)) else np.uint8(0)
    if byte == 0xC2:  # U+0085, U+00A0
        return 2 * int(second == 0x85 or second == 0xA0)
    if byte == 0xE1:  # U+1680
        return 3 * int(second == 0x9A and third == 0x80)
    if byte == 0xE2:  # U+2000 to U+200A, U+2028, U+2029, U+202F; U+205F
        general = second == 0x80 and (third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF)
        return 3 * int(general or (second == 0x81 and third == 0x9F))
    return 3 * int(byte == 0xE3 and second == 0x80 and third == 0x80)  # U+3000


@compiled
def _cut(text: Bytes, at: np.uint64, keys: Keys, begins: IntArray, ends: IntArray, slots: Keys) -> tuple[Any, int]:
    """Cut the next tokens from byte ``at`` on, as many as ``keys`` has room for; return where they end, and how many.

    A line end is a token without bytes. The slot of each token is prefetched from memory.
    """
    n, size = 0, np.uint64(len(text))
    while at < size and n < len(keys):
        byte = text[at]
        if byte == BLANK:
            at += ONE
            continue
        if byte < BLANK or byte >= WIDE:
            if byte == NEWLINE:
                begins[n] = ends[n] = at
                n += 1
                at += ONE
                continue
            width = _blank(text, at)
            if width:
                at += np.uint64(width)
                continue
        begin, key = at, np.uint64(0)
        while at < size and (BLANK < text[at] < WIDE or not _blank(text, at)):
            key = (key << EIGHT) | np.uint64(text[at])
            at += ONE
        keys[n], begins[n], ends[n] = _key(text, begin, at, key), begin, at
        prefetch(slots, _home(keys[n], slots))
        n += 1
    return at, n


@compiled
def number(text: Bytes, codes: IntArray, begins: IntArray, ends: IntArray) -> tuple[int, int]:
    """Write the number of each token, in order of first appearance, and -1 at the end of each line.

    ``begins`` and ``ends`` get the place of each different token in the text, by its number. Returns the number of
    codes and the number of different tokens.
    """
    slots = np.zeros(2 * FEWEST, np.uint64)
    keys, froms, tos = np.empty(TOGETHER, np.uint64), np.empty(TOGETHER, np.int64), np.empty(TOGETHER, np.int64)
    at, written, tokens = np.uint64(0), 0, 0
    while at < np.uint64(len(text)):
        at, n = _cut(text, at, keys, froms, tos, slots)
        for i in range(n):
            code = 0
            if froms[i] < tos[i]:
                slot = _slot(text, froms[i], tos[i], keys[i], slots, text, begins, ends)
                code = int(slots[slot + ONE])
                if code == 0:
                    begins[tokens], ends[tokens] = froms[i], tos[i]
                    tokens += 1
                    code = tokens
                    slots[slot], slots[slot + ONE] = keys[i], tokens
                    if 3 * tokens > len(slots):
                        slots = _larger(slots)
            codes[written] = code - 1
            written += 1
    codes[written] = -1
    return written + 1, tokens


@compiled
def look_up(
    text: Bytes, slots: Keys, data: Bytes, begins: IntArray, ends: IntArray, unknown: int, end: int, ids: IntArray
) -> int:
    """Write the id of each token, ``unknown`` where it is not in a table, and ``end`` at the end of each line.

    ``slots``, ``data``, ``begins`` and ``ends`` are the table, which ``enter`` has filled. Returns the number of ids.
    """
    keys, froms, tos = np.empty(TOGETHER, np.uint64), np.empty(TOGETHER, np.int64), np.empty(TOGETHER, np.int64)
    at, written = np.uint64(0), 0
    while at < np.uint64(len(text)):
        at, n = _cut(text, at, keys, froms, tos, slots)
        for i in range(n):
            if froms[i] == tos[i]:
                ids[written] = end
            else:
                found = slots[_slot(text, froms[i], tos[i], keys[i], slots, data, begins, ends) + ONE]
                ids[written] = int(found) - 1 if found else unknown
            written += 1
    ids[written] = end
    return written + 1


@compiled
def enter(data: Bytes, begins: IntArray, ends: IntArray, tokens: IntArray, slots: Keys) -> None:
    """Enter the tokens with these ids into the table; the bytes of token i are ``data[begins[i] : ends[i]]``."""
    for token in tokens:
        begin, end, key = np.uint64(begins[token]), np.uint64(ends[token]), np.uint64(0)
        for at in range(begin, end):
            key = (key << EIGHT) | np.uint64(data[at])
        key = _key(data, begin, end, key)
        slot = _slot(data, begins[token], ends[token], key, slots, data, begins, ends)
        slots[slot], slots[slot + ONE] = key, token + 1


@compiled
def _key(text: Bytes, begin: np.uint64, end: np.uint64, packed: np.uint64) -> Any:
    """Return the key of a token: below 8 bytes the token itself, ``packed``, and its length; else its hash."""
    length = end - begin
    return packed | (length << LENGTH) if length < EIGHT else _hashed(text, begin, end)


@compiled
def _hashed(text: Bytes, begin: np.uint64, end: np.uint64) -> Any:
    """Return the key of a long token: its hash, marked by eight bits that no key of a short token has."""
    code = OFFSET
    for at in range(begin, end):
        code = (code ^ np.uint64(text[at])) * PRIME
    return code | LONG


@compiled
def _home(key: np.uint64, slots: Keys) -> Any:
    return (((key * MULTIPLIER) >> UPPER) << ONE) & np.uint64(len(slots) - 1)


@compiled
def _slot(
    text: Bytes, begin: int, end: int, key: np.uint64, slots: Keys, data: Bytes, begins: IntArray, ends: IntArray
) -> Any:
    """Return where in the hash table a token is, or would go; ``data`` is the text of the tokens in the table.

    A slot is two numbers: a token's key, and its number + 1, which is 0 where the slot is free.
    """
    slot, mask = _home(key, slots), np.uint64(len(slots) - 1)
    while slots[slot + ONE] != 0:
        if slots[slot] == key:
            if key < LONG:
                break
            token = slots[slot + ONE] - ONE
            if ends[token] - begins[token] == end - begin:
                same = True
                for i in range(end - begin):
                    same &= text[begin + i] == data[begins[token] + i]
                if same:
                    break
        slot = (slot + ONE + ONE) & mask
    return slot


@compiled
def _larger(slots: Keys) -> Keys:
    """Return a hash table of twice the size with the same tokens."""
    larger = np.zeros(2 * len(slots), np.uint64)
    for old in range(0, len(slots), 2):
        if slots[old + 1] != 0:
            slot = _home(slots[old], larger)
            while larger[slot + ONE] != 0:
                slot = (slot + ONE + ONE) & np.uint64(len(larger) - 1)
            larger[slot], larger[slot + ONE] = slots[old], slots[old + 1]
    return larger
