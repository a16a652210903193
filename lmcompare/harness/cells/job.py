"""A job: all that a process needs to run one cell, what identifies the cell, and whether it is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcompare.runfolder import guards
from lmcompare.runfolder.files import read_object, write_json
from lmcompare.runfolder.guards import NEW, place_of, read_cell, replace_cell, see_that_it_is_there
from lmcompare.runfolder.layout import CELL_FILES, MEASURED, SCHEMA_VERSION, SEAL, TOKENS, TRIAL_FILES, TRIALS
from lmcompare.runfolder.states import checkpoints_of

DIGITS = 6  # of a digest that makes names unique


@dataclass(frozen=True)
class Job:
    """One model to be trained with one seed; JSON-able.

    It begins as what is known of a model before the text is read (``lmcompare.harness.plan.described``): the folder,
    the tokens and the machine are empty until the plan places it in a run.

    Parameters
    ----------
    folder : str
        The run folder.
    name, plugin : str
        The model's name, and its plug-in: the path of a file is absolute.
    seed : int
        The seed of the training.
    tokens_fingerprint : str
        The tokens that the model reads.
    tokenizer : str
        The name of their tokenizer; the only one that the run folder may name.
    source_digest : str
        A digest of the plug-in's source.
    hyperparameters : dict
        All of them, those of the preset included.
    machine : dict
        The "device", "threads" and "processes" of the training.
    budget : dict
        The table ``[budget]`` of the experiment; empty for a model that isn't trained in steps.
    options : dict
        What studies can ask for (see ``lmcompare.study.Study``). It is no part of the key.
    studies : dict of str to str
        The studies that measure the model, each with a digest of the code that measures and of its options.
    chosen : list of str, optional
        The studies that the experiment chooses, as it names them; None for all installed ones. It is no part of the
        key.
    files : dict
        For each hyper-parameter that names a file, a digest of its content.
    asked : dict
        What the experiment asks for: the model's "name", "plugin", "tokens" and the "hyperparameters" that it gives,
        the fingerprint of the "corpus", and the "settings" of the run. It is no part of the key.
    aside : bool
        Whether the cell is to replace a finished one, beside which it is run.
    beside : bool
        Whether other cells run at the same time, so that its costs are not those of a machine of its own. It is no
        part of the key.
    trial : bool
        Whether it is one setting of a sweep, which is scored on the validation text alone.
    milestones : bool
        Whether the model is scored on the validation text while it is trained, too.
    memory : int, optional
        The bytes of memory that the model may take, if it can keep to a limit. It is no part of the key.
    tokens : object
        As ``LanguageModel.tokens``; whether it is a table is yet to be checked. None once it is placed in a run.
    trains_in_steps : bool
        As ``LanguageModel.trains_in_steps``.
    checks_text : bool
        Whether the model may refuse a training text.
    keeps_to_memory : bool
        Whether it keeps to a limit of memory: it has the attribute of this name, which is true.
    work : float
        About how many multiplications the training takes; 0 if it is not known.
    """

    folder: str
    name: str
    plugin: str
    seed: int
    tokens_fingerprint: str
    tokenizer: str
    source_digest: str
    hyperparameters: dict[str, Any]
    machine: dict[str, Any]
    budget: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    studies: dict[str, str] = field(default_factory=dict)
    chosen: list[str] | None = None
    files: dict[str, str] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    aside: bool = False
    beside: bool = False
    trial: bool = False
    milestones: bool = False
    memory: int | None = None
    tokens: Any = None
    trains_in_steps: bool = False
    checks_text: bool = False
    keeps_to_memory: bool = False
    work: float = 0.0

    @property
    def path(self) -> Path:
        """The folder in which the cell is run."""
        return Path(self.folder) / (self.place + NEW if self.aside else self.place)

    @property
    def place(self) -> str:
        """The folder of the finished cell, relative to the run folder."""
        if self.trial:  # the identity makes the folder unique among the settings of all sweeps
            return f"{TRIALS}/{self.name}-{self.identity[:DIGITS]}/{self.seed}"
        return place_of(self.name, self.seed)

    @property
    def there(self) -> Path:
        """The folder of the finished cell."""
        return Path(self.folder) / self.place

    @property
    def files_written(self) -> tuple[str, ...]:
        """The files of the finished cell, relative to its folder."""
        return TRIAL_FILES if self.trial else CELL_FILES

    @property
    def checkpoints(self) -> Path:
        """The folder for the checkpoints of the training."""
        return checkpoints_of(Path(self.folder)) / self.name / str(self.seed) / self.key

    @property
    def tokens_path(self) -> Path:
        """The folder of the corpus under the model's tokenizer."""
        return Path(self.folder) / TOKENS / self.tokens_fingerprint

    @property
    def identity(self) -> str:
        """What the model is whatever its seed, as a digest: cells of one identity are trainings of one model."""
        return _digest(self._training)

    @property
    def key(self) -> str:
        """What the cell's figures depend on, as a digest: a finished cell of the same key is not run again."""
        return _digest({**self._training, "seed": self.seed})

    @property
    def _training(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA_VERSION,
            "plugin": Path(self.plugin).name,  # a plug-in file may move; its source is digested
            "source_digest": self.source_digest,
            "hyperparameters": {**self.hyperparameters, **self.files},  # any other file may move as well
            "tokens_fingerprint": self.tokens_fingerprint,
            "budget": self.budget,
            **({"milestones": True} if self.milestones else {}),
            **self.machine,
        }

    @property
    def about(self) -> dict[str, Any]:
        """What cell.json states of the model, whether or not the cell was finished."""
        return {
            "name": self.name,
            "identity": self.identity,
            "plugin": self.plugin,
            "seed": self.seed,
            "hyperparameters": self.hyperparameters,
            "tokens_fingerprint": self.tokens_fingerprint,
            "source_digest": self.source_digest,
            "files": self.files,
            "machine": self.machine,
            "asked": self.asked,
        }

    def stored(self) -> dict[str, Any]:
        """Return the content of cell.json; {} if it can't be read."""
        return read_cell(self.path)

    def is_finished(self) -> bool:
        """Return whether the folder contains this very cell, trained and scored, every file as it was written.

        What studies have measured may be missing or damaged: ``unmeasured``.
        """
        stored = self.stored()
        done = stored.get("status") == "done" and stored.get("key") == self.key
        return done and not guards.damage(self.path, [name for name in self.files_written if name != MEASURED])

    def is_complete(self) -> bool:
        """Return whether a finished cell has the measurements that would be made now."""
        return not self.unmeasured()

    def unmeasured(self) -> list[str]:
        """Return the studies that have not measured the finished cell as they would now; none measures a trial."""
        if self.trial:
            return []
        if guards.damage(self.path, [MEASURED]):
            return [*self.studies]
        stored = self.stored().get("studies") or {}
        return [name for name, digest in self.studies.items() if stored.get(name) != digest]

    def damage(self) -> str | None:
        """Return the damaged file for which a finished cell has to be made anew, or None."""
        return guards.damage(self.path, self.files_written) if guards.is_sealed(self.path) else None

    def write(self, name: str, table: Any) -> None:
        """Write a JSON file of the cell. Raises ``LmcompareError`` if the run folder was moved or removed."""
        see_that_it_is_there(Path(self.folder))
        write_json(self.path / name, table)

    def finish(self, table: Mapping[str, Any]) -> None:
        """Write cell.json and seal the cell: it is finished."""
        write_json(self.path / "cell.json", {**table, **self.about})
        guards.seal(self.path, self.files_written)

    def amend(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change values in a JSON file of the finished cell, in its place. Raises ``LmcompareError`` as ``write``."""
        see_that_it_is_there(Path(self.folder))
        write_json(self.there / name, {**read_object(self.there / name), **changes})
        guards.seal(self.there, self.files_written)

    def reopen(self) -> None:
        """Forget that the cell was finished; the trained model stays."""
        for name in ("cell.json", SEAL):
            (self.path / name).unlink(missing_ok=True)

    def take_place(self) -> None:
        """Replace the finished cell beside which this one was run."""
        if self.aside:
            replace_cell(self.there)

    def fail(self, error: str) -> None:
        """Record that the cell failed, and why. A finished cell keeps its figures."""
        if not self.is_finished():
            table = {"key": self.key, "status": "failed", "error": error}
            write_json(self.path / "cell.json", {**table, **self.about})


def _digest(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]
