"""Checks of stored models: loaded, in this process or in a fresh one, a model scores the same."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.checks.agreement import scored_the_same
from lmcompare.checks.asked import Asked
from lmcompare.checks.kit import Finding, check
from lmcompare.checks.measure import AGREEMENT, differences, largest, state_difference
from lmcompare.checks.probe import SHORT, Probe
from lmcompare.errors import PluginError
from lmcompare.model import LanguageModel, State
from lmcompare.processes import Emit, EndedError, RaisedError, TimeLimitError, call
from lmcompare.runfolder.states import load_state, save_state

TEXT_KEY, DOCUMENTS, TOKENS = "reload", 3, 50  # the text that is scored on both sides
TIME_LIMIT = 600  # seconds for the fresh process


def stored(state: State, folder: Path) -> State:
    """Write a state as a run does and read it back. Raises ``LmcompareError`` with what can't be stored."""
    save_state(state, folder)
    return load_state(folder)


@check("save-and-load")
def save_and_load(probe: Probe) -> Finding:
    """Stored, loaded and given to ``restore``, the state makes the same model; ``restore`` returns it."""
    text = probe.texts.text(TEXT_KEY, DOCUMENTS, TOKENS)
    state = probe.fitted.state()
    with tempfile.TemporaryDirectory(prefix="lmcompare-check-") as folder:
        loaded = stored(state, Path(folder))
    model = probe.make()
    returned = model.restore(loaded)
    if returned is not model:
        return Finding(False, f"restore returned {type(returned).__name__}, not the model: end it with 'return self'")
    if unlike := state_difference(loaded, model.state()):
        return Finding(False, f"a restored model has another state than it was given: {unlike}")
    return scored_the_same(Asked(model, text, [], probe.scores(text)), "stored and loaded")


@check("same-in-a-fresh-process")
def same_in_a_fresh_process(probe: Probe) -> Finding:
    """In a fresh Python process, the loaded model scores the same, and the same seed trains the same bits."""
    cls, source = probe.cls, probe.source
    if source is None or not source.is_file() or "." in cls.__qualname__:
        reason = f"{cls.__qualname__} is not at the top level of a file, so that only this process could be checked"
        return Finding(True, reason)
    job = {
        "module": cls.__module__,
        "file": str(source.resolve()),
        "name": cls.__qualname__,
        "parameters": probe.untrained.hyperparameters(),
        "seed": probe.seed,
    }
    text = probe.texts.text(TEXT_KEY, DOCUMENTS, TOKENS)
    with tempfile.TemporaryDirectory(prefix="lmcompare-check-") as name:
        folder = Path(name)
        stored(probe.fitted.state(), folder / "model")
        here = stored(probe.briefly_trained.state(), folder / "here")
        _in_a_fresh_process(folder, job)
        there_scores = np.load(folder / "scores.npy", allow_pickle=False)
        there = load_state(folder / "there")
    figure, _ = largest(differences(probe.scores(text), there_scores))
    if figure > AGREEMENT:
        return Finding(False, f"in a fresh process its scores differ by {figure:.4g} nats", figure, AGREEMENT)
    if unlike := state_difference(here, there):
        return Finding(
            False,
            f"trained with the same seed in a fresh process, it is another model: {unlike} (often the order of a set "
            "is the cause: it differs between processes)",
        )
    return Finding(True, f"scores within {figure:.4g} nats, and the same bits from the same seed", figure, AGREEMENT)


def _in_a_fresh_process(folder: Path, job: dict[str, Any]) -> None:
    """Call ``load_and_train`` in a new process with another order of sets."""
    variables = {"PYTHONHASHSEED": "20240229", "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    function = "lmcompare.checks.persistence:load_and_train"
    try:
        call(function, str(folder), job, log=folder / "log.txt", variables=variables, seconds=TIME_LIMIT)
    except TimeLimitError:
        raise PluginError(f"a fresh process took more than {TIME_LIMIT} seconds to load and train it") from None
    except (RaisedError, EndedError) as error:
        raise PluginError(f"a fresh process can't load and train it: {error}") from None


def load_and_train(emit: Emit, folder: str, job: dict[str, Any]) -> None:
    """Write ``scores.npy`` of the model stored in ``model`` and, in ``there``, the state of one trained here.

    Runs in a process of its own.
    """
    cls, here = _class(job), Path(folder)

    def make() -> LanguageModel:
        return plugins.build(cls, job["parameters"])

    probe = Probe(make, job["seed"])
    model = make().restore(load_state(here / "model"))
    np.save(here / "scores.npy", probe.scores(probe.texts.text(TEXT_KEY, DOCUMENTS, TOKENS), model))
    save_state(probe.train(probe.seed, SHORT).state(), here / "there")


def _class(job: dict[str, Any]) -> type[LanguageModel]:
    try:
        importable = importlib.util.find_spec(job["module"]) is not None
    except (ImportError, ValueError):
        importable = False
    where = job["module"] if importable and job["module"] != "__main__" else job["file"]
    return plugins.resolve(f"{where}:{job['name']}")
