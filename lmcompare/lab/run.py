"""Experiments of the laboratory: train their conditions, measure, and store what was found."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic import dataclasses as checked

from lmcompare import plugins
from lmcompare.analysis.findings import read_findings
from lmcompare.errors import LmcompareError, PluginError, kind_of, ordinary, unknown
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import workers_of
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.harness.run import run as run_experiment
from lmcompare.harness.runner import estimate
from lmcompare.lab import EXPERIMENTS, Condition
from lmcompare.lab.bench import Bench
from lmcompare.lab.findings import check_free, claim, path_of, see_that_it_is_there, write_findings
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, RaisedError, call, explained
from lmcompare.registry import absolute, source_of
from lmcompare.render import numbers
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.guards import refuse_link
from lmcompare.runfolder.layout import LAB_RUN
from lmcompare.runfolder.run import load_run
from lmcompare.training.language_model import TorchLanguageModel

SECONDS = 300.0  # that importing and asking an experiment may take without a time limit of the user
RESERVED = ("name", "plugin", "tokens")  # no hyper-parameter can have these names
LONGEST = 2_000  # characters of a text
# keeps NaN, which is otherwise written as null
_AS_JSON = TypeAdapter(dict[str, Any], config=ConfigDict(ser_json_inf_nan="constants"))


@checked.dataclass(frozen=True, config=ConfigDict(strict=True))
class Description:
    """An experiment.

    Parameters
    ----------
    name, spec : str
        Its name, and "module:Class" or "path/to/file.py:Class" if it has no entry point.
    title, question, prediction, corpus : str
    lacks : str
        As ``LabExperiment.lacks``.
    conditions : tuple of Condition
    measuring : float
        As in ``LabExperiment``.
    source_digest : str
        A digest of its code, and of the code beside it that it imports.
    """

    name: str
    spec: str
    title: str
    question: str
    prediction: str
    corpus: str
    lacks: str
    conditions: tuple[Condition, ...]
    measuring: float
    source_digest: str

    def lacks_on(self, corpus: str | Mapping[str, str]) -> str:
        """Return what it lacks on a machine and a corpus, with the command that helps; "" if nothing is lacking."""
        if self.corpus and corpus != self.corpus:
            return f"needs the corpus {self.corpus}: run it with 'lmcompare lab {self.spec} --corpus {self.corpus}'"
        return self.lacks


def name_of(spec: str) -> str:
    """Return the name of an experiment: that of its entry point, or of its class."""
    return spec.rpartition(":")[2]


def describe(spec: str, seconds: float | None) -> Description:
    """Return what is known of an experiment.

    Parameters
    ----------
    spec : str
        The name of an installed experiment, "module:Class" or "./file.py:Class".
    seconds : float or None
        How long importing and asking it may take.

    Raises
    ------
    PluginError
        If it can't be imported, is not an experiment, or has no valid conditions.
    """
    spec, name = absolute(spec, Path.cwd()), name_of(spec)
    if EXPERIMENTS.is_built_in(spec):
        return _checked(name, describe_job(None, spec))
    with explained(lambda: "importing it and asking for its conditions"):
        return _checked(name, call(f"{__name__}:describe_job", spec, seconds=seconds or SECONDS))


def describe_job(_: object, spec: str) -> dict[str, Any]:
    """Import an experiment and ask it; runs in a process of its own if it is not lmcompare's."""
    experiment = EXPERIMENTS.resolve(spec)()
    conditions = getattr(experiment, "conditions", None)
    if not isinstance(conditions, Sequence) or not all(isinstance(each, Condition) for each in conditions):
        raise PluginError(f"conditions must be a tuple of Condition, not {kind_of(conditions)}")
    return {
        "spec": spec,
        **{name: getattr(experiment, name) for name in ("title", "question", "prediction", "corpus")},
        "lacks": experiment.lacks(),
        "conditions": [asdict(each) for each in conditions],
        "measuring": float(experiment.measuring),
        "source_digest": source_digest(type(experiment)),
    }


def source_digest(cls: type) -> str:
    """Return a digest of the code of an experiment, and of the code beside it that it imports."""
    return hashlib.sha256(source_of([cls])).hexdigest()[:16]


