"""The options of commands that give the settings of an experiment, each declared once with its dotted key."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, expanded, not_parsed
from lmcompare.harness.environment import PageOptions, RunOptions

Settings = list[tuple[str, Any]]  # dotted keys with their values, as lmcompare.harness.overlay takes them
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")


@dataclass(frozen=True)
class Option:
    """An option that gives a setting its value.

    Parameters
    ----------
    key : str
        The dotted key of the setting; with a full stop at its end for an option that gives settings of a table.
    help : str
        What the help of a command says.
    names : str
        The option's names, such as "--model -m"; by default the last part of the key.
    metavar : str
        What stands for its value in the help.
    kind : type
        ``bool`` for an option without a value, ``list`` for one that can be repeated, or the type of its value.
    read : callable
        Returns the setting's value from the option's, or the pairs of keys in the table and values.
    """

    key: str
    help: str
    names: str = ""
    metavar: str = ""
    kind: type = str
    read: Callable[[Any], Any] = lambda value: value

    @property
    def flags(self) -> list[str]:
        """The option's names, such as ["--model", "-m"]."""
        return (self.names or f"--{self.key.strip('.').rpartition('.')[2].replace('_', '-')}").split()

    @property
    def name(self) -> str:
        """The name by which a command takes the option."""
        return self.flags[0].removeprefix("--").replace("-", "_")

    @property
    def parameter(self) -> inspect.Parameter:
        """The parameter of a command, as typer reads it; an option that the user leaves out is None."""
        metavar = self.metavar or {int: "N", float: "X", bool: ""}.get(self.kind, "VALUE")
        kind: Any = list[str] if self.kind is list else self.kind
        annotation = Annotated[kind | None, typer.Option(*self.flags, metavar=metavar, help=self.help)]
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)

    def settings(self, value: Any) -> Settings:
        """Return the settings that a value of the option gives."""
        if self.key.endswith("."):
            return [(self.key + key, each) for key, each in self.read(value)]
        return [(self.key, self.read(value))]


def listed(values: list[str] | None) -> tuple[str, ...]:
    """Return the values of a repeated option; each may be several, separated by commas."""
    found = tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())
    if values and not found:
        raise LmcompareError("an option was given an empty value: leave the option out, or give it a value")
    return found


def plugins_listed(values: list[str]) -> tuple[str, ...]:
    """Return the plug-ins of a repeated option; the path of a file may contain commas."""
    found: list[str] = []
    for value in values:
        home, _, name = value.rpartition(":")
        whole = "," in home and "," not in name and expanded(home).is_file()
        found += [value] if whole else listed([value])
    return tuple(found)


def assignment(text: str) -> tuple[str, Any]:
    """Return the key and the value of "key=value"; the value is read as JSON, or else is a string."""
    key, equals, value = text.partition("=")
    if not equals or not value:
        raise LmcompareError(f"--set takes KEY=VALUE, not '{text}'")
    return key, _value(value, f"the value of --set {key}=…")


def _value(text: str, named: str) -> Any:
    """Return a value that was given as JSON, or else as a string; ``named`` is what an error calls it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
    except (ValueError, RecursionError) as error:
        raise LmcompareError(f"{named} can't be read: {not_parsed(error)}") from None


def _varied(text: str) -> tuple[str, Any]:
    """Return the key and the values of "ngram.order=2,3,4", or the range of "rnn.width=8..64"."""
    target, _, values = text.partition("=")
    if not values or "." not in target:
        raise LmcompareError(
            f"--sweep takes MODEL.KEY=VALUE,VALUE,… or MODEL.KEY=LOW..HIGH, such as ngram.order=2,3,4, not '{text}'"
        )
    if found := _RANGE.fullmatch(values):
        return target, {"low": json.loads(found[1]), "high": json.loads(found[2]), "log": bool(found[3])}
    if (".." in values and "," not in values) or any(map(_RANGE.fullmatch, values.split(","))):
        raise LmcompareError(
            f"--sweep takes a single range, LOW..HIGH or LOW..HIGH:log, such as 1e-4..1e-2:log, not '{values}'"
        )
    with suppress(ValueError, RecursionError):
        return target, json.loads(f"[{values}]")
    return target, [_value(value, "--sweep: a value") for value in values.split(",") if value]


def _amounts(values: list[str]) -> Iterable[tuple[str, float]]:
    """Yield the name and the number of each amount, such as "parameters=2e6"."""
    for pair in listed(values):
        key, _, number = pair.partition("=")
        try:
            yield key, float(number.replace("_", ""))
        except ValueError:
            raise LmcompareError(f"--match {key}=N takes a number, such as 2e6, not '{number}'") from None


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise LmcompareError(f"--fractions takes numbers separated by commas, not '{text}'") from None


def _fields(cls: type, table: str = "") -> tuple[Option, ...]:
    """Return an option for each field of a dataclass; ``metadata["help"]`` of a field is its help."""
    types = get_type_hints(cls)
    return tuple(
        Option(table + field.name, field.metadata["help"], kind=_kind(types[field.name])) for field in fields(cls)
    )


def _kind(annotation: Any) -> type:
    """Return the type of an option's value: the choices of a ``Literal`` are checked with better messages."""
    kind = next(t for t in (*get_args(annotation), annotation) if t is not type(None))
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return kind if kind in (bool, int, float) else str


