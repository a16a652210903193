"""Do the models make different mistakes? Linear mixtures, and which model is better on how many tokens.

A mixture gives a token the probability Σ w_i p_i. Its weights are fitted on the validation text and its perplexity is
measured on the test text. Only ranked models with the same tokens are mixed, and only the first finished seed of each
takes part: a mixture over seeds would be an ensemble, which is another model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from lmcompare.analysis.comparison import group_of
from lmcompare.analysis.metrics import perplexity
from lmcompare.analysis.token_blocks import Block, blocks
from lmcompare.analysis.totals import by_tokens
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run

STEPS = 200
TOLERANCE = 1e-7  # nats per token: less is not worth another step
FITTED = 2**20  # validation tokens to which weights are fitted: more would gain a millionth of a nat per token


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

    Returns
    -------
    DataFrame
        One row for each mixture. models (tuple of names), weights (tuple), tokens_fingerprint, valid_perplexity,
        test_perplexity, best_single (its best model on the test text), best_single_perplexity, gain (1 − mixture /
        best single), valid_tokens, fitted_tokens (the evenly spaced validation tokens used for the weights).
    """
    rows = []
    for models in _alike(run):
        on_valid = _some(run, models)
        groups = [list(pair) for pair in combinations(range(len(models)), 2)]
        if len(models) > 2:
            groups.append(list(range(len(models))))
        weights = [fit_weights(on_valid[group]) for group in groups]
        valid_tokens, _, mixed_valid = _totals(run, models, "valid", groups, weights)
        test_tokens, each, mixed_test = _totals(run, models, "test", groups, weights)
        alone = [perplexity(total, test_tokens) for total in each]
        for g, group in enumerate(groups):
            best = min(group, key=lambda i: alone[i])
            mixed = perplexity(mixed_test[g], test_tokens)
            rows.append(
                {
                    "models": tuple(models[i].name for i in group),
                    "weights": tuple(float(w) for w in weights[g]),
                    "tokens_fingerprint": models[0].tokens_fingerprint,
                    "valid_perplexity": perplexity(mixed_valid[g], valid_tokens),
                    "test_perplexity": mixed,
                    "best_single": models[best].name,
                    "best_single_perplexity": alone[best],
                    "gain": 1 - mixed / alone[best],
                    "valid_tokens": valid_tokens,
                    "fitted_tokens": on_valid.shape[1],
                }
            )
    columns = ["models", "weights", "tokens_fingerprint", "valid_perplexity", "test_perplexity", "best_single"]
    columns += ["best_single_perplexity", "gain", "valid_tokens", "fitted_tokens"]
    return pd.DataFrame(rows, columns=columns)


def wins(run: Run) -> pd.DataFrame:
    """Return on how many test tokens each model is better than each other model.

    Returns
    -------
    DataFrame
        first, second, tokens_fingerprint, share (of the tokens to which first gives the higher probability; equal
        probabilities count half), tokens.
    """
    rows = []
    for models in _alike(run):
        won, tokens = np.zeros((len(models), len(models))), 0
        for block in blocks(run, models, "test", seeds=1):
            log_probs = _first_seeds(block)
            tokens += len(block)
            for i, j in combinations(range(len(models)), 2):
                more, less = (log_probs[i] > log_probs[j]), (log_probs[i] < log_probs[j])
                won[i, j] += np.count_nonzero(more)
                won[j, i] += np.count_nonzero(less)
        for i, one in enumerate(models):
            for j, other in enumerate(models):
                if i != j and tokens:
                    share = float(won[i, j] + (tokens - won[i, j] - won[j, i]) / 2) / tokens
                    rows.append((one.name, other.name, one.tokens_fingerprint, share, tokens))
    return pd.DataFrame(rows, columns=["first", "second", "tokens_fingerprint", "share", "tokens"])


def _alike(run: Run) -> list[list[ModelEntry]]:
    """Return the ranked models that can be mixed: groups of two or more with the same tokens."""
    groups = [[model for model in models if group_of(model)[0] == "ranked"] for models in by_tokens(run).values()]
    return [models for models in groups if len(models) > 1]


def _some(run: Run, models: Sequence[ModelEntry]) -> Array:
    """(M, N) log-probabilities of the validation tokens, evenly subsampled to at most ``FITTED``."""
    every = -(-int(run.tokens[models[0].tokens_fingerprint].documents_of("valid")["tokens"].sum()) // FITTED)
    found, seen = [np.zeros((len(models), 0))], 0
    for block in blocks(run, models, "valid", seeds=1):
        found.append(_first_seeds(block)[:, -seen % max(every, 1) :: max(every, 1)])
        seen += len(block)
    return np.concatenate(found, axis=1)


def _totals(
    run: Run, models: Sequence[ModelEntry], split: Split, groups: Sequence[list[int]], weights: Sequence[Array]
) -> tuple[int, Array, Array]:
    """Return the tokens of a split, and the sums of their nats: (M,) in each model and (G,) in each mixture."""
    tokens, alone, mixed = 0, np.zeros(len(models)), np.zeros(len(groups))
    for block in blocks(run, models, split, seeds=1):
        log_probs = _first_seeds(block)
        tokens += len(block)
        alone += log_probs.sum(axis=1)
        mixed += [mixed_log_probs(log_probs[g], w).sum() for g, w in zip(groups, weights, strict=True)]
    return tokens, alone, mixed


def _first_seeds(block: Block) -> Array:
    """(M, N) log-probabilities of the first finished seed of each model."""
    return np.concatenate([block.stacked(m)[:1] for m in range(len(block.scores))])
