"""Settings laid over an experiment: the command line and the Python interface give them by dotted keys.

A dotted key is a key of an experiment file with the name of its table, such as "threads", "tokens.min_count" or
"corpus.documents". These keys have values of their own:

- "models": names of models or plug-ins, or tables as in ``[[models]]``; the experiment has these models only;
- "models.NAME.KEY": a hyper-parameter, or "tokens", of the models of this name or plug-in;
- "sweep.NAME.KEY": the values that are tried, instead of those that the experiment has for this key;
- "report.studies": names of studies; the path of a file is relative to the working directory;
- "match.WHAT": an amount of parameters, or of one of the keys of ``[budget]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from lmcompare.corpora import kind_of_source
from lmcompare.errors import LmcompareError, expanded, unknown
from lmcompare.harness.experiment import BudgetTable, CorpusTable, Experiment, ModelTable
from lmcompare.runfolder.layout import SPLITS

Settings = Sequence[tuple[str, Any]]  # dotted keys with their values
HERE = "the command line"
MATCHES = ("parameters", *BudgetTable.model_fields)
PLACES = {"source", *SPLITS}  # the keys of [corpus] that say where the text is


def under(table: str, given: Settings) -> dict[str, Any]:
    """Return the settings of a table by their keys within it."""
    return dict(_under(table, given))


def _under(table: str, given: Settings) -> Settings:
    return [(key.removeprefix(f"{table}."), value) for key, value in given if key.startswith(f"{table}.")]


def overlaid(experiment: Experiment, given: Iterable[tuple[str, Any]], where: str = HERE) -> Experiment:
    """Return the experiment with other settings, checked.

    Parameters
    ----------
    experiment : Experiment
    given : iterable of (str, object)
        Dotted keys with their values; None leaves a value as it is.
    where : str
        Where the settings come from, named in errors.

    Raises
    ------
    LmcompareError
        For a key or value that is wrong, and for two values of one key.
    """
    given = [(key, value) for key, value in given if value is not None]
    changes = {key: value for key, value in given if "." not in key}
    if (models := changes.pop("models", None)) is not None:
        experiment = _with_models(experiment, models, where)
    if corpus := under("corpus", given):
        changes["corpus"] = _corpus(experiment.corpus, corpus)
    if tokens := under("tokens", given):
        source = changes["corpus"].get("source") if corpus else experiment.corpus.source
        if tokens.get("kind") == "word" and kind_of_source(str(source)) == "series":
            raise LmcompareError("a series has numbers and no words: give the tokens bins, quantiles or sax")
        changes["tokens"] = experiment.tokens.changed(tokens)
    if examples := under("examples", given):
        changes["examples"] = {**dict(experiment.examples), **examples}
    if report := under("report", given):
        changes["report"] = {"studies": [from_here(each) for each in report["studies"]]}
    if sweep := _sweep(experiment, _under("sweep", given)):
        changes["sweep"] = sweep
    if search := _search(experiment, under("search", given), bool(sweep)):
        changes["search"] = search
    if settings := _under("models", given):
        changes["models"] = _with_hyperparameters(experiment, settings, sweep)
    return experiment.replace(where, **changes, **_matched(_under("match", given)))


def _with_models(experiment: Experiment, asked: Iterable[Any], where: str) -> Experiment:
    """Return the experiment with these models only: its own by name or by plug-in, or others that are plug-ins."""
    models = [model for each in asked for model in _tables(each, experiment.models)]
    kept = {model.name for model in models if isinstance(model, ModelTable)}
    sweep = {name: grid for name, grid in experiment.sweep.items() if name in kept}
    if experiment.sweep and not sweep:  # without a sweep there is nothing to search
        experiment = replace(experiment, search=None)
    return experiment.replace(where, models=models, sweep=sweep)


def _tables(asked: Any, models: Sequence[ModelTable]) -> Sequence[Any]:
    """Return the table of this name, or those of the plug-in of this name, or a new one for it."""
    if not isinstance(asked, str):
        return [asked]
    for key in ("name", "plugin"):
        if listed := [table for table in models if getattr(table, key) == asked]:
            return listed
    return [{"plugin": from_here(asked)}]


def from_here(plugin: str) -> str:
    """Return a plug-in as the command line names it: the path of a file is relative to the working directory."""
    home, colon, cls = plugin.rpartition(":")
    return f"{expanded(home).resolve()}:{cls}" if colon and home.endswith(".py") else plugin


def _corpus(before: CorpusTable, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of another corpus, which is read as the experiment reads its own, or with other options."""
    moved = PLACES & given.keys()
    return {key: value for key, value in asdict(before).items() if not (moved and key in PLACES)} | dict(given)


