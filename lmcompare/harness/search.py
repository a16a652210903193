"""What is varied in a sweep, and how its settings are proposed: all of a grid, some at random, or by TPE.

TPE is the tree-structured Parzen estimator (Bergstra et al. 2011) as Optuna has it (extra ``search``). Each proposal
depends on the table ``[search]``, on its number and on the figures of earlier batches, and on nothing else: an
interrupted search goes on with the same proposals.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, product
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from pydantic import Field

from lmcompare.errors import LmcompareError
from lmcompare.harness.faults import Table, check_depth

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MOST = 1000  # settings of one model: each of them is trained
DIGITS = 4  # significant digits of a drawn number: more would not change any figure visibly
DRAWS = 100  # most draws for each trial, until there are enough different settings


@dataclass(frozen=True)
class Range:
    """All numbers from ``low`` to ``high``: whole ones if both are whole; on a logarithmic scale if ``log``."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Values = tuple[Any, ...] | Range
Space = dict[str, Values]  # by what is varied, the values that it may have
Settings = list[dict[str, Any]]


class SearchTable(Table):
    """``[search]``: how the settings of a sweep are proposed, where not all of a grid are tried.

    ``trials`` settings of each model are proposed: at random, or by TPE, which learns from the figures of earlier
    ones; it proposes ``batch`` at a time.
    """

    method: Literal["random", "tpe"]
    trials: int = Field(default=30, ge=1, le=MOST)
    batch: int = Field(default=5, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)


def space_of(model: str, table: Mapping[str, Any]) -> Space:
    """Return what is varied of a model. Raises ``ValueError`` for a key that can't be varied."""
    flat: dict[str, Any] = {}
    for key, values in table.items():
        inner = key == "tokens" and isinstance(values, Mapping)
        flat |= {f"tokens.{option}": each for option, each in values.items()} if inner else {key: values}
    return {key: _values(model, key, values) for key, values in flat.items()}


def _values(model: str, key: str, given: Any) -> Values:
    if key in ("plugin", "name"):
        raise ValueError(
            f"{key} of '{model}' is not a hyper-parameter: to compare several, give each as a model of its own"
        )
    if key == "fraction":
        raise ValueError(
            f"the amount of training text of '{model}' can't be swept: to see what more text brings, give --fractions"
            " 0.1,0.3,1"
        )
    check_depth({key: given})
    if isinstance(given, Range):
        return given
    if isinstance(given, Mapping):
        return _range(model, key, given)
    if not isinstance(given, list | tuple):
        raise ValueError(f"{key} of '{model}' is {given!r}: give a list of values, or {{ low = …, high = … }}")
    distinct = {json.dumps(value, default=str): value for value in given}
    if len(distinct) < 2:
        raise ValueError(f"{key} of '{model}' has fewer than two values: give several, or a single one with --set")
    if key == "seed" and not all(type(seed) is int and 0 <= seed < 2**32 for seed in given):
        raise ValueError(f"the seeds of '{model}' must be whole numbers from 0 to 4294967295")
    return tuple(distinct.values())


def _range(model: str, key: str, table: Mapping[str, Any]) -> Range:
    what = f"{key} of '{model}'"
    if not {"low", "high"} <= set(table) <= {"low", "high", "log"}:
        raise ValueError(
            f"{what} is {reprlib.repr(dict(table))}: a range has low and high, and log = true for a logarithmic scale"
        )
    if key == "seed" or key.partition(".")[0] == "tokens":
        raise ValueError(f"{what} can't be a range: give a list of values")
    low, high, log = table["low"], table["high"], table.get("log", False)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (low, high))
    if not numbers or not math.isfinite(low) or not math.isfinite(high) or not low < high:
        raise ValueError(f"{what} has a range from {low!r} to {high!r}: give two numbers, the smaller one as low")
    if not isinstance(log, bool):
        raise ValueError(f"log of {what} is {log!r}: give true or false")
    if log and low <= 0:
        raise ValueError(f"{what} has a logarithmic range from {low!r}: give a low above 0")
    return Range(low, high, log)


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
    if (size := math.prod(map(len, lists.values()))) > MOST:
        raise LmcompareError(
            f"the sweep of '{model}' has {size} settings: give at most {MOST}, or try some of them with --search tpe"
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
    number: float = round(drawn) if values.whole else float(f"{drawn:.{DIGITS}g}")
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
