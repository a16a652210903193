"""Held-out sentences, token by token: the surprisal in every model, one row each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lmcompare.report.data import Model, ReportData, Section

SHOWN_OPEN = 1  # sentences beyond these are folded
LONGEST = 80  # tokens of a sentence that are shown


@dataclass(frozen=True)
class Sentence:
    """A sentence of the test text; ``bits`` has a row for each model and a column for each token."""

    document: str
    tokens: Sequence[str]
    models: Sequence[Model]
    bits: Sequence[Sequence[float]]
    unknown: Sequence[bool]
    tokens_in_all: int
    unranked: frozenset[str]

    @property
    def totals(self) -> list[float]:
        """Each model's bits for the tokens that are shown."""
        return [sum(row) for row in self.bits]

    @property
    def disputed(self) -> tuple[str, float] | None:
        """The token about which the models disagree most, and the bits between best and worst."""
        rows = [row for model, row in zip(self.models, self.bits, strict=True) if model.name not in self.unranked]
        if len(rows) < 2:
            return None
        spread = [max(column) - min(column) for column in zip(*rows, strict=True)]
        at = max(range(len(spread)), key=spread.__getitem__)
        return self.tokens[at], spread[at]


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no sentence was stored."""
    sentences: list[Sentence] = []
    for fingerprint, models in data.groups.items():
        names = data.run.tokens[fingerprint].documents_of("test")["name"].astype(str).tolist()
        known = set(data.run.tokens[fingerprint].vocabulary.tokens[1:])  # the first type is <unk>
        stored = [{(s["document"], s["first"]): s for s in m.cell.measured("sentences") or ()} for m in models]
        for key, example in stored[0].items() if stored else ():
            having = [(m, s[key]) for m, s in zip(models, stored, strict=True) if key in s]
            tokens = [str(t) for t in example["tokens"]]
            same = [(m, s) for m, s in having if s["tokens"] == example["tokens"]]
            if tokens:
                bits = [[math.inf if b is None else float(b) for b in s["surprisal_bits"]][:LONGEST] for _, s in same]
                name = names[int(key[0])] if int(key[0]) < len(names) else f"document {key[0]}"
                unknown = [token not in known for token in tokens[:LONGEST]]
                sentences.append(
                    Sentence(name, tokens[:LONGEST], [m for m, _ in same], bits, unknown, len(tokens), data.unranked)
                )
    if not sentences:
        return None
    return Section.written(
        "sentences",
        "The same sentence in every model",
        __package__,
        sentences=sentences,
        shown_open=SHOWN_OPEN,
        unranked=data.unranked,
        across=any(model.entry.traits.get("carries_state") and model.cell.measured("story") for model in data.scored),
    )
