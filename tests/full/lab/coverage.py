"""How often the 95 % intervals hold the truth, on made-up test texts with documents of very unequal lengths.

Lengths are log-normal (σ = 1: the longest of 100 documents is some ten times the median). A document's bits per byte
deviate by a skewed effect of its own (a gamma), by its length (long documents are easier) and by noise that falls
with length. Of few documents, blocks of sentences are resampled: there neighbouring sentences are alike, with a
correlation of 0.5. ``python -m tests.full.lab.coverage`` prints the tables of docs/metrics.md.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.special import ndtr, ndtri

from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.analysis.units import BLOCK_SENTENCES
from lmcompare.runfolder.files import Array
from tests.analysis.drawn import draw, truth

ALIKE = 0.5  # the correlation of a sentence's deviation with that of the one before


def coverage(documents: int, what: str, texts: int, resamples: int, seed: int = 0) -> tuple[float, float, float]:
    """Return the shares of texts whose symmetric studentised, percentile and BCa interval holds the truth."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(3)
    wanted = truth(what)
    for text in range(texts):
        bits, size = draw(documents, what, rng)
        found = ratio_bootstrap(bits[:, None], size[:, None], resamples=resamples, seed=text)
        low, high = found.interval()
        hits[0] += low[0] <= wanted <= high[0]
        picked = rng.integers(0, documents, (resamples, documents))
        resampled = bits[picked].sum(axis=1) / size[picked].sum(axis=1)
        for k, shares in ((1, np.array([0.025, 0.975])), (2, bca(bits, size, resampled))):
            low, high = np.quantile(resampled, shares)
            hits[k] += low <= wanted <= high
    studentised, percentile, accelerated = hits / texts
    return float(studentised), float(percentile), float(accelerated)


def bca(bits: Array, size: Array, resampled: Array) -> Array:
    """(2,) the quantiles of the resampled ratios that the BCa interval takes (Efron 1987), the acceleration by the
    jackknife.
    """
    share = np.clip((resampled < bits.sum() / size.sum()).mean(), 1e-6, 1 - 1e-6)
    bias = ndtri(share)
    left_out = (bits.sum() - bits) / (size.sum() - size)
    gaps = left_out.mean() - left_out
    acceleration = (gaps**3).sum() / (6 * (gaps**2).sum() ** 1.5)
    z = bias + ndtri([0.025, 0.975])
    return np.asarray(ndtr(bias + z / (1 - acceleration * z)))


def of_blocks(documents: int, what: str, texts: int, resamples: int, seed: int = 0) -> tuple[float, float]:
    """Return how often the interval over blocks of sentences holds what other passages of the same documents, and
    what other documents, would give.
    """
    rng = np.random.default_rng(seed)
    hits = np.zeros(2)
    everywhere, noise = (2.0, 0.6) if what == "figure" else (0.05, 0.15)
    for text in range(texts):
        lengths = np.maximum(BLOCK_SENTENCES, rng.lognormal(5.0, 0.8, documents).astype(int))
        effects = 0.05 * rng.gamma(1.0, 1.0, documents)
        if what == "figure":
            effects = 2.0 + 0.35 * (rng.gamma(2.0, 0.5, documents) - 1)
        pairs = [_blocks(n, effect, noise, rng) for n, effect in zip(lengths, effects, strict=True)]
        bits, size = (np.concatenate(part)[:, None] for part in zip(*pairs, strict=True))
        low, high = ratio_bootstrap(bits, size, resamples=resamples, seed=text).interval()
        here = float((lengths * effects).sum() / lengths.sum())
        hits += [low[0] <= here <= high[0], low[0] <= everywhere <= high[0]]
    return float(hits[0] / texts), float(hits[1] / texts)


def _blocks(sentences: int, rate: float, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the (U,) bits and (U,) bytes of a document's blocks; a rest of under half a block joins the last."""
    size = rng.lognormal(4.5, 0.5, sentences)
    fresh = rng.standard_normal(sentences)
    deviation = fresh.copy()
    for i in range(1, sentences):
        deviation[i] = ALIKE * deviation[i - 1] + np.sqrt(1 - ALIKE**2) * fresh[i]
    blocks = max(1, (sentences + BLOCK_SENTENCES // 2) // BLOCK_SENTENCES)
    block = np.minimum(np.arange(sentences) // BLOCK_SENTENCES, blocks - 1)
    return np.bincount(block, (rate + noise * deviation) * size), np.bincount(block, size)


if __name__ == "__main__":
    texts = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for what in ("figure", "difference"):
        for documents in (5, 10, 30, 100, 1_000):
            shares = (f"{share:.1%}" for share in coverage(documents, what, texts, 1_000))
            print(f"| {what} | {documents:,} | {' | '.join(shares)} |", flush=True)
    for what in ("figure", "difference"):
        for documents in (3, 10, 29):
            shares = (f"{share:.1%}" for share in of_blocks(documents, what, texts, 1_000))
            print(f"| {what} | {documents:,} | {' | '.join(shares)} |", flush=True)
