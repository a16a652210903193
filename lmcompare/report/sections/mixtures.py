"""Do the models know different things? Mixtures, and who gives more to each token."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lmcompare.analysis.mixture import mixtures, wins
from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill

SLIGHT = 0.0005  # a gain that would be shown as 0.0 %


@dataclass(frozen=True)
class Mixture:
    """A mixture with its parts: (model, weight)."""

    parts: list[tuple[Model, float]]
    perplexity: float
    best_single: Model
    gain: float


@dataclass(frozen=True)
class Group:
    """Models with the same tokens. ``grid``: how often the model of the row gives more than that of the column."""

    name: str
    models: list[Model]
    mixtures: list[Mixture]
    grid: list[list[float | None]]
    reading: str
    wins_reading: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None where there are no two models that may be mixed."""
    blends, shares = mixtures(data.run), wins(data.run)
    groups = [
        _group(data, str(fp), rows, shares[shares["tokens_fingerprint"] == fp])
        for fp, rows in blends.groupby("tokens_fingerprint", sort=False)
    ]
    if not groups:
        return None
    markdown = "\n\n".join(map(_markdown, groups))
    return Section("together", "Do they know different things?", fill("mixtures", groups=groups), markdown)


def _group(data: ReportData, fingerprint: str, rows: pd.DataFrame, shares: pd.DataFrame) -> Group:
    found = [
        Mixture(
            [(data.by_name[n], w) for n, w in zip(row["models"], row["weights"], strict=True)],
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
    said = f"{reading(found)} {fitted(int(rows['fitted_tokens'].iloc[0]), int(rows['valid_tokens'].iloc[0]))}".strip()
    return Group(data.tokens_name(fingerprint), models, found, grid, said, wins_reading(share) if share else "")


def reading(found: list[Mixture]) -> str:
    """Name the best pair and what it gains."""
    pairs = [mixture for mixture in found if len(mixture.parts) == 2]
    best = max(pairs, key=lambda mixture: mixture.gain)
    names = numbers.listed([model.name for model, _ in best.parts])
    lowest = found[0]
    said = (
        f"The pair that gains most from mixing is {names}: {numbers.percent(best.gain)} less perplexity than "
        f"{best.best_single.name} alone"
    )
    if lowest.gain < SLIGHT:
        return f"No mixture predicts the text better than {lowest.best_single.name} alone."
    of = "all of them" if len(lowest.parts) > 2 else numbers.listed([m.name for m, _ in lowest.parts])
    return f"{said}; the lowest perplexity, {numbers.perplexity(lowest.perplexity)}, has the mixture of {of}."


def fitted(tokens: int, valid: int) -> str:
    """Say on how much of valid the weights stand, where not on all of it."""
    if tokens == valid:
        return ""
    some, whole = numbers.count(tokens), numbers.count(valid)
    return f"The weights are fitted to {some} tokens spread evenly over the {whole} of valid."


def wins_reading(share: dict[tuple[str, str], float]) -> str:
    """Name the most lopsided and the most even pair."""
    above = {pair: s for pair, s in share.items() if s >= 0.5}
    high, even = max(above, key=above.__getitem__), min(above, key=above.__getitem__)
    share_of = f"{numbers.percent(above[high], 0)} of the tokens"
    said = f"{high[0]} gives a higher probability than {high[1]} to {share_of}, the clearest case"
    if even == high:
        return said + "."
    return f"{said}; {even[0]} and {even[1]} are the closest, with {numbers.percent(above[even], 0)}."


def _markdown(group: Group) -> str:
    rows = (
        (
            " + ".join(f"{numbers.percent(w, 0)} {plain(m.name)}" for m, w in mixture.parts),
            numbers.perplexity(mixture.perplexity),
            plain(mixture.best_single.name),
            numbers.percent(mixture.gain),
        )
        for mixture in group.mixtures
    )
    blends = table(("mixture", "perplexity", "best alone", "gain"), rows)
    grid = table(
        ("more than →", *(plain(m.name) for m in group.models)),
        (
            (plain(m.name), *(numbers.percent(s, 0) for s in line))
            for m, line in zip(group.models, group.grid, strict=True)
        ),
    )
    return f"{blends}\n\n{plain(group.reading)}\n\n{grid}\n\n{plain(group.wins_reading)}"
