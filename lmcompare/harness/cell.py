"""A cell: one model, one corpus, one seed. What identifies it, and what it does from training to exhibits."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare import exhibits, plugins, storage
from lmcompare.errors import PluginError, what_went_wrong
from lmcompare.harness import by_heart, scoring
from lmcompare.harness.environment import peak_memory_bytes
from lmcompare.harness.examples import model_examples, word_examples
from lmcompare.harness.prepared import Prepared
from lmcompare.harness.truth import Stored, truth_checks
from lmcompare.model import Budget, LanguageModel, Progress, Setting
from lmcompare.processes import Emit

if TYPE_CHECKING:
    import pandas as pd

SILENCE = 1.0  # seconds after which the clock of a model that tells no losses is stored again
SCHEMA = 1  # raised whenever a stored cell would have to be computed again

TRAINED = ("arrays.safetensors", "values.json", "trained.json", "../curve.csv")  # of the folder model/
FILES = (*storage.CELL_TABLES, "model/arrays.safetensors", "model/values.json")


@dataclass(frozen=True)
class Job:
    """All that a process needs to run a cell; JSON-able.

    ``hyperparameters`` are complete, presets included; ``files``: of those that are files, a digest of the content.
    """

    name: str
    plugin: str
    seed: int
    folder: str
    tokens_folder: str
    tokens_fingerprint: str
    source_digest: str
    hyperparameters: dict[str, Any]
    device: str
    threads: int
    processes: int = 1
    budget: dict[str, Any] = field(default_factory=dict)
    examples: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the cell's figures depend on, as a digest: a finished cell of the same key is not run again."""
        return _digest({"schema": SCHEMA, **self._table})

    @property
    def identity(self) -> str:
        """What the model is whatever its seed, as a digest: cells of one identity are trainings of one model."""
        return _digest({"schema": SCHEMA, **{name: value for name, value in self._table.items() if name != "seed"}})

    @property
    def _table(self) -> dict[str, Any]:
        table = asdict(self)
        for place in ("name", "folder", "tokens_folder", "examples", "files"):
            del table[place]
        table["hyperparameters"] = {**self.hyperparameters, **self.files}  # a file may move; its content is digested
        table["plugin"] = Path(self.plugin).name  # a plug-in file may move; its source is digested
        return table

    @property
    def examples_key(self) -> str:
        """What its prompts and continuations depend on besides."""
        return _digest(self.examples)

    @property
    def path(self) -> Path:
        """The cell's folder."""
        return Path(self.folder)


def is_finished(job: Job) -> bool:
    """Return whether the folder holds this very cell, trained and scored, every file of it as it was written."""
    stored = _stored(job)
    return stored.get("status") == "done" and stored.get("key") == job.key and not storage.damage(job.path, FILES)


def damage(job: Job) -> str | None:
    """Return the file for which a cell that was finished once has to be made anew; None if there is none."""
    return storage.damage(job.path, FILES) if storage.is_sealed(job.path) else None


def has_examples(job: Job) -> bool:
    """Return whether a finished cell's examples answer the prompts that are asked for now."""
    return _stored(job).get("examples_key") == job.examples_key


def run_cell(job: Job, emit: Emit, model: LanguageModel | None = None) -> None:
    """Train, store, score, check and exhibit; what is already there for the same key is kept.

    ``model``: an untrained model to use instead of building one. Whatever the plug-in raises goes to the caller.
    """
    with plugins.only_installed(*_asked_for(job, model)):
        _run_cell(job, emit, plugins.build(job.plugin, job.hyperparameters) if model is None else model)


def _asked_for(job: Job, model: LanguageModel | None) -> list[str | type[LanguageModel]]:
    """Return the plug-ins that the experiment names: what its folder holds can name no others."""
    own = [] if model is None else [type(model)]
    return [job.plugin, *plugins.named_in(job.hyperparameters), *own]


def _run_cell(job: Job, emit: Emit, model: LanguageModel) -> None:
    prepared = Prepared.load(Path(job.tokens_folder))
    if is_finished(job):
        model.restore(storage.load_state(job.path / "model"))
        emit({"event": "stage", "stage": "examples"})
        _write_examples(job, prepared, model)
        _finish(job, {**_stored(job), "examples_key": job.examples_key})
        return
    unfinished(job)
    model, train_seconds = _trained(job, prepared, model, emit)
    emit({"event": "stage", "stage": "score"})
    scores, cost = _scored(job, prepared, model)
    storage.write_table(job.path / "scores.parquet", scores)
    known = {} if model.traits.adaptive else by_heart.measured(model, prepared)
    emit({"event": "stage", "stage": "check"})
    began = time.perf_counter()
    truth = _checked(job, prepared, model, scores)
    cost |= {"check_seconds": time.perf_counter() - began}
    emit({"event": "stage", "stage": "examples"})
    notes = _write_examples(job, prepared, model)
    storage.write_json(
        job.path / "cost.json",
        {"train_seconds": train_seconds, **cost, "peak_memory_bytes": peak_memory_bytes(), **_place(job)},
    )
    _finish(job, {**_done(job, model, truth, notes), "by_heart": known})


