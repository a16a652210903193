"""The nearest neighbours of the same words in every model that has word vectors."""

from __future__ import annotations

from dataclasses import dataclass

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Neighbours, from_json
from lmcompare.report.data import Model, ReportData, Section

SHOWN = 5  # neighbours in a cell
SHOWN_OPEN = 1  # words beyond these are folded
Near = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Word:
    """A word with its neighbours in each model that lists it, the nearest first."""

    word: str
    near: dict[str, Near]
    strongest: dict[str, float]  # of each model, the greatest similarity in its column

    def cell(self, model: Model) -> list[tuple[str, str, float, bool]]:
        """Return the neighbours in a model, each with its similarity, its share of the greatest, if all have it."""
        shared = set.intersection(*({name for name, _ in found} for found in self.near.values()))
        near, most = self.near.get(model.name, ()), self.strongest[model.name]
        return [(name, f"{amount:.2f}", max(amount / most, 0), name in shared) for name, amount in near]


def build(data: ReportData) -> Section | None:
    """Return the section, or None unless two or more models show the neighbours of some word."""
    lists = {model.name: found for model in data.scored if (found := _listed(model))}
    models = [model for model in data.scored if model.name in lists]
    names = dict.fromkeys(word for found in lists.values() for word in found)
    near = {word: {name: found[word] for name, found in lists.items() if word in found} for word in names}
    near = {word: found for word, found in near.items() if len(found) > 1}
    if not near:
        return None
    strongest = {
        name: max([a for found in near.values() for _, a in found.get(name, ()) if a > 0], default=1.0)
        for name in lists
    }
    words = [Word(word, found, strongest) for word, found in near.items()]
    return Section.written("alike", "Similar words", __package__, words=words, models=models, shown_open=SHOWN_OPEN)


def _listed(model: Model) -> dict[str, Near]:
    """The words whose neighbours the model shows; a damaged exhibit is reported where it is shown."""
    found: dict[str, Near] = {}
    for stored in model.cell.measured("exhibits") or ():
        if not isinstance(stored, dict) or stored.get("kind") != Neighbours.kind:
            continue
        try:
            exhibit = from_json(stored)
        except LmcompareError:
            continue
        assert isinstance(exhibit, Neighbours)
        for word, names, amounts in zip(exhibit.words, exhibit.neighbours, exhibit.similarities, strict=False):
            found.setdefault(word, tuple(zip(names, amounts, strict=False))[:SHOWN])
    return found
