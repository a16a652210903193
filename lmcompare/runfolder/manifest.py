"""The manifest of a run folder: what was run, on which text, with which experiment, on which machine."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import to_jsonable_python

from lmcompare import __version__
from lmcompare.runfolder.files import RunFolderError, read_json, write_json
from lmcompare.runfolder.guards import check_sealed, seal
from lmcompare.runfolder.layout import MANIFEST, SCHEMA_VERSION
from lmcompare.tokens import ScoringRules


@dataclass(frozen=True)
class SplitSizes:
    """The sizes of one split; words are separated by white space."""

    documents: int
    sentences: int
    bytes: int
    words: int


@dataclass(frozen=True)
class CorpusEntry:
    """The corpus of a run.

    Parameters
    ----------
    name, source : str
        Its name, and where it came from.
    fingerprint : str
        The fingerprint of the text and its splits.
    parts : dict
        By part of the text, its digest, and "changes", a list of the changes that were made to it.
    notes : tuple of str
        Sentences for the readers of the figures.
    splits : dict of SplitSizes
        The sizes of the splits, by name.
    compressors : dict of str to float
        What general compressors need for the test text after the training text, in bits per byte, by name.
    kind : str
        What kind of data it is: for "text", figures are per byte; for "series" of numbers, per step.
    """

    name: str
    source: str
    fingerprint: str
    parts: dict[str, Any]
    notes: tuple[str, ...]
    splits: dict[str, SplitSizes]
    compressors: dict[str, float] = field(default_factory=dict)
    kind: str = "text"


@dataclass(frozen=True)
class TokensEntry:
    """The corpus under one tokenizer.

    Parameters
    ----------
    spec : dict
        The table ``[tokens]`` of the experiment.
    description : str
        The tokenizer in words.
    types : int
        The size of the vocabulary.
    parts : dict
        Digests of the tokenizer, of the vocabulary and of the rules by which bytes are charged.
    tokens, unknown : dict of int
        The number of tokens and of unknown tokens in each split.
    notes : tuple of str
        The tokenizer's notes on the training text.
    strawberry : tuple of str
        The tokens of this word within a text; "<unk>" is an unknown one.
    in_page : dict
        How the page of a report cuts a text, as ``Tokenizer.in_page`` says it; ``reason`` if it can't.
    rules : ScoringRules
        How models of these tokens are scored.
    """

    spec: dict[str, Any]
    description: str
    types: int
    parts: dict[str, str]
    tokens: dict[str, int]
    unknown: dict[str, int]
    notes: tuple[str, ...] = ()
    strawberry: tuple[str, ...] = ()
    in_page: dict[str, Any] = field(default_factory=dict)
    rules: ScoringRules = ScoringRules()


@dataclass(frozen=True)
class Machine:
    """A machine; two machines with the same processor, cores and platform are equal."""

    cpu: str
    cores: int
    memory_bytes: int = field(compare=False)  # the memory that a kernel leaves depends a little on its version
    platform: str


@dataclass(frozen=True)
class Hardware(Machine):
    """The machine, and the device and threads that the run used."""

    device: str
    threads: int


@dataclass(frozen=True)
class Settings:
    """The settings of the run that trained a model: the preset, the tables of its experiment, and the machine."""

    preset: str
    budget: dict[str, float]
    match: dict[str, float]
    device: str
    threads: int
    processes: int


@dataclass(frozen=True)
class ModelRow:
    """One model of the experiment: its cells, one for each seed, as paths relative to the run folder."""

    name: str
    plugin: str
    tokens_fingerprint: str
    seeds: tuple[int, ...]
    cells: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True)
class TrialRow:
    """One setting of a sweep with its trials, one for each seed; ``refused`` says why it has none, if so."""

    setting: dict[str, Any]
    seeds: tuple[int, ...]
    cells: tuple[str, ...]
    refused: str = ""


@dataclass(frozen=True)
class SweepRow:
    """The sweep that chose the hyper-parameters of a model.

    Parameters
    ----------
    name : str
        The model.
    identity : str
        Of the model with the setting that was chosen, as in cell.json.
    grid : dict of lists or tables
        For each varied hyper-parameter its values, or the ends "low" and "high" of a range and whether it is "log".
    chosen : dict
        The setting that was chosen.
    trials : tuple of TrialRow
        All settings, in the order in which they were tried.
    search : dict
        The table ``[search]``; empty if all settings of the grid were tried.
    """

    name: str
    identity: str
    grid: dict[str, tuple[Any, ...] | dict[str, Any]]
    chosen: dict[str, Any]
    trials: tuple[TrialRow, ...]
    search: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a run folder contains. Several runs may have filled it.

    Parameters
    ----------
    name : str
        The name of the experiment.
    created : str
        When the last run ended, in ISO 8601.
    command : str
        The command that started the last run; "" if it was started from Python.
    seconds : float
        The wall-clock time of all runs.
    experiment : dict
        The experiment, with the models of all runs.
    preset : str
        The preset of the last run.
    corpus : CorpusEntry
        The text.
    tokens : dict of TokensEntry
        By their fingerprint, the tokens that models read.
    models : tuple of ModelRow
        The models, those of earlier runs first.
    sweeps : tuple of SweepRow
        How the hyper-parameters of some of them were chosen.
    versions : dict of str
        The versions of Python, lmcompare and the packages that figures depend on.
    hardware : Hardware
        The machine of the last run.
    schema_version : int
        The version of the folder's format.
    lmcompare : str
        The version of lmcompare that wrote the manifest.
    commit : str
        The commit of lmcompare's repository with this code; "" if it is not known.
    waiting : tuple of str
        The cells of the last run that were not finished when this was written, as "name/seed".
    left : float or None
        About how many seconds they still take; None if the run has stopped.
    """

    name: str
    created: str
    command: str
    seconds: float
    experiment: dict[str, Any]
    preset: str
    corpus: CorpusEntry
    tokens: dict[str, TokensEntry]
    models: tuple[ModelRow, ...]
    versions: dict[str, str]
    hardware: Hardware
    sweeps: tuple[SweepRow, ...] = ()
    schema_version: int = SCHEMA_VERSION
    lmcompare: str = __version__
    commit: str = ""
    waiting: tuple[str, ...] = ()
    left: float | None = None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write and seal the manifest of a run folder."""
    write_json(folder / MANIFEST, to_jsonable_python(manifest))
    seal(folder, (MANIFEST,))


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a run folder.

    Raises
    ------
    RunFolderError
        If it is missing or damaged, has another schema version, or is not as lmcompare writes it.
    """
    path = folder / MANIFEST
    check_sealed(folder, (MANIFEST,))
    table = read_json(path)
    if not isinstance(table, dict):
        raise RunFolderError(f"{path} is not as lmcompare writes it: run the experiment again with --force")
    version = table.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RunFolderError(
            f"{path} has schema_version {version!r}, but this lmcompare reads {SCHEMA_VERSION}: "
            "use the version that wrote it, or run the experiment again with --force"
        )
    try:
        return TypeAdapter(Manifest).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(
            f"{path} is not as lmcompare writes it ({where}: {first['msg']}): run the experiment again with --force"
        ) from None
