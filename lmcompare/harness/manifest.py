"""The manifest of a run folder that several runs may have filled: what they were, joined with the run of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from lmcompare.errors import LmcompareError
from lmcompare.harness import environment
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import MANIFEST, SPLITS
from lmcompare.runfolder.manifest import CorpusEntry, Manifest, ModelRow, Settings, SplitSizes, read_manifest
from lmcompare.runfolder.seals import damage
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus


def read_earlier(folder: Path, corpus: Corpus, force: bool, show: Display) -> Manifest | None:
    """Return the manifest of the runs that filled this folder before, if they read the same corpus."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    if damage(folder, (MANIFEST,)):
        show.say(
            f"{path} is damaged: it is written anew, with the models of this run; those of earlier runs come back"
            " when they are asked for again."
        )
        return None
    try:
        earlier = read_manifest(folder)
    except RunFolderError:
        if force:
            return None
        raise
    if earlier.corpus.fingerprint == corpus.fingerprint:
        return earlier
    if force:
        return None
    raise LmcompareError(
        f"{folder} holds figures on another corpus ('{earlier.corpus.name}'): "
        "choose another --out, or --force to replace them"
    )


def manifest(
    experiment: Experiment,
    corpus: Corpus,
    jobs: Sequence[Job],
    tokenized: Sequence[TokenizedCorpus],
    earlier: Manifest | None,
    folder: Path,
    command: str,
    seconds: float,
) -> Manifest:
    """Return the manifest of a run, with the models of ``earlier`` runs whose cells are still there."""
    kept = [row for row in earlier.models if all((folder / cell).is_dir() for cell in row.cells)] if earlier else []
    return Manifest(
        name=experiment.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        seconds=seconds + (earlier.seconds if earlier and kept else 0.0),
        experiment=_experiment_joined(experiment, earlier, kept),
        preset=experiment.preset,
        corpus=entry_of(corpus),
        tokens={
            **(earlier.tokens if earlier else {}),
            **{tokens.fingerprint: tokens.entry() for tokens in tokenized},
        },
        models=_models_joined(experiment, jobs, kept),
        versions=environment.versions(),
        hardware=environment.hardware(jobs[0].machine["device"], jobs[0].machine["threads"]),
    )


def entry_of(corpus: Corpus) -> CorpusEntry:
    """Return the manifest's entry of a corpus."""
    splits = {
        which: SplitSizes(
            documents=len(documents),
            sentences=sum(len(d.sentences) for d in documents),
            bytes=sum(len(d.text.encode()) for d in documents),
            words=sum(len(d.text.split()) for d in documents),
        )
        for which in SPLITS
        for documents in [corpus.split(which)]
    }
    return CorpusEntry(
        corpus.name, corpus.source, corpus.fingerprint, dict(corpus.parts), tuple(corpus.notes), splits
    )


def _models_joined(experiment: Experiment, jobs: Sequence[Job], kept: Sequence[ModelRow]) -> tuple[ModelRow, ...]:
    """Return the manifest's models: those of earlier runs that are still there, then those of this run."""
    rows = {row.name: row for row in kept}
    for table in experiment.models:
        name, job = table.name, next(job for job in jobs if job.name == table.name)
        # the finished cells of other seeds of this very model
        before = rows[name].seeds if name in rows else ()
        seeds = sorted({seed for seed in before if replace(job, seed=seed).is_finished()}.union(experiment.seeds))
        rows[name] = ModelRow(
            name=name,
            plugin=table.plugin,
            tokens_fingerprint=job.tokens_fingerprint,
            seeds=tuple(seeds),
            cells=tuple(replace(job, seed=seed).place for seed in seeds),
            settings=Settings(
                preset=experiment.preset,
                budget=experiment.budget.model_dump(exclude_none=True),
                match=experiment.match.model_dump(exclude_none=True),
                **job.machine,
            ),
        )
    return tuple(rows.values())


def _experiment_joined(experiment: Experiment, earlier: Manifest | None, kept: Sequence[ModelRow]) -> dict[str, Any]:
    """Return the experiment's table with the models that earlier runs left in the folder."""
    table: dict[str, Any] = to_jsonable_python(experiment)
    names = {model["name"] for model in table["models"]}
    left = {row.name for row in kept} - names
    before = earlier.experiment["models"] if earlier else []
    table["models"] = [*(model for model in before if model["name"] in left), *table["models"]]
    return table
