"""An experiment to jobs: the tokens that its models read, and what is known of each before it is trained."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lmcompare import corpora
from lmcompare.errors import OWN_TEMPORARY, LmcompareError
from lmcompare.harness.describe import Described, described
from lmcompare.harness.experiment import Experiment, ModelTable, parse_tokens
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.harness.reading import RunCorpus, RunTokens, read
from lmcompare.harness.runner import machine_of
from lmcompare.harness.sweep import Setting, Study, studies_of
from lmcompare.harness.tokens_table import TokensTable
from lmcompare.model import LanguageModel
from lmcompare.runfolder.layout import TOKENS, TOKENS_FILES
from lmcompare.runfolder.ownership import OF_TOKENS, check_free, remove_written
from lmcompare.runfolder.seals import damage
from lmcompare.study import measuring

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
    models : dict of Described
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
    models: dict[str, Described]
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
        same: dict[str, Any] = {
            "folder": str(self.folder.resolve()),
            "name": name,
            "plugin": model.plugin,
            "tokens_fingerprint": read.fingerprint,
            "tokenizer": read.tokenizer,
            "source_digest": model.source_digest,
            "hyperparameters": model.hyperparameters,
            "machine": self.machine,
            "budget": experiment.budget.model_dump() if model.trains_in_steps else {},
            "milestones": experiment.milestones and model.trains_in_steps,
            "memory": experiment.memory_bytes,
            "options": options,
            "studies": measuring(options, self.text.entry.kind, main=not self.aside),
            "files": model.files,
            "asked": {
                "name": name,
                "plugin": table.plugin,
                "tokens": read.table.model_dump(mode="json"),
                "hyperparameters": table.hyperparameters,
                "corpus": self.text.entry.fingerprint,
                "settings": _settings(experiment, self.machine),
            },
        }
        return [Job(seed=seed, **same) for seed in seeds]


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
    studies = studies_of(experiment)
    models: dict[str, Described] = {}
    tables = _others(experiment)
    for table in tables:
        models[table.name] = (
            Described.of(table.name, table.plugin, live[table.name])
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
    text = read(experiment, kinds, scratch or folder, base or Path(), force, show, corpus)
    made = dict(zip(kinds, text.tokens, strict=True))
    return Plan(experiment, folder, base, show, live, machine, text, made, models, studies)


def _others(experiment: Experiment) -> list[ModelTable]:
    """Return the models that are not swept."""
    return [table for table in experiment.models if table.name not in experiment.sweep]


def _say_who_keeps_to_memory(experiment: Experiment, models: Iterable[Described], show: Display) -> None:
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


def _tokens_of(table: ModelTable, model: Described, experiment: Experiment) -> TokensTable:
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


def _matched(model: Described, parameters: int, types: int, show: Display, seconds: float | None) -> Described:
    """Return the model with about ``parameters`` parameters over a vocabulary of V ``types``, and say what changed.

    Raises ``LmcompareError`` for a number that the model can't come near.
    """
    matched, found = model.resized(parameters, types, seconds)
    if found:
        show.say(f"{model.name} gets {', '.join(f'{key} = {value}' for key, value in found.items())}.")
    else:
        show.say(f"{model.name} keeps its size: its plug-in does not say how to change it.")
    return matched
