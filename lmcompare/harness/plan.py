"""An experiment and a corpus to jobs: models built, the corpus tokenised, everything checked before training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare import plugins
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.experiment import Experiment, ModelTable, parse_tokens
from lmcompare.harness.job import Job
from lmcompare.harness.matching import matched
from lmcompare.harness.prepare import prepare
from lmcompare.harness.progress import Display
from lmcompare.model import LanguageModel
from lmcompare.registry import absolute
from lmcompare.runfolder.layout import TOKENS
from lmcompare.runfolder.tokens import TokenizedCorpus

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus


@dataclass(frozen=True)
class Plan:
    """A model of the experiment, ready to run: its jobs, one per seed, and the object to train, if it is one."""

    table: ModelTable
    jobs: tuple[Job, ...]
    live: LanguageModel | None


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
            given[name] = str((here / Path(given[name]).expanduser()).resolve())
    for name in cls.bases:
        if isinstance(given.get(name), str):
            given[name] = absolute(given[name], here)
    return plugin, plugins.build(plugin, given, experiment.options.preset)


def plans(
    experiment: Experiment,
    corpus: Corpus,
    folder: Path,
    models: Mapping[str, tuple[str, LanguageModel]],
    live: Mapping[str, LanguageModel],
    device: str,
    threads: int,
    show: Display,
) -> tuple[list[Plan], list[TokenizedCorpus]]:
    """Tokenise the corpus once per kind of tokens and make each model's jobs.

    Parameters
    ----------
    models : Mapping
        By name, what ``built`` returned.
    live : Mapping
        By name, the models that are objects of this process.

    Returns
    -------
    plans : list of Plan
        In the order of the experiment.
    corpora : list of TokenizedCorpus
        The corpus under each tokenizer that some model reads.
    """
    tokenized: dict[str, TokenizedCorpus] = {}
    made = []
    for table in experiment.models:
        name, (plugin, model) = table.name, models[table.name]
        if name in live and experiment.options.time_limit is not None:
            raise LmcompareError(
                f"'{name}' trains in this process, which can't be ended after a time: name its plug-in for that"
            )
        wanted = table.tokens or experiment.tokens
        if model.tokens is not None and table.tokens is None:
            wanted = parse_tokens(model.tokens, f"{type(model).__name__}.tokens")
        kind = wanted.model_dump_json()
        if kind not in tokenized:
            show.say(f"Reading its {wanted.kind} tokens …")
            tokenized[kind] = prepare(corpus, wanted, folder / TOKENS, show.say)
        tokens = tokenized[kind]
        types = len(tokens.vocabulary)
        model = matched(name, model, experiment.match.parameters, types, show, live=name in live)
        same: dict[str, Any] = {
            "folder": str(folder.resolve()),
            "name": name,
            "plugin": plugin,
            "tokens_fingerprint": tokens.fingerprint,
            "tokenizer": tokens.tokenizer.kind,
            "source_digest": plugins.source_digest(model),
            "hyperparameters": _storable(model),
            "device": device,
            "threads": threads,
            "processes": experiment.options.processes,
            "budget": experiment.budget.model_dump(),
            "examples": experiment.examples.model_dump(mode="json"),
            "files": _digests(model),
        }
        jobs = tuple(Job(seed=seed, **same) for seed in experiment.seeds)
        made.append(Plan(table, jobs, model if name in live else None))
    return made, list(tokenized.values())


def _storable(model: LanguageModel) -> dict[str, Any]:
    """Return the hyper-parameters. Raises ``PluginError`` if one can't be stored as JSON."""
    hyperparameters = model.hyperparameters()
    for name, value in hyperparameters.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise PluginError(
                f"the hyper-parameter {name} of {type(model).__name__} is {value!r}, which can't be stored: use "
                "numbers, texts, truth values, None, and lists and tables of them"
            ) from None
    return hyperparameters


def _digests(model: LanguageModel) -> dict[str, str]:
    """Return a digest of each file that the hyper-parameters name. Raises ``PluginError`` for one that is lost."""
    digests = {}
    for name in model.files:
        path = getattr(model, name)
        if path is None:
            continue
        if path == "":
            raise PluginError(
                f"the hyper-parameter {name} of {type(model).__name__} is not set: set it to the path of a file"
            )
        try:
            with Path(path).expanduser().open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, TypeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise PluginError(
                f"the hyper-parameter {name} of {type(model).__name__} is {path!r}, which can't be read ({reason}):"
                " set it to the path of a file"
            ) from None
    return digests
