"""What a general compressor needs for a text after another one: a mark that people know from daily life."""

from __future__ import annotations

import lzma
from collections.abc import Sequence

PAST = 4 << 20  # bytes; xz looks back 8 MiB at most, which takes twice the time and saves 1 %
MOST = 1 << 20  # bytes of the text that are compressed


def xz_bits_per_byte(past: Sequence[str], text: Sequence[str]) -> float | None:
    """Return what xz needs for a text if it has read another one before, in bits per byte.

    That is the length of both together less that of the past, by the standard library's ``lzma`` with its usual
    preset. Of a long past the last 4 MiB are taken, of a long text the first 1 MiB.

    Parameters
    ----------
    past, text : sequence of str
        The documents of the training text and of the test text.

    Returns
    -------
    float or None
        None for an empty text.
    """
    before, after = _end(past), b"".join(document.encode() for document in text)[:MOST]
    if not after:
        return None
    return 8 * (len(lzma.compress(before + after)) - len(lzma.compress(before))) / len(after)


def _end(documents: Sequence[str]) -> bytes:
    """Return the last bytes of some documents."""
    parts: list[bytes] = []
    for document in reversed(documents):
        parts.append(document[-PAST:].encode())
        if sum(map(len, parts)) >= PAST:
            break
    return b"".join(reversed(parts))[-PAST:]
