"""A stored cell, one model trained with one seed, and the sweep that chose its setting, if one did.

A report reads of the JSON files of a cell what is of the types that lmcompare writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

import numpy as np
from pydantic import Field, InstanceOf, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lmcompare.runfolder.files import (
    REMEDY,
    Array,
    RunFolderError,
    check_table,
    read_blocks,
    read_csv,
    read_object,
    read_table,
)
from lmcompare.runfolder.guards import SEED, check_sealed, place_of, read_cell
from lmcompare.runfolder.layout import (
    CELL_TABLES,
    CELLS,
    COST_KEYS,
    CURVE_COLUMNS,
    MEASURED,
    PROCESSOR,
    SCORE_COLUMNS,
    TOP_COLUMNS,
    TRIAL_FILES,
    WORD_SCORE_COLUMNS,
    Split,
)
from lmcompare.runfolder.manifest import Machine, ModelRow, Settings, SweepRow
from lmcompare.runfolder.probed import Probed, read_probed

if TYPE_CHECKING:
    import pandas as pd


Text = InstanceOf[str]  # a text of a model may contain half a surrogate pair
Number = Annotated[float, Field(allow_inf_nan=False)] | None
Cost = Annotated[float, Field(ge=0, le=1e18)] | None
Bits = Annotated[float, Field(ge=-1e18, le=1e18)] | None  # negative where the density of a value is above 1


class _Check(TypedDict):
    name: Text
    passed: bool
    figure: NotRequired[float | None]
    tolerance: NotRequired[float | None]
    detail: NotRequired[Text | None]


class _Truth(TypedDict, total=False):
    passed: bool
    checks: list[_Check]


class _Idea(TypedDict):
    year: int
    authors: Text
    title: Text


class _Cell(TypedDict, total=False):
    title: Text | None
    summary: Text | None
    idea: _Idea | None
    notes: list[Text] | None
    traits: dict[Text, bool] | None
    truth: _Truth | None
    studies: dict[Text, Text] | None
    hyperparameters: dict[Text, Any] | None


class _Valid(TypedDict):
    bits: list[Bits]  # of each document; None means infinite
    bytes: list[Annotated[int, Field(ge=0)]]


class _Milestone(TypedDict):
    step: int
    seconds: Annotated[float, Field(ge=0, le=1e18)]
    processor_seconds: NotRequired[Annotated[float, Field(ge=0, le=1e18)]]
    tokens: int | None
    flops: Annotated[float, Field(ge=0, le=1e36)] | None
    bits_per_byte: Bits


class _Machine(TypedDict):
    cpu: Text
    cores: int
    memory_bytes: int
    platform: Text


class _Cost(TypedDict):
    train_seconds: Cost
    processor_seconds: NotRequired[Cost]
    microseconds_per_token: Cost
    peak_memory_bytes: Cost
    parameters: Cost
    model_bytes: Cost
    microseconds_per_list: NotRequired[Cost]
    milestones: NotRequired[list[_Milestone] | None]
    train_flops: NotRequired[Annotated[float, Field(ge=0, le=1e36)] | None]
    tokens_before: NotRequired[Annotated[int, Field(ge=0, le=10**15)] | None]
    machines: NotRequired[list[_Machine] | None]


class _Study(TypedDict, total=False):
    measured: Any
    notes: list[Text]
    failed: Text


_CONTENTS: dict[str, TypeAdapter[Any]] = {
    "cell.json": TypeAdapter(_Cell),
    "cost.json": TypeAdapter(_Cost),
    "studies.json": TypeAdapter(dict[Text, _Study]),
    "valid.json": TypeAdapter(_Valid),
}


def check_contents(path: Path, table: object) -> None:
    """Raise ``RunFolderError`` if a value in a JSON file of a cell is not of the type that lmcompare writes."""
    try:
        _CONTENTS[path.name].validate_python(table, strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))[:80]
        raise RunFolderError(f"{path} is damaged at '{where}': {REMEDY}") from None


def _failed(error: str) -> dict[str, Any]:
    return {"status": "failed", "error": error, "traits": {}, "lost": True}


class Cell:
    """One model trained with one seed: its description, its status, and its stored results."""

    def __init__(self, path: Path, name: str, seed: int) -> None:
        self.path, self.name, self.seed = path, name, seed
        self.checked: set[Split] = set()  # splits whose rows were compared with those of the features

    def __repr__(self) -> str:
        return f"Cell({self.name!r}, seed={self.seed}, {self.status})"

    @cached_property
    def table(self) -> Mapping[str, Any]:
        """The content of cell.json as it is; {} if it can't be read."""
        return read_cell(self.path)

    @property
    def place(self) -> str:
        """Its folder, relative to the run folder."""
        return place_of(self.name, self.seed)

    @property
    def finished(self) -> bool:
        """Whether it was trained and scored to its end; its files may have been damaged since."""
        return self.table.get("status") == "done"

    @property
    def identity(self) -> str:
        """What the model is whatever its seed, as a digest; "" where it is not known."""
        return str(self.table.get("identity") or "")

    @property
    def tokens_fingerprint(self) -> str:
        """The tokens that the model reads; "" where they are not known."""
        return str(self.table.get("tokens_fingerprint") or "")

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the run that trained it asked for, as in ``Job.asked``."""
        return self.part("asked")

    def part(self, key: str) -> Mapping[str, Any]:
        """Return a table of cell.json; {} if it has no such table."""
        value = self.table.get(key)
        return value if isinstance(value, dict) else {}

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """The content of cell.json; an unfinished cell, or one that has lost a file, counts as failed."""
        path = self.path / "cell.json"
        if not path.exists():
            return _failed(f"it was not run to its end: {REMEDY}")
        try:
            info = read_object(path, "status")
            if info["status"] == "done":
                self._look_at_files(info)
        except RunFolderError as error:
            return _failed(str(error).replace(f"{self.path}/", ""))
        return info

    def _look_at_files(self, info: Mapping[str, Any]) -> None:
        """Raise ``RunFolderError`` if a file is missing or damaged, so that only this cell counts as failed."""
        check_sealed(self.path, CELL_TABLES)
        for name, table in (("cell", info), ("cost", self.cost)):
            check_contents(self.path / f"{name}.json", table)
        _ = self.curve  # it reads cost.json too
        tables = {"scores": SCORE_COLUMNS, "words": WORD_SCORE_COLUMNS, "top": TOP_COLUMNS}
        for name, columns in tables.items():
            check_table(self.path / f"{name}.parquet", columns)

    @property
    def status(self) -> str:
        """'done' or 'failed'."""
        return "done" if self.info["status"] == "done" else "failed"

    @property
    def lost(self) -> bool:
        """Whether it counts as failed because files of the run are missing or damaged."""
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
        """The results of the validity checks: 'passed' and 'checks'; empty if they were not run."""
        return dict(self.info.get("truth") or {})

    def measured(self, study: str) -> Any:
        """Return what a study has measured of the model; None if it has not."""
        return self._studies.get(study, {}).get("measured")

    def measured_by(self, study: str) -> str | None:
        """Return a digest of the code and the options with which a study has measured; None if it has not."""
        return str((self.info.get("studies") or {}).get(study, "")) if study in self._studies else None

    @cached_property
    def _studies(self) -> Mapping[str, Mapping[str, Any]]:
        """What studies have measured; if the file is damaged, which holds no scores, only the reason, as a note."""
        if self.status == "failed":
            return {}
        path = self.path / MEASURED
        try:
            check_sealed(self.path, [MEASURED])
            found: dict[str, Any] = read_object(path)
            check_contents(path, found)
        except RunFolderError as error:
            why = str(error).replace(f"{self.path}/", "")
            return {MEASURED: {"notes": [f"What studies have measured of it is not shown: {why}."]}}
        return found

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for the readers of this cell's figures."""
        notes = [*(self.info.get("notes") or ())]
        for name, each in self._studies.items():
            notes += each.get("notes", ())
            if "failed" in each:
                notes.append(f"The study '{name}' could not measure it: {each['failed']}.")
        return tuple(notes)

    @cached_property
    def probed(self) -> tuple[Probed, ...]:
        """What the model answered to minimal pairs, if it was asked."""
        return read_probed(self.path)

    @cached_property
    def cost(self) -> Mapping[str, Any]:
        """Seconds, bytes and parameters: the content of cost.json, with processor seconds as ``_cores`` has them."""
        found = read_object(self.path / "cost.json", *COST_KEYS)
        return {**found, PROCESSOR: _processor_seconds(found, found["train_seconds"], found.get(PROCESSOR))}

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines on which it was trained and scored; empty if the version that ran it did not store them."""
        rows = self.cost.get("machines") or ()
        return tuple(Machine(row["cpu"], row["cores"], row["memory_bytes"], row["platform"]) for row in rows)

    @property
    def milestones(self) -> Sequence[Mapping[str, Any]]:
        """The model as it was at points of its training: step, seconds, tokens, flops and bits per byte of valid."""
        found = self.cost.get("milestones") or ()
        return [
            {**row, PROCESSOR: _processor_seconds(self.cost, row["seconds"], row.get(PROCESSOR))} for row in found
        ]

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The learning curve: step, seconds, processor_seconds, tokens, train_loss and valid_loss (nats per token).

        The tokens are all that the model has read, those before its training in steps included.
        """
        rows = read_csv(self.path / "curve.csv", CURVE_COLUMNS)
        tokens = rows["tokens"] + (self.cost.get("tokens_before") or 0)
        processor = _processor_seconds(self.cost, rows["seconds"], rows.get(PROCESSOR))
        return rows.assign(tokens=tokens, **{PROCESSOR: np.nan if processor is None else processor})

    @cached_property
    def top(self) -> pd.DataFrame:
        """The five most likely tokens at every position of some test passages: document, position, place, …"""
        return read_table(self.path / "top.parquet", TOP_COLUMNS)

    def scores(self, split: Split | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the token scores (log-probabilities in nats), all or those of a split, all columns or these."""
        return read_table(self.path / "scores.parquet", columns, split)

    def words(self, split: Split) -> pd.DataFrame:
        """Return the bits of the words of a split, in the order of ``TokenizedCorpus.words``."""
        return read_table(self.path / "words.parquet", WORD_SCORE_COLUMNS, split)

    def word_blocks(
        self, split: Split, columns: Sequence[str], documents: Array | None = None
    ) -> Iterator[dict[str, Array]]:
        """Yield these columns of ``words`` block by block, (W,) each; of these documents or all."""
        return read_blocks(self.path / "words.parquet", columns, split, documents)

    def score_blocks(
        self, split: Split, columns: Sequence[str], documents: Array | None = None
    ) -> Iterator[dict[str, Array]]:
        """Yield these columns of a split's token scores block by block, in order, (N,) each; of these documents or
        all.
        """
        return read_blocks(self.path / "scores.parquet", columns, split, documents)

    def log_probs(self, split: Split) -> Array:
        """(N,) the log-probabilities of the tokens of a split, in nats; empty if it was not scored."""
        blocks = self.score_blocks(split, ["log_prob"])
        found: Array = np.concatenate([np.zeros(0), *(block["log_prob"] for block in blocks)])
        return found


def _processor_seconds(cost: Mapping[str, Any], seconds: Any, measured: Any) -> Any:
    """Return the processor seconds of a training, or of a part of it: what all its cores together have worked.

    On an accelerator it is the time for which it was held; in a cell of an older version, in which it was not
    measured, that of all its threads, or None if other cells ran beside it.
    """
    on_processor = cost.get("device", "cpu") == "cpu"
    if on_processor and measured is not None:
        return measured
    held = cost.get("threads" if on_processor else "processes", 1)
    unknown = seconds is None or (on_processor and cost.get("beside"))
    return None if unknown or not isinstance(held, int) or isinstance(seconds, str) else seconds * held


def stored_cells(folder: Path) -> list[Cell]:
    """Return the cells of a run folder by name and seed, unfinished ones included."""
    found = [path for path in (folder / CELLS).glob("*/*") if SEED.fullmatch(path.name) and path.is_dir()]
    return sorted((Cell(path, path.parent.name, int(path.name)) for path in found), key=lambda c: (c.name, c.seed))


def model_rows(
    folder: Path,
    tokens: Collection[str],
    earlier: Sequence[ModelRow] = (),
    asked: Mapping[str, str] | None = None,
    places: Collection[str] = (),
) -> tuple[ModelRow, ...]:
    """Return a row for each model that has a cell in the folder.

    The seeds of a row are trainings of one model. If cells of one name are trainings of several, as they are where
    the code of the plug-in has changed between two seeds, those that were asked for last are in the row.

    Parameters
    ----------
    folder : Path
        The run folder.
    tokens : collection of str
        The fingerprints of the tokens of its text: a cell on other tokens is on another text.
    earlier : sequence of ModelRow
        The rows of the manifest that is there.
    asked : mapping of str to str, optional
        By name, the identities of the models that the present run was asked for.
    places : collection of str
        The cells of the present run, of which the failed ones are listed too.
    """
    asked, before = asked or {}, {row.name: row for row in earlier}
    listed = {*places, *(place for row in earlier for place in row.cells)}
    here = [
        cell
        for cell in stored_cells(folder)
        if (cell.tokens_fingerprint in tokens if cell.finished else cell.place in listed)
    ]
    cells = {name: list(same) for name, same in groupby(here, lambda cell: cell.name)}
    found = [n for n in cells if n not in before and n not in asked]
    names = dict.fromkeys([*found, *before, *asked])
    rows = (_row(cells[name], before.get(name), asked.get(name), listed) for name in names if name in cells)
    return tuple(row for row in rows if row is not None)


def _row(
    cells: Sequence[Cell], earlier: ModelRow | None, asked: str | None, listed: Collection[str]
) -> ModelRow | None:
    """Return the row of the cells of one name; None if they do not store with which settings they were trained."""
    finished = [cell for cell in cells if cell.finished]
    model = min(finished, key=lambda cell: (cell.identity != asked, cell.place not in listed), default=cells[0])
    shown = [cell for cell in cells if not cell.finished or cell.identity == model.identity]
    settings = _settings_of(model) or (earlier.settings if earlier else None)
    if settings is None:
        return None
    return ModelRow(
        name=model.name,
        plugin=str(model.asked.get("plugin") or model.table.get("plugin") or model.name),
        tokens_fingerprint=model.tokens_fingerprint or (earlier.tokens_fingerprint if earlier else ""),
        seeds=tuple(cell.seed for cell in shown),
        cells=tuple(cell.place for cell in shown),
        settings=settings,
    )


def _settings_of(cell: Cell) -> Settings | None:
    try:
        return Settings(**cell.asked["settings"])
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Trial:
    """One setting of a sweep with its S finished trainings, scored on the D documents of the validation text.

    Parameters
    ----------
    setting : mapping
        What the sweep varies.
    bits : array of shape (S, D)
        The charged bits of each document.
    bytes : array of shape (D,)
        The bytes of each document.
    costs : tuple of mappings
        The contents of cost.json, for each training.
    error : str or None
        Why a training failed: such a setting is not chosen.
    """

    setting: Mapping[str, Any]
    bits: Array
    bytes: Array
    costs: tuple[Mapping[str, Any], ...]
    error: str | None

    @property
    def bits_per_byte(self) -> float:
        """The mean over the trainings, infinite where one gives a token the probability 0; NaN without any."""
        return mean_bits_per_byte(self.bits, self.bytes)


@dataclass(frozen=True)
class Sweep:
    """The settings that were tried for a model, in their order, and which of them was chosen.

    Parameters
    ----------
    varied, search : mapping
        As ``grid`` and ``search`` of the manifest's ``SweepRow``.
    """

    name: str
    chosen: Mapping[str, Any]
    trials: tuple[Trial, ...]
    varied: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)


def mean_bits_per_byte(bits: Array, sizes: Array) -> float:
    """Return the mean of the bits per byte of S trainings, (S, D), on D documents of these sizes; NaN without any."""
    return float((bits.sum(axis=1) / sizes.sum()).mean()) if len(bits) and sizes.sum() else float("nan")


def read_valid(path: Path) -> tuple[Array, Array]:
    """Return what the D documents of the validation text cost in a trial, and their bytes, (D,) each."""
    table = read_object(path / "valid.json", "bits", "bytes")
    check_contents(path / "valid.json", table)
    bits = [np.inf if each is None else each for each in table["bits"]]
    if len(bits) != len(table["bytes"]):
        raise RunFolderError(f"{path / 'valid.json'} is damaged: run the same command again")
    return np.array(bits, np.float64), np.array(table["bytes"], np.float64)


def read_sweep(folder: Path, row: SweepRow) -> Sweep:
    """Return a sweep of a run folder. A trial whose files are missing or damaged counts as failed."""
    trials = []
    for each in row.trials:
        found, costs, error = [], [], each.refused or None
        for place in each.cells:
            path = folder / place
            cell = read_cell(path)
            try:
                if cell.get("status") != "done":
                    raise RunFolderError(str(cell.get("error") or "it was not run to its end"))
                check_sealed(path, TRIAL_FILES)
                cost = read_object(path / "cost.json", *COST_KEYS)
                check_contents(path / "cost.json", cost)
                found.append(read_valid(path))
                costs.append(cost)
            except RunFolderError as why:
                error = str(why).replace(f"{path}/", "")
        sizes = found[0][1] if found else np.zeros(0)
        bits = [own for own, other in found if np.array_equal(sizes, other)]
        trials.append(Trial(each.setting, np.reshape(bits, (len(bits), len(sizes))), sizes, tuple(costs), error))
    return Sweep(row.name, row.chosen, tuple(trials), row.grid, row.search)
