"""Experiments of the laboratory: train their conditions, measure, and store what was found."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcompare import plugins
from lmcompare.analysis.findings import read_findings
from lmcompare.errors import LmcompareError, PluginError, ordinary
from lmcompare.harness.cost import estimate
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.harness.run import run as run_experiment
from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import EXPERIMENTS, Condition
from lmcompare.lab.described import Described, check_names, described, name_of, source_digest
from lmcompare.lab.differences import of_conditions
from lmcompare.lab.findings import write_findings
from lmcompare.lab.folder import check_free, claim, path_of, see_that_it_is_there
from lmcompare.processes import Emit, EndedError, JunkError, RaisedError, TimeLimitError, call
from lmcompare.render import numbers
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import LAB_RUN
from lmcompare.runfolder.ownership import refuse_link
from lmcompare.runfolder.run import Run, load_run


@dataclass(frozen=True)
class Outcome:
    """What became of the experiments, by name.

    Parameters
    ----------
    measured : tuple of str
        Those with findings.
    left_out : dict of str to str
        Those that need what this machine or corpus lacks, with the command that helps.
    failures : dict of str to str
        Those that failed, with the reason.
    """

    measured: tuple[str, ...]
    left_out: dict[str, str]
    failures: dict[str, str]


def conditions_of(experiments: Sequence[Described]) -> tuple[Condition, ...]:
    """Return the conditions of all experiments, each once.

    Raises
    ------
    PluginError
        If one name is given to two different conditions.
    """
    found: dict[str, tuple[str, Condition]] = {}
    for experiment in experiments:
        for condition in experiment.conditions:
            whose, other = found.setdefault(condition.name, (experiment.name, condition))
            if other != condition:
                both = " and ".join(f"'{name}'" for name in dict.fromkeys((whose, experiment.name)))
                raise PluginError(f"different conditions of {both} are named '{condition.name}': rename one of them")
    return tuple(condition for _, condition in found.values())


def run_lab(
    specs: Sequence[str],
    plan: Experiment,
    folder: Path,
    show: Display,
    *,
    command: str = "",
    alone: bool = False,
    force: bool = False,
) -> Outcome:
    """Run experiments; what is finished in the folder is kept.

    Parameters
    ----------
    specs : sequence of str
        Names of installed experiments, "module:Class" or "./file.py:Class".
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
    force : bool
        Whether finished models and findings are made again, and those on another corpus replaced.

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    check_names(specs)
    if plan.corpus.is_series:
        raise LmcompareError(
            "the laboratory's experiments are about words, and a series has none: give another --corpus"
        )
    check_free(folder)
    failures: dict[str, str] = {}
    experiments: list[Described] = []
    for spec in dict.fromkeys(specs):
        try:
            experiments.append(described(spec, plan.time_limit))
        except PluginError as error:
            failures[name_of(spec)] = str(error)
    left_out = {each.name: lacking for each in experiments if (lacking := each.lacks_on(plan.corpus.where))}
    if alone and left_out:
        name, lacking = next(iter(left_out.items()))
        raise LmcompareError(f"the experiment '{name}' {lacking}")
    experiments = [each for each in experiments if each.name not in left_out]
    if not experiments:
        if failures:
            name, failure = next(iter(failures.items()))
            raise LmcompareError(f"the experiment '{name}': {failure}")
        lacking = "; ".join(f"'{name}' {what}" for name, what in left_out.items())
        raise LmcompareError(f"each of the experiments needs something that is missing: {lacking}")
    tables = [_table(condition) for condition in conditions_of(experiments)]
    plan = plan.replace("the laboratory", models=tables)

    def planned(jobs: Sequence[Job]) -> None:
        claim(folder)
        _say_cost(experiments, jobs, plan.workers, show)

    asked: dict[str, Any] = {"force": force, "show": show, "command": command}
    outcome = run_experiment(plan, folder / LAB_RUN, planned=planned, exhibits_only=True, **asked)
    for experiment in experiments:
        try:
            if lost := _lost(experiment, outcome.failures, outcome.names):
                raise LmcompareError(lost)
            _measure(experiment, folder, outcome.names, plan.seconds, show, force)
        except LmcompareError as error:
            failures[experiment.name] = str(error)
    show.close()
    measured = tuple(each.name for each in experiments if each.name not in failures)
    return Outcome(measured, left_out, failures)


