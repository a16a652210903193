"""What all sections share: the run, its models with their numbers of colour, and which may be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from markupsafe import Markup

from lmcompare.analysis import Cell, ModelEntry, Run
from lmcompare.analysis.comparison import Comparison, Standing, comparable_names, compare_models, main_tokens
from lmcompare.analysis.results import results
from lmcompare.report.markdown import plain


@dataclass(frozen=True)
class Model:
    """A model of the run; ``index`` gives it colour and mark everywhere: its place in the experiment, or among the
    names of all tables where several stand on one page.
    """

    entry: ModelEntry
    index: int

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def cell(self) -> Cell:
        """The finished cell that stands for the model in examples and exhibits. Only for scored models."""
        cell = self.entry.first
        assert cell is not None, f"{self.name} has no finished cell"
        return cell

    @property
    def errors(self) -> dict[str, list[int]]:
        """What went wrong in its failed cells, with the seeds of which it did."""
        found: dict[str, list[int]] = {}
        for cell in self.entry.failed:
            found.setdefault(cell.error or "", []).append(cell.seed)
        return found


@dataclass(frozen=True)
class Section:
    """One part of the report. ``charts``: name of a file → drawing, which ``markdown`` refers to."""

    key: str
    title: str
    html: Markup
    markdown: str
    charts: Mapping[str, Markup] = field(default_factory=dict)


class ReportData:
    """A run as the sections read it."""

    def __init__(self, run: Run, names: Sequence[str] = ()) -> None:
        """``names``: of models of other tables too, each of which has the same colour in all of them."""
        self.run = run
        places = {name: i for i, name in enumerate(dict.fromkeys((*names, *(m.name for m in run.models))))}
        self.models = tuple(Model(entry, places[entry.name]) for entry in run.models)
        self.scored = tuple(model for model in self.models if model.entry.done)
        self.by_name = {model.name: model for model in self.models}

    @property
    def manifests(self) -> list[Mapping[str, Any]]:
        """What each run says of itself: a report may stand on several."""
        return list(self.run.manifest.get("runs") or [self.run.manifest])

    @cached_property
    def comparison(self) -> Comparison:
        """Standings, ranks and differences in bits per byte."""
        return compare_models(self.run)

    @cached_property
    def results(self) -> Mapping[str, Any]:
        """What results.json holds."""
        return results(self.run)

    @cached_property
    def figures(self) -> dict[str, Mapping[str, Any]]:
        """The figures of results.json by model."""
        return {str(entry["name"]): entry for entry in self.results["models"]}

    def standings(self, group: str) -> list[tuple[Model, Standing]]:
        """Return the models of a group ("ranked", "adaptive", "not ranked"), the best first."""
        found = [(self.by_name[s.name], s) for s in self.comparison.standings if s.group == group]
        return sorted(found, key=lambda pair: (pair[1].bits_per_byte, pair[0].index))

    @cached_property
    def apart(self) -> frozenset[str]:
        """The names of scored models that are not ranked: they are shown, but never called the best."""
        return frozenset(s.name for s in self.comparison.standings if s.group == "not ranked")

    @cached_property
    def comparable(self) -> tuple[Model, ...]:
        """The models whose figures may stand in one chart, in the order of the experiment: those that are ranked,
        or the adaptive ones where no other is.
        """
        return tuple(self.by_name[name] for name in comparable_names(self.comparison))

    @cached_property
    def ranking(self) -> list[tuple[Model, Standing]]:
        """The comparable models with their standings, the best first."""
        names = {model.name for model in self.comparable}
        found = [(self.by_name[s.name], s) for s in self.comparison.standings if s.name in names]
        return sorted(found, key=lambda pair: (pair[1].bits_per_byte, pair[0].index))

    @property
    def groups(self) -> dict[str, tuple[Model, ...]]:
        """The scored models by fingerprint of their tokens: the largest group first, then in order."""
        return grouped(self.scored)

    @cached_property
    def main_tokens(self) -> str:
        """The fingerprint of the tokens that most of the comparable models have; "" where no model was scored."""
        return main_tokens(self.run, self.comparison)

    def tokens_name(self, fingerprint: str) -> str:
        """Return what the tokens of this fingerprint are called, with the size of the vocabulary if need be."""
        return self.run.tokens_name(fingerprint)


def marked(model: Model, apart: frozenset[str]) -> str:
    """Return a model's name for Markdown; one that stands ``apart``, not being ranked, says so."""
    return plain(model.name) + (" (not ranked)" if model.name in apart else "")


def grouped(models: Sequence[Model]) -> dict[str, tuple[Model, ...]]:
    """Return models by fingerprint of their tokens: the largest group first, equal ones in the order given."""
    sizes = Counter(model.entry.tokens_fingerprint for model in models)
    order = sorted(sizes, key=lambda fp: -sizes[fp])
    return {fp: tuple(m for m in models if m.entry.tokens_fingerprint == fp) for fp in order}
