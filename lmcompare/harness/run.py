"""An experiment to a finished run folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare import __version__, plugins
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness import engine, environment
from lmcompare.harness.cell import Job, damage, has_examples, is_finished, unfinished
from lmcompare.harness.experiment import Experiment, ModelTable, parse_tokens
from lmcompare.harness.matching import matched
from lmcompare.harness.prepare import prepare
from lmcompare.harness.progress import Display, Quiet
from lmcompare.runfolder.files import read_json, write_json, write_text
from lmcompare.runfolder.layout import JOINED, MANIFEST, SCHEMA_VERSION, SPLITS
from lmcompare.runfolder.seals import damage as damage_of
from lmcompare.runfolder.seals import is_sealed, locked, seal
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lmcompare.corpora import Corpus
    from lmcompare.model import LanguageModel


@dataclass(frozen=True)
class Plan:
    """A model of the experiment, ready to run: its jobs, one a seed, and how they are run."""

    table: ModelTable
    tokens_fingerprint: str
    jobs: tuple[Job, ...]
    engine: engine.Engine = engine.in_process


@dataclass
class Outcome:
    """What a run did: the folder, and the sentences of the cells that failed, by cell."""

    folder: Path
    failures: dict[str, str] = field(default_factory=dict)


def run(
    experiment: Experiment,
    folder: Path,
    *,
    base: Path | None = None,
    force: bool = False,
    show: Display | None = None,
    corpus: Corpus | None = None,
    live: Mapping[str, LanguageModel] | None = None,
    command: str = "",
) -> Outcome:
    """Run what is not finished yet, and write the manifest. The caller writes the reports.

    ``base``: what relative paths of the experiment are relative to. ``corpus``: a loaded corpus in place of the
    experiment's. ``live``: untrained model objects by model name, trained in this process. Raises
    ``LmcompareError`` for bad input before anything is trained; a plug-in that raises fails its own cell only.
    """
    started = time.perf_counter()
    show = Quiet() if show is None else show
    built = {m.name: _built(m, experiment, base, live or {}) for m in experiment.models}
    device = environment.choose_device(experiment.options.device)
    threads = environment.choose_threads(experiment.options.threads)
    environment.check_processes(experiment.options.processes, device)
    if corpus is None:
        show.say(f"Reading {experiment.corpus.source or 'the given split'} …")
        corpus = _corpus(experiment, base)
    _claim(folder)
    with locked(folder):
        earlier = _earlier(folder, corpus, force, show)
        plans, tokens = _plans(experiment, corpus, folder, built, live or {}, (device, threads), show)
        outcome = Outcome(folder)
        with _closing(show):
            _run_cells(plans, force, show, outcome)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "lmcompare": __version__,
            "name": experiment.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "seconds": time.perf_counter() - started + _seconds_before(earlier, folder),
            "experiment": _experiment_joined(experiment, earlier, folder),
            "preset": experiment.options.preset,
            "corpus": describe(corpus),
            "tokens": {**earlier.get("tokens", {}), **tokens},
            "models": _joined(_kept(earlier, folder), plans, experiment),
            "versions": environment.versions(),
            "hardware": environment.hardware(device, threads),
        }
        write_json(folder / MANIFEST, manifest)
        seal(folder, (MANIFEST,))
    return outcome


def describe(corpus: Corpus) -> dict[str, Any]:
    """Return the manifest's table of a corpus."""
    splits = {
        which: {
            "documents": len(documents),
            "sentences": sum(len(d.sentences) for d in documents),
            "bytes": sum(len(d.text.encode()) for d in documents),
            "words": sum(len(d.text.split()) for d in documents),
        }
        for which in SPLITS
        for documents in [corpus.split(which)]
    }
    return {
        "name": corpus.name,
        "source": corpus.source,
        "fingerprint": corpus.fingerprint,
        "parts": corpus.parts,
        "notes": list(corpus.notes),
        "splits": splits,
    }


def _claim(folder: Path) -> None:
    """Make the output folder and see that it can be written to, before hours are spent."""
    if "\0" in str(folder):
        raise LmcompareError(f"{str(folder)!r} can be no folder's name: choose another --out")
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if (folder / JOINED).exists():
        raise LmcompareError(f"{folder} holds a report of several runs: choose another --out")
    probe = folder / ".probe"
    try:
        write_text(probe, "")
    except LmcompareError as error:
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else error
        raise LmcompareError(f"{folder} can't be written to ({reason}): choose another --out or make room") from cause
    probe.unlink()


