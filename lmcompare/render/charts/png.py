"""Small pictures as the addresses of PNG images."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
GREY, RGBA = 4, 6  # the types of PNG with two and with four channels


def png(pixels: Array) -> str:
    """Return pixels as the address of a PNG, one of its pixels for each.

    Parameters
    ----------
    pixels : array of uint8, shape (height, width, 2) or (height, width, 4)
        Grey or red, green and blue, and the opacity.
    """
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + line.tobytes() for line in pixels)  # each row begins with its filter: 0 is no filter
    header = struct.pack(">IIBBBBB", width, height, 8, {2: GREY, 4: RGBA}[channels], 0, 0, 0)  # eight bits
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(data).decode()


def strip(pictures: Array, colour: tuple[int, int, int] | None = None) -> str:
    """Return pictures side by side as the address of a PNG.

    Each has a transparent border of one pixel, so that N pictures of P pixels divide the width into N equal parts.

    Parameters
    ----------
    pictures : array of float, shape (N, P, P)
        Amounts from 0 to 1: from black to white or, with a colour, from transparent to the colour.
    colour : tuple of int, optional
    """
    amounts = np.rint(255 * np.clip(pictures, 0, 1)).astype(np.uint8)
    if colour is None:
        cells = np.stack([amounts, np.full_like(amounts, 255)], -1)  # (N, P, P, 2)
    else:
        cells = np.concatenate(
            [np.broadcast_to(np.array(colour, np.uint8), (*amounts.shape, 3)), amounts[..., None]], -1
        )
    bordered = np.pad(cells, ((0, 0), (1, 1), (1, 1), (0, 0)))  # (N, P + 2, P + 2, C)
    return png(np.concatenate(list(bordered), axis=1))
