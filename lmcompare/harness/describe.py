"""What a run has to know of a model before training; plug-ins of other packages are asked in their own process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lmcompare import plugins
from lmcompare.errors import PluginError, one_line, working_directory
from lmcompare.harness.experiment import Experiment, ModelTable
from lmcompare.harness.job import Job
from lmcompare.model import LanguageModel
from lmcompare.processes import EndedError, JunkError, RaisedError, TimeLimitError, call
from lmcompare.registry import absolute, placed
from lmcompare.runfolder.tokens import TokenizedCorpus

SECONDS = 300.0  # that importing and building a plug-in may take without a time limit of the user


@dataclass(frozen=True)
class Described:
    """A model that is built and not trained.

    Parameters
    ----------
    name : str
        Its name in the experiment.
    plugin : str
        The name of its plug-in, with an absolute path.
    hyperparameters : dict
        All of them, defaults included.
    tokens : object
        As ``LanguageModel.tokens``; whether it is a table is yet to be checked.
    trains_in_steps : bool
        As ``LanguageModel.trains_in_steps``.
    checks_text : bool
        Whether it may refuse a training text.
    keeps_to_memory : bool
        Whether it keeps to a limit of memory: it has the attribute of this name, which is true.
    source_digest : str
        A digest of the code that its figures come from.
    files : dict of str to str
        A digest of each file that the hyper-parameters name.
    """

    name: str
    plugin: str
    hyperparameters: dict[str, Any]
    tokens: Any
    trains_in_steps: bool
    checks_text: bool
    keeps_to_memory: bool
    source_digest: str
    files: dict[str, str]

    @classmethod
    def of(cls, name: str, plugin: str, model: LanguageModel) -> Described:
        """Return what is known of a model.

        Raises ``PluginError`` for a hyper-parameter that JSON can't store, and for a file that can't be read.
        """
        return cls(
            name=name,
            plugin=plugin,
            hyperparameters=_storable(name, model),
            tokens=model.tokens,
            trains_in_steps=bool(model.trains_in_steps),
            checks_text=type(model).check_text is not LanguageModel.check_text,
            keeps_to_memory=bool(getattr(model, "keeps_to_memory", False)),
            source_digest=plugins.source_digest(model),
            files=_digests(name, model),
        )

    def resized(self, parameters: int, types: int, seconds: float | None = None) -> tuple[Described, dict[str, Any]]:
        """Return the model with about ``parameters`` parameters over a vocabulary of V ``types``, and what changed.

        Nothing changes for a model that can't choose its size, for example because it follows from the text. Raises
        ``PluginError`` for a number that the model can't come near.
        """
        there = (self.name, self.plugin, self.hyperparameters, parameters, types)
        kind = tuple[dict[str, Any], dict[str, Any]]
        found, hyperparameters = _asked("_sized", kind, there, self.plugin, self.hyperparameters, seconds)
        return replace(self, hyperparameters=hyperparameters), found


def described(table: ModelTable, experiment: Experiment, base: Path | None) -> Described:
    """Return what is known of a model of an experiment, with the paths of files made absolute.

    Raises ``PluginError`` for a plug-in that does not exist, ends or never returns, and for wrong hyper-parameters.
    """
    here = base or working_directory()
    plugin = absolute(table.plugin, here)
    there = (table.name, plugin, dict(table.hyperparameters), experiment.preset, str(here))
    found: Described = _asked("_built", Described, there, plugin, table.hyperparameters, experiment.time_limit)
    return replace(found, name=table.name, plugin=plugin)  # the plug-in's code may have sent another name


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
    valid = _adapter(kind).validate_python
    if is_own_code(plugin, given):
        return valid(globals()[function](None, *arguments))
    whose, limit = f"the model '{arguments[0]}'", seconds or SECONDS
    try:
        found = call(f"{__name__}:{function}", *arguments, seconds=limit)
        try:
            return valid(found)
        except ValidationError:
            raise JunkError(str(found)[:80]) from None
    except RaisedError as error:
        raise PluginError(str(error) if error.expected else f"{whose}: {error}") from error
    except TimeLimitError:
        raise PluginError(
            f"{whose}: its plug-in took longer than {limit:g} s to be imported and set up: raise the limit with"
            " --time-limit"
        ) from None
    except (EndedError, JunkError) as error:
        raise PluginError(f"{whose}: while its plug-in was imported and set up, {error}") from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def is_own_code(plugin: str, given: Mapping[str, Any]) -> bool:
    """Return whether a model, and those that its hyper-parameters name, are lmcompare's own."""
    if not plugins.MODELS.is_built_in(plugin):
        return False
    bases = (given.get(name) for name in plugins.resolve(plugin).bases)
    return all(plugins.MODELS.is_built_in(base) for base in bases if isinstance(base, str))


def _built(_: object, name: str, plugin: str, given: dict[str, Any], preset: str, here: str) -> dict[str, Any]:
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
    return asdict(Described.of(name, plugin, model))


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
