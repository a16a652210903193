"""How much a model's next distribution of a series depends on the value at each lag."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmcompare.measure.series import ScoredSteps, step_and_season
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

POSITIONS = 32  # positions of the test series at which a model is asked
READ = 64  # tokens before each position
LAGS = 28  # the most lags; for a short season a little more than one season
DRAWN = 1  # values that replace each value
BATCH = 400  # documents that are read at a time


def lag_influences(model: LanguageModel, corpus: TokenizedCorpus, options: dict[str, Any]) -> list[float]:
    """Return for each lag from 1 on the mean Kullback-Leibler divergence, in nats, if the value there is replaced.

    The value at this lag is replaced by values drawn from the training series; the divergence is that of the next
    distribution over the bins from the changed one. A model that learns while it reads is not asked.
    """
    if model.traits.adaptive:
        return []
    scored, test = ScoredSteps.of(corpus, "test"), corpus.test
    season = max(step_and_season(metadata, options)[1] for metadata in corpus.documents_of("test")["metadata"])
    lags = min(LAGS, season + 3 if season > 1 else 12)
    generator = np.random.default_rng(0)
    at = np.flatnonzero(scored.at)
    at = at[at - test.context_starts(at) > lags]
    if not len(at):
        return []
    at = np.sort(generator.choice(at, min(POSITIONS, len(at)), replace=False))
    known = corpus.train.ids[scored.bins[corpus.train.ids]]
    documents: list[IntArray] = []
    for position in at.tolist():
        begin = max(int(test.context_starts(np.array([position]))[0]), position - READ)
        context = test.ids[begin : position + 1].copy()  # the model does not see the last token
        documents.append(context)
        for lag in range(1, lags + 1):
            for other in generator.choice(known, DRAWN):
                altered = context.copy()
                altered[-1 - lag] = other
                documents.append(altered)
    rows = []
    for first in range(0, len(documents), BATCH):
        text = Encoded.from_documents(documents[first : first + BATCH], corpus.vocabulary)
        rows.append(_over_bins(next_distributions(model, text, text.ends - 1)[:, scored.bins]))
    found = np.concatenate(rows).reshape(len(at), 1 + lags * DRAWN, -1)  # (positions, 1 + lags · DRAWN, bins)
    own, changed = found[:, :1], found[:, 1:]
    divergence = (np.exp(own) * (own - changed)).sum(axis=2).reshape(len(at), lags, DRAWN)
    return [float(value) for value in divergence.clip(0, 50).mean(axis=(0, 2))]


def _over_bins(nats: FloatArray) -> FloatArray:
    """(n, B) log-probabilities of the bins among themselves."""
    nats = nats.astype(np.float64).clip(min=-60)
    nats = nats - nats.max(axis=1, keepdims=True)
    found: FloatArray = nats - np.log(np.exp(nats).sum(axis=1, keepdims=True))
    return found
