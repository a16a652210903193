"""Do the models make different mistakes? Mixtures, and which model is better on how many tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lmcompare.analysis.comparison import MOST_PAIRED
from lmcompare.render import numbers
from lmcompare.render.titles import spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.studies.mixtures.mixture import mixtures, wins

SMALLEST = 0.01  # parts of smaller weight have no figure of their own
SHOWN_OPEN = 3  # mixtures beyond these are folded
SLIGHT = 0.0005  # a smaller gain would be shown as 0.0 %


@dataclass(frozen=True)
class Mixture:
    """A mixture with its parts, pairs of a model and its weight, the heaviest first, and its figure on test.

    ``gain`` is over ``alone``, the figure of ``best_single``.
    """

    parts: list[tuple[Model, float]]
    figure: float
    best_single: Model
    gain: float
    alone: float

    @property
    def main(self) -> list[tuple[Model, float]]:
        """The parts that weigh 1 % or more. If there is only one, the mixture is practically this model."""
        return [part for part in self.parts if part[1] >= SMALLEST]

    @property
    def rest(self) -> list[Model]:
        """The models that weigh less than 1 %."""
        return [model for model, weight in self.parts if weight < SMALLEST]


def build(data: ReportData) -> Section | None:
    """Return the section, or None if there are no two models that can be mixed, or none that can be compared."""
    blends, shares = mixtures(data.run), wins(data.run)
    if blends.empty or not data.comparable:
        return None
    rows = blends.to_dict("records")
    found = [
        Mixture(
            sorted(
                ((data.by_name[n], w) for n, w in zip(row["models"], row["weights"], strict=True)),
                key=lambda part: -part[1],
            ),
            float(row["test"]),
            data.by_name[row["best_single"]],
            float(row["gain"]),
            float(row["best_single_test"]),
        )
        for row in rows
    ]
    found.sort(key=lambda mixture: mixture.figure)
    models = sorted({m.name: m for mixture in found for m, _ in mixture.parts}.values(), key=lambda m: m.index)
    share = {(r["first"], r["second"]): float(r["share"]) for r in shares.to_dict("records")}
    unit, figure = str(rows[0]["unit"]), str(rows[0]["figure"])
    return Section.written(
        "together",
        "Mixtures: do the models make different mistakes?",
        __package__,
        models=models,
        mixtures=found,
        grid=[[share.get((a.name, b.name)) for b in models] for a in models] if share else [],
        most_paired=MOST_PAIRED if len(models) > MOST_PAIRED else 0,
        claim=data.on_all(claim(found, figure)),
        caption=fitted(int(rows[0]["fitted_units"]), int(rows[0]["valid_units"]), unit),
        unit=unit,
        figure_name=figure,
        text=numbers.perplexity if figure == "perplexity" else numbers.bits_per_byte,
        shown_open=SHOWN_OPEN,
        seeds=one_seed(models),
        tenth=_bits_per_byte_of_a_tenth(data) if figure == "perplexity" else None,
    )


def _bits_per_byte_of_a_tenth(data: ReportData) -> float:
    """Return how many bits per byte a model saves if its perplexity is a tenth lower."""
    tokens = data.run.manifest.tokens[data.main_tokens].tokens["test"]
    return -math.log2(0.9) * tokens / max(1, data.run.corpus.splits["test"].bytes)


def claim(found: list[Mixture], figure: str) -> str:
    """Return what the best mixture gains over the best model."""
    lowest = found[0]
    single = spoken(lowest.best_single.title)
    if lowest.gain < SLIGHT:
        return f"No mixture is better than {single} alone"
    of = "all models" if len(lowest.parts) > 2 else numbers.listed([spoken(m.title) for m, _ in lowest.parts])
    less = "fewer bits" if figure == "bits per byte" else "lower perplexity"
    return f"Mixing {of} gives {numbers.percent(lowest.gain)} {less} than {single} alone"


def one_seed(models: Sequence[Model]) -> str:
    """Return which training of models with several seeds is mixed, "" if each has a single one."""
    mixed = [model for model in models if len(model.entry.seeds) > 1]
    if not mixed:
        return ""
    seeds = {model.entry.seeds[0] for model in mixed}
    which = f"with seed {seeds.pop()}" if len(seeds) == 1 else "with the first seed"
    return f"The mixtures use the trainings {which}; the leaderboard has the mean of all trainings."


def fitted(units: int, valid: int, unit: str) -> str:
    """Return on how much of the validation text the weights are fitted, if not on all of it."""
    if units == valid:
        return ""
    some, all_tokens = numbers.plural(units, unit), numbers.count(valid)
    return f"The weights are fitted to {some}, evenly spaced over the {all_tokens} of the validation text."
