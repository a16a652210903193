"""Perplexity, accuracy and bits per byte from token scores. Log-probabilities are in nats, code lengths in bits.

Every sum is over the whole test text and is divided once, at the end: no averages of averages. Of several seeds,
perplexities are averaged as exp(mean of log), which is to average the cross-entropies, and all else arithmetically;
so a model's mean perplexity and its mean bits per byte tell the same story.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from lmcompare.analysis.run import ModelEntry, Run, Split
from lmcompare.analysis.scores import LN2, Array, TokenScores, token_scores


def perplexity(log_probs: Array) -> float:
    """exp(−mean of the log-probabilities in nats): infinite if a token got probability 0, NaN of no tokens."""
    if not len(log_probs):
        return float("nan")
    with np.errstate(over="ignore"):
        return float(np.exp(-np.mean(log_probs)))


def bits_per_byte(log_probs: Array, side_bits: Array, n_bytes: int) -> float:
    """(Σ −log2 p + Σ side bits) / bytes; ``log_probs`` in nats; NaN where there are no bytes."""
    if not n_bytes:
        return float("nan")
    return float((np.sum(-log_probs) / LN2 + np.sum(side_bits)) / n_bytes)


def accuracy(target_rank: Array, places: int) -> float:
    """The share of tokens that stand among the model's ``places`` likeliest; NaN of no tokens."""
    return float(np.mean(target_rank <= places)) if len(target_rank) else float("nan")


@dataclass(frozen=True)
class Figures:
    """The figures of one seed on one split, or their mean or spread over seeds; NaN where there is none."""

    perplexity: float
    perplexity_excluding_unknown: float
    perplexity_reset: float
    top1_accuracy: float
    top5_accuracy: float
    bits_per_byte: float


def seed_figures(scores: TokenScores, n_bytes: int, split: Split = "test") -> list[Figures]:
    """Return the figures of each seed. Ranks and reset scores exist on test only."""
    known = ~scores.is_unknown
    none = float("nan")
    on_test = split == "test"
    return [
        Figures(
            perplexity=perplexity(log_prob),
            perplexity_excluding_unknown=perplexity(log_prob[known]),
            perplexity_reset=perplexity(reset) if on_test else none,
            top1_accuracy=accuracy(rank, 1) if on_test else none,
            top5_accuracy=accuracy(rank, 5) if on_test else none,
            bits_per_byte=bits_per_byte(log_prob, scores.side_bits, n_bytes),
        )
        for log_prob, reset, rank in zip(scores.log_prob, scores.log_prob_reset, scores.target_rank, strict=True)
    ]


def mean_figures(seeds: Sequence[Figures]) -> Figures:
    """The mean over seeds: geometric for perplexities (their logs are averaged), arithmetic for the rest."""
    return Figures(**{f.name: _mean([getattr(s, f.name) for s in seeds], f.name) for f in fields(Figures)})


def spread_figures(seeds: Sequence[Figures]) -> Figures:
    """The standard deviation over seeds with divisor n − 1; NaN of a single seed."""
    return Figures(**{f.name: _spread([getattr(s, f.name) for s in seeds]) for f in fields(Figures)})


def split_bytes(run: Run, model: ModelEntry, split: Split = "test") -> int:
    """Return the UTF-8 bytes that are charged in a split."""
    return int(run.tokens[model.tokens_fingerprint].documents_of(split)["bytes"].sum())


def document_figures(run: Run, model: ModelEntry, split: Split = "test") -> pd.DataFrame:
    """Return one row a document, averaged over seeds.

    Columns: document, name, metadata (JSON), bytes, tokens, unknown, bits (all that is charged), bits_per_byte,
    perplexity.
    """
    documents = run.tokens[model.tokens_fingerprint].documents_of(split)
    scores = token_scores(run, model, split)
    size = len(documents)
    tokens = np.bincount(scores.document, minlength=size)
    bits = np.bincount(scores.document, scores.bits.mean(axis=0), minlength=size)
    nats = np.bincount(scores.document, -scores.log_prob.mean(axis=0), minlength=size)
    n_bytes = documents["bytes"].to_numpy(np.int64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return pd.DataFrame(
            {
                "document": np.arange(size),
                "name": documents["name"].to_numpy(),
                "metadata": documents["metadata"].to_numpy(),
                "bytes": n_bytes,
                "tokens": tokens,
                "unknown": np.bincount(scores.document, scores.is_unknown, minlength=size).astype(np.int64),
                "bits": bits,
                "bits_per_byte": bits / n_bytes,
                "perplexity": np.exp(nats / tokens),
            }
        )


def _mean(values: Sequence[float], name: str) -> float:
    if not name.startswith("perplexity"):
        return float(np.mean(values))
    with np.errstate(over="ignore"):
        return float(np.exp(np.mean(np.log(values))))


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else float("nan")
