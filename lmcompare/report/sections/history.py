"""The models by the years of their ideas: what each generation needs on the same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.analysis.leaderboard import Row
from lmcompare.report import numbers
from lmcompare.report.charts.scatter import Dot, pareto, scatter
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.sections.cost import made_equal
from lmcompare.report.templating import fill
from lmcompare.report.titles import sentence, spoken

LEAST = 6  # years of ideas; fewer are no history


@dataclass(frozen=True)
class Place:
    """A model with the publication of its idea."""

    model: Model
    row: Row
    year: int
    authors: str
    title: str

    @property
    def dot(self) -> Dot:
        """Its mark: hollow for a model with a single training, of which there could be several."""
        low, high = self.row.interval or (None, None)
        return Dot(self.model.title, self.model.index, float(self.year), self.row.bits, low, high, self.once)

    @property
    def once(self) -> bool:
        """Whether a single training says what it needs; a model that only counts needs no second one."""
        return len(self.row.seeds) == 1 and self.row.tokens_read is not None


def build(data: ReportData) -> Section | None:
    """Return the section; None if the ranked models have ideas of fewer than six years."""
    places = sorted(
        (
            Place(model, row, int(idea["year"]), str(idea["authors"]), str(idea["title"]))
            for model, row in data.ranking
            if (idea := model.entry.idea) is not None and row.status == "ranked" and row.bits_per_byte is not None
        ),
        key=lambda place: (place.year, place.row.bits),
    )
    if len({place.year for place in places}) < LEAST:
        return None
    html = fill(
        "history",
        places=places,
        claim=claim(places),
        chart=_chart(places),
        once=any(place.once for place in places) and not all(place.once for place in places),
        equal=made_equal(data.run.manifest),
        without=[model for model, row in data.ranking if model.entry.idea is None and row.status == "ranked"],
    )
    return Section.of("history", "The models by the years of their ideas", html)


def claim(places: Sequence[Place]) -> str:
    """Return which ideas were better than all earlier ones, and which later one is not."""
    front = pareto([place.dot for place in places])
    by_title = {place.model.title: place for place in places}
    last = max(places, key=lambda place: place.year)
    best = by_title[front[-1].name]
    steps = [f"{spoken(dot.name)} ({dot.x:.0f})" for dot in front]
    said = f"Better than everything before: {numbers.listed(steps)}"
    if last.year > best.year:
        later = numbers.plural(sum(place.year > best.year for place in places), "later idea")
        said += f". {sentence(later)} did not beat {spoken(best.model.title)} here"
    return said


def _chart(places: Sequence[Place]) -> Markup:
    label = "Bits per byte by the year of the idea, a mark for each model"
    return scatter(
        [place.dot for place in places],
        label,
        "Year of the idea",
        "Bits per byte (less is better)",
        lambda year: f"{year:.0f}",
        numbers.tidy,
        room=1.005,  # ten years
    )
