"""An experiment and a corpus to jobs: models built, the corpus tokenised, everything checked before training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare import plugins
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.experiment import Experiment, ModelTable, parse_tokens
from lmcompare.harness.job import Job
from lmcompare.harness.prepare import prepare
from lmcompare.harness.progress import Display
from lmcompare.harness.prompts import prompts_of
from lmcompare.model import LanguageModel
from lmcompare.registry import absolute, placed
from lmcompare.runfolder.layout import TOKENS
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus


def built(
    table: ModelTable, experiment: Experiment, base: Path | None, live: Mapping[str, LanguageModel]
) -> tuple[str, LanguageModel]:
    """Return the plug-in's name and an untrained model, with the paths of files made absolute.

    Raises ``LmcompareError`` for a plug-in that does not exist and for wrong hyper-parameters, at the start.
    """
    if table.name in live:
        return table.plugin, live[table.name]
    here = base or Path.cwd()
    plugin = absolute(table.plugin, here)
    given = dict(table.hyperparameters)
    cls = plugins.resolve(plugin)
    for name in cls.files:
        if isinstance(given.get(name), str) and given[name] and "\0" not in given[name]:
            given[name] = placed(given[name], here)
    for name in cls.bases:
        if isinstance(given.get(name), str):
            given[name] = absolute(given[name], here)
    try:
        return plugin, plugins.build(plugin, given, experiment.preset)
    except PluginError as error:
        raise PluginError(f"the model '{table.name}': {error}") from error


def jobs_of(
    experiment: Experiment,
    corpus: Corpus,
    folder: Path,
    models: Mapping[str, tuple[str, LanguageModel]],
    live: Mapping[str, LanguageModel],
    machine: Mapping[str, Any],
    show: Display,
) -> tuple[list[Job], list[TokenizedCorpus]]:
    """Tokenise the corpus once per kind of tokens and make each model's jobs, one per seed.

    Parameters
    ----------
    models : Mapping
        By name, what ``built`` returned.
    live : Mapping
        By name, the models that are objects of this process.
    machine : Mapping
        The device, threads and processes of the trainings.

    Returns
    -------
    jobs : list of Job
        In the order of the experiment.
    corpora : list of TokenizedCorpus
        The corpus under each tokenizer that some model reads.
    """
    tokenized: dict[str, TokenizedCorpus] = {}
    jobs: list[Job] = []
    examples = experiment.examples.model_dump(mode="json")
    if examples["prompts"] is None:
        examples["prompts"] = list(prompts_of(corpus.valid))
    for table in experiment.models:
        name, (plugin, model) = table.name, models[table.name]
        if name in live and experiment.time_limit is not None:
            raise LmcompareError(
                f"'{name}' trains in this process, which can't be ended after a time: name its plug-in for that"
            )
        wanted = table.tokens or experiment.tokens
        if model.tokens is not None and table.tokens is None:
            wanted = parse_tokens(model.tokens, f"the tokens of the model '{name}'")
        kind = wanted.model_dump_json()
        if kind not in tokenized:
            show.say(f"Reading its {wanted.kind} tokens …")
            tokenized[kind] = prepare(corpus, wanted, folder / TOKENS, show)
        tokens = tokenized[kind]
        if experiment.match.parameters is not None:
            types = len(tokens.vocabulary)
            model = _matched(name, model, experiment.match.parameters, types, show, live=name in live)
        same: dict[str, Any] = {
            "folder": str(folder.resolve()),
            "name": name,
            "plugin": plugin,
            "tokens_fingerprint": tokens.fingerprint,
            "tokenizer": tokens.tokenizer.kind,
            "source_digest": plugins.source_digest(model),
            "hyperparameters": _storable(name, model),
            "machine": dict(machine),
            "budget": experiment.budget.model_dump() if model.trains_in_steps else {},
            "examples": examples,
            "files": _digests(name, model),
            "asked": {
                "name": name,
                "plugin": table.plugin,
                "tokens": wanted.model_dump(mode="json"),
                "hyperparameters": table.hyperparameters,
                "corpus": corpus.fingerprint,
                "settings": _settings(experiment, machine),
            },
        }
        jobs += [Job(seed=seed, **same) for seed in experiment.seeds]
    return jobs, list(tokenized.values())


def _settings(experiment: Experiment, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that its models share, as the manifest lists them for each model."""
    return {
        "preset": experiment.preset,
        "budget": experiment.budget.model_dump(exclude_none=True),
        "match": experiment.match.model_dump(exclude_none=True),
        **machine,
    }


def _matched(
    name: str, model: LanguageModel, parameters: int, types: int, show: Display, *, live: bool
) -> LanguageModel:
    """Return the model made anew with about ``parameters`` parameters over a vocabulary of V ``types``.

    A model that can't choose its size, for example because it follows from the text, stays as it is. Raises
    ``LmcompareError`` for a ``live`` object, and for a number that the model can't come near.
    """
    try:
        found = model.sized(parameters, types)
    except PluginError as error:
        raise PluginError(f"the model '{name}': {error}") from error
    if found is None:
        show.say(f"{name} keeps its size: it does not say how it could have another.")
        return model
    if live:
        raise LmcompareError(f"'{name}' is an object, whose size is given: name its plug-in to match parameters")
    show.say(f"{name} gets {', '.join(f'{key} = {value}' for key, value in found.items())}.")
    return plugins.build(type(model), {**model.hyperparameters(), **found})


def _storable(name: str, model: LanguageModel) -> dict[str, Any]:
    """Return the hyper-parameters. Raises ``PluginError`` if one can't be stored as JSON."""
    hyperparameters = model.hyperparameters()
    for key, value in hyperparameters.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise PluginError(
                f"{key} of the model '{name}' is {value!r}, which can't be stored: use numbers, texts, truth values,"
                " None, and lists and tables of them"
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
                raise PluginError(f"{key} of the model '{name}' is not set: set it to the path of a file") from None
            reason = error.strerror if isinstance(error, OSError) else error
            raise PluginError(
                f"{key} of the model '{name}' is {path!r}, which can't be read ({reason}): set it to the path of a"
                " file"
            ) from None
    return digests
