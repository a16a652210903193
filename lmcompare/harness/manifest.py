"""The manifest of a run folder that several runs may have filled: what they were, joined with the run of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from lmcompare import __version__
from lmcompare.errors import LmcompareError
from lmcompare.harness import environment
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.runfolder.files import read_json
from lmcompare.runfolder.layout import MANIFEST, SCHEMA_VERSION, SPLITS
from lmcompare.runfolder.seals import damage
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus


def read_earlier(folder: Path, corpus: Corpus, force: bool, show: Display) -> dict[str, Any]:
    """Return the manifest of the runs that filled this folder before, if they read the same corpus."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    if damage(folder, (MANIFEST,)):
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


def manifest(
    experiment: Experiment,
    corpus: Corpus,
    jobs: Sequence[Job],
    tokenized: Sequence[TokenizedCorpus],
    earlier: Mapping[str, Any],
    folder: Path,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    """Return the manifest of a run, with the models of ``earlier`` runs whose cells are still there."""
    kept = [row for row in earlier.get("models", []) if all((folder / cell).is_dir() for cell in row["cells"])]
    return {
        "schema_version": SCHEMA_VERSION,
        "lmcompare": __version__,
        "name": experiment.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seconds": seconds + (float(earlier.get("seconds") or 0.0) if kept else 0.0),
        "experiment": _experiment_joined(experiment, earlier, kept),
        "preset": experiment.preset,
        "corpus": describe(corpus),
        "tokens": {**earlier.get("tokens", {}), **{tokens.fingerprint: tokens.describe() for tokens in tokenized}},
        "models": _models_joined(experiment, jobs, kept),
        "versions": environment.versions(),
        "hardware": environment.hardware(jobs[0].machine["device"], jobs[0].machine["threads"]),
    }


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


def _models_joined(
    experiment: Experiment, jobs: Sequence[Job], kept: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the manifest's models: those of earlier runs that are still there, then those of this run.

    ``settings`` are the values of the run's own tables with which each model was run.
    """
    rows = {str(row["name"]): dict(row) for row in kept}
    for table in experiment.models:
        name, job = table.name, next(job for job in jobs if job.name == table.name)
        # the finished cells of other seeds of this very model
        earlier = {seed for seed in rows.get(name, {}).get("seeds", []) if replace(job, seed=seed).is_finished()}
        seeds = earlier.union(experiment.seeds)
        rows[name] = {
            "name": name,
            "plugin": table.plugin,
            "tokens_fingerprint": job.tokens_fingerprint,
            "seeds": sorted(seeds),
            "cells": [replace(job, seed=seed).place for seed in sorted(seeds)],
            "settings": {
                "preset": experiment.preset,
                "budget": experiment.budget.model_dump(exclude_none=True),
                "match": experiment.match.model_dump(exclude_none=True),
                **job.machine,
            },
        }
    return list(rows.values())


def _experiment_joined(
    experiment: Experiment, earlier: Mapping[str, Any], kept: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the experiment's table with the models that earlier runs left in the folder."""
    table: dict[str, Any] = to_jsonable_python(experiment)
    names = {model["name"] for model in table["models"]}
    left = {row["name"] for row in kept} - names
    before = (earlier.get("experiment") or {}).get("models", [])
    table["models"] = [*(model for model in before if model["name"] in left), *table["models"]]
    return table
