"""Made-up test texts with documents of very unequal lengths, of which the true figures are known."""

from __future__ import annotations

import numpy as np

from lmcompare.runfolder.files import Array


def draw(documents: int, what: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return (n,) bits and (n,) bytes; ``what``: "figure" of one model or "difference" of two."""
    size = rng.lognormal(6.0, 1.0, documents)
    noise = rng.standard_normal(documents) / np.sqrt(size)
    if what == "figure":
        rate = 2.0 + 0.35 * (rng.gamma(2.0, 0.5, documents) - 1) - 0.1 * (np.log(size) - 6) + 3 * noise
    else:
        rate = 0.05 * rng.gamma(1.0, 1.0, documents) - 0.02 * (np.log(size) - 6) + 0.7 * noise
        rate += 0.05 * rng.standard_normal(documents)
    return rate * size, size


def truth(what: str) -> float:
    """E[bits] / E[bytes] by hand: E[size] = e^6.5, and the size-weighted mean of log(size) − 6 is σ² = 1."""
    return 2.0 - 0.1 if what == "figure" else 0.05 - 0.02
