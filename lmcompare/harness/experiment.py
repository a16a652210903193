"""Experiment files: TOML to typed values, with errors that name the nearest right key."""

from __future__ import annotations

import math
import re
import reprlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from lmcompare.corpora import CorpusOptions, has_utf8, kind_of_source, path_name
from lmcompare.errors import LmcompareError, not_parsed, one_line, ordinary, unknown
from lmcompare.harness.environment import PageOptions, Preset, RunOptions
from lmcompare.harness.tables import (
    NOUNS,
    SearchTable,
    Space,
    Table,
    TokensTable,
    check_depth,
    placed_tokens,
    sentence,
    space_of,
    truths_apart,
)
from lmcompare.memory import bytes_of
from lmcompare.registry import OWN_HINT, absolute
from lmcompare.runfolder.layout import SPLITS
from lmcompare.study import STUDIES
from lmcompare.tokens import TOKENIZERS


class PublishedTable(Table):
    """One of ``[[published]]``: a figure of a paper, which the report shows beside the figures of the run.

    ``tokens`` is the tokenizer under which a run has the tokens of a perplexity. ``over`` is the number of tokens,
    characters or bytes of the split that the figure is a mean of: a run that scores other ones is not compared.
    """

    name: str
    figure: float = Field(gt=0)
    unit: Literal["perplexity", "bits per character", "bits per byte"]
    split: Literal["valid", "test"] = "test"
    tokens: str = ""
    over: int | None = Field(default=None, ge=1)
    source: str
    note: str = ""

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if self.unit == "perplexity" and not self.tokens:
            raise ValueError(
                "a perplexity needs tokens: set tokens to the tokenizer with which a run has the same tokens"
            )
        if self.unit != "perplexity" and self.tokens:
            raise ValueError(f"{self.unit} do not depend on the tokens: leave tokens out")
        if self.tokens and ":" not in self.tokens and self.tokens not in TOKENIZERS.installed():
            raise ValueError(unknown("tokenizer", self.tokens, TOKENIZERS.installed()))
        if self.unit == "bits per character" and self.over is None:
            raise ValueError(
                "bits per character can be compared with bits per byte only if each character is one byte: set over"
                " to the number of characters that the figure is a mean of"
            )
        return self


class ForecastTable(Table):
    """``[forecast]``: how series are forecast, and the classical methods that models are compared with.

    ``horizon`` steps from ``origins`` places in each test series, with ``paths`` drawn at each: the band that should
    hold 95 % needs 39 of them. ``season`` is the number of steps that are a season. None: what is usual for the step
    of the series.
    """

    horizon: int | None = Field(default=None, ge=1, le=1000)
    season: int | None = Field(default=None, ge=1, le=10_000)
    origins: int = Field(default=8, ge=1, le=64)
    paths: int = Field(default=100, ge=39, le=10_000)
    against: tuple[str, ...] = ("seasonal-naive", "drift", "ets", "arima")


class ReportTable(Table):
    """``[report]``: the studies that measure and that the report shows, in this order (None: all installed ones)."""

    studies: tuple[str, ...] | None = None

    @field_validator("studies")
    @classmethod
    def _known(cls, chosen: tuple[str, ...] | None) -> tuple[str, ...] | None:
        installed = STUDIES.installed()
        for each in chosen or ():
            if each.endswith(".py"):
                raise ValueError(f"'{each}' names a file but no study in it: write '{each}:Class'")
            if ":" not in each and each not in installed:
                raise ValueError(unknown("study", each, installed) + OWN_HINT)
        return chosen


LONGEST = 200  # bytes of a model's name: file systems allow 255, and cells get suffixes
CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class CorpusTable(CorpusOptions):
    """``[corpus]``: a source, or the three files of a given split, and how they are read."""

    source: str | None = None
    train: str | None = None
    valid: str | None = None
    test: str | None = None

    _truths_apart = field_validator("*", mode="before")(truths_apart)

    @property
    def kind(self) -> str:
        """What the corpus is, as its scheme declares it: "text", or "series" of numbers."""
        return "text" if self.source is None else kind_of_source(self.source)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        split = [self.train, self.valid, self.test]
        if (self.source is None) == all(part is None for part in split):
            raise ValueError("give either source, or train and test (and valid, if there is one)")
        try:
            self.check()
        except LmcompareError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def where(self) -> str | dict[str, str]:
        """The source, or the split's paths by name."""
        if self.source is not None:
            return self.source
        return {name: path for name in SPLITS if (path := getattr(self, name)) is not None}


