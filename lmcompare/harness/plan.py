"""An experiment and a corpus to jobs: models built, the corpus tokenised, everything checked before training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare.errors import LmcompareError
from lmcompare.harness.describe import Described
from lmcompare.harness.experiment import Experiment, parse_tokens
from lmcompare.harness.job import Job
from lmcompare.harness.prepare import prepare
from lmcompare.harness.progress import Display
from lmcompare.harness.prompts import prompts_of
from lmcompare.model import LanguageModel
from lmcompare.runfolder.layout import TOKENS
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus


def jobs_of(
    experiment: Experiment,
    corpus: Corpus,
    folder: Path,
    models: Mapping[str, Described],
    live: Mapping[str, LanguageModel],
    machine: Mapping[str, Any],
    show: Display,
) -> tuple[list[Job], list[TokenizedCorpus]]:
    """Tokenise the corpus once per kind of tokens and make each model's jobs, one per seed.

    Parameters
    ----------
    models : Mapping
        By name, what is known of each model.
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
        name, model = table.name, models[table.name]
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
            if name in live:
                raise LmcompareError(
                    f"'{name}' is an object, whose size is given: name its plug-in to match parameters"
                )
            types = len(tokens.vocabulary)
            model = _matched(model, experiment.match.parameters, types, show, experiment.time_limit)
        same: dict[str, Any] = {
            "folder": str(folder.resolve()),
            "name": name,
            "plugin": model.plugin,
            "tokens_fingerprint": tokens.fingerprint,
            "tokenizer": tokens.tokenizer.kind,
            "source_digest": model.source_digest,
            "hyperparameters": model.hyperparameters,
            "machine": dict(machine),
            "budget": experiment.budget.model_dump() if model.trains_in_steps else {},
            "examples": examples,
            "files": model.files,
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
