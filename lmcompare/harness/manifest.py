"""The manifest of a run folder that several runs may have filled, and the names that its models have there.

A finished cell is never replaced by another configuration: that gets a name of its own, such as ``rnn-steps-500``.
The same configuration always finds its cell again. Two cells have the same configuration if the same was asked for,
even if the code of the plug-in, the content of its files or the machine differs: then the new cell replaces the old
one as soon as it is finished. Whoever edits a plug-in twenty times wants one row in the report, not twenty.

There is no equals sign in a name: pyarrow, asked for the folder of all cells, would take ``steps=500`` for a column.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic_core import to_jsonable_python

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.harness import environment
from lmcompare.harness.cells.job import DIGITS, Job
from lmcompare.harness.experiment import Experiment, default_name
from lmcompare.harness.progress import Display
from lmcompare.runfolder.cell import Cell, model_rows, stored_cells
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.guards import damage
from lmcompare.runfolder.layout import MANIFEST
from lmcompare.runfolder.manifest import Manifest, ModelRow, SweepRow, read_manifest

if TYPE_CHECKING:
    from lmcompare.harness.text.reading import RunCorpus


LONGEST_NAME = 100  # characters of a name; file systems allow 255 bytes


def names_in(
    folder: Path, jobs: Sequence[Job], force: bool, show: Display, others: Collection[str] = ()
) -> dict[str, str]:
    """Return by the names of the experiment's models the names that they have in the folder.

    Parameters
    ----------
    folder : Path
        The run folder.
    jobs : sequence of Job
        The jobs of the run, under the names of the experiment.
    force : bool
        Whether a model may replace a finished one of its name that has another configuration.
    show : Display
        Is told of each model that gets another name.
    others : collection of str
        Names that other models of the run have or will have.
    """
    cells = stored_cells(folder)
    models: dict[str, Job] = {}
    for job in jobs:
        models.setdefault(job.name, job)
    names: dict[str, str] = {}
    for name, job in models.items():
        taken = {*models, *names.values(), *others} - {name}
        names[name] = _name(job, [cell for cell in cells if cell.name not in taken], taken, force)
        if names[name] != name:
            finished = next((cell for cell in cells if cell.name == name and cell.finished), None)
            show.say(_renamed(name, names[name], differences(job, finished) if finished else {}))
    return names


def _name(job: Job, cells: Sequence[Cell], taken: Collection[str], force: bool) -> str:
    own = [cell for cell in cells if job.name in (cell.name, cell.asked.get("name")) and cell.table]
    same = [cell for cell in own if cell.identity == job.identity] or [c for c in own if not differences(job, c)]
    if same:
        return same[0].name
    finished = {cell.name: cell for cell in reversed(cells) if cell.finished}
    if force or job.name not in finished:
        return job.name
    found = differences(job, finished[job.name])
    name = "-".join([job.name, *(plain(f"{key}-{worded(value)}") for key, value in found.items())])
    other = name in finished and differences(job, finished[name])
    if other or name in taken or len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{job.identity[:DIGITS]}"
    return name


def differences(job: Job, cell: Cell) -> dict[str, Any]:
    """Return by name the values of the job that differ from those of the cell; empty for the same configuration.

    A changed default value does not count: it is a change of the code that no user asked for.
    """
    if cell.identity == job.identity:
        return {}
    now: dict[str, Any] = to_jsonable_python(job.about)  # in the form in which cell.json stores it
    before = cell.part("hyperparameters")
    asked = {**now["asked"], "hyperparameters": before, **cell.asked}  # an older lmcompare did not store it
    found: dict[str, Any] = {}
    if Path(job.plugin).name != Path(str(cell.table.get("plugin", ""))).name:
        found["plugin"] = default_name(job.plugin)
    found |= _other_tokens(now["asked"]["tokens"], asked["tokens"])
    same_files = {key for key, digest in job.files.items() if cell.part("files").get(key) == digest}
    changed = {k: v for k, v in now["hyperparameters"].items() if v != before.get(k) and k not in same_files}
    given = {*asked["hyperparameters"], *now["asked"]["hyperparameters"]}
    found |= {key: Path(v).name if key in job.files else v for key, v in changed.items() if key in given}
    settings, others = now["asked"]["settings"], asked["settings"]
    if set(changed) - given:  # from the preset, or from a size that the models were given
        if settings["preset"] != others["preset"]:
            found["preset"] = settings["preset"]
        found |= _other("match", settings["match"], others["match"])
    return found | (_other("match", settings["budget"], others["budget"]) if job.budget else {})


def say_what_is_replaced(folder: Path, jobs: Sequence[Job], force: bool, show: Display) -> None:
    """Say which finished cells are run again and why, and which seeds do not belong to the new ones."""
    cells = stored_cells(folder)
    for name in dict.fromkeys(job.name for job in jobs if job.aside):
        of_name = {job.seed: job for job in jobs if job.name == name}
        there = [cell for cell in cells if cell.name == name and cell.finished]
        job, cell = next((of_name[c.seed], c) for c in there if c.seed in of_name and of_name[c.seed].aside)
        if not force:
            why = " and ".join(_reasons(job, cell))
            show.say(f"{name} is run again because {why}; its finished cell is kept until the new one is finished.")
        if others := [str(c.seed) for c in there if c.seed not in of_name and c.identity != job.identity]:
            seeds = ", ".join(others)
            show.say(f"Its seeds {seeds} were trained with the earlier version, and will then leave the report.")


def _reasons(job: Job, cell: Cell) -> list[str]:
    machine, files = cell.part("machine"), cell.part("files")
    found = [
        f"{key} is {now}, not {machine[key]}" for key, now in job.machine.items() if machine.get(key, now) != now
    ]
    found += [f"{job.hyperparameters[key]} has changed" for key, now in job.files.items() if files.get(key) != now]
    if cell.tokens_fingerprint != job.tokens_fingerprint:
        found.append("its tokens have changed")
    if cell.table.get("key") == replace(job, milestones=not job.milestones).key:
        return ["--milestones is given now" if job.milestones else "--milestones is left out now"]
    if cell.table.get("source_digest") != job.source_digest or not found:
        found.append("its code has changed")
    return found


def _other_tokens(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: Path(value).name if isinstance(value, str) else value for key, value in now.items()}
    if now["kind"] != before["kind"]:
        options = [worded(value) for key, value in shown.items() if key not in ("kind", "min_count", "size")]
        return {"tokens": " ".join([shown["kind"].rpartition(":")[2], *options])}
    return {key: shown.get(key) for key in {**before, **now} if now.get(key) != before.get(key)}


def _other(what: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    if now or not before:
        return {f"{what} {key}": value for key, value in now.items() if value != before.get(key)}
    return {what: None}


def _renamed(asked: str, name: str, found: Mapping[str, Any]) -> str:
    if not found:
        return f"{asked} of this configuration is called {name} here."
    what = ", ".join(f"{key}={worded(value)}" for key, value in found.items())
    return (
        f"{asked} with {what} differs from the finished {asked} here, so it is called {name}; both are kept (--force "
        f"replaces {asked})."
    )


def worded(value: Any) -> str:
    """Return a value of a hyper-parameter as it is shown."""
    return value if isinstance(value, str) else "none" if value is None else json.dumps(value, ensure_ascii=False)


def plain(text: str) -> str:
    """Return the text without what a model's name may not contain."""
    return re.sub(r"[^\w.+-]+", "-", re.sub(r"[\[\]{}\"]", "", text)).strip("-.")


