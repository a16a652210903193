"""Perplexity, accuracy and bits per byte from token scores. Log-probabilities are in nats, code lengths in bits.

Every sum is over the whole test text and is divided once, at the end: no averages of averages. Of several seeds,
perplexities are averaged as exp(mean of log), which is to average the cross-entropies, and all else arithmetically;
so a model's mean perplexity agrees with its mean bits per byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.analysis.totals import Sums, sums
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run


def ratio(amount: float, of: int) -> float:
    """``amount / of``; NaN if ``of`` is 0."""
    return float(amount / of) if of else float("nan")


def perplexity(log_prob: float, tokens: int) -> float:
    """exp(−Σ log p / tokens), the sum in nats: infinite if a token got probability 0, NaN for no tokens."""
    with np.errstate(over="ignore"):
        return float(np.exp(-ratio(log_prob, tokens)))


@dataclass(frozen=True)
class Figures:
    """The figures of one seed on one split, or their mean or spread over seeds; NaN where there is none."""

    perplexity: float
    perplexity_excluding_unknown: float
    perplexity_reset: float
    top1_accuracy: float
    top5_accuracy: float
    bits_per_byte: float


def seed_figures(found: Sums, n_bytes: int) -> list[Figures]:
    """Return the figures of each seed. Ranks and per-sentence scores exist on the test text only."""
    return [
        Figures(
            perplexity=perplexity(found.log_prob[s], found.tokens),
            perplexity_excluding_unknown=perplexity(found.log_prob_known[s], found.known),
            perplexity_reset=perplexity(found.log_prob_reset[s], found.reset),
            top1_accuracy=ratio(found.first[s], found.ranked),
            top5_accuracy=ratio(found.fifth[s], found.ranked),
            bits_per_byte=ratio(bits, n_bytes),
        )
        for s, bits in enumerate(found.bits)
    ]


def mean_figures(seeds: Sequence[Figures]) -> Figures:
    """The mean over seeds: geometric for perplexities (their logs are averaged), arithmetic for the rest."""
    return Figures(**{f.name: _mean([getattr(s, f.name) for s in seeds], f.name) for f in fields(Figures)})


def spread_figures(seeds: Sequence[Figures]) -> Figures:
    """The standard deviation over seeds with divisor n − 1; NaN of a single seed."""
    return Figures(**{f.name: _spread([getattr(s, f.name) for s in seeds]) for f in fields(Figures)})


def sampled(found: Sums) -> dict[str, Any] | None:
    """Return the intervals of what was measured in a sample of the test text; None if it was all of it.

    Returns
    -------
    dict or None
        ``tokens`` of the sample, and the lower and the upper end of the 95 % interval of ``top1_accuracy``,
        ``top5_accuracy`` and ``perplexity_reset``, by a bootstrap over the units of the sample; NaN of too few units.
    """
    if found.ranked in (0, found.tokens):
        return None
    amounts = np.stack([found.unit_first, found.unit_fifth, found.unit_reset_nats], axis=1)  # (U, 3)
    of = np.stack([found.unit_ranked, found.unit_ranked, found.unit_reset], axis=1)
    in_sample = found.unit_ranked > 0
    finite = np.isfinite(amounts).all(axis=0)  # a token with probability 0 has infinitely many nats
    drawn = ratio_bootstrap(np.where(finite, amounts, 0)[in_sample], of[in_sample])
    low, high = (np.where(finite, ends, np.nan) for ends in drawn.interval())
    return {
        "tokens": found.ranked,
        "top1_accuracy": [float(low[0]), float(high[0])],
        "top5_accuracy": [float(low[1]), float(high[1])],
        "perplexity_reset": [float(np.exp(low[2])), float(np.exp(high[2]))],
    }


def split_bytes(run: Run, model: ModelEntry, split: Split = "test") -> int:
    """Return the UTF-8 bytes that are charged in a split."""
    return int(run.tokens[model.tokens_fingerprint].documents_of(split)["bytes"].sum())


def document_figures(run: Run, model: ModelEntry) -> pd.DataFrame:
    """Return one row for each test document, averaged over seeds.

    Columns: document, name, metadata (JSON), bytes, tokens, unknown, bits (all that is charged), bits_per_byte,
    perplexity.
    """
    documents = run.tokens[model.tokens_fingerprint].documents_of("test")
    found = sums(run, "test")[model.name]
    n_bytes = documents["bytes"].to_numpy(np.int64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return pd.DataFrame(
            {
                "document": np.arange(len(documents)),
                "name": documents["name"].to_numpy(),
                "metadata": documents["metadata"].to_numpy(),
                "bytes": n_bytes,
                "tokens": found.document_tokens,
                "unknown": found.document_unknown,
                "bits": found.document_bits,
                "bits_per_byte": found.document_bits / n_bytes,
                "perplexity": np.exp(found.document_nats / found.document_tokens),
            }
        )


def _mean(values: Sequence[float], name: str) -> float:
    if not name.startswith("perplexity"):
        return float(np.mean(values))
    with np.errstate(over="ignore"):
        return float(np.exp(np.mean(np.log(values))))


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else float("nan")


def cost_of_trainings(key: str, costs: Sequence[float | None]) -> float | None:
    """Return the maximum over trainings of memory, the mean of other costs; None if one was not measured."""
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return None
    return float(max(known) if key == "peak_memory_bytes" else np.mean(known))
