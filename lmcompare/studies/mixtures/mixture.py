"""Do the models make different mistakes? Linear mixtures, and which model is better on how many tokens or words.

A mixture gives a token the probability Σ w_i p_i. Its weights are fitted on the validation text and its perplexity is
measured on the test text. Models of different tokens are mixed word by word: a word, with what is before it, has a
probability in each of them. Only ranked models are mixed, and only the first finished seed of each takes part: a
mixture over seeds would be an ensemble, which is another model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from lmcompare.analysis.blocks import WordBlock, blocks, word_blocks
from lmcompare.analysis.comparison import MOST_PAIRED, group_of, paired
from lmcompare.analysis.metrics import LN2, perplexity, sums
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run


class Alike(ABC):
    """Models, and their scores of pieces of the text that they all have: tokens, or words."""

    unit: Literal["token", "word"]
    figure: Literal["perplexity", "bits per byte"]

    def __init__(self, run: Run, models: Sequence[ModelEntry]) -> None:
        self.run, self.models = run, tuple(models)

    @abstractmethod
    def nats(self, split: Split) -> Iterator[Array]:
        """Yield blocks (M, n) of log-probabilities in nats, in order, from the first finished seed of each model."""

    @abstractmethod
    def units(self, split: Split) -> int:
        """Return the number of tokens or words of a split, which are the columns of all its blocks."""

    @abstractmethod
    def figure_of(self, nats: float, split: Split) -> float:
        """Return the figure of a split from its log-probability."""

    def _documents(self, split: Split) -> pd.DataFrame:
        return self.run.tokens[self.models[0].tokens_fingerprint].documents_of(split)


class AlikeTokens(Alike):
    """Models with the same tokens, which are compared by perplexity."""

    unit, figure = "token", "perplexity"

    def nats(self, split: Split) -> Iterator[Array]:
        for block in blocks(self.run, self.models, split, seeds=1):
            yield np.concatenate([block.stacked(m)[:1] for m in range(len(block.scores))])

    def units(self, split: Split) -> int:
        return int(self._documents(split)["tokens"].sum())

    def figure_of(self, nats: float, split: Split) -> float:
        return perplexity(nats, self.units(split))


class AlikeWords(Alike):
    """Models with different tokens, which are compared by bits per byte."""

    unit, figure = "word", "bits per byte"

    def nats(self, split: Split) -> Iterator[Array]:
        held: list[tuple[Array, Array]] = []  # the words of the last unit so far: the next block may continue it
        for block in word_blocks(self.run, self.models, split, (), seeds=1):
            bits, begins = block.bits + block.gaps, _begins(block)
            first = int(np.argmax(np.append(begins, True)))  # the words before it continue the unit that is held
            if held and first < len(begins):
                yield _summed([*held, (bits[:, :first], begins[:first])])
                held, bits, begins = [], bits[:, first:], begins[first:]
            held.append((bits, begins))
        if held:
            yield _summed(held)

    def units(self, split: Split) -> int:
        return sum(
            int(np.count_nonzero(_begins(block))) for block in word_blocks(self.run, self.models, split, (), seeds=1)
        )

    def figure_of(self, nats: float, split: Split) -> float:
        return -nats / LN2 / float(self._documents(split)["bytes"].sum())


def _begins(block: WordBlock) -> Array:
    """(W,) whether a word begins a unit: words that share a figure in any model are one unit."""
    return np.logical_not(block.joined.any(axis=0))


def _summed(parts: Sequence[tuple[Array, Array]]) -> Array:
    """(M, n) the nats of whole units, from the bits (M, W) of their words and whether each begins one (W,)."""
    bits, begins = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    unit = np.cumsum(begins) - 1
    return -LN2 * np.stack([np.bincount(unit, of_model) for of_model in bits])


def alike(run: Run) -> Alike | None:
    """Return the ranked models, by words if their tokens differ; None if there are fewer than two."""
    ranked = [model for model in run.scored if group_of(model)[0] == "ranked"]
    found = sums(run, "test")  # infinite for a model that gave a token the probability 0: it has no rank
    models = [model for model in ranked if np.isfinite(found[model.name].unit_bits).all()]
    if len(models) < 2:
        return None
    return (AlikeTokens if len({model.tokens_fingerprint for model in models}) == 1 else AlikeWords)(run, models)


STEPS = 200
TOLERANCE = 1e-7  # nats per token: a smaller gain is not worth another step
# validation tokens or words to which weights are fitted: more would gain a millionth of a nat per token
FITTED = 2**20
MOST_FITTED = 2**26  # numbers in memory: with more than 64 models, fewer tokens are used


def fit_weights(log_probs: Array) -> Array:
    """Return the weights that maximise the likelihood of the mixture, by expectation maximisation.

    The log-likelihood is concave in the weights, and expectation maximisation needs no step size (Jelinek and Mercer,
    1980). Tokens to which every model gives probability 0 are left out.

    Parameters
    ----------
    log_probs : array of shape (M, N)
        Log-probabilities of N tokens in M models, in nats.

    Returns
    -------
    array of shape (M,)
        Non-negative weights that sum to one.
    """
    models = len(log_probs)
    top = log_probs.max(axis=0)
    scaled = np.exp(log_probs[:, np.isfinite(top)] - top[np.isfinite(top)])  # (M, N'), the greatest is 1
    weights = np.full(models, 1 / models)
    if not scaled.size:
        return weights
    before = -np.inf
    for _ in range(STEPS):
        mixed = weights @ scaled
        reached = float(np.mean(np.log(mixed)))
        if reached - before < TOLERANCE:
            break
        before = reached
        weights = weights * (scaled @ (1 / mixed)) / scaled.shape[1]  # the mean of w_i p_i / Σ w_j p_j
    return weights


def mixed_log_probs(log_probs: Array, weights: Array) -> Array:
    """(N,) log-probabilities (nats) of each token in the mixture Σ w_i p_i, from those of M models (M, N)."""
    top = log_probs.max(axis=0)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(weights @ np.exp(log_probs - safe)))


def mixtures(run: Run) -> pd.DataFrame:
    """Return the best mixture of every pair of ranked models, and of all of them if there are three or more.

    Of more than ``MOST_PAIRED`` models, each is mixed with the best one on the validation text.

    Returns
    -------
    DataFrame
        One row for each mixture. models (tuple of names), weights (tuple), unit ("token" or "word"), figure
        ("perplexity" or "bits per byte"), valid and test (the figure of the mixture), best_single (its best model on
        the test text), best_single_test, gain (1 − mixture / best single), valid_units, fitted_units (the evenly
        spaced validation tokens or words used for the weights).
    """
    rows = []
    if (found := alike(run)) is not None:
        on_valid = _for_fitting(found)
        names = [model.name for model in found.models]
        groups = [list(pair) for pair in paired(range(len(names)), (-on_valid.sum(axis=1)).tolist())]
        if len(names) > 2:
            groups.append(list(range(len(names))))
        weights = [fit_weights(on_valid[group]) for group in groups]
        _, mixed_valid = _figures(found, "valid", groups, weights)
        alone, mixed_test = _figures(found, "test", groups, weights)
        for g, group in enumerate(groups):
            best = min(group, key=lambda i: alone[i])
            rows.append(
                {
                    "models": tuple(names[i] for i in group),
                    "weights": tuple(float(w) for w in weights[g]),
                    "unit": found.unit,
                    "figure": found.figure,
                    "valid": mixed_valid[g],
                    "test": mixed_test[g],
                    "best_single": names[best],
                    "best_single_test": alone[best],
                    "gain": 1 - mixed_test[g] / alone[best],
                    "valid_units": found.units("valid"),
                    "fitted_units": on_valid.shape[1],
                }
            )
    columns = ["models", "weights", "unit", "figure", "valid", "test", "best_single", "best_single_test", "gain"]
    return pd.DataFrame(rows, columns=[*columns, "valid_units", "fitted_units"])


def wins(run: Run) -> pd.DataFrame:
    """Return on how many test tokens, or words if the tokens differ, each ranked model is better than each other one.

    The table is empty for more than ``MOST_PAIRED`` models.

    Returns
    -------
    DataFrame
        first, second, share (of the tokens or words to which first gives the higher probability; equal probabilities
        count half), units (how many there are).
    """
    rows = []
    if (found := alike(run)) is not None and len(found.models) <= MOST_PAIRED:
        models = found.models
        won, units = np.zeros((len(models), len(models))), found.units("test")
        for log_probs in found.nats("test"):
            for i, j in combinations(range(len(models)), 2):
                more, less = (log_probs[i] > log_probs[j]), (log_probs[i] < log_probs[j])
                won[i, j] += np.count_nonzero(more)
                won[j, i] += np.count_nonzero(less)
        for i, one in enumerate(models):
            for j, other in enumerate(models):
                if i != j and units:
                    share = float(won[i, j] + (units - won[i, j] - won[j, i]) / 2) / units
                    rows.append((one.name, other.name, share, units))
    return pd.DataFrame(rows, columns=["first", "second", "share", "units"])


def _for_fitting(found: Alike) -> Array:
    """(M, N) nats of the tokens or words of the validation text, evenly subsampled to at most ``FITTED``."""
    every, seen = max(1, -(-found.units("valid") // min(FITTED, MOST_FITTED // len(found.models)))), 0
    parts = [np.zeros((len(found.models), 0))]
    for block in found.nats("valid"):
        parts.append(block[:, -seen % every :: every])
        seen += block.shape[1]
    return np.concatenate(parts, axis=1)


def _figures(
    found: Alike, split: Split, groups: Sequence[list[int]], weights: Sequence[Array]
) -> tuple[list[float], list[float]]:
    """Return the figures of a split: of the M models, and of the G mixtures."""
    alone, mixed = np.zeros(len(found.models)), np.zeros(len(groups))
    for log_probs in found.nats(split):
        alone += log_probs.sum(axis=1)
        mixed += [mixed_log_probs(log_probs[g], w).sum() for g, w in zip(groups, weights, strict=True)]
    figures = [[found.figure_of(float(nats), split) for nats in totals] for totals in (alone, mixed)]
    return figures[0], figures[1]