def _built(
    table: ModelTable, experiment: Experiment, base: Path | None, live: Mapping[str, LanguageModel]
) -> tuple[str, LanguageModel]:
    """Return the plug-in's name and an untrained model, the paths of files made absolute: faults show early."""
    if table.name in live:
        return table.plugin, live[table.name]
    here = base or Path.cwd()
    plugin = _whole(table.plugin, here)
    given = dict(table.hyperparameters)
    cls = plugins.resolve(plugin)
    for name in cls.files:
        if isinstance(given.get(name), str) and given[name] and "\0" not in given[name]:
            given[name] = str((here / Path(given[name]).expanduser()).resolve())
    for name in cls.bases:
        if isinstance(given.get(name), str):
            given[name] = _whole(given[name], here)
    return plugin, plugins.build(plugin, given, experiment.options.preset)


def _whole(plugin: str, here: Path) -> str:
    """Return a plug-in's name, with the path made absolute if it names a file."""
    home, colon, cls = plugin.rpartition(":")
    if colon and home.endswith(".py"):
        return f"{(here / Path(home).expanduser()).resolve()}:{cls}"
    return plugin


def _corpus(experiment: Experiment, base: Path | None) -> Corpus:
    from lmcompare import corpora

    return corpora.load(experiment.corpus.where, experiment.corpus.options, base=base)


def _earlier(folder: Path, corpus: Corpus, force: bool, show: Display) -> dict[str, Any]:
    """Return the manifest of the runs that filled this folder before, if they read the same corpus."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    if is_sealed(folder) and damage_of(folder, (MANIFEST,)):
        show.say(
            f"{path} is damaged: it is written anew, with the models of this run; those of earlier runs come back"
            " when they are asked for again."
        )
        return {}
    manifest: dict[str, Any] = read_json(path)
    if manifest.get("corpus", {}).get("fingerprint") != corpus.fingerprint:
        if force:
            return {}
        raise LmcompareError(
            f"{folder} holds figures on another corpus ('{manifest.get('corpus', {}).get('name')}'): "
            "choose another --out, or --force to replace them"
        )
    return manifest


def _plans(
    experiment: Experiment,
    corpus: Corpus,
    folder: Path,
    built: Mapping[str, tuple[str, LanguageModel]],
    live: Mapping[str, LanguageModel],
    place: tuple[str, int],
    show: Display,
) -> tuple[list[Plan], dict[str, Any]]:
    """Tokenise the corpus once per kind of tokens and make each model's jobs."""
    device, threads = place
    prepared: dict[str, TokenizedCorpus] = {}
    plans = []
    for table in experiment.models:
        plugin, model = built[table.name]
        wanted = table.tokens or experiment.tokens
        if model.tokens is not None and table.tokens is None:
            wanted = parse_tokens(model.tokens, f"{type(model).__name__}.tokens")
        kind = wanted.model_dump_json()
        if kind not in prepared:
            show.say(f"Reading its {wanted.kind} tokens …")
            prepared[kind] = prepare(corpus, wanted, folder / "tokens", show.say)
        tokens = prepared[kind]
        wanted_size = experiment.match.parameters
        model = matched(table.name, model, wanted_size, len(tokens.vocabulary), show, live=table.name in live)
        hyperparameters, digests = _storable(model), _digests(model)
        jobs = tuple(
            Job(
                name=table.name,
                plugin=plugin,
                seed=seed,
                folder=str((folder / "cells" / table.name / str(seed)).resolve()),
                tokens_folder=str(tokens.path.resolve()),
                tokens_fingerprint=tokens.fingerprint,
                source_digest=plugins.source_digest(model),
                hyperparameters=hyperparameters,
                device=device,
                threads=threads,
                processes=experiment.options.processes,
                budget=experiment.budget.model_dump(),
                examples=experiment.examples.model_dump(mode="json"),
                files=digests,
            )
            for seed in experiment.seeds
        )
        if table.name in live and experiment.options.time_limit is not None:
            raise LmcompareError(
                f"'{table.name}' trains in this process, which can't be ended after a time: name its plug-in for that"
            )
        how = engine.inline(model) if table.name in live else engine.within(experiment.options.time_limit)
        plans.append(Plan(table, tokens.fingerprint, jobs, how))
    return plans, {tokens.fingerprint: tokens.describe() for tokens in prepared.values()}


def _storable(model: LanguageModel) -> dict[str, Any]:
    """Return the hyper-parameters. Raises ``PluginError`` if one can't be stored as JSON."""
    hyperparameters = model.hyperparameters()
    for name, value in hyperparameters.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise PluginError(
                f"the hyper-parameter {name} of {type(model).__name__} is {value!r}, which can't be stored: use "
                "numbers, texts, truth values, None, and lists and tables of them"
            ) from None
    return hyperparameters


