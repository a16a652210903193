"""Sums over the tokens of a split for each model, from which all figures and intervals are computed.

The token tables are read once, block by block; the sums are kept by seed, by document and by resampling unit.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lmcompare.analysis.repeats import repeats
from lmcompare.analysis.resampling import units_of
from lmcompare.analysis.token_blocks import Block, blocks
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array
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
