"""The reader of the test text: every token coloured by its surprisal under a chosen model, or by a difference."""

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
    """What models with the same tokens are read on; ``best`` is the one that is shown first."""

    name: str
    models: tuple[Model, ...]
    passages: list[Passage]
    titles: list[str]
    best: int
    reading: str
    looked_at: str
    data: dict[str, Any]


def build(data: ReportData) -> Section | None:
    """Return the section, or None where the run stored no passages."""
    groups = []
    for fingerprint, models in data.groups.items():
        passages = chosen(data, models)
        if passages:
            means = np.concatenate([p.bits for p in passages], axis=1).mean(axis=1)
            means[[m.name in data.apart for m in models]] += np.inf  # never shown as the best
            best = int(np.argmin(means))
            name, said = data.tokens_name(fingerprint), reading(models, passages[0], data.apart)
            titles, stored = [title(p) for p in passages], packed(models, passages)
            groups.append(Group(name, models, passages, titles, best, said, _looked_at(data, models), stored))
    if not groups:
        return None
    first = groups[0]
    markdown = f"{plain(first.reading)}\n\n{_markdown(first.models, first.passages[0], data.apart)}"
    return Section("reader", "The reader of the test text", fill("reader", groups=groups, apart=data.apart), markdown)


def _looked_at(data: ReportData, models: Sequence[Model]) -> str:
    """Say from how much of test the passages are chosen, where that is not all of it."""
    found = len(stored_places(models))
    sizes = data.run.tokens[models[0].entry.tokens_fingerprint].entry.get("tokens") or {}
    if not sizes.get("test") or found >= sizes["test"]:
        return ""
    return (
        f"They are chosen from {numbers.count(found)} of the {numbers.count(sizes['test'])} test tokens, those of"
        " passages drawn before any model was scored."
    )


def title(passage: Passage) -> str:
    """Return document, first words and disagreement."""
    words = ""
    for token, spaced in zip(passage.tokens[:40], passage.spaced, strict=False):
        if len(words) > 44:
            break
        words += (" " if spaced else "") + visible(token)
    return f"{passage.document}: “{words.strip()}…” (±{passage.disagreement:.2f} bits)"


def reading(models: Sequence[Model], passage: Passage, apart: frozenset[str] = frozenset()) -> str:
    """Name the token of the passage on which the models differ most, those that stand apart left out."""
    kept = [i for i, m in enumerate(models) if m.name not in apart] or list(range(len(models)))
    models, bits = [models[i] for i in kept], passage.bits[kept]
    means = bits.mean(axis=1)
    best = int(means.argmin())
    said = (
        f"Where they disagree most, in {passage.document}, {models[best].name} needs the fewest bits,"
        f" {means[best]:.2f} a token"
        if len(models) > 1
        else f"On a passage of {passage.document} {models[0].name} needs {means[0]:.2f} bits a token"
    )
    if len(models) > 1:
        at = int((bits.max(axis=0) - bits.min(axis=0)).argmax())
        low, high = int(bits[:, at].argmin()), int(bits[:, at].argmax())
        said += (
            f"; they differ most at “{visible(passage.tokens[at])}”: {numbers.bits(float(bits[low, at]))} bits "
            f"for {models[low].name}, {numbers.bits(float(bits[high, at]))} for {models[high].name}"
        )
    return said + "."


def _markdown(models: Sequence[Model], passage: Passage, apart: frozenset[str]) -> str:
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
    return table(("before it", "token", *(f"{marked(m, apart)}, bits" for m in models)), rows, 2)
