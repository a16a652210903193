"""Perplexity, accuracy and bits per byte from token scores, what they cost, and what more training would change.

Log-probabilities are in nats, code lengths in bits. The token tables are read once, block by block; sums are kept by
seed, by document and by resampling unit. Every sum is divided once, at the end: no averages of averages. Of several
seeds, perplexities are averaged as exp(mean of log), which is to average the cross-entropies, and all else
arithmetically; so a model's mean perplexity agrees with its mean bits per byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from lmcompare.analysis.blocks import Block, blocks
from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.analysis.repeats import repeats
from lmcompare.analysis.units import units_of
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run, kept

LN2 = float(np.log(2.0))
SCORES = ("log_prob", "log_prob_reset", "target_rank", "is_unknown", "byte_start")


class Sums:
    """Sums for one model with S finished seeds over a split of N tokens, D documents and U resampling units.

    Attributes
    ----------
    tokens, known, impossible : int
        N, the tokens in the vocabulary, and the tokens to which some seed gives probability 0.
    overhead_bits : float
        Bits that are charged in addition to the model's own.
    log_prob, log_prob_known, log_prob_reset : array of shape (S,)
        Log-probability in nats of all tokens, of the known ones, and of the ``reset`` ones on their own.
    ranked, reset : int
        The tokens whose rank, and whose probability with every sentence on its own, was measured: all of the test
        text, or documents drawn by a hash if it is very long; none of the validation text.
    first, fifth : array of shape (S,)
        Ranked tokens that are the most likely one, or among the top five.
    document_tokens, document_unknown : array of shape (D,)
        Tokens, and unknown ones.
    document_bits, document_nats : array of shape (D,)
        Charged bits, and surprisal in nats, averaged over seeds.
    unit_bits, unit_overhead_bits : array of shape (U,)
        Charged bits averaged over seeds, and those that are charged in addition to the model's own; test text only.
    fresh_bits : array of shape (S,)
        Charged bits of the tokens of the test text that are not left out (see ``analysis.repeats``).
    unit_fresh_bits : array of shape (U,)
        The same averaged over seeds.
    unit_ranked, unit_reset : array of shape (U,)
        The ``ranked`` and the ``reset`` tokens of the test text.
    unit_first, unit_fifth, unit_reset_nats : array of shape (U,)
        Averaged over seeds: how many of the ranked tokens are the most likely one, and among the top five; the nats
        of the ``reset`` tokens with every sentence on its own.
    """

    def __init__(self, seeds: int, documents: int, units: int) -> None:
        self.tokens = self.known = self.impossible = self.ranked = self.reset = 0
        self.overhead_bits = 0.0
        self.log_prob, self.log_prob_known, self.log_prob_reset = np.zeros((3, seeds))
        self.first, self.fifth = np.zeros((2, seeds), np.int64)
        self.document_tokens, self.document_unknown = np.zeros((2, documents), np.int64)
        self.document_bits, self.document_nats = np.zeros((2, documents))
        self.unit_bits, self.unit_overhead_bits, self.unit_ranked, self.unit_reset = np.zeros((4, units))
        self.fresh_bits, self.unit_fresh_bits = np.zeros(seeds), np.zeros(units)
        self.unit_first, self.unit_fifth, self.unit_reset_nats = np.zeros((3, units))

    @property
    def bits(self) -> Array:
        """(S,) charged bits: −log2 of the text's probability, and the overhead bits."""
        return np.asarray(-self.log_prob / LN2 + self.overhead_bits)

    def add(self, block: Block, model: int, unit: Array | None, fresh: Array | None) -> None:
        """Add a block; ``model`` is the index in it.

        ``unit``, (N,), are the resampling units, None on valid. ``fresh``, (N,), is which tokens are not left out,
        None for all.
        """
        document, overhead_bits = block.features["document"], block.features["overhead_bits"]
        log_prob = block.stacked(model)
        is_unknown = block.scores[model][0]["is_unknown"].astype(bool)
        rank = block.stacked(model, "target_rank")
        self.tokens += len(block)
        self.known += int(np.count_nonzero(~is_unknown))
        self.impossible += int(np.isneginf(log_prob).any(axis=0).sum())
        self.overhead_bits += float(overhead_bits.sum())
        self.log_prob += [row.sum() for row in log_prob]
        self.log_prob_known += [row[~is_unknown].sum() for row in log_prob]
        reset = block.stacked(model, "log_prob_reset")
        was_reset, was_ranked = ~np.isnan(reset[0]), rank[0] > 0
        self.reset += int(np.count_nonzero(was_reset))
        self.log_prob_reset += reset[:, was_reset].sum(axis=1)
        self.ranked += int(np.count_nonzero(was_ranked))
        self.first += np.count_nonzero(rank[:, was_ranked] == 1, axis=1)
        self.fifth += np.count_nonzero(rank[:, was_ranked] <= 5, axis=1)
        of_seeds = -log_prob / LN2 + overhead_bits  # (S, N)
        bits = of_seeds.mean(axis=0)
        size = len(self.document_tokens)
        self.document_tokens += np.bincount(document, minlength=size)
        self.document_unknown += np.bincount(document, is_unknown, minlength=size).astype(np.int64)
        self.document_bits += np.bincount(document, bits, minlength=size)
        self.document_nats += np.bincount(document, -log_prob.mean(axis=0), minlength=size)
        if unit is None:
            return
        self.fresh_bits += of_seeds.sum(axis=1, where=True if fresh is None else fresh)
        fresh_bits = bits if fresh is None else np.where(fresh, bits, 0.0)
        of_ranked, of_reset = unit[was_ranked], unit[was_reset]
        ranked = rank[:, was_ranked]
        for held, where, values in (
            (self.unit_bits, unit, bits),
            (self.unit_fresh_bits, unit, fresh_bits),
            (self.unit_overhead_bits, unit, overhead_bits),
            (self.unit_ranked, of_ranked, None),
            (self.unit_first, of_ranked, (ranked == 1).mean(axis=0)),
            (self.unit_fifth, of_ranked, (ranked <= 5).mean(axis=0)),
            (self.unit_reset, of_reset, None),
            (self.unit_reset_nats, of_reset, -reset[:, was_reset].mean(axis=0)),
        ):
            held += np.bincount(where, values, minlength=len(held))