def _sweep(experiment: Experiment, given: Settings) -> dict[str, dict[str, Any]]:
    """Return what is varied, by the names of models."""
    sweep: dict[str, dict[str, Any]] = {name: dict(grid) for name, grid in experiment.sweep.items()}
    said: set[tuple[str, str]] = set()
    for target, values in given:
        name, key = _varied(target)
        if not (name and key):
            raise LmcompareError(
                f"a key of the sweep must be a model and a hyper-parameter, such as 'ngram.order', not '{target}'"
            )
        for model in _named(experiment.models, name, f"--sweep {target}"):
            if (model, key) in said:
                raise LmcompareError(
                    f"--sweep is given twice for {key} of {model}: give all values at once, separated by commas"
                )
            said.add((model, key))
            sweep.setdefault(model, {})[key] = values
    return sweep


def _varied(target: str) -> tuple[str, str]:
    """Return the model and the key of "ngram.order" or "ngram.tokens.size"; "" for a text that can't be a key."""
    name, _, key = target.rpartition(".")
    if name.endswith(".tokens"):
        return name.removesuffix(".tokens"), f"tokens.{key}" if key.isidentifier() else ""
    return name, key if key.isidentifier() else ""


def _named(models: Iterable[ModelTable], name: str, option: str) -> list[str]:
    """Return the names of the models of this name or plug-in. Raises ``LmcompareError`` if there is none."""
    found = [m.name for m in models if name in (m.name, m.plugin) or from_here(name) == m.plugin]
    if not found:
        raise LmcompareError(f"{option}: {unknown('model of the run', name, [model.name for model in models])}")
    return found


def _search(experiment: Experiment, given: Mapping[str, Any], has_sweep: bool) -> dict[str, Any]:
    search = {**(dict(experiment.search) if experiment.search else {}), **given}
    if search and "method" not in search:
        raise LmcompareError(
            "the search has no method: give --search tpe or --search random, or set method in [search]"
        )
    if search and not has_sweep:
        raise LmcompareError(
            "a search needs something to vary: add a sweep, such as --sweep transformer.learning_rate=1e-4..1e-2:log"
        )
    return search


def _with_hyperparameters(
    experiment: Experiment, given: Settings, sweep: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the models with hyper-parameters, or tokenizers, set."""
    models = {model.name: model.model_dump() for model in experiment.models}
    said: dict[tuple[str, str], Any] = {}
    for target, value in given:
        name, _, key = target.rpartition(".")
        if not (name and key.isidentifier()):
            raise LmcompareError(
                f"--set takes MODEL.KEY=VALUE, such as transformer.steps=200, not '{target}={value}'"
            )
        named = _named(experiment.models, name, f"--set {target}")
        if key in ModelTable.model_fields and key != "tokens":
            raise LmcompareError(
                f"--set can't change '{key}', which is not a hyper-parameter: set it in an experiment file"
            )
        for model in named:
            if key in sweep.get(model, ()):
                raise LmcompareError(
                    f"--set gives {key} of {model} one value, and the sweep gives it several: leave out one of the"
                    " two"
                )
            before = said.setdefault((model, key), value)
            if before is not value and before != value:  # NaN differs from itself
                raise LmcompareError(
                    f"--set gives {key} of {model} two values: run the command once with each value, so that one"
                    " report has both, or choose a value on the validation text with --sweep"
                )
            models[model][key] = value
    return list(models.values())


def _matched(given: Settings) -> dict[str, dict[str, Any]]:
    """Return the tables ``[match]`` and ``[budget]`` for what the models are made equal in."""
    tables: dict[str, dict[str, Any]] = {}
    for key, number in given:
        if key not in MATCHES:
            raise LmcompareError(unknown("thing to match", key, MATCHES))
        table = tables.setdefault("match" if key == "parameters" else "budget", {})
        if key in table:
            raise LmcompareError(f"--match {key} is given twice, as {table[key]:g} and {number:g}: give one of them")
        table[key] = int(number) if isinstance(number, float) and number.is_integer() else number
    return tables
