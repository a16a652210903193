"""An experiment to jobs: the tokens that its models read, and what is known of each before it is trained.

Plug-ins of other packages are asked in a process of their own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lmcompare import corpora, plugins
from lmcompare.errors import OWN_TEMPORARY, LmcompareError, PluginError, one_line, working_directory
from lmcompare.harness.cells.job import Job
from lmcompare.harness.experiment import Experiment, ModelTable, parse_tokens
from lmcompare.harness.progress import Display
from lmcompare.harness.runner import machine_of
from lmcompare.harness.sweep import Setting, Study, studies_of
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text.reading import RunCorpus, RunTokens, read
from lmcompare.model import LanguageModel
from lmcompare.processes import JunkError, call, explained
from lmcompare.registry import absolute, placed
from lmcompare.runfolder.guards import OF_TOKENS, check_free, damage, remove_written
from lmcompare.runfolder.layout import TOKENS, TOKENS_FILES
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.study import check_chosen, measuring

SECONDS = 300.0  # that importing and building a plug-in may take without a time limit of the user


class _Facts(TypedDict):
    """What a plug-in of another package says of itself in its own process."""

    hyperparameters: dict[str, Any]
    tokens: Any
    trains_in_steps: bool
    checks_text: bool
    keeps_to_memory: bool
    work: float
    source_digest: str
    files: dict[str, str]


def _facts_of(name: str, model: LanguageModel) -> _Facts:
    """Return what is known of a model that is built and not trained.

    Raises ``PluginError`` for a hyper-parameter that JSON can't store, and for a file that can't be read.
    """
    return {
        "hyperparameters": _storable(name, model),
        "tokens": model.tokens,
        "trains_in_steps": bool(model.trains_in_steps),
        "checks_text": type(model).check_text is not LanguageModel.check_text,
        "keeps_to_memory": bool(getattr(model, "keeps_to_memory", False)),
        "work": _work_of(model),
        "source_digest": plugins.source_digest(model),
        "files": _digests(name, model),
    }


def _work_of(model: LanguageModel) -> float:
    """Return about how many multiplications a training takes; 0 where the model can't say it."""
    network: Any = getattr(model, "in_steps", model)
    with suppress(Exception):  # it may need its text or its files first
        return float(network.work())
    return 0.0


def _unplaced(name: str, plugin: str, facts: _Facts) -> Job:
    return Job(folder="", name=name, plugin=plugin, seed=0, tokens_fingerprint="", tokenizer="", machine={}, **facts)


def resized(job: Job, parameters: int, types: int, seconds: float | None = None) -> tuple[Job, dict[str, Any]]:
    """Return the model with about ``parameters`` parameters over a vocabulary of V ``types``, and what changed.

    Nothing changes for a model that can't choose its size, for example because it follows from the text. Raises
    ``PluginError`` for a number that the model can't come near.
    """
    there = (job.name, job.plugin, job.hyperparameters, parameters, types)
    kind = tuple[dict[str, Any], dict[str, Any]]
    found, hyperparameters = _asked("_sized", kind, there, job.plugin, job.hyperparameters, seconds)
    return replace(job, hyperparameters=hyperparameters), found


def described(table: ModelTable, experiment: Experiment, base: Path | None) -> Job:
    """Return what is known of a model of an experiment, as a job without a place, with absolute paths of files.

    Raises ``PluginError`` for a plug-in that does not exist, ends or never returns, and for wrong hyper-parameters.
    """
    here = base or working_directory()
    plugin = absolute(table.plugin, here)
    there = (table.name, plugin, dict(table.hyperparameters), experiment.preset, str(here))
    return _unplaced(
        table.name, plugin, _asked("_built", _Facts, there, plugin, table.hyperparameters, experiment.time_limit)
    )


def check_text(job: Job, model: LanguageModel | None, seconds: float | None) -> None:
    """Raise ``PluginError`` if a job's model refuses its training text; ``model`` is given if it is an object."""
    name, tokens = job.asked["name"], str(job.tokens_path)
    if model is not None:
        _check_text(name, model, tokens)
    else:
        there = (name, job.plugin, job.hyperparameters, tokens)
        _asked("_text_checked", None, there, job.plugin, job.hyperparameters, seconds)


