"""Do the models make different mistakes? Mixtures, and which model is better on how many tokens."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lmcompare.analysis.mixture import mixtures, wins
from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.templating import fill

SMALLEST = 0.01  # parts of smaller weight are only counted
SHOWN_OPEN = 15  # mixtures beyond these are folded
SLIGHT = 0.0005  # a smaller gain would be shown as 0.0 %


@dataclass(frozen=True)
class Mixture:
    """A mixture with its parts, pairs of a model and its weight, the heaviest first."""

    parts: list[tuple[Model, float]]
    perplexity: float
    best_single: Model
    gain: float

    @property
    def main(self) -> list[tuple[Model, float]]:
        """The parts that weigh 1 % or more; both of a pair."""
        return self.parts if len(self.parts) == 2 else [part for part in self.parts if part[1] >= SMALLEST]

    @property
    def rest(self) -> int:
        """The number of other parts."""
        return len(self.parts) - len(self.main)


@dataclass(frozen=True)
class Group:
    """Models with the same tokens; ``grid`` has the share of tokens on which the row's model beats the column's."""

    name: str
    models: list[Model]
    mixtures: list[Mixture]
    grid: list[list[float | None]]
    caption: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if there are no two models that can be mixed."""
    blends, shares = mixtures(data.run), wins(data.run)
    groups = [
        _group(data, str(fp), rows, shares[shares["tokens_fingerprint"] == fp])
        for fp, rows in blends.groupby("tokens_fingerprint", sort=False)
    ]
    if not groups:
        return None
    html = fill("mixtures", groups=groups, shown_open=SHOWN_OPEN)
    return Section.of("together", "Do they make different mistakes?", html)


def _group(data: ReportData, fingerprint: str, rows: pd.DataFrame, shares: pd.DataFrame) -> Group:
    found = [
        Mixture(
            sorted(
                ((data.by_name[n], w) for n, w in zip(row["models"], row["weights"], strict=True)),
                key=lambda part: -part[1],
            ),
            float(row["test_perplexity"]),
            data.by_name[row["best_single"]],
            float(row["gain"]),
        )
        for row in rows.to_dict("records")
    ]
    found.sort(key=lambda mixture: mixture.perplexity)
    models = sorted({m.name: m for mixture in found for m, _ in mixture.parts}.values(), key=lambda m: m.index)
    share = {(r["first"], r["second"]): float(r["share"]) for r in shares.to_dict("records")}
    grid = [[share.get((a.name, b.name)) for b in models] for a in models]
    said = f"{caption(found)} {fitted(int(rows['fitted_tokens'].iloc[0]), int(rows['valid_tokens'].iloc[0]))}".strip()
    return Group(data.run.tokens_name(fingerprint), models, found, grid, said)


def caption(found: list[Mixture]) -> str:
    """Return which pair gains most, and which mixture has the lowest perplexity."""
    lowest = found[0]
    if lowest.gain < SLIGHT:
        return f"No mixture is better than {lowest.best_single.title} alone."
    best = max((mixture for mixture in found if len(mixture.parts) == 2), key=lambda mixture: mixture.gain)
    names = numbers.listed([model.title for model, _ in best.parts])
    said = (
        f"The pair that gains most is {names}: {numbers.percent(best.gain)} lower perplexity than"
        f" {best.best_single.title} alone."
    )
    if lowest is best:
        return said
    of = "all of them" if len(lowest.parts) > 2 else numbers.listed([model.title for model, _ in lowest.parts])
    return f"{said} Mixing {of} gives the lowest perplexity, {numbers.perplexity(lowest.perplexity)}."


def fitted(tokens: int, valid: int) -> str:
    """Return on how much of the validation text the weights are fitted, if not on all of it."""
    if tokens == valid:
        return ""
    some, all_tokens = numbers.count(tokens), numbers.count(valid)
    return f"The weights are fitted to {some} tokens, evenly spaced over the {all_tokens} of the validation text."
