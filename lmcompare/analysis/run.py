"""A run folder as typed values, read when asked for.

Nothing is read twice that is small; token tables, which may be long, are read anew at each call and by column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast

import pandas as pd

from lmcompare import storage
from lmcompare.analysis.stored import (
    Array,
    RunFolderError,
    check_table,
    check_whole,
    read_blocks,
    read_csv,
    read_json,
    read_list,
    read_object,
    read_table,
)
from lmcompare.exhibits import Exhibit, from_json

SCHEMA_VERSION = 1
Split = Literal["valid", "test"]

MANIFEST_KEYS = ("schema_version", "name", "experiment", "corpus", "tokens", "models")
COST_KEYS = ("train_seconds", "microseconds_per_token", "peak_memory_bytes", "parameters", "model_bytes")
TABLES_OF_CELL = ("traits", "truth", "by_heart")
CURVE_COLUMNS = ("step", "seconds", "tokens", "train_loss", "valid_loss")
TOP_COLUMNS = ("document", "position", "place", "token", "log_prob")
SCORE_COLUMNS = ("split", "document", "position", "token", "byte_start", "byte_end", "log_prob", "is_unknown")


def _failed(error: str) -> dict[str, Any]:
    return {"status": "failed", "error": error, "traits": {}, "lost": True}


class Cell:
    """One model trained with one seed: what it is, whether it was done, what it stored."""

    def __init__(self, path: Path, name: str, seed: int) -> None:
        self.path, self.name, self.seed = path, name, seed
        self.checked: set[Split] = set()  # whose scores were seen to stand in the rows of the features

    def __repr__(self) -> str:
        return f"Cell({self.name!r}, seed={self.seed}, {self.status})"

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What cell.json says; a cell that was never finished, or has lost a file, counts as failed and says so."""
        path = self.path / "cell.json"
        if not path.exists():
            return _failed("it was not run to its end: run the same command again")
        try:
            info = read_object(path, "status")
            if info["status"] == "done":
                self._look_at_files(info)
        except RunFolderError as error:
            return _failed(str(error).replace(f"{self.path}/", ""))
        return info

    def _look_at_files(self, info: Mapping[str, Any]) -> None:
        """Raise ``RunFolderError`` where a file is missing or broken, so that one cell's loss is its own."""
        check_whole(self.path, storage.CELL_TABLES, "run its model again")
        _ = self.cost, self.curve, self.examples
        read_list(self.path / "exhibits.json")
        for key in TABLES_OF_CELL:
            if not isinstance(info.get(key), dict | None):
                raise RunFolderError(f"{self.path / 'cell.json'} is damaged at '{key}': run its model again")
        if not all(isinstance(self.cost[key], int | float | None) for key in COST_KEYS):
            raise RunFolderError(f"{self.path / 'cost.json'} holds no numbers: run its model again")
        for name, columns in (("scores.parquet", SCORE_COLUMNS), ("top.parquet", TOP_COLUMNS)):
            check_table(self.path / name, columns)

    @property
    def status(self) -> str:
        """'done' or 'failed'."""
        return "done" if self.info["status"] == "done" else "failed"

    @property
    def lost(self) -> bool:
        """Does it count as failed because its folder lacks what the run wrote, or never held it?"""
        return bool(self.info.get("lost"))

    @property
    def error(self) -> str | None:
        """Why the cell failed, in one sentence; None where it is done."""
        return None if self.status == "done" else str(self.info.get("error") or "it failed without a reason")

    @property
    def traits(self) -> Mapping[str, bool]:
        """What the model declares of itself: causal, normalised, adaptive, carries_state, pretrained."""
        return dict(self.info.get("traits") or {})

    @property
    def truth(self) -> Mapping[str, Any]:
        """What the run's truth checks found: 'passed' and 'checks'; empty where they were not run."""
        return dict(self.info.get("truth") or {})

    @property
    def by_heart(self) -> Mapping[str, float | None]:
        """Nats per known token on parts of train and of valid; empty where they were not measured: by older versions,
        and of models that learn as they read.
        """
        return dict(self.info.get("by_heart") or {})

    @property
    def notes(self) -> Sequence[str]:
        """What the reader of this cell's figures should know."""
        return tuple(self.info.get("notes") or ())

    @cached_property
    def cost(self) -> Mapping[str, Any]:
        """Seconds, bytes and parameters, as cost.json has them."""
        return read_object(self.path / "cost.json", *COST_KEYS)

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The learning curve: step, seconds, tokens, train_loss and valid_loss (nats per token)."""
        return read_csv(self.path / "curve.csv", CURVE_COLUMNS)

    @cached_property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """What the model shows of itself."""
        return tuple(from_json(table) for table in read_list(self.path / "exhibits.json"))

    @cached_property
    def examples(self) -> Mapping[str, Any]:
        """'prompts' with next tokens and continuations, and held-out 'sentences' with surprisals in bits."""
        return read_object(self.path / "examples.json", "prompts", "sentences")

    @cached_property
    def top(self) -> pd.DataFrame:
        """The five likeliest tokens at every position of some test passages: document, position, place, …"""
        return read_table(self.path / "top.parquet", TOP_COLUMNS)

    def scores(self, split: Split | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the token scores (log-probabilities in nats), all or those of a split, all columns or these."""
        return read_table(self.path / "scores.parquet", columns, split)

    def score_blocks(
        self, split: Split, columns: Sequence[str], documents: Array | None = None
    ) -> Iterator[dict[str, Array]]:
        """Yield these columns of a split's token scores block by block, in order, (N,) each; of these documents or
        all.
        """
        return read_blocks(self.path / "scores.parquet", columns, split, documents)


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