def _checked(name: str, found: Any) -> Description:
    """Return what an experiment has said. Raises ``PluginError`` if it is not of the right types."""
    table = {**found, "name": name} if isinstance(found, Mapping) else {}
    try:
        # as JSON, the form in which a process sends it
        told = TypeAdapter(Description).validate_json(_AS_JSON.dump_json(table))
    except ValidationError as error:
        first = error.errors()[0]
        raise PluginError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for field in ("title", "question", "prediction", "corpus", "lacks"):
        if len(text := getattr(told, field)) > LONGEST or not text.isprintable():
            raise PluginError(f"its {field} must be one line of at most {LONGEST:,} characters")
    if not told.conditions:
        raise PluginError("it has no conditions: list at least one")
    for condition in told.conditions:
        if not condition.name:
            raise PluginError(f"a condition with the model '{condition.plugin}' has no name: give it one")
        try:
            json.dumps(condition.settings, allow_nan=False)
        except ValueError:
            raise PluginError(f"a setting of '{condition.name}' is NaN or infinite: give a finite number") from None
        if wrong := [key for key in condition.settings if key in RESERVED]:
            raise PluginError(
                f"'{wrong[0]}' is not a hyper-parameter: leave it out of the settings of '{condition.name}'"
            )
    return told


def check_names(specs: Sequence[str]) -> None:
    """Raise ``PluginError`` for a name that no installed package has, and for two experiments of one name."""
    installed = EXPERIMENTS.installed()
    names: dict[str, str] = {}
    for spec in dict.fromkeys(specs):
        if ":" not in spec and spec not in installed:
            raise PluginError(unknown("experiment", spec, installed))
        if names.setdefault(name_of(spec), spec) != spec:
            raise PluginError(f"two experiments are called '{name_of(spec)}': rename the class of one of them")


_LAYER = re.compile(r"(.+?\.)\d+\.")
SHOWN = 6  # parameters that are named
_MISSING = object()


