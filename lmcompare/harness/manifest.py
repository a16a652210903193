"""The manifest of a run folder that several runs may have filled: what they were, joined with the run of now."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic_core import to_jsonable_python

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.harness import environment
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import MANIFEST
from lmcompare.runfolder.manifest import Manifest, ModelRow, SweepRow, read_manifest
from lmcompare.runfolder.rows import model_rows
from lmcompare.runfolder.seals import damage
from lmcompare.runfolder.stored import stored_cells

if TYPE_CHECKING:
    from lmcompare.harness.reading import RunCorpus

SECONDS = 10.0  # that git may take


def commit() -> str:
    """Return the commit of the clone from which this lmcompare was installed.

    "" if there is no such clone, or if a file of the package is not as its last commit has it.
    """
    package = Path(lmcompare.__file__).parent
    for clone in _clones(package):
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            head = _git(clone, "rev-parse", "HEAD").decode().strip()
            listed = _git(clone, "ls-tree", "-r", "-z", head, "lmcompare/").decode().split("\0")
            files = [line.split("\t", 1) for line in listed if line]
            if files and all(_same(package.parent / path, about.split()[2]) for about, path in files):
                return head
    return ""


def _clones(package: Path) -> list[Path]:
    """Return the folders that may be the clone: the one that holds the package, and the one pip has read."""
    found = [package.parent]
    with suppress(PackageNotFoundError, ValueError):
        url = json.loads(distribution("lmcompare").read_text("direct_url.json") or "{}").get("url", "")
        if url.startswith("file:"):
            found.append(Path(unquote(urlsplit(url).path)))
    return found


def _git(clone: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=SECONDS).stdout


def _same(path: Path, blob: str) -> bool:
    """Return whether a file has the contents of a blob of git."""
    contents = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents, usedforsecurity=False).hexdigest() == blob


def read_earlier(folder: Path, fingerprint: str, force: bool, show: Display) -> Manifest | None:
    """Return the manifest of the runs that filled this folder before; None if there is none that can be used.

    Raises ``LmcompareError`` if they read another corpus than that of this fingerprint, unless ``force`` is true.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    if damage(folder, (MANIFEST,)):
        show.say(f"{path} is damaged: it is written anew, with the finished models that have the tokens of this run.")
        return None
    try:
        earlier = read_manifest(folder)
    except RunFolderError:
        if force:
            return None
        raise
    if earlier.corpus.fingerprint == fingerprint:
        return earlier
    if force:
        return None
    raise LmcompareError(
        f"{folder} holds figures on another corpus ('{earlier.corpus.name}'): "
        "choose another --out, or --force to replace them"
    )


def manifest(
    experiment: Experiment,
    corpus: RunCorpus,
    jobs: Sequence[Job],
    sweeps: Sequence[SweepRow],
    machine: Mapping[str, Any],
    earlier: Manifest | None,
    folder: Path,
    command: str,
    seconds: float,
) -> Manifest:
    """Return the manifest of a run, with every finished model that is in the folder, whichever run trained it.

    ``sweeps`` are those of the run; those of earlier runs stay as long as the models that they chose.
    """
    tokens = {
        **(earlier.tokens if earlier else {}),
        **{tokens.fingerprint: tokens.entry for tokens in corpus.tokens},
    }
    rows = model_rows(
        folder,
        tokens,
        earlier.models if earlier else (),
        {job.name: job.identity for job in jobs},
        {job.place for job in jobs},
    )
    sweeps = _still_there([*(earlier.sweeps if earlier else ()), *sweeps], folder)
    used = {row.tokens_fingerprint for row in rows}
    return Manifest(
        name=experiment.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        seconds=seconds + (earlier.seconds if earlier else 0.0),
        experiment={
            **_experiment_of(rows, experiment, folder),
            "published": _published(experiment, earlier),
            "sweep": {sweep.name: sweep.grid for sweep in sweeps},
        },
        preset=experiment.preset,
        corpus=corpus.entry,
        tokens={fingerprint: entry for fingerprint, entry in tokens.items() if fingerprint in used},
        models=rows,
        versions=environment.versions(),
        commit=commit(),
        hardware=environment.hardware(machine["device"], machine["threads"]),
        sweeps=sweeps,
    )


def _still_there(sweeps: Sequence[SweepRow], folder: Path) -> tuple[SweepRow, ...]:
    """Return the last sweep of each model whose cell still is of the setting that the sweep chose."""
    there = {(cell.name, cell.identity) for cell in stored_cells(folder)}
    found = {sweep.name: sweep for sweep in sweeps}
    return tuple(sweep for sweep in found.values() if (sweep.name, sweep.identity) in there)


def _published(experiment: Experiment, earlier: Manifest | None) -> list[dict[str, Any]]:
    """Return the published figures of this run and of earlier runs in its folder, each once."""
    tables = [
        *(earlier.experiment.get("published", ()) if earlier else ()),
        *to_jsonable_python(experiment.published),
    ]
    return list({(each["name"], each["unit"], each["split"]): each for each in tables}.values())


def _experiment_of(rows: Sequence[ModelRow], experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Return the experiment's table with the models that are in the folder, each as it was asked for."""
    table: dict[str, Any] = to_jsonable_python(experiment)
    now = {model["name"]: model for model in table["models"]}
    cells = {cell.place: cell for cell in stored_cells(folder)}
    table["models"] = []
    for row in rows:
        cell = next((cells[place] for place in row.cells if cells[place].asked), None)
        if cell is None:
            table["models"].append(now.get(row.name, {"plugin": row.plugin, "name": row.name}))
            continue
        tokens = cell.asked.get("tokens")
        table["models"].append(
            {
                "plugin": row.plugin,
                "name": row.name,
                "tokens": None if tokens == table["tokens"] else tokens,
                **cell.asked.get("hyperparameters", {}),
            }
        )
    return table
