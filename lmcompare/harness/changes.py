"""Changes to an experiment, as the command line and the Python interface ask for them.

Each function takes an experiment and returns another one, checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from lmcompare.corpora import from_working_directory, path_name
from lmcompare.errors import LmcompareError, expanded, not_parsed, unknown
from lmcompare.harness.experiment import BudgetTable, Experiment, ModelTable, load, shipped
from lmcompare.harness.options import Preset

BUDGETS = tuple(BudgetTable.model_fields)
MATCHES = ("parameters", *BUDGETS)
HERE = "the command line"
SERIES = "series:"  # prefix of corpora of series, which are short: their models are small
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")


def started(path: Path | None, preset: str | None) -> tuple[Experiment, Path]:
    """Return the experiment to begin with, and the folder that its relative paths start from.

    Parameters
    ----------
    path : Path or None
        An experiment file; None is the experiment that comes with the package for the preset.
    preset : str or None
        "quick", "default" or "full"; None is what the file says.

    Raises
    ------
    LmcompareError
        For an unknown preset, or a file that is missing or wrong.
    """
    if preset is not None and preset not in get_args(Preset):
        raise LmcompareError(unknown("preset", preset, get_args(Preset)))
    if path is None:
        return shipped(preset or "default"), Path()  # type: ignore[arg-type]
    return load(path).replace(HERE, preset=preset), path.parent


def with_corpus(
    experiment: Experiment, spec: str | None, options: Mapping[str, Any], path: Path | None = None
) -> Experiment:
    """Return the experiment on another corpus, or with other options for reading its own.

    Parameters
    ----------
    experiment : Experiment
    spec : str or None
        A corpus as ``--corpus`` names it. The options of ``[corpus]`` in an experiment file apply to it; those of
        the experiments that come with the package belong to their own corpora.
    options : mapping
        Fields of ``CorpusOptions``; None leaves a value as it is.
    path : Path or None
        The experiment file. Without one, the new corpus also names the experiment, and so its folder.
    """
    name = None
    table = asdict(experiment.corpus)
    if spec is not None:
        sources = dict.fromkeys(("train", "valid", "test"))
        source = spec if path is None else from_working_directory(spec)
        table = {**({} if path is None else table), **sources, "source": source}
        preset = "" if experiment.preset == "default" else f"-{experiment.preset}"
        if path is None:
            name = _folder_name(spec) + preset
            experiment = without_prompts(experiment)
            if spec.startswith(SERIES):
                small = shipped("series")
                experiment = experiment.replace(HERE, models=small.models, tokens=small.tokens)
    return experiment.replace(HERE, corpus=table | _given(options), name=name)


def without_prompts(experiment: Experiment) -> Experiment:
    """Return the experiment without its prompts, which were chosen for its own text."""
    return experiment.replace(HERE, examples=dict(experiment.examples) | {"prompts": None})


def with_tokens(experiment: Experiment, table: Mapping[str, Any]) -> Experiment:
    """Return the experiment with another tokenizer or vocabulary.

    ``table`` has keys of ``[tokens]``; None leaves a value as it is. The experiment's ``min_count`` and ``size``
    belong to its own kind of tokenizer.
    """
    given = _given(table)
    if given.get("kind") == "word" and experiment.corpus.is_series:
        raise LmcompareError("a series has numbers and no words: give --tokens bins, quantiles or sax")
    same_kind = given.get("kind", experiment.tokens.kind) == experiment.tokens.kind
    return experiment.replace(HERE, tokens={**(experiment.tokens.model_dump() if same_kind else {}), **given})


def with_models(experiment: Experiment, names: Iterable[str]) -> Experiment:
    """Return the experiment with these models only: its own by name or by plug-in, or others that are plug-ins."""
    models = [model for name in names for model in _models(name, experiment.models)]
    kept = {model.name for model in models if isinstance(model, ModelTable)}
    sweep = {name: grid for name, grid in experiment.sweep.items() if name in kept}
    if experiment.sweep and not sweep:  # without a sweep there is nothing to search
        experiment = replace(experiment, search=None)
    return experiment.replace(HERE, models=models, sweep=sweep)


def with_hyperparameters(experiment: Experiment, assignments: Iterable[str]) -> Experiment:
    """Return the experiment with hyper-parameters, or tokenizers, of models set, each as in "transformer.steps=200".

    They are given to the models of that name, or to all of that plug-in. Raises ``LmcompareError`` for another form,
    for a name that no model of the experiment has, and for two values of one hyper-parameter.
    """
    models = [model.model_dump() for model in experiment.models]
    said: dict[tuple[str, str], Any] = {}
    for text in assignments:
        target, value = assignment(text)
        name, _, key = target.rpartition(".")
        if not (name and key.isidentifier()):
            raise LmcompareError(f"--set takes MODEL.KEY=VALUE, such as transformer.steps=200, not '{text}'")
        named = _named(experiment.models, name, f"--set {text}")
        if key in ModelTable.model_fields and key != "tokens":
            raise LmcompareError(
                f"--set can't change '{key}', which is not a hyper-parameter: set it in an experiment file"
            )
        for model in (model for model in models if model["name"] in named):
            if key in experiment.sweep.get(model["name"], ()):
                raise LmcompareError(
                    f"--set gives {key} of {model['name']} one value, and the sweep gives it several: leave out one"
                    " of the two"
                )
            before = said.setdefault((model["name"], key), value)
            if before is not value and before != value:  # NaN differs from itself
                raise LmcompareError(
                    f"--set gives {key} of {model['name']} two values: run the command once with each value, so that"
                    " one report has both, or choose a value on the validation text with --sweep"
                )
            model[key] = value
    return experiment.replace(HERE, models=models)


def _named(models: Iterable[ModelTable], name: str, option: str) -> list[str]:
    """Return the names of the models of this name or plug-in. Raises ``LmcompareError`` if there is none."""
    found = [m.name for m in models if name in (m.name, m.plugin) or _from_here(name) == m.plugin]
    if not found:
        raise LmcompareError(f"{option}: {unknown('model of the run', name, [model.name for model in models])}")
    return found


def with_sweep(experiment: Experiment, grids: Iterable[str]) -> Experiment:
    """Return the experiment with several values of what is varied, as in "ngram.order=2,3,4" or "rnn.width=8..64".

    They replace what an experiment file gives for the same hyper-parameter. Raises ``LmcompareError`` as
    ``with_hyperparameters`` does.
    """
    said: set[tuple[str, str]] = set()
    sweep: dict[str, dict[str, Any]] = {name: dict(grid) for name, grid in experiment.sweep.items()}
    for text in grids:
        target, equals, values = text.partition("=")
        name, key = _varied(target)
        if not (name and key and equals and values):
            raise LmcompareError(
                "--sweep takes MODEL.KEY=VALUE,VALUE,… or MODEL.KEY=LOW..HIGH, such as ngram.order=2,3,4, not"
                f" '{text}'"
            )
        for model in _named(experiment.models, name, f"--sweep {text}"):
            if (model, key) in said:
                raise LmcompareError(
                    f"--sweep is given twice for {key} of {model}: give all values at once, separated by commas"
                )
            said.add((model, key))
            sweep.setdefault(model, {})[key] = _listed(values)
    return experiment.replace(HERE, sweep=sweep)


def with_varied(experiment: Experiment, sweep: Mapping[str, Any], where: str) -> Experiment:
    """Return the experiment with a sweep over values by "ngram.order", say. Raises ``LmcompareError`` for others."""
    tables: dict[str, dict[str, Any]] = {}
    for target, values in sweep.items():
        name, key = _varied(str(target))
        if not (name and key):
            raise LmcompareError(
                f"{where}: a key of the sweep must be a model and a hyper-parameter, such as 'ngram.order', not"
                f" {target!r}"
            )
        tables.setdefault(name, {})[key] = values
    return experiment.replace(where, sweep=tables) if tables else experiment


def _varied(target: str) -> tuple[str, str]:
    """Return the model and the key of "ngram.order" or "ngram.tokens.size"; "" for a text that can't be a key."""
    name, _, key = target.rpartition(".")
    if name.endswith(".tokens"):
        return name.removesuffix(".tokens"), f"tokens.{key}" if key.isidentifier() else ""
    return name, key if key.isidentifier() else ""