def of_conditions(bench: Bench, conditions: Iterable[Condition]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return for each condition but the first its name, the name of its reference, and the differences."""
    first, *others = conditions
    references: dict[str, LanguageModel] = {}
    found = []
    for condition in others:
        reference = condition.reference if condition.reference in (first, *others) else first
        if reference.name not in references:
            references[reference.name] = bench.model(reference)
        differ = list(differences(references[reference.name], bench.model(condition)))
        if condition.tokens != reference.tokens:
            differ.append(f"tokens: {condition.tokens or 'those of the text'}")
        if condition.inputs != reference.inputs:
            differ.append(condition.inputs or f"not: {reference.inputs}")
        found.append((condition.name, reference.name, tuple(differ)))
    return found


def differences(reference: LanguageModel, changed: LanguageModel) -> Iterable[str]:
    """Yield what differs between two trained models, in words."""
    if not _related(reference, changed):
        yield f"another kind of model: {changed.title()}"
        return
    before, after = reference.hyperparameters(), changed.hyperparameters()
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, _MISSING), after.get(name, _MISSING)
        if new is not _MISSING and old != new:
            yield f"{name} = {new}" + ("" if old is _MISSING else f" instead of {old}")
    if not (isinstance(reference, TorchLanguageModel) and isinstance(changed, TorchLanguageModel)):
        return
    one, other = (  # the shape of each parameter, and whether it is trained
        {name: (each.shape, each.requires_grad) for name, each in model.trained_network().named_parameters()}
        for model in (reference, changed)
    )
    for said, names in (
        ("parameters that it lacks", [name for name in one if name not in other]),
        ("parameters that only it has", [name for name in other if name not in one]),
        ("parameters of another size", [n for n in one if n in other and one[n][0] != other[n][0]]),
        ("parameters that are not trained", [n for n in one if n in other and one[n][1] and not other[n][1]]),
    ):
        if names:
            yield f"{said}: {numbers.listed(_named(names, {*one, *other}))}"


def _named(names: Iterable[str], pool: Iterable[str]) -> list[str]:
    """Return short names of some parameters of a pool.

    The parameters of a layer are named together if all of them are there. Otherwise those of the same name in several
    layers are named once, with ``*`` for the number of the layer.
    """
    those, found = set(names), dict[str, None]()
    for name in names:
        layer = _LAYER.match(name)
        whole = layer and all(other in those for other in pool if other.startswith(layer[0]))
        found[f"{layer[0]}*" if layer and whole else _LAYER.sub(r"\1*.", name)] = None
    shown = list(found)
    return shown if len(shown) <= SHOWN else [*shown[:SHOWN], f"{len(shown) - SHOWN} others"]


def _related(one: LanguageModel, other: LanguageModel) -> bool:
    """Return whether both are, or are derived from, the same plug-in."""
    plugins = (kind for kind in type(one).__mro__ if issubclass(kind, LanguageModel) and not inspect.isabstract(kind))
    return any(isinstance(other, plugin) for plugin in plugins)


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


def conditions_of(experiments: Sequence[Description]) -> tuple[Condition, ...]:
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
    if plan.corpus.kind != "text":
        raise LmcompareError(
            "the laboratory's experiments are about words, and a series has none: give another --corpus"
        )
    check_free(folder)
    failures: dict[str, str] = {}
    experiments: list[Description] = []
    for spec in dict.fromkeys(specs):
        try:
            experiments.append(describe(spec, plan.time_limit))
        except PluginError as error:
            failures[name_of(spec)] = str(error)
    left_out = {each.name: lacking for each in experiments if (lacking := each.lacks_on(plan.corpus.where))}
    if alone and left_out:
        name, lacking = next(iter(left_out.items()))
        raise LmcompareError(f"the experiment '{name}' {lacking}")
    experiments = [each for each in experiments if each.name not in left_out]
    if not experiments:
        for name, said in failures.items():
            raise LmcompareError(f"the experiment '{name}': {said}")
        lacking = "; ".join(f"'{name}' {what}" for name, what in left_out.items())
        raise LmcompareError(f"each of the experiments needs something that is missing: {lacking}")
    tables = [_table(condition) for condition in conditions_of(experiments)]
    plan = plan.replace("the laboratory", models=tables)

    def planned(jobs: Sequence[Job]) -> None:
        claim(folder)
        _say_cost(experiments, jobs, plan, show)

    asked: dict[str, Any] = {"force": force, "show": show, "command": command}
    outcome = run_experiment(plan, folder / LAB_RUN, planned=planned, aside=True, **asked)
    for experiment in experiments:
        try:
            wanted = {outcome.names[condition.name] for condition in experiment.conditions}
            for cell, said in outcome.failures.items():
                if cell.rpartition("/")[0] in wanted:
                    raise LmcompareError(f"{cell} failed: {said}")
            _measure(experiment, folder, outcome.names, plan.seconds, show, force)
        except LmcompareError as failure:
            failures[experiment.name] = str(failure)
    show.close()
    measured = tuple(each.name for each in experiments if each.name not in failures)
    return Outcome(measured, left_out, failures)


def _say_cost(experiments: Sequence[Description], jobs: Sequence[Job], plan: Experiment, show: Display) -> None:
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
    workers = min(workers_of(plan, jobs[0].machine), len(jobs))
    training, measuring = seconds / workers, seconds * share
    show.say(f"{said}, about {numbers.seconds(training)}, and {numbers.seconds(measuring)} of measurements.")


def _table(condition: Condition) -> dict[str, Any]:
    """Return the table of a model; networks have no part for spelling, so that a word is one vector and no more."""
    tokens = {} if condition.tokens is None else {"tokens": condition.tokens}
    plain = {"spelling": False} if "spelling" in plugins.resolve(condition.plugin).parameter_names() else {}
    return {"plugin": condition.plugin, "name": condition.name, **tokens, **plain, **condition.settings}


def _measure(
    experiment: Description, folder: Path, names: Mapping[str, str], seconds: float, show: Display, force: bool
) -> None:
    """Measure an experiment in a process of its own, unless the same was measured before."""
    mine = {condition.name: names[condition.name] for condition in experiment.conditions}
    run = load_run(folder / LAB_RUN)
    cells = [cell.info.get("key") for model in mine.values() for cell in run.model(model).cells]
    key = hashlib.sha256(json.dumps([cells, experiment.source_digest]).encode()).hexdigest()[:16]
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
        with explained(lambda: "its measurement failed"):
            call(
                f"{__name__}:measure_job",
                *(experiment.spec, experiment.source_digest, str(folder.resolve()), mine, {**told, "key": key}),
                on_event=lambda event: show_sent(event, show),
                log=log,
                seconds=seconds,
            )
    except PluginError as error:
        told_by_log = isinstance(error.__cause__, RaisedError) and not error.__cause__.expected
        failure = f"{error}; {log} says more" if told_by_log else str(error)
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
        "differences": of_conditions(bench, experiment.conditions),
        "seeds": bench.seeds,
        "decides": bench.decides,
        "train_seconds": sum(cell.cost["train_seconds"] or 0.0 for cell in cells),
        "measure_seconds": time.perf_counter() - began,
    }
    see_that_it_is_there(Path(folder))
    write_findings(path_of(Path(folder), name), found, {**about, **measured}, bench.remarks)