def _say_cost(experiments: Sequence[Described], jobs: Sequence[Job], workers: int, show: Display) -> None:
    """Say what the experiments will cost, before anything is trained."""
    if not jobs:
        return
    show.say("Measuring for a moment how long the trainings will take …")
    names = numbers.listed([each.name for each in experiments])
    said = f"{names}: {numbers.plural(len(jobs), 'training')}"
    seconds = estimate(jobs)
    if seconds is None:
        show.say(f"{said}, and the measurements.")
        return
    share = sum(len(each.conditions) * each.measuring for each in experiments) / len(conditions_of(experiments))
    training, measuring = seconds / min(workers, len(jobs)), seconds * share
    show.say(f"{said}, about {numbers.seconds(training)}, and {numbers.seconds(measuring)} of measurements.")


def _table(condition: Condition) -> dict[str, Any]:
    """Return the table of a model; networks have no part for spelling, so that a word is one vector and no more."""
    tokens = {} if condition.tokens is None else {"tokens": condition.tokens}
    plain = {"spelling": False} if "spelling" in plugins.resolve(condition.plugin).parameter_names() else {}
    return {"plugin": condition.plugin, "name": condition.name, **tokens, **plain, **condition.settings}


def _lost(experiment: Described, failures: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Return why a condition of an experiment was not trained, "" if all were."""
    wanted = {names[condition.name] for condition in experiment.conditions}
    for cell, error in failures.items():
        if cell.rpartition("/")[0] in wanted:
            return f"{cell} failed: {error}"
    return ""


def _measure(
    experiment: Described, folder: Path, names: Mapping[str, str], seconds: float, show: Display, force: bool
) -> None:
    """Measure an experiment in a process of its own, unless the same was measured before."""
    mine = {condition.name: names[condition.name] for condition in experiment.conditions}
    key = _key(experiment, load_run(folder / LAB_RUN), mine)
    path = path_of(folder, experiment.name)
    try:
        there = read_findings(path)
    except RunFolderError as error:
        show.say(f"{error}; it is measured again.")
        there = None
    if there is not None and there.key == key and not force:
        show.say(f"{experiment.name}: kept")
        return
    show.say(f"{experiment.name}: measuring …")
    log = path.with_name(f".{path.stem}.log")
    told = {name: getattr(experiment, name) for name in ("name", "title", "question", "prediction")}
    failure, told_by_log = "", False
    try:
        path.parent.mkdir(exist_ok=True)
        refuse_link(log)
        ordinary(log)
        call(
            f"{__name__}:measure_job",
            *(experiment.spec, experiment.source_digest, str(folder.resolve()), mine, {**told, "key": key}),
            on_event=lambda event: show_sent(event, show),
            log=log,
            seconds=seconds,
        )
    except RaisedError as error:
        told_by_log = not error.expected
        failure = f"its measurement failed: {error}; {log} says more" if told_by_log else str(error)
    except TimeLimitError as late:
        failure = f"its measurement failed: {late}; raise the limit with --time-limit"
    except (EndedError, JunkError) as error:
        failure = f"its measurement failed: {error}"
    except OSError as error:
        failure = f"its findings can't be written: {error.filename or path}: {error.strerror or error}"
    finally:
        show.share("", 1.0)
    see_that_it_is_there(folder)
    if not told_by_log:
        with suppress(OSError):
            log.unlink(missing_ok=True)
    if failure:
        raise LmcompareError(failure)


def measure_job(emit: Emit, spec: str, code: str, folder: str, names: dict[str, str], about: dict[str, Any]) -> None:
    """Measure an experiment and store what it found; runs in a process of its own.

    ``code``: the digest of the code that the findings must come from.
    """
    began = time.perf_counter()
    experiment, show, name = EXPERIMENTS.resolve(spec)(), Sending(emit), str(about["name"])
    if source_digest(type(experiment)) != code:
        raise LmcompareError("its code was changed while it was running: run the same command again")
    run = load_run(Path(folder) / LAB_RUN)
    bench = Bench(run, names, lambda done: show.share(f"measuring {name}", min(1.0, max(0.0, float(done)))))
    found = experiment.measure(bench)
    cells = [cell for model in names.values() for cell in run.model(model).done]
    measured = {
        "text": run.corpus_fingerprint,
        "differences": of_conditions(bench, experiment.conditions()),
        "seeds": bench.seeds,
        "decides": bench.decides,
        "train_seconds": sum(cell.cost["train_seconds"] or 0.0 for cell in cells),
        "measure_seconds": time.perf_counter() - began,
    }
    see_that_it_is_there(Path(folder))
    write_findings(path_of(Path(folder), name), found, {**about, **measured}, bench.remarks)


def _key(experiment: Described, run: Run, names: Mapping[str, str]) -> str:
    """Return a digest of the cells of an experiment and of its code."""
    cells = [cell.info.get("key") for model in names.values() for cell in run.model(model).cells]
    return hashlib.sha256(json.dumps([cells, experiment.source_digest]).encode()).hexdigest()[:16]