def _finish(job: Job, table: Mapping[str, Any]) -> None:
    storage.write_json(job.path / "cell.json", table)
    storage.seal(job.path, FILES)


def unfinished(job: Job) -> None:
    """Forget that the cell was finished; the trained model stays."""
    for name in ("cell.json", storage.SEAL):
        (job.path / name).unlink(missing_ok=True)


def failed_cell(job: Job, error: str) -> None:
    """Record that the cell failed and why; the report shows the sentence. A finished cell keeps its figures."""
    if is_finished(job):
        return
    storage.write_json(
        job.path / "cell.json",
        {"key": job.key, "status": "failed", "error": error, **_identity(job)},
    )


def _trained(job: Job, prepared: Prepared, model: LanguageModel, emit: Emit) -> tuple[LanguageModel, float]:
    """Return the trained model and its training seconds; from the folder where a run was cut off after training."""
    folder = job.path / "model"
    if not storage.damage(folder, TRAINED):
        trained = storage.read_json(folder / "trained.json")
        if trained["key"] == job.key:
            return model.restore(storage.load_state(folder)), float(trained["seconds"])
    shutil.rmtree(folder, ignore_errors=True)
    checkpoints = job.path / "checkpoints" / job.key
    for stale in (job.path / "checkpoints").glob("*"):
        if stale != checkpoints:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    checkpoints.mkdir(parents=True, exist_ok=True)
    curve = _Curve(emit, checkpoints / "curve.json")
    setting = Setting(
        vocabulary=prepared.vocabulary,
        seed=job.seed,
        device=job.device,
        threads=job.threads,
        progress=curve,
        checkpoints=checkpoints,
        budget=Budget(**job.budget),
        processes=job.processes,
    )
    emit({"event": "stage", "stage": "train"})
    fitted = model.fit(prepared.train, prepared.valid, setting)
    seconds = curve.seconds
    if fitted is not model:
        raise PluginError(f"{type(model).__name__}.fit must return the model itself: end it with 'return self'")
    model.study(prepared.train, prepared.valid, setting)
    storage.save_state(model.state(), folder)
    storage.write_text(job.path / "curve.csv", curve.csv())
    storage.write_json(folder / "trained.json", {"key": job.key, "plugin": job.plugin, "seconds": seconds})
    storage.seal(folder, TRAINED)
    shutil.rmtree(job.path / "checkpoints")
    return model, seconds


def _scored(job: Job, prepared: Prepared, model: LanguageModel) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the score table of valid and test, and what scoring cost. Stores the likeliest tokens on the way.

    Test is read once, over the full distributions; valid is what the timed scoring reads. A model that learns from
    earlier documents has no reset scores: to it sentences as documents of their own are no new beginnings.
    """
    valid, seconds = scoring.timed_log_probs(model, prepared.valid)
    ranked = scoring.score_and_rank(model, prepared.test, prepared.shown)
    if model.traits.adaptive:
        reset = np.full(len(prepared.test), np.nan)
    else:
        reset = scoring.checked_log_probs(model, prepared.test.split_sentences())
    storage.write_table(job.path / "top.parquet", prepared.top_table(ranked))
    size = model.size()
    table = scoring.scores_table(
        job.name,
        job.seed,
        prepared.token_table(),
        np.concatenate([valid, ranked.log_probs]),
        np.concatenate([np.full(len(valid), np.nan), reset]),
        np.concatenate([np.zeros(len(valid), np.int32), ranked.target_rank]),
    )
    cost = {
        "score_seconds": seconds,
        "scored_tokens": len(valid),
        "microseconds_per_token": 1e6 * seconds / max(len(valid), 1),
        "parameters": size.parameters,
        "model_bytes": size.bytes,
    }
    return table, cost


def _checked(job: Job, prepared: Prepared, model: LanguageModel, scores: pd.DataFrame) -> dict[str, Any]:
    """Return the truth checks' table."""
    test, valid = (scores[scores["split"] == which] for which in ("test", "valid"))

    def restore() -> LanguageModel:
        return plugins.build(type(model), job.hyperparameters).restore(storage.load_state(job.path / "model"))

    return truth_checks(
        model,
        prepared.test,
        test["log_prob"].to_numpy(),
        unigram_log_probs=prepared.unigram_log_probs[prepared.test.ids],
        seed=job.seed,
        stored=Stored(test["log_prob_reset"].to_numpy(), prepared.valid, valid["log_prob"].to_numpy(), restore),
    )


