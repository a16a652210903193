"""The names that the models of a run have in a folder, where other models of these names may be finished.

A finished cell is never replaced by another configuration: that gets a name of its own, such as ``rnn-steps-500``.
The same configuration always finds its cell again. Two cells have the same configuration if the same was asked for,
even if the code of the plug-in, the content of its files or the machine differs: then the new cell replaces the old
one as soon as it is finished. Whoever edits a plug-in twenty times wants one row in the report, not twenty.

There is no equals sign in a name: pyarrow, asked for the folder of all cells, would take ``steps=500`` for a column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcompare.harness.experiment import default_name
from lmcompare.harness.job import DIGITS, Job
from lmcompare.harness.progress import Display
from lmcompare.runfolder.stored import StoredCell, stored_cells

LONGEST = 100  # characters of a name; file systems allow 255 bytes


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


def _name(job: Job, cells: Sequence[StoredCell], taken: Collection[str], force: bool) -> str:
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
    if other or name in taken or len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{job.identity[:DIGITS]}"
    return name


def differences(job: Job, cell: StoredCell) -> dict[str, Any]:
    """Return by name the values of the job that differ from those of the cell; empty for the same configuration.

    A changed default value does not count: it is a change of the code that no user asked for.
    """
    if cell.identity == job.identity:
        return {}
    now: dict[str, Any] = json.loads(json.dumps(job.about))  # in the form in which cell.json stores it
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


def _reasons(job: Job, cell: StoredCell) -> list[str]:
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
