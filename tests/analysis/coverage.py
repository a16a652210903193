"""How often the 95 % intervals hold the truth, on made-up test texts of documents with very unequal lengths.

Lengths are log-normal (σ = 1: the longest of 100 documents is some ten times the median). A document's bits per byte
deviate by a skewed effect of its own (a gamma), by its length (long documents are easier) and by noise that falls
with length. ``python -m tests.analysis.coverage`` prints the table of docs/metrics.md.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from lmcompare.analysis.intervals import ratio_bootstrap

Array = np.ndarray[Any, Any]


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


def coverage(documents: int, what: str, texts: int, resamples: int, seed: int = 0) -> tuple[float, float]:
    """Return the shares of texts whose symmetric studentised, and whose percentile, interval holds the truth."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(2)
    wanted = truth(what)
    for text in range(texts):
        bits, size = draw(documents, what, rng)
        found = ratio_bootstrap(bits[:, None], size[:, None], resamples=resamples, seed=text)
        low, high = found.interval()
        hits[0] += low[0] <= wanted <= high[0]
        picked = rng.integers(0, documents, (resamples, documents))
        low, high = np.quantile(bits[picked].sum(axis=1) / size[picked].sum(axis=1), [0.025, 0.975])
        hits[1] += low <= wanted <= high
    return float(hits[0] / texts), float(hits[1] / texts)


if __name__ == "__main__":
    texts = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for what in ("figure", "difference"):
        for documents in (5, 10, 30, 100, 1_000):
            studentised, percentile = coverage(documents, what, texts, 1_000)
            print(f"| {what} | {documents:,} | {studentised:.1%} | {percentile:.1%} |", flush=True)
