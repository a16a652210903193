"""A run folder as typed values, read when they are asked for.

Nothing small is read twice. Token tables, which may be long, are read anew at each call, by column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from pathlib import Path, PurePosixPath
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import REMEDY, RunFolderError, read_object
from lmcompare.runfolder.layout import MANIFEST, MANIFEST_KEYS, SCHEMA_VERSION
from lmcompare.runfolder.seals import check_sealed
from lmcompare.runfolder.tokens import TokenizedCorpus

P = ParamSpec("P")
T = TypeVar("T")


class ModelEntry:
    """One model of the experiment with its cells, one a seed."""

    def __init__(self, name: str, plugin: str, tokens_fingerprint: str, cells: tuple[Cell, ...]) -> None:
        self.name, self.plugin, self.tokens_fingerprint, self.cells = name, plugin, tokens_fingerprint, cells

    def __repr__(self) -> str:
        return f"ModelEntry({self.name!r}, {len(self.done)} of {len(self.cells)} cells done)"

    @property
    def done(self) -> tuple[Cell, ...]:
        """The cells that were finished; every figure is made from these."""
        return tuple(cell for cell in self.cells if cell.status == "done")

    @property
    def failed(self) -> tuple[Cell, ...]:
        """The cells that were not."""
        return tuple(cell for cell in self.cells if cell.status == "failed")

    @property
    def first(self) -> Cell | None:
        """The finished cell of the first seed, whose examples and exhibits stand for the model."""
        return next(iter(self.done), None)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the finished cells."""
        return tuple(cell.seed for cell in self.done)

    @property
    def traits(self) -> Mapping[str, bool]:
        """What the model declares of itself; empty where no cell says."""
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
    def notes(self) -> tuple[str, ...]:
        """The notes of its cells, each once."""
        return tuple(dict.fromkeys(note for cell in self.done for note in cell.notes))

    @property
    def failed_checks(self) -> tuple[Mapping[str, Any], ...]:
        """The truth checks that did not pass in some finished cell, each as cell.json has it."""
        checks = (check for cell in self.done for check in cell.truth.get("checks", ()))
        return tuple(check for check in checks if not check.get("passed"))

    @property
    def truthful(self) -> bool:
        """Were the truth checks run in every finished cell, and did all pass?"""
        return all(cell.truth.get("passed") is True for cell in self.done)


class Run:
    """A run folder. ``manifest`` is manifest.json as it stands."""

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        self.models = tuple(self._model(entry) for entry in manifest["models"])
        self.tokens = {
            str(fp): TokenizedCorpus(_inside(path, f"tokens/{fp}"), entry) for fp, entry in manifest["tokens"].items()
        }
        for model in self.models:
            if model.done and model.tokens_fingerprint not in self.tokens:
                raise RunFolderError(f"{path / MANIFEST} does not list the tokens of the model '{model.name}'")

    @cached_property
    def derived(self) -> dict[object, Any]:
        """What was computed from this run by functions that are ``kept``, as long as the run is in memory."""
        return {}

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {len(self.models)} models)"

    def _model(self, entry: Mapping[str, Any]) -> ModelEntry:
        name = str(entry["name"])
        cells = tuple(
            Cell(_inside(self.path, cell), name, int(seed))
            for cell, seed in zip(entry["cells"], entry["seeds"], strict=True)
        )
        return ModelEntry(name, str(entry["plugin"]), str(entry["tokens_fingerprint"]), cells)

    @property
    def one_machine(self) -> bool:
        """Was all of it run on one machine, so that seconds and bytes of memory may be compared?"""
        return True

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return str(self.manifest["name"])

    @property
    def corpus(self) -> Mapping[str, Any]:
        """name, source, fingerprint, notes and the sizes of the splits."""
        return cast(Mapping[str, Any], self.manifest["corpus"])

    @property
    def corpus_fingerprint(self) -> str:
        """What the text and its splits are known by."""
        return str(self.corpus["fingerprint"])

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell of every model, done or failed, in the order of the experiment."""
        return tuple(cell for model in self.models for cell in model.cells)

    @property
    def scored(self) -> tuple[ModelEntry, ...]:
        """The models with at least one finished cell, in the order of the experiment."""
        return tuple(model for model in self.models if model.done)

    def tokens_name(self, fingerprint: str) -> str:
        """Return what the tokens of this fingerprint are called, with the size of the vocabulary if need be."""
        kinds = {fp: str(table.spec.get("kind") or fp) for fp, table in self.tokens.items()}
        kind = kinds[fingerprint]
        if list(kinds.values()).count(kind) == 1:
            return kind
        return f"{kind}, {self.tokens[fingerprint].entry.get('types') or 0:,} types"

    def model(self, name: str) -> ModelEntry:
        """Return the model of this name. Raises ``RunFolderError`` where there is none."""
        for model in self.models:
            if model.name == name:
                return model
        raise RunFolderError(f"the run in {self.path} has no model '{name}'")


def kept(make: Callable[Concatenate[Run, P], T]) -> Callable[Concatenate[Run, P], T]:
    """Return the function, computed once for each run and its other arguments; the results are in ``Run.derived``."""

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

    Raises ``RunFolderError`` if it is none, if it was written by a version with another schema, or if its manifest
    is broken; a missing or broken file elsewhere in it raises the same, with its name, once it is asked for.
    """
    path = Path(folder)
    manifest = path / MANIFEST
    if not manifest.is_file():
        if (path / "cells").is_dir():
            raise RunFolderError(f"{path} holds a run that did not come to its end: {REMEDY}")
        what = "is not a run folder (it has no manifest.json)" if path.is_dir() else "is not a folder"
        raise RunFolderError(f"{path} {what}: give the folder that 'lmcompare run' wrote")
    check_sealed(path, (MANIFEST,))
    table = read_object(manifest, "schema_version")
    version = table["schema_version"]
    if version != SCHEMA_VERSION:
        raise RunFolderError(
            f"{manifest} has schema_version {version!r}, but this lmcompare reads {SCHEMA_VERSION}: "
            "use the version that wrote it, or run the experiment again"
        )
    read_object(manifest, *MANIFEST_KEYS)
    try:
        return Run(path, table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunFolderError(f"{manifest} is not as lmcompare writes it ({type(error).__name__}: {error})") from None


def _inside(root: Path, relative: str) -> Path:
    """Join a path that the manifest names, which must not lead out of the folder."""
    parts = PurePosixPath(str(relative))
    if parts.is_absolute() or ".." in parts.parts or "\\" in str(relative):
        raise RunFolderError(f"{root / MANIFEST} names '{relative}', which lies outside the run folder")
    return root.joinpath(*parts.parts)