def _write_examples(job: Job, prepared: Prepared, model: LanguageModel) -> list[str]:
    """Write examples and exhibits; return notes on what a model could not explain, which costs it nothing else."""
    shown, text = model_examples(model, prepared, job.examples, job.seed)
    notes: list[str] = []

    def explained(what: str, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            return make()
        except (Exception, SystemExit) as error:
            notes.append(f"{what} could not be made: {what_went_wrong(error)}.")
            return []

    words = explained("Its words in context", lambda: word_examples(model, prepared, job.examples))
    storage.write_json(job.path / "examples.json", {**shown, "words": words})

    def shown_of_itself() -> list[dict[str, Any]]:
        tables = []
        for exhibit in model.exhibits(text):
            if wrong := exhibits.problem_with(exhibit):
                notes.append(f"Its exhibit '{str(getattr(exhibit, 'title', ''))[:80]}' is left out: {wrong}.")
            else:
                tables.append(exhibits.to_json(exhibit))
        return tables

    tables = explained("Its exhibits", shown_of_itself)
    storage.write_json(job.path / "exhibits.json", tables)
    return notes


def _done(job: Job, model: LanguageModel, truth: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    return {
        "key": job.key,
        "examples_key": job.examples_key,
        "status": "done",
        "error": None,
        "summary": model.summary(),
        "traits": asdict(model.traits),
        "code_digest": plugins.code_digest(model),
        "notes": [*getattr(model, "notes", ()), *notes],
        "truth": dict(truth),
        **_identity(job),
    }


def _identity(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "identity": job.identity,
        "plugin": job.plugin,
        "seed": job.seed,
        "hyperparameters": job.hyperparameters,
        "tokens_fingerprint": job.tokens_fingerprint,
    }


def _place(job: Job) -> dict[str, Any]:
    return {"threads": job.threads, "processes": job.processes, "device": job.device}


def _stored(job: Job) -> dict[str, Any]:
    path = job.path / "cell.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _digest(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]


class _Curve:
    """Passes a model's progress on and keeps the losses: the learning curve.

    The rows are stored beside the checkpoints, so that a run that was cut off goes on with its curve and its clock. A
    stored curve that can't be read counts for nothing. Of a model that tells no losses the clock goes on where it has
    left something in the folder to go on from; else it begins anew, as its training does.
    """

    def __init__(self, emit: Emit, path: Path) -> None:
        self._emit, self._path = emit, path
        self._began = time.perf_counter()
        self._rows: list[list[Any]] = []
        self._before = 0.0  # seconds
        with suppress(OSError, ValueError, TypeError, LookupError):
            table = json.loads(path.read_text(encoding="utf-8"))
            rows = [[int(step), float(seconds), *rest] for step, seconds, *rest in table["rows"]]
            goes_on = rows or any(other != path for other in path.parent.iterdir())
            self._before, self._rows = float(table["seconds"]) if goes_on else 0.0, rows
        self._fresh = not self._rows
        self._stored = self.seconds

    @property
    def seconds(self) -> float:
        """Training seconds, those before the run was cut off included."""
        return time.perf_counter() - self._began + self._before

    def __call__(self, progress: Progress) -> None:
        losses = [_finite(progress.train_loss), _finite(progress.valid_loss)]
        if losses != [None, None]:
            self._go_back_to(progress)
        seconds = self.seconds
        self._emit({"event": "progress", "seconds": seconds, **asdict(progress)})
        if losses != [None, None]:
            tokens = None if progress.tokens is None else int(progress.tokens)
            self._rows.append([int(progress.step), round(seconds, 3), tokens, *losses])
        silent = not self._rows and seconds - self._stored >= SILENCE
        if progress.valid_loss is not None or silent:
            storage.write_json(self._path, {"seconds": seconds, "rows": self._rows})
            self._stored = seconds

    def _go_back_to(self, progress: Progress) -> None:
        """Drop the rows of steps that are done again; of a run that was cut off, their seconds as well."""
        kept = [row for row in self._rows if not _again(row, progress)]
        if not self._fresh and len(kept) < len(self._rows):
            self._before = kept[-1][1] if kept else 0.0
        self._rows, self._fresh = kept, True

    def csv(self) -> str:
        """The table of ``curve.csv``; losses in nats per token, empty where not measured."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["step", "seconds", "tokens", "train_loss", "valid_loss"])
        writer.writerows([["" if v is None else v for v in row] for row in self._rows])
        return out.getvalue()


def _again(row: Sequence[Any], progress: Progress) -> bool:
    """Whether a row's step is done again: one step may have a loss on train and then one on valid."""
    step, *_, on_valid = row
    return step > progress.step or (
        step == progress.step and not (on_valid is None and progress.valid_loss is not None)
    )


def _finite(loss: float | None) -> float | None:
    return None if loss is None or not np.isfinite(loss) else float(loss)
