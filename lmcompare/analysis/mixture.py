"""Do the models know different things? Fixed linear mixtures, and who gives more to each token.

A mixture gives a token Σ w_i p_i; its weights are fitted on valid and its perplexity is measured on test, so a gain
is no accident of the fit. Only ranked models over the same tokens can be mixed, and only the finished cell of the
first seed of each takes part: a mixture over seeds would be an ensemble, which is another model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from lmcompare.analysis.comparison import group_of
from lmcompare.analysis.metrics import perplexity
from lmcompare.analysis.run import ModelEntry, Run, Split
from lmcompare.analysis.scores import Array, token_scores

STEPS = 200
TOLERANCE = 1e-7  # nats per token: less is not worth another step


def fit_weights(log_probs: Array) -> Array:
    """Return (M,) weights, at least zero and of sum one, that maximise the likelihood of the mixture.

    Parameters: ``log_probs``, (M, N) nats of N tokens under M models. The log-likelihood is concave in the weights;
    expectation maximisation (Jelinek and Mercer 1980) climbs it without a step size. Tokens to which every model
    gives probability 0 say nothing of the weights.
    """
    models = len(log_probs)
    top = log_probs.max(axis=0)
    scaled = np.exp(log_probs[:, np.isfinite(top)] - top[np.isfinite(top)])  # (M, N'), the greatest is 1
    weights = np.full(models, 1 / models)
    if not scaled.size:
        return weights
    before = -np.inf
    for _ in range(STEPS):
        joint = weights[:, None] * scaled
        mixed = joint.sum(axis=0)
        reached = float(np.mean(np.log(mixed)))
        if reached - before < TOLERANCE:
            break
        before = reached
        weights = (joint / mixed).mean(axis=1)
    return weights


def mixed_log_probs(log_probs: Array, weights: Array) -> Array:
    """(N,) nats of each token under the mixture Σ w_i p_i of (M, N) log-probabilities."""
    top = log_probs.max(axis=0)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(weights @ np.exp(log_probs - safe)))


def mixtures(run: Run) -> pd.DataFrame:
    """Return the best mixture of every pair, and of all where there are three or more, of ranked models.

    Columns: models (tuple of names), weights (tuple), tokens_fingerprint, valid_perplexity and test_perplexity of
    the mixture, best_single (the name of the model of the mixture that is best on test), best_single_perplexity,
    gain (1 − mixture / best single).
    """
    rows = []
    for models in _alike(run):
        on = {split: _first_seeds(run, models, split) for split in ("valid", "test")}
        alone = [perplexity(row) for row in on["test"]]
        groups = [list(pair) for pair in combinations(range(len(models)), 2)]
        if len(models) > 2:
            groups.append(list(range(len(models))))
        for group in groups:
            weights = fit_weights(on["valid"][group])
            found = {split: perplexity(mixed_log_probs(on[split][group], weights)) for split in on}
            best = min(group, key=lambda i: alone[i])
            rows.append(
                {
                    "models": tuple(models[i].name for i in group),
                    "weights": tuple(float(w) for w in weights),
                    "tokens_fingerprint": models[0].tokens_fingerprint,
                    "valid_perplexity": found["valid"],
                    "test_perplexity": found["test"],
                    "best_single": models[best].name,
                    "best_single_perplexity": alone[best],
                    "gain": 1 - found["test"] / alone[best],
                }
            )
    columns = ["models", "weights", "tokens_fingerprint", "valid_perplexity", "test_perplexity"]
    return pd.DataFrame(rows, columns=[*columns, "best_single", "best_single_perplexity", "gain"])


def wins(run: Run) -> pd.DataFrame:
    """Return how often each model gives a test token more than each other: first, second, tokens_fingerprint,
    share (of tokens to which first gives the higher probability; a tie is half a win), tokens.
    """
    rows = []
    for models in _alike(run):
        log_probs = _first_seeds(run, models, "test")
        for i, one in enumerate(models):
            for j, other in enumerate(models):
                if i != j and log_probs.shape[1]:
                    share = float(np.mean(log_probs[i] > log_probs[j]) + np.mean(log_probs[i] == log_probs[j]) / 2)
                    rows.append((one.name, other.name, one.tokens_fingerprint, share, log_probs.shape[1]))
    return pd.DataFrame(rows, columns=["first", "second", "tokens_fingerprint", "share", "tokens"])


def _alike(run: Run) -> list[list[ModelEntry]]:
    """Return the ranked models that may be mixed: two or more over the same tokens."""
    groups: dict[str, list[ModelEntry]] = {}
    for model in run.scored:
        if group_of(model)[0] == "ranked":
            groups.setdefault(model.tokens_fingerprint, []).append(model)
    return [models for models in groups.values() if len(models) > 1]


def _first_seeds(run: Run, models: Sequence[ModelEntry], split: Split) -> Array:
    """(M, N) nats of the first finished seed of each model."""
    return np.stack([token_scores(run, model, split).log_prob[0] for model in models])
