"""A cell: one model, one corpus, one seed. What identifies it, and what it does from training to exhibits."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare import exhibits, plugins
from lmcompare.errors import PluginError, what_went_wrong
from lmcompare.exhibit_shapes import problem
from lmcompare.harness.curve import LearningCurve
from lmcompare.harness.environment import peak_memory_bytes
from lmcompare.harness.truth import Stored, truth_checks
from lmcompare.measure import memorisation, scoring
from lmcompare.measure.examples import model_examples, word_examples
from lmcompare.measure.selection import shown_positions
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.processes import Emit
from lmcompare.runfolder import seals
from lmcompare.runfolder.files import read_json, write_json, write_text
from lmcompare.runfolder.layout import CELL_FILES, SCHEMA_VERSION, SEAL, TRAINED_FILES
from lmcompare.runfolder.parquet import write_table
from lmcompare.runfolder.states import load_state, save_state
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    import pandas as pd


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
        return _digest({"schema": SCHEMA_VERSION, **self._table})

    @property
    def identity(self) -> str:
        """What the model is whatever its seed, as a digest: cells of one identity are trainings of one model."""
        return _digest(
            {"schema": SCHEMA_VERSION, **{name: value for name, value in self._table.items() if name != "seed"}}
        )

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
    return stored.get("status") == "done" and stored.get("key") == job.key and not seals.damage(job.path, CELL_FILES)


def damage(job: Job) -> str | None:
    """Return the file for which a cell that was finished once has to be made anew; None if there is none."""
    return seals.damage(job.path, CELL_FILES) if seals.is_sealed(job.path) else None


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
    corpus = TokenizedCorpus(Path(job.tokens_folder))
    corpus.check()
    if is_finished(job):
        model.restore(load_state(job.path / "model"))
        emit({"event": "stage", "stage": "examples"})
        _write_examples(job, corpus, model)
        _finish(job, {**_stored(job), "examples_key": job.examples_key})
        return
    unfinished(job)
    model, train_seconds = _trained(job, corpus, model, emit)
    emit({"event": "stage", "stage": "score"})
    scores, cost = _scored(job, corpus, model)
    write_table(job.path / "scores.parquet", scores)
    known = {} if model.traits.adaptive else memorisation.measured(model, corpus)
    emit({"event": "stage", "stage": "check"})
    began = time.perf_counter()
    truth = _checked(job, corpus, model, scores)
    cost |= {"check_seconds": time.perf_counter() - began}
    emit({"event": "stage", "stage": "examples"})
    notes = _write_examples(job, corpus, model)
    write_json(
        job.path / "cost.json",
        {"train_seconds": train_seconds, **cost, "peak_memory_bytes": peak_memory_bytes(), **_place(job)},
    )
    _finish(job, {**_done(job, model, truth, notes), "by_heart": known})


def _finish(job: Job, table: Mapping[str, Any]) -> None:
    write_json(job.path / "cell.json", table)
    seals.seal(job.path, CELL_FILES)


def unfinished(job: Job) -> None:
    """Forget that the cell was finished; the trained model stays."""
    for name in ("cell.json", SEAL):
        (job.path / name).unlink(missing_ok=True)


def failed_cell(job: Job, error: str) -> None:
    """Record that the cell failed and why; the report shows the sentence. A finished cell keeps its figures."""
    if is_finished(job):
        return
    write_json(
        job.path / "cell.json",
        {"key": job.key, "status": "failed", "error": error, **_identity(job)},
    )


def _trained(job: Job, corpus: TokenizedCorpus, model: LanguageModel, emit: Emit) -> tuple[LanguageModel, float]:
    """Return the trained model and its training seconds; from the folder where a run was cut off after training."""
    folder = job.path / "model"
    if not seals.damage(folder, TRAINED_FILES):
        trained = read_json(folder / "trained.json")
        if trained["key"] == job.key:
            return model.restore(load_state(folder)), float(trained["seconds"])
    shutil.rmtree(folder, ignore_errors=True)
    checkpoints = job.path / "checkpoints" / job.key
    for stale in (job.path / "checkpoints").glob("*"):
        if stale != checkpoints:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    checkpoints.mkdir(parents=True, exist_ok=True)
    curve = LearningCurve(emit, checkpoints / "curve.json")
    setting = Setting(
        vocabulary=corpus.vocabulary,
        seed=job.seed,
        device=job.device,
        threads=job.threads,
        progress=curve,
        checkpoints=checkpoints,
        budget=Budget(**job.budget),
        processes=job.processes,
    )
    emit({"event": "stage", "stage": "train"})
    fitted = model.fit(corpus.train, corpus.valid, setting)
    seconds = curve.seconds
    if fitted is not model:
        raise PluginError(f"{type(model).__name__}.fit must return the model itself: end it with 'return self'")
    model.study(corpus.train, corpus.valid, setting)
    save_state(model.state(), folder)
    write_text(job.path / "curve.csv", curve.csv())
    write_json(folder / "trained.json", {"key": job.key, "plugin": job.plugin, "seconds": seconds})
    seals.seal(folder, TRAINED_FILES)
    shutil.rmtree(job.path / "checkpoints")
    return model, seconds


def _scored(job: Job, corpus: TokenizedCorpus, model: LanguageModel) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the score table of valid and test, and what scoring cost. Stores the likeliest tokens on the way.

    Test is read once, over the full distributions; valid is what the timed scoring reads. A model that learns from
    earlier documents has no reset scores: to it sentences as documents of their own are no new beginnings.
    """
    valid, seconds = scoring.timed_log_probs(model, corpus.valid)
    shown = shown_positions(corpus)
    ranked = scoring.score_and_rank(model, corpus.test, shown)
    if model.traits.adaptive:
        reset = np.full(len(corpus.test), np.nan)
    else:
        reset = scoring.checked_log_probs(model, corpus.test.split_sentences())
    write_table(job.path / "top.parquet", scoring.top_table(corpus, shown, ranked))
    size = model.size()
    table = scoring.scores_table(
        job.name,
        job.seed,
        corpus.surface(),
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


def _checked(job: Job, corpus: TokenizedCorpus, model: LanguageModel, scores: pd.DataFrame) -> dict[str, Any]:
    """Return the truth checks' table."""
    test, valid = (scores[scores["split"] == which] for which in ("test", "valid"))

    def restore() -> LanguageModel:
        return plugins.build(type(model), job.hyperparameters).restore(load_state(job.path / "model"))

    return truth_checks(
        model,
        corpus.test,
        test["log_prob"].to_numpy(),
        unigram_log_probs=scoring.unigram_log_probs(corpus.train)[corpus.test.ids],
        seed=job.seed,
        stored=Stored(test["log_prob_reset"].to_numpy(), corpus.valid, valid["log_prob"].to_numpy(), restore),
    )


def _write_examples(job: Job, corpus: TokenizedCorpus, model: LanguageModel) -> list[str]:
    """Write examples and exhibits; return notes on what a model could not explain, which costs it nothing else."""
    shown, text = model_examples(model, corpus, job.examples, job.seed)
    notes: list[str] = []

    def explained(what: str, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            return make()
        except (Exception, SystemExit) as error:
            notes.append(f"{what} could not be made: {what_went_wrong(error)}.")
            return []

    words = explained("Its words in context", lambda: word_examples(model, corpus, job.examples))
    write_json(job.path / "examples.json", {**shown, "words": words})

    def shown_of_itself() -> list[dict[str, Any]]:
        tables = []
        for exhibit in model.exhibits(text):
            if wrong := problem(exhibit):
                notes.append(f"Its exhibit '{exhibit.title}' is left out: {wrong}.")
                continue
            tables.append(exhibits.to_json(exhibit))
        json.dumps(tables, allow_nan=False)  # what can't be stored is found here
        return tables

    tables = explained("Its exhibits", shown_of_itself)
    write_json(job.path / "exhibits.json", tables)
    return notes


def _done(job: Job, model: LanguageModel, truth: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    return {
        "key": job.key,
        "examples_key": job.examples_key,
        "status": "done",
        "error": None,
        "title": model.title(),
        "summary": model.summary(),
        "traits": asdict(model.traits),
        "code_digest": plugins.code_digest(model),
        "notes": [*model.notes, *notes],
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
