"""The test text, each token or word coloured by its surprisal in a model, or by a difference of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData, Section, grouped
from lmcompare.report.passages import MOST_BITS, Passage, packed, stored_places

DIFFERING = 10  # places of a passage that Markdown shows


def build(data: ReportData) -> Section | None:
    """Return the section, or None if the run stored no passages. Models of different tokens are shown at words."""
    models = data.scored
    if not models:
        return None
    unit, passages = data.passages
    if not passages:
        return None
    means = np.concatenate([p.bits for p in passages], axis=1).mean(axis=1)
    means[[m.name in data.unranked for m in models]] += np.inf  # not shown first
    bits = passages[0].bits
    most = np.argsort(-np.ptp(bits.clip(max=MOST_BITS), axis=0), kind="stable")[:DIFFERING]
    return Section.written(
        "reader",
        f"The test text, {unit} by {unit}",
        __package__,
        models=models,
        passages=passages,
        titles=[title(p) for p in passages],
        differing=sorted(most.tolist()),
        best=int(np.argmin(means)),
        share=_share(data, models),
        data=packed(models, passages),
        unit=unit,
        unranked=data.unranked,
    )


def _share(data: ReportData, models: Sequence[Model]) -> float:
    """Return from how much of the test text the passages are chosen: the least share of all tokenizers."""
    shares = []
    for fingerprint, same in grouped(models).items():
        tokens = data.run.manifest.tokens[fingerprint].tokens.get("test")
        shares.append(len(stored_places(same)) / tokens if tokens else 1.0)
    return min(shares)


def title(passage: Passage) -> str:
    """Return the document, the first words and the disagreement of the models."""
    words = ""
    for token, spaced in zip(passage.tokens[:40], passage.spaced, strict=False):
        if len(words) > 30:
            break
        words += (" " if spaced else "") + visible(token)
    return f"{passage.document}: “{words.strip()}…” ({passage.disagreement:.2f} bits)"
