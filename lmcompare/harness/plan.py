"""An experiment to jobs: the tokens that its models read, and what is known of each before it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError
from lmcompare.harness.describe import Described
from lmcompare.harness.experiment import Experiment, parse_tokens
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display
from lmcompare.harness.reading import RunCorpus, RunTokens
from lmcompare.harness.tokens_table import TokensTable
from lmcompare.model import LanguageModel


def tokens_of(experiment: Experiment, models: Mapping[str, Described]) -> dict[str, TokensTable]:
    """Return the tokens that each model reads: those of its table, its own, or those of the experiment.

    Raises ``LmcompareError`` for a model whose own tokens are no table.
    """
    tables = {}
    for table in experiment.models:
        own = models[table.name].tokens
        if table.tokens is None and own is not None:
            tables[table.name] = parse_tokens(own, f"the tokens of the model '{table.name}'")
        else:
            tables[table.name] = table.tokens or experiment.tokens
    return tables


def jobs_of(
    experiment: Experiment,
    corpus: RunCorpus,
    folder: Path,
    models: Mapping[str, Described],
    tokens: Mapping[str, RunTokens],
    live: Mapping[str, LanguageModel],
    machine: Mapping[str, Any],
    show: Display,
) -> list[Job]:
    """Return each model's jobs, one per seed.

    Parameters
    ----------
    models : Mapping
        By name, what is known of each model.
    tokens : Mapping
        By name, what is known of the tokens that each model reads.
    live : Mapping
        By name, the models that are objects of this process.
    machine : Mapping
        The device, threads and processes of the trainings.

    Returns
    -------
    list of Job
        In the order of the experiment.
    """
    jobs: list[Job] = []
    examples = experiment.examples.model_dump(mode="json")
    if examples["prompts"] is None:
        examples["prompts"] = list(corpus.prompts)
    for table in experiment.models:
        name, model = table.name, models[table.name]
        if name in live and experiment.time_limit is not None:
            raise LmcompareError(
                f"'{name}' trains in this process, which can't be ended after a time: name its plug-in for that"
            )
        read = tokens[name]
        if experiment.match.parameters is not None:
            if name in live:
                raise LmcompareError(
                    f"'{name}' is an object, whose size is given: name its plug-in to match parameters"
                )
            model = _matched(model, experiment.match.parameters, read.entry.types, show, experiment.time_limit)
        same: dict[str, Any] = {
            "folder": str(folder.resolve()),
            "name": name,
            "plugin": model.plugin,
            "tokens_fingerprint": read.fingerprint,
            "tokenizer": read.tokenizer,
            "source_digest": model.source_digest,
            "hyperparameters": model.hyperparameters,
            "machine": dict(machine),
            "budget": experiment.budget.model_dump() if model.trains_in_steps else {},
            "examples": examples,
            "whole": experiment.live == "full",
            "files": model.files,
            "asked": {
                "name": name,
                "plugin": table.plugin,
                "tokens": read.table.model_dump(mode="json"),
                "hyperparameters": table.hyperparameters,
                "corpus": corpus.entry.fingerprint,
                "settings": _settings(experiment, machine),
            },
        }
        jobs += [Job(seed=seed, **same) for seed in experiment.seeds]
    return jobs


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
        show.say(f"{model.name} keeps its size: it does not say how it could have another.")
    return matched
