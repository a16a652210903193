"""Sweeps: several settings of a model, all of a grid, some at random, or by TPE. The validation text chooses one.

A setting is a job like any other, except that it is scored on the validation text alone. The trained model of the
setting that is chosen becomes a cell of the run, which then is scored on the test text.

TPE is the tree-structured Parzen estimator (Bergstra et al. 2011) as Optuna has it (extra ``search``). Each proposal
depends on the table ``[search]``, on its number and on the figures of earlier batches, and on nothing else: an
interrupted search goes on with the same proposals.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import count, islice, product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.harness.cells.job import Job
from lmcompare.harness.experiment import Experiment, ModelTable, parse_tokens
from lmcompare.harness.manifest import LONGEST_NAME, plain, worded
from lmcompare.harness.progress import Display
from lmcompare.harness.tables import (
    FIGURES,
    MOST_SETTINGS,
    Range,
    SearchTable,
    Settings,
    Space,
    TokensTable,
    Values,
)
from lmcompare.runfolder.cell import mean_bits_per_byte, read_valid
from lmcompare.runfolder.guards import remove_written
from lmcompare.runfolder.manifest import SweepRow, TrialRow

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


DRAWS = 100  # most draws for each trial, until there are enough different settings


class Proposer(Protocol):
    """What proposes settings in batches."""

    trials: int

    def ask(self) -> Settings:
        """Return the next batch; empty at the end."""

    def tell(self, figures: Sequence[float]) -> None:
        """Take the bits per byte of the last batch, less being better; infinite for a setting that failed."""


def proposer(model: str, space: Space, search: SearchTable | None) -> Proposer:
    """Return what proposes the settings of a model.

    Raises ``LmcompareError`` for a grid that is too large or has a range, and for TPE without Optuna.
    """
    if search is not None and search.method == "tpe":
        return Tpe(space, search)
    return OneBatch(_grid(model, space) if search is None else _at_random(model, space, search))


class OneBatch:
    """Settings that do not depend on the figures of others."""

    def __init__(self, settings: Settings) -> None:
        self.trials = len(settings)
        self._left = settings

    def ask(self) -> Settings:
        """Return all settings, the first time."""
        asked, self._left = self._left, []
        return asked

    def tell(self, figures: Sequence[float]) -> None:
        """Do nothing."""


def _grid(model: str, space: Space) -> Settings:
    lists = {}
    for key, values in space.items():
        if isinstance(values, Range):
            raise LmcompareError(
                f"{key} of '{model}' is a range, and a grid needs lists of values: give a list, or search the range"
                " with --search tpe or --search random"
            )
        lists[key] = values
    if (size := math.prod(map(len, lists.values()))) > MOST_SETTINGS:
        raise LmcompareError(
            f"the sweep of '{model}' has {size} settings: give at most {MOST_SETTINGS}, or try some of them with"
            " --search tpe"
        )
    return [dict(zip(lists, each, strict=True)) for each in product(*lists.values())]


def _at_random(model: str, space: Space, search: SearchTable) -> Settings:
    sizes = [math.inf if isinstance(values, Range) else len(values) for values in space.values()]
    if math.prod(sizes) <= search.trials:
        return _grid(model, space)
    found: Settings = []
    for drawn in islice(_drawn(space, search.seed), DRAWS * search.trials):
        if drawn not in found:
            found.append(drawn)
        if len(found) == search.trials:
            break
    return found


def _drawn(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Yield settings, each drawn by a generator of its own."""
    for number in count():
        rng = np.random.default_rng([seed, number])
        yield {key: _draw(values, rng) for key, values in space.items()}


def _draw(values: Values, rng: np.random.Generator) -> Any:
    if not isinstance(values, Range):
        return values[int(rng.integers(len(values)))]
    low, high = (values.low - 0.5, values.high + 0.5) if values.whole else (values.low, values.high)
    if values.log:
        low, high = math.log(low), math.log(high)
    drawn = rng.uniform(low, high)
    return _number(math.exp(drawn) if values.log else drawn, values)


def _number(drawn: float, values: Range) -> float:
    """Return a number as it is tried: whole, or of few digits, and within its range."""
    number: float = round(drawn) if values.whole else float(f"{drawn:.{FIGURES}g}")
    return min(max(number, values.low), values.high)