@kept
def sums(run: Run, split: Split) -> Mapping[str, Sums]:
    """Return the sums of every model with a finished cell, by name.

    Raises ``RunFolderError`` where the rows of a cell are not those of the token features.
    """
    units = units_of(run) if split == "test" else None
    left_out = repeats(run, "test") if split == "test" and repeats(run, "test").are_left_out else None
    scores = SCORES if left_out is None else (*SCORES, "byte_end")
    found: dict[str, Sums] = {}
    for models in by_tokens(run).values():
        documents = len(run.tokens[models[0].tokens_fingerprint].documents_of(split))
        of = [Sums(len(model.done), documents, 0 if units is None else len(units)) for model in models]
        tokens = run.tokens[models[0].tokens_fingerprint]
        scored, at = None if run.rules.every_token else tokens.scored_steps(split), 0
        for whole in blocks(run, models, split, features=("overhead_bits",), scores=scores):
            block = whole if scored is None else whole.only(scored[at : at + len(whole)])
            at += len(whole)
            document, byte_start = block.features["document"], block.stacked(0, "byte_start")[0]
            unit = None if units is None else units.of(document, byte_start)
            fresh = (
                None if left_out is None else ~left_out.cover(document, byte_start, block.stacked(0, "byte_end")[0])
            )
            for m, each in enumerate(of):
                each.add(block, m, unit, fresh)
        found |= {model.name: each for model, each in zip(models, of, strict=True)}
    return found


def by_tokens(run: Run) -> dict[str, list[ModelEntry]]:
    """Return the models with a finished cell by the fingerprint of their tokens, in the order of the experiment."""
    found: dict[str, list[ModelEntry]] = {}
    for model in run.scored:
        found.setdefault(model.tokens_fingerprint, []).append(model)
    return found


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


LAST = 0.9  # of the training: what the loss does after that is its end
FALLING = 0.005  # nats: a validation loss that fell by less at the end has levelled off
RISEN = 1.01  # a loss this many times the lowest one has risen again
SAME_AMOUNT = 1.1  # models that read up to this many times as many tokens read about the same amount


@dataclass(frozen=True)
class Progress:
    """How the validation loss of one training went.

    Parameters
    ----------
    fall : float
        How far the loss fell in the last tenth of training, in nats per token.
    rise : float
        The last loss divided by the lowest one.
    """

    fall: float
    rise: float

    @classmethod
    def of(cls, curve: pd.DataFrame) -> Progress | None:
        """Return the progress of a learning curve; None if its last tenth was not measured."""
        valid = curve.dropna(subset=["valid_loss"])
        if len(valid) < 2:
            return None
        axis = next((a for a in ("step", "tokens", "seconds") if valid[a].notna().all()), None)
        if axis is None:
            return None
        x, losses = valid[axis].to_numpy(np.float64), valid["valid_loss"].to_numpy(np.float64)
        if (
            x[0] > LAST * x[-1] or not np.isfinite(losses).all() or losses.min() <= 0
        ):  # a loss below 0 is not a code length
            return None
        end = float(losses[-1])
        return cls(fall=float(np.interp(LAST * x[-1], x, losses)) - end, rise=end / float(losses.min()))


@dataclass(frozen=True)
class Outlook:
    """What would probably help, by model name, the strongest case first.

    Parameters
    ----------
    falling : dict of str to float
        Models whose validation loss was still falling: by how many nats per token in the last tenth of training.
    risen : tuple of str
        Models whose validation loss had risen again at the end.
    """

    falling: dict[str, float]
    risen: tuple[str, ...]


def outlook(run: Run, names: Sequence[str]) -> Outlook:
    """Return what more training would probably change for the models of these names."""
    models = [run.model(name) for name in names]
    found = {m.name: p for m in models if (p := Progress.of(_curve(m))) is not None}
    return Outlook(
        falling=_descending({name: p.fall for name, p in found.items() if p.rise <= RISEN and p.fall > FALLING}),
        risen=tuple(name for name, p in found.items() if p.rise > RISEN),
    )


def unequal_reading(run: Run, names: Sequence[str]) -> dict[str, float]:
    """Return how many training tokens each model read, repeats included, if the amounts differ; else nothing.

    Models that count the training text in one pass are left out.
    """
    read = {name: tokens for name in names if (tokens := tokens_read(run.model(name))) is not None}
    if len(read) < 2 or max(read.values()) <= SAME_AMOUNT * min(read.values()):
        return {}
    return _descending(read)


def tokens_read(model: ModelEntry) -> float | None:
    """Return how many training tokens a model read, repeats included; None if its learning curve has none."""
    tokens = _curve(model)["tokens"].dropna()
    return float(tokens.iloc[-1]) if len(tokens) else None


def _curve(model: ModelEntry) -> pd.DataFrame:
    cell = model.first
    assert cell is not None, "a ranked model has a finished cell"
    return cell.curve.dropna(how="all")


def _descending(values: dict[str, float]) -> dict[str, float]:
    return dict(sorted(values.items(), key=lambda pair: -pair[1]))
