"""The command line's options laid over an experiment file, or over the one that comes with the package."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from lmcompare.errors import LmcompareError, unknown
from lmcompare.harness import experiment as files
from lmcompare.harness.experiment import Experiment, Preset

BUDGETS = ("steps", "tokens", "epochs", "seconds")
MATCHES = ("parameters", *BUDGETS)


@dataclass(frozen=True)
class Overrides:
    """What was asked for beside the file; None and empty leave the file's value alone."""

    corpus: str | None = None
    models: tuple[str, ...] = ()
    preset: str | None = None
    seeds: tuple[str, ...] = ()
    device: str | None = None
    threads: int | None = None
    processes: int | None = None
    time_limit: float | None = None
    prompts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    tokens: Mapping[str, Any] = field(default_factory=dict)
    match: tuple[str, ...] = ()
    hyperparameters: tuple[str, ...] = ()


def planned(path: Path | None, overrides: Overrides) -> tuple[Experiment, Path]:
    """Return the experiment to run and the folder that its relative paths start from.

    Raises ``LmcompareError`` for an unknown preset, a seed that is no number, or a wrong value.
    """
    preset = overrides.preset
    if preset is not None and preset not in get_args(Preset):
        raise LmcompareError(unknown("preset", preset, get_args(Preset)))
    base = path.parent if path else Path()
    plan = files.load(path) if path else files.shipped(preset or "default")  # type: ignore[arg-type]
    table = plan.model_dump(mode="json")
    if preset is not None:
        table["preset"] = preset
    if overrides.corpus is not None:
        table["corpus"] = {"source": _absolute(overrides.corpus, path)}
        if path is None:
            table["name"] = _slug(overrides.corpus) + (f"-{preset}" if preset else "")
    _update(table["corpus"], overrides.options)
    if overrides.tokens.get("kind") and overrides.tokens.get("min_count") is None:
        del table["tokens"]["min_count"]  # the file's is for its own kind of tokens
    _update(table["tokens"], overrides.tokens)
    if overrides.models:
        table["models"] = [_model(name, table["models"]) for name in overrides.models]
    for assignment in overrides.hyperparameters:
        _set(assignment, table["models"])
    if overrides.seeds:
        table["seeds"] = [_number(seed) for seed in overrides.seeds]
    for key in ("device", "threads", "processes", "time_limit"):
        _update(table, {key: getattr(overrides, key)})
    make_equal(table, dict(map(_match, overrides.match)))
    if overrides.prompts:
        table["examples"]["prompts"] = list(overrides.prompts)
    if overrides.words:
        table["examples"]["words"] = list(overrides.words)
    return files.parse(table, "the command line"), base


def make_equal(table: dict[str, Any], amounts: Mapping[str, float]) -> None:
    """Write into an experiment's table what its models are made equal in, by name: ``parameters`` and one budget.

    Raises ``LmcompareError`` for another name.
    """
    for key in amounts:
        if key not in MATCHES:
            raise LmcompareError(unknown("thing to match", key, MATCHES))
    whole = {k: int(n) if isinstance(n, float) and n.is_integer() else n for k, n in amounts.items()}
    if "parameters" in whole:
        table["match"] = {"parameters": whole.pop("parameters")}
    if whole:
        table["budget"] = whole  # of two, the experiment's check says that one can be given


def _update(table: dict[str, Any], values: Mapping[str, Any]) -> None:
    table.update({key: value for key, value in values.items() if value is not None})


def _model(name: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the file's table of this name, else a table for the plug-in of this name."""
    for table in listed:
        if name in (table["name"], table["plugin"]):
            return dict(table)
    return {"plugin": _from_here(name)}


def _from_here(plugin: str) -> str:
    """Return a plug-in named on the command line; a file's path is relative to where one stands."""
    home, colon, cls = plugin.rpartition(":")
    return f"{Path(home).expanduser().resolve()}:{cls}" if colon and home.endswith(".py") else plugin


def _set(text: str, models: list[dict[str, Any]]) -> None:
    """Give a hyper-parameter, of "transformer.steps=200", say, to the models of this name or plug-in.

    Raises ``LmcompareError`` for another form, and for a name that no model of the run has.
    """
    target, value = assignment(text)
    name, _, key = target.rpartition(".")
    if not (name and key.isidentifier()):
        raise LmcompareError(f"--set takes MODEL.KEY=VALUE, such as transformer.steps=200, not '{text}'")
    meant = [m for m in models if name in (_name(m), m["plugin"]) or _from_here(name) == m["plugin"]]
    if not meant:
        names = [_name(m) for m in models]
        raise LmcompareError(f"--set {text}: {unknown('model of the run', name, names)}")
    if key in ("plugin", "name", "tokens"):
        raise LmcompareError(f"--set gives hyper-parameters: '{key}' of a model stands in an experiment file")
    for model in meant:
        model[key] = value


def _name(model: Mapping[str, Any]) -> str:
    """Return what a run calls a model: the name that its table gives, else the plug-in's or its class's."""
    return str(model.get("name") or str(model["plugin"]).rpartition(":")[2])


def assignment(text: str) -> tuple[str, Any]:
    """Return the key and the value, read as JSON or else as a string, of "key=value"."""
    key, equals, value = text.partition("=")
    if not equals or not value:
        raise LmcompareError(f"--set takes KEY=VALUE, not '{text}'")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _match(pair: str) -> tuple[str, float]:
    """Return what models are made equal in, and the number: of "parameters=2e6", say."""
    key, _, number = pair.partition("=")
    try:
        return key, float(number.replace("_", ""))
    except ValueError:
        if key not in MATCHES:
            raise LmcompareError(unknown("thing to match", key, MATCHES)) from None
        raise LmcompareError(f"--match {key}=N takes a number, such as 2e6, not '{number}'") from None


def _number(seed: str) -> int:
    try:
        return int(seed)
    except ValueError:
        raise LmcompareError(f"a seed is a whole number, not '{seed}'") from None


def _absolute(spec: str, path: Path | None) -> str:
    """Return a corpus named on the command line as a path from here, if it is a path and a file sets another base."""
    if path is None or "=" in spec or not Path(spec).expanduser().exists():
        return spec
    return str(Path(spec).expanduser().resolve())


def _slug(spec: str) -> str:
    """Return a folder name for a corpus."""
    if spec == "-":
        return "stdin"
    name = Path(spec.partition(",")[0].rpartition("=")[2]).stem
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "corpus"