def with_search(experiment: Experiment, table: Mapping[str, Any], where: str = HERE) -> Experiment:
    """Return the experiment with another search; ``table`` has keys of ``[search]``, None leaves a value as it is."""
    search = {**(experiment.search.model_dump() if experiment.search else {}), **_given(table)}
    if not search:
        return experiment
    if "method" not in search:
        raise LmcompareError(
            "the search has no method: give --search tpe or --search random, or set method in [search]"
        )
    if not experiment.sweep:
        raise LmcompareError(
            "a search needs something to vary: add a sweep, such as --sweep transformer.learning_rate=1e-4..1e-2:log"
        )
    return experiment.replace(where, search=search)


def _listed(values: str) -> list[Any] | dict[str, Any]:
    """Return values that are separated by commas, each read as JSON, or else a string; or the table of a range."""
    if found := _RANGE.fullmatch(values):
        return {"low": json.loads(found[1]), "high": json.loads(found[2]), "log": bool(found[3])}
    if (".." in values and "," not in values) or any(map(_RANGE.fullmatch, values.split(","))):
        raise LmcompareError(
            f"--sweep takes a single range, LOW..HIGH or LOW..HIGH:log, such as 1e-4..1e-2:log, not '{values}'"
        )
    with suppress(ValueError, RecursionError):
        return list(json.loads(f"[{values}]"))
    return [_value(value, "--sweep: a value") for value in values.split(",") if value]


