"""A run folder as typed values, read when they are asked for.

Small files are read only once. Token tables, which may be long, are read again at each call, by column.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import cached_property, wraps
from pathlib import Path, PurePosixPath
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from lmcompare.errors import suggest
from lmcompare.runfolder.cell import Cell, Sweep, read_sweep
from lmcompare.runfolder.files import REMEDY, RunFolderError
from lmcompare.runfolder.guards import is_sealed, place_of, read_cell
from lmcompare.runfolder.layout import FRACTIONS, MANIFEST, TOKENS
from lmcompare.runfolder.manifest import CorpusEntry, Machine, Manifest, ModelRow, read_manifest
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import ScoringRules

P = ParamSpec("P")
T = TypeVar("T")


class ModelEntry:
    """One model of the experiment, with one cell per seed."""

    def __init__(self, name: str, plugin: str, tokens_fingerprint: str, cells: tuple[Cell, ...]) -> None:
        self.name, self.plugin, self.tokens_fingerprint, self.cells = name, plugin, tokens_fingerprint, cells

    def __repr__(self) -> str:
        return f"ModelEntry({self.name!r}, {len(self.done)} of {len(self.cells)} cells done)"

    @property
    def done(self) -> tuple[Cell, ...]:
        """The finished cells, from which every figure is computed."""
        return tuple(cell for cell in self.cells if cell.status == "done")

    @property
    def failed(self) -> tuple[Cell, ...]:
        """The cells that were not finished."""
        return tuple(cell for cell in self.cells if cell.status == "failed")

    @property
    def first(self) -> Cell | None:
        """The finished cell of the first seed, whose examples and exhibits represent the model."""
        return next(iter(self.done), None)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the finished cells."""
        return tuple(cell.seed for cell in self.done)

    @property
    def traits(self) -> Mapping[str, bool]:
        """The traits that the model declares; empty if no cell was run."""
        return next((cell.traits for cell in (*self.done, *self.cells) if cell.traits), {})

    @property
    def title(self) -> str:
        """The model's name for people; its name in the experiment where no cell was finished."""
        return next((str(c.info["title"]) for c in self.cells if c.info.get("title")), self.name)

    @property
    def summary(self) -> str:
        """What the model is, in one sentence of its own."""
        return next((str(c.info["summary"]) for c in self.cells if c.info.get("summary")), "")

    @property
    def idea(self) -> Mapping[str, Any] | None:
        """The publication of its idea: year, authors and title; None if it names none."""
        return next((c.info["idea"] for c in self.cells if c.info.get("idea")), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of its cells, each once."""
        return tuple(dict.fromkeys(note for cell in self.done for note in cell.notes))

    @property
    def failed_checks(self) -> tuple[Mapping[str, Any], ...]:
        """The validity checks that failed in some finished cell, as in cell.json."""
        checks = (check for cell in self.done for check in cell.truth.get("checks", ()))
        return tuple(check for check in checks if not check.get("passed"))

    @property
    def truthful(self) -> bool:
        """Whether all validity checks passed in every finished cell."""
        return all(cell.truth.get("passed") is True for cell in self.done)


class Run:
    """A run folder.

    Attributes
    ----------
    path : Path
    manifest : Manifest
    studies : sequence of str or None
        The studies of its report, in their order, as its experiment chooses them; None for all installed ones.
    named : sequence of str
        Those that the user of this process has named, so that their code may run although it is not installed.
    """

    named: Sequence[str] = ()

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest, self.studies = path, manifest, _chosen(manifest)
        self.models = tuple(self._model(row) for row in manifest.models)
        self.tokens = {fp: TokenizedCorpus(_inside(path, f"tokens/{fp}")) for fp in manifest.tokens}
        for model in self.models:
            if model.tokens_fingerprint not in self.tokens and model.done:  # only these need tokens
                raise RunFolderError(
                    f"{path / MANIFEST} does not list the tokens of the model '{model.name}': {REMEDY}"
                )

    @cached_property
    def derived(self) -> dict[object, Any]:
        """The results of ``kept`` functions of this run, by function and arguments."""
        return {}

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {len(self.models)} models)"

    def _model(self, row: ModelRow) -> ModelEntry:
        if len(row.cells) != len(row.seeds):
            raise RunFolderError(
                f"{self.path / MANIFEST} does not list a cell for each seed of '{row.name}': {REMEDY}"
            )
        cells = tuple(
            Cell(_inside(self.path, cell), row.name, seed) for cell, seed in zip(row.cells, row.seeds, strict=True)
        )
        return ModelEntry(row.name, row.plugin, row.tokens_fingerprint, cells)

    @cached_property
    def sweeps(self) -> tuple[Sweep, ...]:
        """How the hyper-parameters of its models were chosen, where a sweep did."""
        for place in (place for row in self.manifest.sweeps for trial in row.trials for place in trial.cells):
            _inside(self.path, place)
        return tuple(read_sweep(self.path, row) for row in self.manifest.sweeps)

    @cached_property
    def fractions(self) -> dict[float, Run | RunFolderError]:
        """By their shares of the text, rising, the runs of its models on less of it, or why one can't be read."""
        found: dict[float, Run | RunFolderError] = {}
        for path in self.path.glob(f"{FRACTIONS}/*/{MANIFEST}"):
            try:
                share = float(path.parent.name)
            except ValueError:
                share = 0.0
            if not 0 < share < 1 or path.parent.name != f"{share:g}":
                continue  # lmcompare did not make this folder
            try:
                found[share] = load_run(path.parent)
            except RunFolderError as error:
                found[share] = error
        return dict(sorted(found.items()))

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that it consists of: itself."""
        return (self,)

    @property
    def ran_beside(self) -> bool:
        """Whether some cell was run at the same time as others, which makes it slower by the clock."""
        return any(cell.cost.get("beside") for model in self.scored for cell in model.done)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines on which its models were trained and scored, each once."""
        last = self.manifest.hardware  # for cells without a machine: that of the last run
        otherwise = Machine(last.cpu, last.cores, last.memory_bytes, last.platform)
        cells = (cell for model in self.scored for cell in model.done)
        return tuple(dict.fromkeys(machine for cell in cells for machine in cell.machines or (otherwise,)))

    @property
    def one_machine(self) -> bool:
        """Whether all its models were trained and scored on one machine, so that times and memory can be compared."""
        return len(self.machines) < 2

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.manifest.name

    @property
    def corpus(self) -> CorpusEntry:
        """The text: name, source, fingerprint, notes and the sizes of the splits."""
        return self.manifest.corpus

    @property
    def rules(self) -> ScoringRules:
        """How models are scored: the tokens of a run are all of one kind of data."""
        return next((entry.rules for entry in self.manifest.tokens.values()), ScoringRules())

    @property
    def corpus_fingerprint(self) -> str:
        """The fingerprint of the text and its splits."""
        return self.corpus.fingerprint

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell of every model, done or failed, in the order of the experiment."""
        return tuple(cell for model in self.models for cell in model.cells)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The parts of the run folder that have lost their checksums, relative to it: whether they were changed since
        the run wrote them is not known.
        """
        manifests = [MANIFEST for run in self.runs if not is_sealed(run.path)]
        cells = [place_of(cell.name, cell.seed) for cell in self.cells if _is_finished_without_seal(cell.path)]
        tokens = [f"{TOKENS}/{fp}" for fp, tokens in self.tokens.items() if not is_sealed(tokens.path)]
        return tuple(dict.fromkeys([*manifests, *cells, *tokens]))

    @property
    def scored(self) -> tuple[ModelEntry, ...]:
        """The models with at least one finished cell, in the order of the experiment."""
        return tuple(model for model in self.models if model.done)

    def tokens_name(self, fingerprint: str) -> str:
        """Return the name of these tokens: their kind, and the vocabulary's size if two have one kind."""
        kinds = {fp: str(entry.spec.get("kind") or fp) for fp, entry in self.manifest.tokens.items()}
        kind = kinds[fingerprint]
        if list(kinds.values()).count(kind) == 1:
            return kind
        return f"{kind}, {self.manifest.tokens[fingerprint].types:,} types"

    def part(self, names: Collection[str]) -> Self:
        """Return the run with only some of its models; its figures are computed anew."""
        found = copy(self)
        vars(found).pop("derived", None)
        found.models = tuple(model for model in self.models if model.name in names)
        return found

    def model(self, name: str) -> ModelEntry:
        """Return the model of this name. Raises ``RunFolderError`` if there is no such model."""
        for model in self.models:
            if model.name == name:
                return model
        names = [model.name for model in self.models]
        hint = suggest(name, names) or f"; its models are {', '.join(names) or 'none'}"
        raise RunFolderError(f"the run in {self.path} has no model '{name}'{hint}")


def _chosen(manifest: Manifest) -> Sequence[str] | None:
    report = manifest.experiment.get("report")
    found = report.get("studies") if isinstance(report, Mapping) else None
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def kept(make: Callable[Concatenate[Run, P], T]) -> Callable[Concatenate[Run, P], T]:
    """Return a function that computes once for each run and arguments, and keeps the result in ``Run.derived``."""

    @wraps(make)
    def once(run: Run, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (make, *args, *kwargs.items())
        if key not in run.derived:
            run.derived[key] = make(run, *args, **kwargs)
        found: T = run.derived[key]
        return found

    return once


def load_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises ``RunFolderError`` if it is not a run folder or ``read_manifest`` raises it. For another missing or broken
    file the same error, with the name of the file, comes when the file is needed.
    """
    path = Path(folder)
    if not (path / MANIFEST).is_file():
        if (path / "cells").is_dir():
            raise RunFolderError(
                f"{path} has no {MANIFEST}, so its run has not finished, or the file was deleted: wait for it"
                f" if it is still going on, or {REMEDY}"
            )
        what = "is not a run folder (it has no manifest.json)" if path.is_dir() else "is not a folder"
        raise RunFolderError(f"{path} {what}: give the folder that 'lmcompare run' wrote")
    return Run(path, read_manifest(path))


def _is_finished_without_seal(path: Path) -> bool:
    return read_cell(path).get("status") == "done" and not is_sealed(path)


def _inside(root: Path, relative: str) -> Path:
    """Join a path that the manifest names, which must not lead out of the folder."""
    parts = PurePosixPath(str(relative))
    if parts.is_absolute() or ".." in parts.parts or "\\" in str(relative):
        raise RunFolderError(f"{root / MANIFEST} names '{relative}', which lies outside the run folder: {REMEDY}")
    return root.joinpath(*parts.parts)
