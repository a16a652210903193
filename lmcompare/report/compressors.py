"""General compressors beside the models: their figures, and what each can use of the text before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lmcompare.render import numbers

ABOUT = {
    "gzip": ("gzip", "32 kB", "It refers to repeated passages and gives frequent bytes short codes."),
    "bzip2": ("bzip2", "900 kB", "It sorts the bytes by what follows them, so that equal bytes come together."),
    "xz": ("xz", "8 MB", "It refers to repeated passages far back, and predicts bits from counts in contexts."),
    "zstd": ("zstd, level 19", "8 MB", "It refers to repeated passages, and is made for speed."),
    "ppmd": (
        "PPMd, order 8",
        "all of it",
        "An n-gram model of bytes, with contexts of up to 8 bytes.",
    ),
}


@dataclass(frozen=True)
class Compressor:
    """A compressor with its figure.

    Parameters
    ----------
    title, past, how : str
        Its name, how much of the text before it can use, and how it works.
    bits_per_byte : float
    """

    title: str
    past: str
    how: str
    bits_per_byte: float

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.title.partition(",")[0]


def best(found: Mapping[str, float]) -> Compressor | None:
    """Return the compressor of a run that needs the fewest bits; None without any."""
    return min(listed(found), key=lambda each: each.bits_per_byte, default=None)


def listed(found: Mapping[str, float]) -> list[Compressor]:
    """Return the compressors of a run in the order of ``ABOUT``."""
    return [Compressor(*about, found[name]) for name, about in ABOUT.items() if name in found]


def in_brief(compressors: list[Compressor]) -> str:
    """Return their figures in a few words."""
    return numbers.listed([f"{each.name} {numbers.decimals(each.bits_per_byte, 2)}" for each in compressors])