def _asked(
    function: str,
    kind: Any,
    arguments: tuple[Any, ...],
    plugin: str,
    given: Mapping[str, Any],
    seconds: float | None,
) -> Any:
    """Return what a function of this module returns, in a process of its own if it runs code of other packages."""
    if plugins.is_own_code(plugin, given):
        return globals()[function](None, *arguments)
    with explained(lambda: f"setting up the model '{arguments[0]}'"):
        found = call(f"{__name__}:{function}", *arguments, seconds=seconds or SECONDS)
        try:
            return _adapter(kind).validate_python(found)
        except ValidationError:
            raise JunkError(str(found)[:80]) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _built(_: object, name: str, plugin: str, given: dict[str, Any], preset: str, here: str) -> _Facts:
    cls = plugins.resolve(plugin)
    for key in cls.files:
        if isinstance(given.get(key), str) and given[key] and "\0" not in given[key]:
            given[key] = placed(given[key], Path(here))
    for key in cls.bases:
        if isinstance(given.get(key), str):
            given[key] = absolute(given[key], Path(here))
    try:
        model = plugins.build(plugin, given, preset)
    except PluginError as error:
        raise PluginError(f"the model '{name}': {error}") from error
    return _facts_of(name, model)


def _sized(
    _: object, name: str, plugin: str, hyperparameters: dict[str, Any], parameters: int, types: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        found = dict(plugins.build(plugin, hyperparameters).sized(parameters, types) or {})
        return found, _storable(name, plugins.build(plugin, {**hyperparameters, **found}))
    except PluginError as error:
        raise PluginError(f"the model '{name}': {error}") from error


def _text_checked(_: object, name: str, plugin: str, hyperparameters: dict[str, Any], tokens: str) -> None:
    _check_text(name, plugins.build(plugin, hyperparameters), tokens)


def _check_text(name: str, model: LanguageModel, tokens: str) -> None:
    train = TokenizedCorpus(Path(tokens)).train
    try:
        model.check_text(train)
    except (Exception, SystemExit) as error:
        raise PluginError(f"the model '{name}' can't work with the training text: {one_line(error)}") from error


def _storable(name: str, model: LanguageModel) -> dict[str, Any]:
    """Return the hyper-parameters. Raises ``PluginError`` if one can't be stored as JSON."""
    hyperparameters = model.hyperparameters()
    for key, value in hyperparameters.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise PluginError(
                f"{key} of the model '{name}' is {value!r}, which can't be stored: use numbers, strings, True, False,"
                " None, and lists and dictionaries of these"
            ) from None
    return hyperparameters


def _digests(name: str, model: LanguageModel) -> dict[str, str]:
    """Return a digest of each file that the hyper-parameters name. Raises ``PluginError`` for one that is lost."""
    digests = {}
    for key in model.files:
        path = getattr(model, key)
        if path is None:
            continue
        try:
            digests[key] = model.digest_of(key)
        except (OSError, TypeError, ValueError) as error:
            if path == "":
                raise PluginError(
                    f"{key} of the model '{name}' is not set: give it the path of a file, as in"
                    f" --set {name}.{key}=FILE"
                ) from None
            raise PluginError(
                f"{key} of the model '{name}' is {path!r}, which can't be read ({one_line(error)}): set it to the"
                " path of a file that can"
            ) from None
    return digests


LISTED = 5  # models without a limit of memory that are named


@dataclass(frozen=True)
class Plan:
    """An experiment whose text is read.

    Parameters
    ----------
    experiment : Experiment
        The experiment, with its sweeps.
    folder, base, show, live
        As in ``lmcompare.harness.run.run``.
    machine : dict
        The device, threads and processes of the trainings.
    text : RunCorpus
        What is known of the text.
    tokens : dict of RunTokens
        What is known of each kind of tokens.
    models : dict of Job
        By name, what is known of each model and of each setting of a sweep.
    studies : list of Study
        The sweeps, whose first settings have been asked for.
    aside : bool
        Whether the run serves another one, so that only studies measure its models that do so everywhere.
    """

    experiment: Experiment
    folder: Path
    base: Path | None
    show: Display
    live: Mapping[str, LanguageModel]
    machine: dict[str, Any]
    text: RunCorpus
    tokens: dict[TokensTable, RunTokens]
    models: dict[str, Job]
    studies: list[Study]
    aside: bool = False

    def other_jobs(self) -> list[Job]:
        """Return the jobs of the models that are not swept, in the order of the experiment."""
        return [job for table in _others(self.experiment) for job in self._jobs(table, self.experiment.seeds)]

    def renew_tokens(self, corpus: corpora.Corpus | None) -> bool:
        """Make tokens that were damaged in the run folder since it was read again; return whether some were.

        ``corpus``: that of ``begin``. What can't be made again, such as the tokens of a text from a pipe, stays.
        """
        harmed: dict[Path, TokensTable] = {}
        for tokens in self.text.tokens:
            path = self.folder / TOKENS / tokens.fingerprint
            if (damaged := damage(path, TOKENS_FILES)) is not None:
                self.show.say(f"{path / damaged} was damaged or lost during the run: it is made anew.")
                harmed[path] = tokens.table
        if harmed:
            with suppress(LmcompareError), TemporaryDirectory(prefix=OWN_TEMPORARY, dir=self.folder.parent) as aside:
                made = Path(aside) / "run"
                read(self.experiment, (*harmed.values(),), made, self.base or Path(), False, Display(), corpus)
                for path in harmed:
                    remove_written(path, OF_TOKENS)
                    if not os.path.lexists(path):  # what others have put there is left
                        shutil.move(made / TOKENS / path.name, path)
        return bool(harmed)

    def set_up(self, study: Study, settings: Sequence[Setting], check: Callable[[Job], None]) -> None:
        """Give settings of a sweep their jobs. ``check`` may refuse the first job.

        Raises ``LmcompareError`` for a setting of a grid that can't be trained, and if no setting can be.
        """
        for setting in settings:
            if setting.refused:
                continue
            with _refused(setting, study):
                if setting.name not in self.models:
                    self.models[setting.name] = described(setting.table, self.experiment, self.base)
                jobs = self._jobs(setting.table, setting.seeds)
                before, now = self.models[setting.name].hyperparameters, jobs[0].hyperparameters
                if changed := next((key for key in setting.values if before.get(key) != now.get(key)), ""):
                    raise LmcompareError(
                        f"the sweep varies {changed} of '{study.model}', and --match parameters sets it: leave out"
                        " one of the two"
                    )
                check(jobs[0])
                setting.jobs = tuple(replace(job, trial=True) for job in jobs)
        _see_that_some_are_left(study)
        for setting in settings:
            if setting.refused:
                self.show.say(f"{setting.name} can't be trained, and counts as failed: {setting.refused}.")

    def _jobs(self, table: ModelTable, seeds: Sequence[int]) -> list[Job]:
        """Return the jobs of a model, one for each seed."""
        experiment, name, model = self.experiment, table.name, self.models[table.name]
        if name in self.live and experiment.time_limit is not None:
            raise LmcompareError(
                f"'{name}' is an object, which trains in this process, where no time limit can end it: name its"
                " plug-in instead, or leave time_limit out"
            )
        if (read := self.tokens.get(_tokens_of(table, model, experiment))) is None:
            raise LmcompareError(
                f"the tokens of '{name}' depend on what its sweep varies, so a search can't prepare them: leave"
                " [search] out to try all values of the sweep"
            )
        if experiment.match.parameters is not None:
            if name in self.live:
                raise LmcompareError(
                    f"'{name}' is an object, whose size can't be changed: to match parameters, name its plug-in"
                    " instead"
                )
            parameters, types = experiment.match.parameters, read.entry.types
            model = _matched(model, parameters, types, self.show, experiment.time_limit)
        examples = experiment.examples.model_dump(mode="json")
        if examples["prompts"] is None:
            examples["prompts"] = list(self.text.prompts)
        forecast = experiment.forecast.model_dump(mode="json", exclude={"against"})
        options = {**examples, "forecast": forecast, "whole": experiment.live == "full"}
        chosen = experiment.report.studies
        place: dict[str, Any] = {
            "folder": str(self.folder.resolve()),
            "tokens_fingerprint": read.fingerprint,
            "tokenizer": read.tokenizer,
            "tokens": None,
            "machine": self.machine,
            "budget": experiment.budget.model_dump() if model.trains_in_steps else {},
            "milestones": experiment.milestones and model.trains_in_steps,
            "memory": experiment.memory_bytes,
            "options": options,
            "studies": measuring(options, self.text.entry.kind, not self.aside, chosen),
            "chosen": None if chosen is None else [*chosen],
            "asked": {
                "name": name,
                "plugin": table.plugin,
                "tokens": read.table.model_dump(mode="json"),
                "hyperparameters": table.hyperparameters,
                "corpus": self.text.entry.fingerprint,
                "settings": _settings(experiment, self.machine),
            },
        }
        return [replace(model, seed=seed, **place) for seed in seeds]


def begin(
    experiment: Experiment,
    folder: Path,
    *,
    base: Path | None,
    force: bool,
    show: Display,
    corpus: corpora.Corpus | None = None,
    live: Mapping[str, LanguageModel] = {},
    scratch: Path | None = None,
) -> Plan:
    """Ask the models what they are, and read the text.

    Parameters
    ----------
    experiment, folder, base, force, show, corpus, live
        As in ``lmcompare.harness.run.run``.
    scratch : Path, optional
        A folder for the tokens of the text, in place of the run folder.

    Raises
    ------
    LmcompareError
        For wrong input.
    """
    check_chosen(experiment.report.studies or ())
    studies = studies_of(experiment)
    models: dict[str, Job] = {}
    tables = _others(experiment)
    for table in tables:
        models[table.name] = (
            _unplaced(table.name, table.plugin, _facts_of(table.name, live[table.name]))
            if table.name in live
            else described(table, experiment, base)
        )
    for study in studies:
        if study.model in live:
            raise LmcompareError(
                f"'{study.model}' is an object, which can't be varied: to sweep it, name its plug-in instead"
            )
        for setting in study.ask():
            with _refused(setting, study):
                models[setting.name] = described(setting.table, experiment, base)
                tables.append(setting.table)
        _see_that_some_are_left(study)
    _say_who_keeps_to_memory(experiment, models.values(), show)
    machine = machine_of(experiment, show)
    check_free(folder)
    wanted = [_tokens_of(table, models[table.name], experiment) for table in tables]
    kinds = tuple(dict.fromkeys([*wanted, *(tokens for study in studies for tokens in study.tokens)]))
    text = read(experiment, kinds, scratch or folder, base or Path(), force, show, corpus, known=folder)
    made = dict(zip(kinds, text.tokens, strict=True))
    return Plan(experiment, folder, base, show, live, machine, text, made, models, studies)


def _others(experiment: Experiment) -> list[ModelTable]:
    """Return the models that are not swept."""
    return [table for table in experiment.models if table.name not in experiment.sweep]


def _say_who_keeps_to_memory(experiment: Experiment, models: Iterable[Job], show: Display) -> None:
    others = [model.name for model in models if not model.keeps_to_memory]
    if experiment.memory is not None and others:
        more = f" and {len(others) - LISTED:,} more" if len(others) > LISTED else ""
        show.say(
            f"Only unigram, and ngram with Kneser-Ney smoothing, keep to memory = {experiment.memory}: "
            f"{', '.join(others[:LISTED])}{more} may take more."
        )


@contextmanager
def _refused(setting: Setting, study: Study) -> Iterator[None]:
    """Record that a setting of a search can't be trained; one of a grid, which was asked for by name, is an error."""
    try:
        yield
    except LmcompareError as error:
        if not study.search:
            raise
        setting.refused = str(error)


def _see_that_some_are_left(study: Study) -> None:
    if study.settings and all(setting.refused for setting in study.settings):
        raise LmcompareError(f"no setting of '{study.model}' can be trained: {study.settings[0].refused}")


def _tokens_of(table: ModelTable, model: Job, experiment: Experiment) -> TokensTable:
    """Return the tokens that a model reads: those of its table, its own, or those of the experiment.

    Raises ``LmcompareError`` if its own are not a table.
    """
    if table.tokens is None and model.tokens is not None:
        return parse_tokens(model.tokens, f"the tokens of the model '{table.name}'")
    return table.tokens or experiment.tokens


def _settings(experiment: Experiment, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that its models share, as the manifest lists them for each model."""
    return {
        "preset": experiment.preset,
        "budget": experiment.budget.model_dump(exclude_none=True),
        "match": experiment.match.model_dump(exclude_none=True),
        **machine,
    }


def _matched(model: Job, parameters: int, types: int, show: Display, seconds: float | None) -> Job:
    """Return the model with about ``parameters`` parameters over a vocabulary of V ``types``, and say what changed.

    Raises ``LmcompareError`` for a number that the model can't come near.
    """
    matched, found = resized(model, parameters, types, seconds)
    if found:
        show.say(f"{model.name} gets {', '.join(f'{key} = {value}' for key, value in found.items())}.")
    else:
        show.say(f"{model.name} keeps its size: its plug-in does not say how to change it.")
    return matched
