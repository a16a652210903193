"""The models by the years of their ideas: what each generation needs on the same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.analysis.comparison import Comparison
from lmcompare.analysis.leaderboard import Row
from lmcompare.render import numbers
from lmcompare.render.charts import intervals as charts
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.sections.fairness import made_equal

LEAST = 6  # different years of ideas, without which there is no history


@dataclass(frozen=True)
class Place:
    """A model with the publication of its idea, and its bits per byte."""

    model: Model
    row: Row
    bits: float
    year: int
    authors: str
    title: str

    @property
    def mark(self) -> charts.Row:
        """Its mark, which is hollow for a model that was trained only once, though other seeds could give other
        figures.
        """
        low, high = self.row.interval or (None, None)
        name = f"{self.year} {self.model.title}"
        return charts.Row(name, self.model.index, self.bits, low, high, hollow=self.once)

    @property
    def once(self) -> bool:
        """Whether its figure comes from a single training; False for a model that only counts, which needs no second
        one.
        """
        return len(self.row.seeds) == 1 and self.row.tokens_read is not None


def build(data: ReportData) -> Section | None:
    """Return the section; None if the ranked models have ideas of fewer than six years."""
    places = sorted(
        (
            Place(model, row, row.compared, int(idea["year"]), str(idea["authors"]), str(idea["title"]))
            for model, row in data.ranking
            if (idea := model.entry.idea) is not None and row.status == "ranked" and row.compared is not None
        ),
        key=lambda place: (place.year, place.bits),
    )
    if len({place.year for place in places}) < LEAST:
        return None
    return Section.written(
        "history",
        "The models by the years of their ideas",
        __package__,
        places=places,
        claim=claim(places, data.comparison),
        chart=_chart(places),
        once=any(place.once for place in places) and not all(place.once for place in places),
        equal=made_equal(data),
        without=[model for model, row in data.ranking if model.entry.idea is None and row.status == "ranked"],
    )


def claim(places: Sequence[Place], comparison: Comparison) -> str:
    """Return which ideas were measurably better than the best one until then.

    ``places`` are in the order of their years.
    """
    best, said = places[0], [f"{sentence(spoken(places[0].model.title))} ({places[0].year}) is the first"]
    better = []
    for place in places[1:]:
        if comparison.is_better(place.row.name, best.row.name):
            best = place
            better.append(f"{spoken(place.model.title)} ({place.year})")
    if better:
        said.append(f"Better than everything before: {numbers.listed(better)}")
    if later := sum(place.year > best.year for place in places):
        said.append(
            f"{sentence(numbers.plural(later, 'later idea'))} did not beat {spoken(best.model.title)} significantly"
        )
    return ". ".join(said)


def _chart(places: Sequence[Place]) -> Markup:
    return charts.intervals(
        [place.mark for place in places],
        "Bits per byte of each model, in the order of the years of their ideas",
        "Bits per byte (less is better)",
        numbers.tidy,
        numbers.bits_per_byte,
        best=True,
    )