class Tpe:
    """Settings that TPE proposes: the first ten at random, as Optuna does, then near those that were good."""

    def __init__(self, space: Space, search: SearchTable) -> None:
        try:
            import optuna
        except ImportError:
            raise LmcompareError(
                "a search by TPE needs the package optuna: install it with \"pip install 'lmcompare[search]'\", or"
                " use --search random"
            ) from None
        self.trials = search.trials
        self._space, self._search = space, search
        self._asked: list[optuna.Trial] = []
        said = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # otherwise it reports that it made a study
        self._study = optuna.create_study()
        optuna.logging.set_verbosity(said)
        self._distributions = {key: _distribution(values) for key, values in space.items()}

    def ask(self) -> Settings:
        """Return the next batch."""
        from optuna.samplers import TPESampler

        begin = len(self._study.trials)
        for number in range(begin, min(begin + self._search.batch, self.trials)):
            seed = int(np.random.SeedSequence([self._search.seed, number]).generate_state(1)[0])
            self._study.sampler = TPESampler(seed=seed, constant_liar=True)
            self._asked.append(self._study.ask(self._distributions))
        return [
            {key: _named(values, trial.params[key]) for key, values in self._space.items()} for trial in self._asked
        ]

    def tell(self, figures: Sequence[float]) -> None:
        """Tell the study the figures in the order of the trials."""
        from optuna.trial import TrialState

        for trial, figure in zip(self._asked, figures, strict=True):
            if math.isfinite(figure):
                self._study.tell(trial, figure)
            else:
                self._study.tell(trial, state=TrialState.FAIL)
        self._asked = []


def _distribution(values: Values) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(values, Range):
        return CategoricalDistribution(range(len(values)))  # Optuna has no lists among the choices
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _named(values: Values, proposed: Any) -> Any:
    return _number(proposed, values) if isinstance(values, Range) else values[proposed]


DURATION = "steps"  # the hyper-parameter that the budget of a run replaces


@dataclass
class Setting:
    """One setting of a model.

    Parameters
    ----------
    name : str
        The name of its trials.
    values : dict
        What the sweep varies.
    table : ModelTable
        The model with these values.
    seeds : tuple of int
        The seeds of its trials.
    jobs : tuple of Job
        Its trials, one for each seed; empty before they are planned.
    refused : str
        Why it can't be trained; "" if it can.
    """

    name: str
    values: dict[str, Any]
    table: ModelTable
    seeds: tuple[int, ...]
    jobs: tuple[Job, ...] = ()
    refused: str = ""

    @property
    def said(self) -> str:
        """The setting in words."""
        return ", ".join(f"{key}={worded(value)}" for key, value in self.values.items())

    @property
    def is_finished(self) -> bool:
        """Whether all its trials are in the run folder; true of a setting that was refused."""
        return bool(self.refused or self.jobs) and all(job.is_finished() for job in self.jobs)

    @property
    def bits_per_byte(self) -> float:
        """The mean over its seeds on the validation text; infinite if it can't be chosen, as one of them failed."""
        if self.refused or not self.is_finished:
            return math.inf
        found = [read_valid(job.path) for job in self.jobs]
        return mean_bits_per_byte(np.array([bits for bits, _ in found]), found[0][1])