def amounts(values: Sequence[str]) -> dict[str, float]:
    """Return the amounts of ``--match`` by their names.

    Raises ``LmcompareError`` for one that is no number, or for two of one name.
    """
    found: dict[str, float] = {}
    for key, number in map(amount, values):
        if key in found:
            raise LmcompareError(f"--match {key} is given twice, as {found[key]:g} and {number:g}: give one of them")
        found[key] = number
    return found


def with_match(experiment: Experiment, amounts: Mapping[str, float], where: str = HERE) -> Experiment:
    """Return the experiment with models made equal: in ``parameters``, and in one of ``BUDGETS``.

    Raises ``LmcompareError`` for another name.
    """
    for key in amounts:
        if key not in MATCHES:
            raise LmcompareError(unknown("thing to match", str(key), MATCHES))
    whole = {k: int(n) if isinstance(n, float) and n.is_integer() else n for k, n in amounts.items()}
    match = {"parameters": whole.pop("parameters")} if "parameters" in whole else None
    return experiment.replace(where, match=match, budget=whole or None)


def with_examples(experiment: Experiment, prompts: Any = None, words: Any = None, where: str = HERE) -> Experiment:
    """Return the experiment with other prompts, or other words to show in several contexts."""
    changes = {key: value for key, value in (("prompts", prompts), ("words", words)) if value is not None}
    return experiment.replace(where, examples=dict(experiment.examples) | changes)


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


def amount(pair: str) -> tuple[str, float]:
    """Return the name and the number of a value of ``--match``, such as "parameters=2e6"."""
    key, _, number = pair.partition("=")
    try:
        return key, float(number.replace("_", ""))
    except ValueError:
        raise LmcompareError(f"--match {key}=N takes a number, such as 2e6, not '{number}'") from None


def numbers_of(text: str, option: str) -> list[float]:
    """Return numbers that are separated by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise LmcompareError(f"{option} takes numbers separated by commas, not '{text}'") from None


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _models(name: str, models: Sequence[ModelTable]) -> Sequence[ModelTable | dict[str, str]]:
    """Return the table of this name, or those of the plug-in of this name, or a new one for it."""
    for key in ("name", "plugin"):
        if listed := [table for table in models if getattr(table, key) == name]:
            return listed
    return [{"plugin": _from_here(name)}]


def _from_here(plugin: str) -> str:
    """Return a plug-in as the command line names it: the path of a file is relative to the working directory."""
    home, colon, cls = plugin.rpartition(":")
    return f"{expanded(home).resolve()}:{cls}" if colon and home.endswith(".py") else plugin


def _folder_name(spec: str) -> str:
    """Return a name for a folder of results on a corpus."""
    if spec == "-":
        return "stdin"
    name = path_name(Path(spec.partition(",")[0].rpartition("=")[2]))
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "corpus"
