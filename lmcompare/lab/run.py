"""Experiments of the laboratory: train their conditions, measure, and store what was found."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.harness.run import run as run_experiment
from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import EXPERIMENTS, Condition, LabExperiment
from lmcompare.lab.cost import estimate
from lmcompare.lab.findings import read_findings, write_findings
from lmcompare.lab.folder import RUN, check_free, claim, path_of
from lmcompare.processes import Emit, EndedError, JunkError, RaisedError, TimeLimitError, call
from lmcompare.registry import absolute
from lmcompare.report import numbers
from lmcompare.runfolder.run import Run, load_run


@dataclass(frozen=True)
class Outcome:
    """What became of the experiments, by name.

    Parameters
    ----------
    measured : tuple of str
        Those with findings.
    left_out : dict of str to str
        Those that need what this machine lacks, with the command that fetches it.
    failures : dict of str to str
        Those that failed, with the reason.
    """

    measured: tuple[str, ...]
    left_out: dict[str, str]
    failures: dict[str, str]


def opened(specs: Sequence[str]) -> dict[str, LabExperiment]:
    """Return experiments by name: that of the entry point, or of the class.

    Parameters
    ----------
    specs : sequence of str
        Names of installed experiments, "module:Class" or "./file.py:Class".

    Raises
    ------
    PluginError
        For an experiment that does not exist or can't be imported.
    """
    return {spec.rpartition(":")[2]: EXPERIMENTS.resolve(spec)() for spec in dict.fromkeys(specs)}


def conditions_of(experiments: Mapping[str, LabExperiment]) -> tuple[Condition, ...]:
    """Return the conditions of all experiments, each once.

    Raises
    ------
    PluginError
        If two experiments give one name to different conditions.
    """
    found: dict[str, Condition] = {}
    for name, experiment in experiments.items():
        for condition in experiment.conditions():
            if found.setdefault(condition.name, condition) != condition:
                raise PluginError(
                    f"the experiment '{name}' has another condition of the name '{condition.name}' than an experiment"
                    " before it: rename it"
                )
    return tuple(found.values())


def run_lab(
    specs: Sequence[str], plan: Experiment, folder: Path, show: Display, *, command: str = "", alone: bool = False
) -> Outcome:
    """Run experiments; what is finished in the folder is kept.

    Parameters
    ----------
    specs : sequence of str
        The experiments, as ``opened`` takes them.
    plan : lmcompare.harness.experiment.Experiment
        The text, its tokens, the preset and the seeds.
    folder : Path
        The folder of the laboratory.
    show : Display
        Is told of the progress.
    command : str
        The command that started it, for the manifest.
    alone : bool
        Whether an experiment that needs what this machine lacks is an error, and not left out.

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    experiments = opened(specs)
    places = {spec.rpartition(":")[2]: absolute(spec, Path.cwd()) for spec in specs}
    left_out = {name: lacking for name, each in experiments.items() if (lacking := each.lacks())}
    if alone and left_out:
        name, lacking = next(iter(left_out.items()))
        raise LmcompareError(f"the experiment '{name}' {lacking}")
    experiments = {name: each for name, each in experiments.items() if name not in left_out}
    failures: dict[str, str] = {}
    if not experiments:
        return Outcome((), left_out, failures)
    tables = [_table(condition) for condition in conditions_of(experiments)]
    plan = plan.replace("the laboratory", models=tables)
    check_free(folder)

    def planned(jobs: Sequence[Job]) -> None:
        claim(folder)
        _say_cost(list(experiments), jobs, show)

    outcome = run_experiment(plan, folder / RUN, show=show, command=command, planned=planned)
    for name, experiment in experiments.items():
        lost = _lost(experiment, outcome.failures, outcome.names)
        try:
            if lost:
                raise LmcompareError(lost)
            _measure(name, places[name], experiment, folder, outcome.names, plan.seconds, show)
        except LmcompareError as error:
            failures[name] = str(error)
    show.close()
    return Outcome(tuple(name for name in experiments if name not in failures), left_out, failures)


def _say_cost(names: Sequence[str], jobs: Sequence[Job], show: Display) -> None:
    """Say what the experiments will cost, before anything is trained."""
    if not jobs:
        return
    show.say("Measuring for a moment how long the trainings will take …")
    seconds = estimate(jobs)
    long = "" if seconds is None else f", about {numbers.seconds(seconds)}"
    show.say(f"{numbers.listed(list(names))}: {numbers.plural(len(jobs), 'training')}{long}, and the measurements.")


def _table(condition: Condition) -> dict[str, Any]:
    tokens = {} if condition.tokens is None else {"tokens": condition.tokens}
    return {"plugin": condition.plugin, "name": condition.name, **tokens, **condition.settings}


def _lost(experiment: LabExperiment, failures: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Return why a condition of an experiment was not trained, "" if all were."""
    wanted = {names[condition.name] for condition in experiment.conditions()}
    for cell, error in failures.items():
        if cell.rpartition("/")[0] in wanted:
            return f"{cell} failed: {error}"
    return ""


def _measure(
    name: str,
    spec: str,
    experiment: LabExperiment,
    folder: Path,
    names: Mapping[str, str],
    seconds: float,
    show: Display,
) -> None:
    """Measure an experiment in a process of its own, unless the same was measured before."""
    mine = {condition.name: names[condition.name] for condition in experiment.conditions()}
    key = _key(experiment, load_run(folder / RUN), mine)
    there = read_findings(path_of(folder, name))
    if there is not None and there.key == key:
        show.say(f"{name}: kept")
        return
    show.say(f"{name}: measuring …")
    try:
        call(
            f"{__name__}:measure_job",
            *(name, spec, str(folder.resolve()), mine, key),
            on_event=lambda event: show_sent(event, show),
            seconds=seconds,
        )
    except RaisedError as error:
        raise LmcompareError(str(error) if error.expected else f"its measurement failed: {error}") from error
    except TimeLimitError as late:
        raise LmcompareError(f"its measurement: {late}: give it more (--time-limit)") from None
    except (EndedError, JunkError) as error:
        raise LmcompareError(f"its measurement failed: {error}") from error
    finally:
        show.share("", 1.0)


def measure_job(emit: Emit, name: str, spec: str, folder: str, names: dict[str, str], key: str) -> None:
    """Measure an experiment and store what it found; runs in a process of its own."""
    began = time.perf_counter()
    experiment, show = EXPERIMENTS.resolve(spec)(), Sending(emit)
    run = load_run(Path(folder) / RUN)
    bench = Bench(run, names, lambda done: show.share(f"measuring {name}", done))
    found = experiment.measure(bench)
    cells = [cell for model in names.values() for cell in run.model(model).done]
    about = {
        "name": name,
        "title": experiment.title,
        "question": experiment.question,
        "prediction": experiment.prediction,
        "key": key,
        "seeds": bench.seeds,
        "decides": bench.decides,
        "train_seconds": sum(cell.cost["train_seconds"] or 0.0 for cell in cells),
        "measure_seconds": time.perf_counter() - began,
    }
    write_findings(path_of(Path(folder), name), found, about, bench.remarks)


def _key(experiment: LabExperiment, run: Run, names: Mapping[str, str]) -> str:
    """Return a digest of the cells of an experiment and of its code."""
    cells = [cell.info.get("key") for model in names.values() for cell in run.model(model).cells]
    try:
        source = inspect.getsource(sys.modules[type(experiment).__module__])
    except (OSError, TypeError):
        source = ""
    return hashlib.sha256(json.dumps([cells, source]).encode()).hexdigest()[:16]