class Study:
    """The sweep of one model: the settings that were tried so far, and what is to be tried next.

    Parameters
    ----------
    experiment : Experiment
        The experiment of the sweep.
    table : ModelTable
        The model.
    taken : set of str
        Names that other models and settings have, to which those of its settings are added.
    """

    def __init__(self, experiment: Experiment, table: ModelTable, taken: set[str]) -> None:
        self.model = table.name
        self.space: Space = experiment.sweep[table.name]
        self.settings: list[Setting] = []  # each setting once, even if it was proposed again
        self.search = {} if experiment.search is None else experiment.search.model_dump()
        self._experiment, self._table, self._taken = experiment, table, taken
        if "seed" in self.space and len(experiment.seeds) > 1:
            raise LmcompareError(
                f"the sweep varies the seed of '{self.model}', and the run has several seeds: give it only one"
            )
        budget = next(iter(experiment.budget.model_dump(exclude_none=True)), "")
        if budget and DURATION in self.space:
            raise LmcompareError(
                f"the sweep varies {DURATION} of '{self.model}', and --match {budget} (or [budget]) sets it: leave"
                " out one of the two"
            )
        self._proposer = proposer(self.model, self.space, experiment.search)
        self._batch: list[Setting] = []
        self._proposed = 0

    @property
    def left(self) -> int:
        """How many settings are yet to be proposed."""
        return self._proposer.trials - self._proposed

    @property
    def tokens(self) -> list[TokensTable]:
        """All kinds of tokens that its settings may have, if it varies them: the text is read once, at the start."""
        lists: dict[str, Any] = {k: values for k, values in self.space.items() if k.partition(".")[0] == "tokens"}
        made = (self._with(dict(zip(lists, each, strict=True)), self.model) for each in product(*lists.values()))
        return [table.tokens for table in made if table.tokens is not None] if lists else []

    def ask(self) -> list[Setting]:
        """Return the settings to try next, none of which was tried before; empty at the end."""
        while proposed := self._proposer.ask():
            self._proposed += len(proposed)
            before = len(self.settings)
            self._batch = [self._setting(values) for values in proposed]
            if new := self.settings[before:]:
                return new
            self.tell()
        return []

    def tell(self) -> None:
        """Take the figures of the settings that were asked for last. All of them were tried."""
        self._proposer.tell([setting.bits_per_byte for setting in self._batch])

    def _setting(self, values: dict[str, Any]) -> Setting:
        known = next((setting for setting in self.settings if setting.values == values), None)
        if known is not None:
            return known
        name = "-".join([self.model, *(plain(f"{key}-{worded(value)}") for key, value in values.items())])
        if name in self._taken or len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}-{len(self.settings)}"
        self._taken.add(name)
        seeds = (values["seed"],) if "seed" in values else self._experiment.seeds
        self.settings.append(Setting(name, values, self._with(values, name), seeds))
        return self.settings[-1]

    def _with(self, values: Mapping[str, Any], name: str) -> ModelTable:
        """Return the model with these values. Raises ``LmcompareError`` for tokens that can't be made."""
        table = self._table.model_dump() | {"name": name}
        options = {}
        for key, value in values.items():
            if key.startswith("tokens."):
                options[key.removeprefix("tokens.")] = value
            elif key != "seed":
                table[key] = value
        if options:
            own = parse_tokens(table["tokens"], "the sweep") if table["tokens"] else self._experiment.tokens
            table["tokens"] = own.changed(options)
        (checked,) = self._experiment.replace("the sweep", models=[table], sweep={}).models
        return checked


def studies_of(experiment: Experiment) -> list[Study]:
    """Return the sweeps of an experiment. Raises ``LmcompareError`` for one that can't be done."""
    taken = {table.name for table in experiment.models}
    return [Study(experiment, table, taken) for table in experiment.models if table.name in experiment.sweep]


def choose(study: Study, show: Display) -> Setting | None:
    """Return the setting of a model with the fewest bits per byte of validation text, the first of equal ones.

    None if every setting has a trial that failed, or gives some token the probability 0.
    """
    best = min(study.settings, key=lambda setting: setting.bits_per_byte)
    if math.isinf(best.bits_per_byte):
        return None
    show.say(
        f"{study.model}: {best.said} is chosen from {len(study.settings)} settings, with"
        f" {best.bits_per_byte:.4f} bits per byte on validation text."
    )
    return best


def cells_of(model: str, setting: Setting) -> list[Job]:
    """Return the jobs that score a setting as the model that it was tried for."""
    return [replace(job, trial=False, name=model, asked={**job.asked, "name": model}) for job in setting.jobs]


def hand_over(trial: Job, job: Job) -> None:
    """Give the cell of the chosen setting the model that its trial has trained, if it is still there."""
    if job.is_finished() or not (trial.path / "model" / "trained.json").is_file():
        return
    remove_written(job.path, within="model")
    job.path.mkdir(parents=True, exist_ok=True)
    if (job.path / "model").exists():  # it has files of the user: the model is trained again
        return
    shutil.copyfile(trial.path / "curve.csv", job.path / "curve.csv")
    (trial.path / "model").rename(job.path / "model")


def forget_models(settings: Sequence[Setting]) -> None:
    """Remove the trained models of trials: their figures stay."""
    for setting in settings:
        for job in setting.jobs:
            remove_written(job.path, within="model")


def sweep_row(study: Study, best: Setting, name: str) -> SweepRow:
    """Return the manifest's row of the sweep that chose a model, which has this name in the folder."""
    trials = (
        TrialRow(each.values, each.seeds, tuple(job.place for job in each.jobs), each.refused)
        for each in study.settings
    )
    grid = {key: asdict(values) if isinstance(values, Range) else values for key, values in study.space.items()}
    made_by = {"optuna": version("optuna")} if study.search.get("method") == "tpe" else {}
    return SweepRow(name, best.jobs[0].identity, grid, best.values, tuple(trials), study.search | made_by)