def _digests(model: LanguageModel) -> dict[str, str]:
    """Return a digest of each file that the hyper-parameters name. Raises ``PluginError`` for one that is lost."""
    digests = {}
    for name in model.files:
        path = getattr(model, name)
        if path is None:
            continue
        if path == "":
            raise PluginError(
                f"the hyper-parameter {name} of {type(model).__name__} is not set: set it to the path of a file"
            )
        try:
            with Path(path).expanduser().open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, TypeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise PluginError(
                f"the hyper-parameter {name} of {type(model).__name__} is {path!r}, which can't be read ({reason}):"
                " set it to the path of a file"
            ) from None
    return digests


def _run_cells(plans: Sequence[Plan], force: bool, show: Display, outcome: Outcome) -> None:
    cells = [(plan, job) for plan in plans for job in plan.jobs]
    several = any(len(plan.jobs) > 1 for plan in plans)
    show.plan([f"{job.name} (seed {job.seed})" if several else job.name for _, job in cells])
    for index, (plan, job) in enumerate(cells):
        if force:
            unfinished(job)
            for stale in ("model", "checkpoints"):
                shutil.rmtree(job.path / stale, ignore_errors=True)
        if is_finished(job) and has_examples(job):
            (job.path / engine.LOG).unlink(missing_ok=True)  # of a run that was killed at its very end
            show.event(index, {"event": "stage", "stage": "kept"})
            continue
        if (damaged := damage(job)) is not None:
            show.say(f"{job.path / damaged} is damaged or lost: what depends on it is made anew.")
        show.event(index, {"event": "stage", "stage": "start"})
        error = plan.engine(job, lambda event, index=index: show.event(index, event))  # type: ignore[misc]
        if error is not None:
            outcome.failures[f"{job.name}/{job.seed}"] = error
            show.event(index, {"event": "failed", "error": error})


def _joined(kept: Sequence[Mapping[str, Any]], plans: Sequence[Plan], experiment: Experiment) -> list[dict[str, Any]]:
    """Return the manifest's models: those of earlier runs that are still there, then those of this run.

    ``settings``: what of the run's own table each model was run with.
    """
    rows = {str(row["name"]): dict(row) for row in kept}
    given = {
        "preset": experiment.options.preset,
        "budget": experiment.budget.model_dump(exclude_none=True),
        "match": experiment.match.model_dump(exclude_none=True),
    }
    for plan in plans:
        name, seeds = plan.table.name, [job.seed for job in plan.jobs]
        seeds += [seed for seed in rows.get(name, {}).get("seeds", []) if _is_same_but_seed(plan.jobs[0], seed)]
        rows[name] = {
            "name": name,
            "plugin": plan.table.plugin,
            "tokens_fingerprint": plan.tokens_fingerprint,
            "seeds": sorted(set(seeds)),
            "cells": [f"cells/{name}/{seed}" for seed in sorted(set(seeds))],
            "settings": {
                **given,
                "device": plan.jobs[0].device,
                "threads": plan.jobs[0].threads,
                "processes": plan.jobs[0].processes,
            },
        }
    return list(rows.values())


def _kept(earlier: Mapping[str, Any], folder: Path) -> list[Mapping[str, Any]]:
    """Return the rows of earlier runs' models whose cells are still there."""
    return [row for row in earlier.get("models", []) if all((folder / cell).is_dir() for cell in row["cells"])]


def _seconds_before(earlier: Mapping[str, Any], folder: Path) -> float:
    """Return what earlier runs into this folder took, as far as something is left of them."""
    return float(earlier.get("seconds") or 0.0) if _kept(earlier, folder) else 0.0


def _experiment_joined(experiment: Experiment, earlier: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the experiment's table with the models that earlier runs left in the folder."""
    table = experiment.model_dump(mode="json")
    names = {model["name"] for model in table["models"]}
    left = {row["name"] for row in _kept(earlier, folder)} - names
    before = (earlier.get("experiment") or {}).get("models", [])
    table["models"] = [*(model for model in before if model["name"] in left), *table["models"]]
    return table


def _is_same_but_seed(job: Job, seed: int) -> bool:
    """Return whether an earlier run left the finished cell of another seed of the same model."""
    return is_finished(replace(job, seed=seed, folder=str(job.path.parent / str(seed))))


@contextmanager
def _closing(show: Display) -> Iterator[None]:
    try:
        yield
    finally:
        show.close()