GIT_SECONDS = 10.0  # that git may take


def commit() -> str:
    """Return the commit of the clone from which this lmcompare was installed.

    "" if there is no such clone, or if a file of the package is not as its last commit has it.
    """
    package = Path(lmcompare.__file__).parent
    for clone in _clones(package):
        with suppress(OSError, subprocess.SubprocessError):
            git = ["git", "--no-optional-locks", f"--git-dir={clone / '.git'}", f"--work-tree={package.parent}"]
            for asked in (["diff", "--quiet", "HEAD", "--", "lmcompare"], ["rev-parse", "HEAD:lmcompare", "HEAD"]):
                done = subprocess.run(
                    [*git, *asked],
                    check=True,
                    capture_output=True,
                    text=True,
                    timeout=GIT_SECONDS,
                    cwd=package.parent,
                )
            return done.stdout.split()[1]
    return ""


def _clones(package: Path) -> list[Path]:
    """Return the folders that may be the clone: the one that holds the package, and the one pip has read."""
    found = [package.parent]
    with suppress(PackageNotFoundError, ValueError):
        url = json.loads(distribution("lmcompare").read_text("direct_url.json") or "{}").get("url", "")
        if url.startswith("file:"):
            found.append(Path(unquote(urlsplit(url).path)))
    return found


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
    waiting: Sequence[Job] = (),
    left: float | None = None,
) -> Manifest:
    """Return the manifest of a run, with every finished model that is in the folder, whichever run trained it.

    ``jobs`` are the cells that have ended, ``waiting`` those that have not. ``sweeps`` are those of the run; those of
    earlier runs stay as long as the models that they chose.
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
        waiting=tuple(f"{job.name}/{job.seed}" for job in waiting),
        left=left,
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