RUN, READING, PAGE = _fields(RunOptions), _fields(CorpusOptions, "corpus."), _fields(PageOptions)
SOURCES = "A name, nltk:NAME, hf:NAME, a file, a folder, - or train=A,valid=B,test=C."
CORPUS = Option("corpus.source", SOURCES, "--corpus", "SPEC")
SEEDS = Option("seeds", "One or more seeds, a,b.", "--seed", "N", list, listed)
KINDS = "word, whitespace, char, byte, bpe:PIECES, a tokenizer.json or your own."
TOKENIZER = Option("tokens.kind", KINDS, "--tokens", "KIND")
VOCABULARY = (
    Option("tokens.min_count", "Tokens that occur less often in the training text are unknown.", kind=int),
    Option("tokens.size", "The most types that the vocabulary may have.", "--vocabulary-size", kind=int),
)
MODELS = "Run only these models, a,b; can be repeated."
MATCH = "Make models equal in parameters, steps, tokens, epochs or seconds."
SET = "A model's hyper-parameter (a JSON value), or its tokens; can be repeated."
SWEEP = (
    "Values of a hyper-parameter; one is chosen on the validation text. Repeat the option for a grid. With --search"
    " also a range: LOW..HIGH or LOW..HIGH:log."
)
SEARCH = "Try some settings of the sweep instead of the grid: tpe or random."
FRACTIONS = "Train on these shares of the training text, too, and draw curves over its size."
STUDIES = Option(
    "report.studies",
    "Measure and show only these studies, in this order, a,b; can be repeated.",
    "--study",
    "NAME",
    list,
    plugins_listed,
)
EXPERIMENT = (
    CORPUS,
    Option("models", MODELS, "--model -m", "NAME", list, plugins_listed),
    SEEDS,
    Option("match.", MATCH, metavar="WHAT=N", kind=list, read=_amounts),
    Option("models.", SET, "--set", "MODEL.KEY=VALUE", list, lambda texts: map(assignment, texts)),
    Option("sweep.", SWEEP, "--sweep", "MODEL.KEY=VALUE,…", list, lambda texts: map(_varied, texts)),
    Option("search.method", SEARCH, "--search", "METHOD"),
    Option("search.trials", "How many settings of each model --search tries (default: 30).", kind=int),
    Option("fractions", FRACTIONS, metavar="X,X,…,1", read=_shares),
    Option("examples.prompts", "A prompt to continue; can be repeated.", "--prompt", "TEXT", list),
    Option("examples.words", "A word to show in several contexts; can be repeated.", "--word", "WORD", list),
    TOKENIZER,
    *VOCABULARY,
    *RUN,
    *READING,
    *PAGE,
    STUDIES,
)


def declared(*options: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options, behind its arguments; it takes them as ``**options``, by name."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints, own = get_type_hints(function, include_extras=True), inspect.signature(function).parameters.values()
        parameters = [option.parameter for option in options]
        parameters += [each.replace(annotation=hints[each.name]) for each in own if each.kind is not each.VAR_KEYWORD]
        signature = inspect.Signature(sorted(parameters, key=lambda each: each.kind))  # arguments come first
        function.__signature__ = signature  # type: ignore[attr-defined]
        function.__annotations__ = {each.name: each.annotation for each in parameters}
        return function

    return decorate


def like(command: Callable[..., None], *without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, which takes them as ``**options``, the arguments and options of another one, but for some."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        taken = inspect.signature(command)
        kept = [each for name, each in taken.parameters.items() if name not in without]
        function.__signature__ = taken.replace(parameters=kept)  # type: ignore[attr-defined]
        function.__annotations__ = {
            name: kind for name, kind in command.__annotations__.items() if name not in without
        }
        return function

    return decorate


def settings_of(options: Iterable[Option], given: Mapping[str, Any]) -> Settings:
    """Return the settings of a command's ``**options``, without those that the user leaves out."""
    values = ((option, given[option.name]) for option in options)
    return [setting for option, value in values if value is not None for setting in option.settings(value)]
