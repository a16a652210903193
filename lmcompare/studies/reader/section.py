"""The test text, each token or word coloured by its surprisal in a model, or by a difference of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.render import numbers
from lmcompare.render.markdown import plain, table
from lmcompare.render.templating import fill
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData, Section, grouped, marked
from lmcompare.report.passages import MOST_BITS, Passage, packed, stored_places


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
    html = fill(
        "reader",
        __package__,
        models=models,
        passages=passages,
        titles=[title(p) for p in passages],
        best=int(np.argmin(means)),
        chosen_from=_chosen_from(data, models),
        data=packed(models, passages),
        unit=unit,
        unranked=data.unranked,
    )
    return Section(
        "reader", f"The test text, {unit} by {unit}", html, _markdown(models, passages[0], data.unranked, unit)
    )


def _chosen_from(data: ReportData, models: Sequence[Model]) -> str:
    """Return from how much of the test text the passages are chosen, if not from all of it."""
    shares = []
    for fingerprint, same in grouped(models).items():
        tokens = data.run.manifest.tokens[fingerprint].tokens.get("test")
        shares.append(len(stored_places(same)) / tokens if tokens else 1.0)
    if min(shares) >= 1:
        return ""
    return (
        f"The passages come from a random {numbers.percent(min(shares), 0)} of the test text, drawn before any"
        " model was scored."
    )


def title(passage: Passage) -> str:
    """Return the document, the first words and the disagreement of the models."""
    words = ""
    for token, spaced in zip(passage.tokens[:40], passage.spaced, strict=False):
        if len(words) > 30:
            break
        words += (" " if spaced else "") + visible(token)
    return f"{passage.document}: “{words.strip()}…” ({passage.disagreement:.2f} bits)"


def _markdown(models: Sequence[Model], passage: Passage, unranked: frozenset[str], unit: str) -> str:
    """The ten tokens or words on which the models differ most, with every model's surprisal."""
    gaps = np.ptp(passage.bits.clip(max=MOST_BITS), axis=0)
    order = sorted(np.argsort(-gaps, kind="stable")[:10].tolist())
    rows = (
        (
            plain(" ".join(visible(t) for t in passage.tokens[max(0, i - 6) : i])),
            f"**{plain(visible(passage.tokens[i]))}**",
            *(numbers.bits(float(b)) for b in passage.bits[:, i]),
        )
        for i in order
    )
    lead = f"The ten {unit}s of a held-out passage on which the models differ most, with the surprisal in each model."
    if unit == "token":
        lead += " ¶ is the end of a sentence, which is predicted too."
    return f"{lead}\n\n" + table(("context", unit, *(f"{marked(m, unranked)}, bits" for m in models)), rows, 2)