class TokenTables:
    """The corpus under one tokenizer: what every model with this fingerprint read and was scored on."""

    def __init__(self, path: Path, fingerprint: str, entry: Mapping[str, Any]) -> None:
        self.path, self.fingerprint, self.entry = path, fingerprint, entry
        self._whole: set[str] = set()  # the files whose checksums were looked at

    def _file(self, name: str) -> Path:
        """Return the path of a file. Raises ``RunFolderError`` if it is not as it was written."""
        if name not in self._whole:
            check_whole(self.path, (name,), "run the same command again")
            self._whole.add(name)
        return self.path / name

    @property
    def description(self) -> str:
        """The tokenizer in words."""
        return str(self.entry.get("description", ""))

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The tokenizer's own table."""
        return dict(self.entry.get("spec") or {})

    @cached_property
    def vocabulary(self) -> Any:
        """What vocabulary.json holds."""
        return read_json(self._file("vocabulary.json"))

    @cached_property
    def documents(self) -> pd.DataFrame:
        """One row a document of valid and test: split, document, name, bytes, tokens, sentences, metadata (JSON),
        repeated, whether it stands in train as well, and repeats, how. Runs older than these columns say it of none.
        """
        path = self._file("documents.parquet")
        check_table(path, ("split", "document", "name", "bytes", "tokens", "sentences", "metadata"))
        table = read_table(path)
        if "repeated" not in table:
            table["repeated"] = False
        if "repeats" not in table:
            table["repeats"] = table["repeated"].map({True: "passages", False: ""})
        return table

    def documents_of(self, split: Split) -> pd.DataFrame:
        """Return the documents of one split, indexed from 0 as ``document`` counts them."""
        rows = self.documents[self.documents["split"] == split].set_index("document", drop=False)
        if list(rows.index) != list(range(len(rows))):
            raise RunFolderError(f"{self.path / 'documents.parquet'} does not number the {split} documents from 0")
        return rows

    def features(self, split: Split | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the table of token features, its rows in the order of every model's scores."""
        return read_table(self._file("features.parquet"), columns, split)

    def feature_blocks(self, split: Split, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Yield these columns of a split's token features block by block, in order; (N,) each."""
        return read_blocks(self._file("features.parquet"), columns, split)


class Run:
    """A run folder. ``manifest`` is manifest.json as it stands."""

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        self.models = tuple(self._model(entry) for entry in manifest["models"])
        self.tokens = {
            str(fp): TokenTables(_inside(path, f"tokens/{fp}"), str(fp), entry)
            for fp, entry in manifest["tokens"].items()
        }
        for model in self.models:
            if model.done and model.tokens_fingerprint not in self.tokens:
                raise RunFolderError(f"{path / 'manifest.json'} does not list the tokens of the model '{model.name}'")

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


def load_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises ``RunFolderError`` if it is none, if it was written by a version with another schema, or if its manifest
    is broken; a missing or broken file elsewhere in it raises the same, with its name, once it is asked for.
    """
    path = Path(folder)
    manifest = path / "manifest.json"
    if not manifest.is_file():
        if (path / "cells").is_dir():
            raise RunFolderError(f"{path} holds a run that did not come to its end: run the same command again")
        what = "is not a run folder (it has no manifest.json)" if path.is_dir() else "is not a folder"
        raise RunFolderError(f"{path} {what}: give the folder that 'lmcompare run' wrote")
    check_whole(path, (manifest.name,), "run the same command again")
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
        raise RunFolderError(f"{root / 'manifest.json'} names '{relative}', which lies outside the run folder")
    return root.joinpath(*parts.parts)
