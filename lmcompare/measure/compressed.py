"""What general compressors need for a text after another one: marks that people know from daily life."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

PAST = 3 << 20  # bytes; more would take longer than cutting a long text into tokens, and save xz about 1 %
GZIP_PAST = 1 << 16  # bytes; gzip looks back 32 KiB
BZIP2_BLOCK = 899_000  # bytes, a little less than a block of bzip2, which sees nothing of the block before
MOST = 1 << 20  # bytes of the text that are compressed
PPMD_ORDER, PPMD_MEMORY = 8, 256 << 20  # context and memory, in bytes
ZSTD_LEVEL = 19
NONE: Mapping[str, float] = {}


def _zstd(data: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.Codec("zstd", compression_level=ZSTD_LEVEL).compress(data, asbytes=True)
    return packed


def _ppmd(data: bytes) -> bytes:
    import pyppmd

    packed: bytes = pyppmd.compress(data, max_order=PPMD_ORDER, mem_size=PPMD_MEMORY)
    return packed


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: zlib.compress(data, 9),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "ppmd": _ppmd,
}


def compressed(past: Sequence[str], text: Sequence[str], known: Mapping[str, float] = NONE) -> dict[str, float]:
    """Return what compressors need for a text if they have read another one before, in bits per byte.

    It is the compressed length of both texts together, minus that of the past. Only the last 3 MiB of a long past are
    used (for gzip 64 KiB, for bzip2 what fits into one block with the text), and the first 1 MiB of a long text.

    Parameters
    ----------
    past, text : sequence of str
        The documents of the training text and of the test text.
    known : mapping of str to float, optional
        Figures that were measured before.

    Returns
    -------
    dict of str to float
        By the name of the compressor. Left out are those that are not installed, and those for which the text adds no
        byte, because it is very short and occurs in the past; all for an empty text.
    """
    before, after = _end(past), _beginning(text)
    found = dict(known)
    for name, compress in COMPRESSORS.items() if after else ():
        if name not in found:
            limits = {"gzip": GZIP_PAST, "bzip2": max(0, BZIP2_BLOCK - len(after))}
            past_of = before[max(0, len(before) - limits.get(name, PAST)) :]
            with suppress(ImportError):
                found[name] = 8 * (len(compress(past_of + after)) - len(compress(past_of))) / len(after)
    return {name: found[name] for name in COMPRESSORS if found.get(name, 0.0) > 0}


def _beginning(documents: Sequence[str]) -> bytes:
    """Return the first bytes of some documents."""
    parts, size = list[bytes](), 0
    for document in documents:
        parts.append(document[:MOST].encode())
        size += len(parts[-1])
        if size >= MOST:
            break
    return b"".join(parts)[:MOST]


def _end(documents: Sequence[str]) -> bytes:
    """Return the last bytes of some documents."""
    parts, size = list[bytes](), 0
    for document in reversed(documents):
        parts.append(document[-PAST:].encode())
        size += len(parts[-1])
        if size >= PAST:
            break
    return b"".join(reversed(parts))[-PAST:]
