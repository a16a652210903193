"""The test text with every token coloured by its surprisal in a chosen model, or by a difference of two models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData, Section, marked
from lmcompare.report.markdown import plain, table
from lmcompare.report.passages import Passage, chosen, packed, stored_places
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible


@dataclass(frozen=True)
class Group:
    """Passages of models with the same tokens; ``best`` is the index of the model that is shown first."""

    name: str
    models: tuple[Model, ...]
    passages: list[Passage]
    titles: list[str]
    best: int
    chosen_from: str
    data: dict[str, Any]


def build(data: ReportData) -> Section | None:
    """Return the section, or None if the run stored no passages."""
    groups = []
    for fingerprint, models in data.groups.items():
        passages = chosen(data, models)
        if passages:
            means = np.concatenate([p.bits for p in passages], axis=1).mean(axis=1)
            means[[m.name in data.unranked for m in models]] += np.inf  # not shown first
            best = int(np.argmin(means))
            name = data.run.tokens_name(fingerprint)
            titles, stored = [title(p) for p in passages], packed(models, passages)
            groups.append(Group(name, models, passages, titles, best, _chosen_from(data, models), stored))
    if not groups:
        return None
    first = groups[0]
    markdown = _markdown(first.models, first.passages[0], data.unranked)
    return Section(
        "reader", "The test text, token by token", fill("reader", groups=groups, unranked=data.unranked), markdown
    )


def _chosen_from(data: ReportData, models: Sequence[Model]) -> str:
    """Return from how much of the test text the passages are chosen, if not from all of it."""
    found = len(stored_places(models))
    sizes = data.run.manifest.tokens[models[0].entry.tokens_fingerprint].tokens
    if not sizes.get("test") or found >= sizes["test"]:
        return ""
    return (
        f"They come from a random {numbers.percent(found / sizes['test'], 0)} of the test text, drawn before any"
        " model was scored."
    )


def title(passage: Passage) -> str:
    """Return the document, the first words and the disagreement of the models."""
    words = ""
    for token, spaced in zip(passage.tokens[:40], passage.spaced, strict=False):
        if len(words) > 44:
            break
        words += (" " if spaced else "") + visible(token)
    return f"{passage.document}: “{words.strip()}…” (±{passage.disagreement:.2f} bits)"


def _markdown(models: Sequence[Model], passage: Passage, unranked: frozenset[str]) -> str:
    """The ten tokens on which the models differ most, with every model's surprisal."""
    gaps = passage.bits.max(axis=0) - passage.bits.min(axis=0)
    order = sorted(np.argsort(-gaps, kind="stable")[:10].tolist())
    rows = (
        (
            plain(" ".join(visible(t) for t in passage.tokens[max(0, i - 6) : i])),
            f"**{plain(visible(passage.tokens[i]))}**",
            *(numbers.bits(float(b)) for b in passage.bits[:, i]),
        )
        for i in order
    )
    lead = (
        "The ten tokens of a held-out passage on which the models differ most, with the surprisal in each model. ¶"
        " is the end of a sentence, which is predicted too."
    )
    return f"{lead}\n\n" + table(("context", "token", *(f"{marked(m, unranked)}, bits" for m in models)), rows, 2)