class ModelTable(BaseModel):
    """One of ``[[models]]``: a plug-in, a name, and the plug-in's hyper-parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    plugin: str
    name: str = ""
    tokens: TokensTable | None = None

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        check_depth(self.model_extra)
        for key, value in self.hyperparameters.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{key} is {value}: give a finite number")
        return self

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The keyword arguments for the plug-in's class."""
        return dict(self.model_extra or {})


BUILT_IN = (
    *(ModelTable(plugin=name) for name in ("unigram", "ngram")),
    ModelTable.model_validate({"plugin": "cache", "base": "ngram"}),
    *(ModelTable(plugin=name) for name in ("word2vec-bow", "rnn-attention", "transformer")),
)


class ExamplesTable(Table):
    """``[examples]``: prompts (None: beginnings of validation sentences), how continuations are drawn, how many
    held-out sentences are shown, and which words are shown in several contexts (None: some words of the text).
    """

    prompts: tuple[str, ...] | None = None
    length: int = Field(default=30, ge=1, le=2000)
    temperature: float = Field(default=0.8, gt=0)
    top_k: int | None = Field(default=50, ge=1)
    top_p: float = Field(default=0.95, gt=0, le=1)
    sentences: int = Field(default=6, ge=0, le=100)
    words: tuple[str, ...] | None = Field(default=None, max_length=20)

    @field_validator("prompts", "words")
    @classmethod
    def _unicode(cls, texts: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        for text in texts or ():
            if not text and info.field_name == "words":
                raise ValueError("a word to show in several contexts is empty: leave it out")
            if not has_utf8(text):
                raise ValueError(f"the {str(info.field_name).removesuffix('s')} {text!r} is not valid UTF-8")
        return texts


class BudgetTable(Table):
    """``[budget]``: a limit on the training of every neural model; one of the four."""

    steps: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(v is not None for v in (self.steps, self.tokens, self.epochs, self.seconds)) > 1:
            raise ValueError("there is more than one budget: give only one of steps, tokens, epochs and seconds")
        return self


class MatchTable(Table):
    """``[match]``: what the models are made equal in before they are trained."""

    parameters: int | None = Field(default=None, ge=1)


class FractionTable(Table):
    """One of ``fractions``: a share of the training text, and the seeds of its trainings (None: the experiment's)."""

    share: float = Field(gt=0, le=1)
    seeds: tuple[int, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, given: Any) -> Any:
        return {"share": given} if isinstance(given, int | float) and not isinstance(given, bool) else given


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Experiment(RunOptions, PageOptions):
    """An experiment file; ``sweep`` has for models what is varied, and ``search`` how settings are proposed.

    ``fractions`` are the shares of the training text on which the models are trained one after the other, up to 1.
    """

    name: str
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    corpus: CorpusTable = Field(default_factory=lambda: CorpusTable(source="wiki-sample"))
    tokens: TokensTable = Field(default_factory=lambda: TokensTable.model_validate({}))
    models: tuple[ModelTable, ...] = Field(default=BUILT_IN, min_length=1, validate_default=True)
    sweep: dict[str, Space] = Field(default_factory=dict)
    search: SearchTable | None = None
    fractions: tuple[FractionTable, ...] = ()
    examples: ExamplesTable = ExamplesTable()
    forecast: ForecastTable = ForecastTable()
    budget: BudgetTable = BudgetTable()
    match: MatchTable = MatchTable()
    published: tuple[PublishedTable, ...] = ()
    report: ReportTable = ReportTable()

    _truths_apart = field_validator("*", mode="before")(truths_apart)

    def replace(self, where: str, **changes: Any) -> Experiment:
        """Return the experiment with other values; ``None`` leaves a value as it is.

        Parameters
        ----------
        where : str
            Where the values come from, named in errors: "the command line", say.
        **changes
            New values by the names of the fields: typed ones, or tables as in a file.

        Raises
        ------
        LmcompareError
            For a value that is wrong.
        """
        with _explained(where, changes):
            return replace(self, **{name: value for name, value in changes.items() if value is not None})

    @model_validator(mode="after")
    def _tokens_of_series(self) -> Self:
        if self.corpus.kind == "text":
            return self
        if self.examples.prompts or self.examples.words:
            raise ValueError("a series has no prompts and no words: leave them out")
        if self.tokens == TokensTable.model_validate({}):
            object.__setattr__(self, "tokens", TokensTable.model_validate({"kind": "bins"}))
        return self

    @model_validator(mode="after")
    def _one_engine(self) -> Self:
        if self.engine != "ray" and self.address is not None:
            raise ValueError("address has no effect without the engine ray: add --engine ray, or leave address out")
        if self.engine == "ray" and self.workers is not None:
            raise ValueError("Ray decides how many cells run at the same time: leave workers out")
        return self

    @field_validator("name")
    @classmethod
    def _folder_name(cls, name: str) -> str:
        return _plain_name(name, "an experiment")

    @field_validator("memory")
    @classmethod
    def _size(cls, memory: str | None) -> str | None:
        _ = memory is None or bytes_of(memory)
        return memory

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if wrong := [seed for seed in seeds if not 0 <= seed < 2**32]:
            raise ValueError(f"a seed must be from 0 to 4294967295, not {wrong[0]}")
        return tuple(dict.fromkeys(seeds))

    @field_validator("models")
    @classmethod
    def _named(cls, models: tuple[ModelTable, ...]) -> tuple[ModelTable, ...]:
        named = tuple(m if m.name else m.model_copy(update={"name": default_name(m.plugin)}) for m in models)
        seen: set[str] = set()
        for model in named:
            if len(_plain_name(model.name, "a model").encode()) > LONGEST:
                raise ValueError(
                    f"the name of a model must have at most {LONGEST} bytes: shorten '{model.name[:20]}…'"
                )
            if model.name in seen:
                raise ValueError(f"two models are named '{model.name}': give one of them a name of its own")
            seen.add(model.name)
        return named

    @field_validator("fractions")
    @classmethod
    def _rising(cls, fractions: tuple[FractionTable, ...]) -> tuple[FractionTable, ...]:
        shares = [fraction.share for fraction in fractions]
        if shares and (shares != sorted(set(shares)) or shares[-1] != 1 or len(shares) < 2):
            raise ValueError(
                "fractions must be two or more shares of the training text in rising order, the last of them 1, such"
                " as 0.03, 0.1, 0.3, 1; for a single share, set fraction in [corpus]"
            )
        names = [f"{share:g}" for share in shares]  # the names of their folders
        if alike := next((name for name, after in pairwise(names) if name == after), ""):
            raise ValueError(f"two of the fractions are {alike}, to six digits: leave one of them out")
        if fractions and fractions[-1].seeds is not None:
            raise ValueError(
                "the last fraction, the whole training text, can't have seeds of its own: set the experiment's seeds"
            )
        return fractions

    @field_validator("sweep", mode="before")
    @classmethod
    def _of_models(cls, sweep: Any, info: ValidationInfo) -> Any:
        models: tuple[ModelTable, ...] = info.data.get("models", ())  # none if they are wrong: that error is reported
        if not isinstance(sweep, Mapping) or not all(isinstance(table, Mapping) for table in sweep.values()):
            return sweep  # not a table: the check refuses it
        found: dict[str, Space] = {}
        for name, table in sweep.items():
            named = [model for model in models if name in (model.name, model.plugin)]
            if models and not named:
                raise ValueError(unknown("model of the run", name, [model.name for model in models]))
            for model in named:
                found[model.name] = found.get(model.name, {}) | space_of(model.name, table)
        return found


def _plain_name(name: str, whose: str) -> str:
    """Return the name of a folder. Raises ``ValueError`` if it could lead elsewhere."""
    if not re.fullmatch(r"[\w.+ -]+", name) or name.startswith(".") or name != name.strip():
        raise ValueError(
            f"{name!r} can't be the name of {whose}: use letters, digits, spaces and . _ + -, and begin with no full"
            " stop or space"
        )
    return name


def default_name(plugin: str) -> str:
    """Return the name of a model whose table gives none: the plug-in's, or its class's.

    Raises ``ValueError`` for a file without a class.
    """
    if plugin.endswith(".py"):
        raise ValueError(f"'{plugin}' names a file but no class in it: write '{plugin}:Class'")
    return plugin.rpartition(":")[2]


@contextmanager
def _explained(where: str, given: Any) -> Iterator[None]:
    """Turn a validation error into an ``LmcompareError`` that names the place, the fault and the nearest key."""
    try:
        yield
    except ValidationError as error:
        raise LmcompareError(f"{where}: {sentence(error, _table_at, given)}") from None
    except UnicodeEncodeError as error:  # pydantic's, for half a surrogate pair in a text
        raise LmcompareError(f"{where}: the text {reprlib.repr(error.object)} is not valid UTF-8") from None


def parse(table: Mapping[str, Any], where: str) -> Experiment:
    """Return the typed experiment. Raises ``LmcompareError`` that names the place, the fault and the nearest key."""
    with _explained(where, table):
        experiment = Experiment(**table)
    for model in experiment.models:
        for key in experiment.sweep.get(model.name, {}).keys() & model.hyperparameters.keys():
            raise LmcompareError(
                f"{where}: {key} of '{model.name}' has one value in [[models]] and several in [sweep]: leave out one"
                " of the two"
            )
    return experiment


def parse_tokens(table: Any, where: str) -> TokensTable:
    """Return the typed ``[tokens]``. Raises ``LmcompareError`` that names the place and the fault."""
    with _explained(where, table):
        return TokensTable.model_validate(table)


def load(path: Path) -> Experiment:
    """Read an experiment file. Raises ``LmcompareError`` for a missing, broken or wrong one."""
    if path.is_dir():
        raise LmcompareError(
            f"{path} is a folder, not an experiment file: to read its text, give it as --corpus {path}"
        )
    if path.is_file() and path.suffix != ".toml":
        raise LmcompareError(f"{path} is not an experiment file (.toml): to read a text, give it as --corpus {path}")
    try:
        table = tomllib.loads(ordinary(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise LmcompareError(f"there is no experiment file {path}: check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LmcompareError(f"{path} can't be read as an experiment file: {one_line(error)}") from None
    except (ValueError, RecursionError) as error:
        raise LmcompareError(f"{path} is not valid TOML: {not_parsed(error)}") from None
    table.setdefault("name", path.stem)
    for part in (table, *(table["models"] if isinstance(table.get("models"), list) else ())):
        if isinstance(part, dict) and isinstance(part.get("tokens"), dict):
            part["tokens"] = placed_tokens(part["tokens"], path.parent)
    report = table.get("report")
    if isinstance(report, dict) and isinstance(chosen := report.get("studies"), list):
        report["studies"] = [absolute(each, path.parent) if isinstance(each, str) else each for each in chosen]
    return parse(table, str(path))


def shipped(preset: str = "default", source: str | None = None) -> Experiment:
    """Return the experiment that comes with the package for a preset: the default one with its own values.

    Parameters
    ----------
    preset : str
        "quick", "default" or "full".
    source : str, optional
        The corpus that it is going to read in place of its own: it is named after it, has no prompts, which were
        chosen for its own text, and has small models for series of numbers, which are short.

    Raises
    ------
    LmcompareError
        For an unknown preset.
    """
    if preset not in get_args(Preset):
        raise LmcompareError(unknown("preset", preset, get_args(Preset)))
    table = {**_packaged("default"), **_packaged(preset)}
    if source is not None:
        table |= {"name": _name_on(source) + ("" if preset == "default" else f"-{preset}"), "examples": {}}
        if kind_of_source(source) == "series":
            series = _packaged("series")
            table |= {"models": series["models"], "tokens": series["tokens"]}
    return parse(table, f"experiment '{preset}'")


def _packaged(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("lmcompare.experiments") / f"{name}.toml").read_text(encoding="utf-8"))


def _name_on(source: str) -> str:
    """Return the name of an experiment on a corpus, which is the name of its folder."""
    if source == "-":
        return "stdin"
    name = path_name(Path(source.partition(",")[0].rpartition("=")[2]))
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "corpus"


TABLES: dict[str, Any] = {
    "corpus": CorpusTable,
    "examples": ExamplesTable,
    "forecast": ForecastTable,
    "budget": BudgetTable,
    "match": MatchTable,
    "search": SearchTable,
    "models": ModelTable,
    "published": PublishedTable,
}


def _table_at(place: Iterable[int | str]) -> tuple[str, list[str]]:
    """Return a table's name as written in the file and the keys that it takes."""
    head = str(next(iter(place), ""))
    if head not in TABLES:
        return "the experiment", [field.name for field in fields(Experiment)]
    return (f"[[{head}]]" if head in NOUNS else f"[{head}]"), list(TABLES[head].__pydantic_fields__)
