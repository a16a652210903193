"""Checks of the life of a model: its hyper-parameters, its training and what that leaves alone, and its storage."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.checks.agreement import scored_the_same
from lmcompare.checks.asked import AGREEMENT, Asked, differences, largest, state_difference, stepper_of
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.probe import SHORT, Probe, global_randomness
from lmcompare.errors import NotFittedError, PluginError
from lmcompare.model import LanguageModel, State, check_array
from lmcompare.processes import Emit, EndedError, RaisedError, TimeLimitError, call
from lmcompare.runfolder.states import load_state, save_state

NO_SUCH = "no_such_hyper_parameter"


@check("hyper-parameters-are-stored")
def hyper_parameters_are_stored(probe: Probe) -> Finding:
    """``__init__`` stores each hyper-parameter under its name as given, in a form that JSON holds."""
    table = probe.make().hyperparameters()
    try:
        again = json.loads(json.dumps(table, allow_nan=False))
    except (TypeError, ValueError) as error:
        return Finding(False, f"the hyper-parameters can't be stored as JSON: {error}")
    rebuilt = plugins.build(probe.cls, again).hyperparameters()
    for name, value in again.items():
        kept = json.loads(json.dumps(rebuilt[name], default=repr))
        if kept != value:
            return Finding(False, f"the hyper-parameter '{name}' was given as {value!r} and is stored as {kept!r}")
    return Finding(True, f"{len(table)} hyper-parameters: {', '.join(table) or 'none'}")


@check("wrong-hyper-parameter-is-refused")
def wrong_hyper_parameter_is_refused(probe: Probe) -> Finding:
    """A hyper-parameter that the model does not have is an error, not silently ignored."""
    probe.cls.parameter_names()
    try:
        probe.cls(**{NO_SUCH: 1})
    except (TypeError, PluginError):
        return Finding(True, "an unknown one is refused")
    return Finding(False, "__init__ takes a hyper-parameter that it does not have: name them all, without **kwargs")


@check("presets-can-be-built")
def presets_can_be_built(probe: Probe) -> Finding:
    """Each preset is one of quick, default and full and holds hyper-parameters that the model takes."""
    cls = probe.cls
    strange = [name for name in cls.presets if name not in plugins.PRESETS]
    if strange:
        return Finding(False, f"there is no preset '{strange[0]}': they are {', '.join(plugins.PRESETS)}")
    for name, table in cls.presets.items():
        try:
            plugins.build(cls, table)
        except PluginError as error:
            return Finding(False, f"preset '{name}': {error}")
    return Finding(True, f"presets: {', '.join(cls.presets) or 'none'}")


@check("fit-returns-the-model")
def fit_returns_the_model(probe: Probe) -> Finding:
    """``fit`` returns the model itself, and leaves its hyper-parameters as they were."""
    model = probe.make()
    before = model.hyperparameters()
    returned = model.fit(probe.texts.train, probe.texts.valid, probe.setting(probe.seed, SHORT))
    if returned is not model:
        return Finding(False, f"fit returned {type(returned).__name__}, not the model: end it with 'return self'")
    after = model.hyperparameters()
    for name in before:
        if repr(before[name]) != repr(after[name]):
            return Finding(
                False,
                f"fit changed the hyper-parameter '{name}' from {before[name]!r} to {after[name]!r}: keep what was "
                "asked for, and store what was chosen under another name",
            )
    return Finding(True, "it returned itself")


@check("unfitted-is-an-error")
def unfitted_is_an_error(probe: Probe) -> Finding:
    """Before ``fit`` or ``restore``, asking for probabilities or the state raises ``NotFittedError``."""
    model = probe.make()
    text = probe.texts.text("unfitted", tokens=5)
    calls: dict[str, Callable[[], object]] = {
        "next_log_probs": lambda: model.next_log_probs(text, np.arange(3)),
        "log_probs": lambda: model.log_probs(text),
        "state": model.state,
    }
    for name, ask in calls.items():
        hint = "use lmcompare.model.fitted(…) on what fit makes"
        try:
            ask()
        except NotFittedError:
            continue
        except Exception as error:
            return Finding(False, f"untrained, {name} raises {type(error).__name__}, not NotFittedError: {hint}")
        return Finding(False, f"untrained, {name} gives an answer instead of NotFittedError: {hint}")
    return Finding(True, "it says that it is not trained yet")


@check("same-seed-same-bits")
def same_seed_same_bits(probe: Probe) -> Finding:
    """Trained twice with one seed, a model is the same to the last bit; another seed may give another."""
    text = probe.texts.text("bits", documents=2, tokens=60)
    one = probe.briefly_trained
    with global_randomness(987_654_321):
        other = probe.train(probe.seed, SHORT)
    if unlike := state_difference(one.state(), other.state()):
        return Finding(False, f"two trainings with seed {probe.seed} differ: {unlike}; draw only from setting.seed")
    figure, _ = largest(differences(probe.scores(text, one), probe.scores(text, other)))
    return within(
        figure,
        0.0,
        "the scores of two trainings with one seed differ by {figure} nats",
        "two trainings give the same bits",
    )


@check("inputs-not-written-to")
def inputs_not_written_to(probe: Probe) -> Finding:
    """Texts, positions and prefixes are the caller's: a model reads them and leaves them as they are."""
    texts = probe.texts
    at = np.array([5, 3, 0, 11])
    prefix = np.array([3, 4, 5], np.int32)
    text = texts.text("inputs", documents=2, tokens=30)
    given = {"ids": text.ids, "starts": text.starts, "at": at, "prefix": prefix, "counts": texts.vocabulary.counts}
    given |= {"train ids": texts.train.ids, "train starts": texts.train.starts, "valid ids": texts.valid.ids}
    before = {name: array.copy() for name, array in given.items()}
    model = probe.train(probe.seed, SHORT)
    probe.distributions(text, at, model)
    probe.scores(text, model)
    stepper = stepper_of(model, prefix, texts.vocabulary)
    stepper.push(7)
    stepper.log_probs()
    list(model.exhibits(text.split_sentences().select([0, 1])))
    written = [name for name, array in given.items() if not np.array_equal(array, before[name])]
    if written:
        return Finding(False, f"it wrote into {written[0]}, which belongs to the caller: work on a copy")
    opened = [name for name in ("ids", "starts", "train ids") if given[name].flags.writeable]
    if opened:
        return Finding(False, f"it made {opened[0]}, which is read-only, writeable")
    return Finding(True, f"{len(given)} arrays are as they were")


@check("answers-are-the-callers")
def answers_are_the_callers(probe: Probe) -> Finding:
    """Writing into the arrays that a model returned does not change what it answers next."""
    text = probe.texts.text("answers", documents=2, tokens=30)
    at = np.arange(len(text) + 1)
    first = probe.distributions(text, at).copy(), probe.scores(text).copy()
    stepped = stepper_of(probe.fitted, np.array([2], np.int32), text.vocabulary).log_probs()
    check_array(stepped, (len(text.vocabulary),), "a stepper's log_probs")
    for answer in (probe.distributions(text, at[:-1]), probe.scores(text), stepped):
        if answer.flags.writeable:
            answer[...] = -1.0
    again = probe.distributions(text, at), probe.scores(text)
    figure = max(largest(differences(a, b))[0] for a, b in zip(first, again, strict=True))
    return within(
        figure,
        AGREEMENT,
        "writing into a returned array changed the next answer by {figure} nats: return a copy",
        "what it returned is no part of it",
    )


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
    names = cls.__module__, str(source.resolve()), cls.__qualname__
    text = probe.texts.text(TEXT_KEY, DOCUMENTS, TOKENS)
    with tempfile.TemporaryDirectory(prefix="lmcompare-check-") as name:
        folder = Path(name)
        stored(probe.fitted.state(), folder / "model")
        here = stored(probe.briefly_trained.state(), folder / "here")
        _in_a_fresh_process(folder, *names, probe.untrained.hyperparameters(), probe.seed)
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


def _in_a_fresh_process(folder: Path, *job: Any) -> None:
    """Call ``load_and_train`` in a new process with another order of sets."""
    variables = {"PYTHONHASHSEED": "20240229", "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    function = "lmcompare.checks.lifecycle:load_and_train"
    try:
        call(function, str(folder), *job, log=folder / "log.txt", variables=variables, seconds=TIME_LIMIT)
    except TimeLimitError:
        raise PluginError(f"a fresh process took more than {TIME_LIMIT} seconds to load and train it") from None
    except (RaisedError, EndedError) as error:
        raise PluginError(f"a fresh process can't load and train it: {error}") from None


def load_and_train(
    emit: Emit, folder: str, module: str, file: str, name: str, parameters: dict[str, Any], seed: int
) -> None:
    """Write ``scores.npy`` of the model stored in ``model`` and, in ``there``, the state of one trained here.

    Runs in a process of its own. The class ``name`` is that of the ``module``, or of the ``file`` if that can't be
    imported by its name.
    """
    try:
        importable = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        importable = False
    cls, here = plugins.resolve(f"{module if importable and module != '__main__' else file}:{name}"), Path(folder)

    def make() -> LanguageModel:
        return plugins.build(cls, parameters)

    probe = Probe(make, seed)
    model = make().restore(load_state(here / "model"))
    np.save(here / "scores.npy", probe.scores(probe.texts.text(TEXT_KEY, DOCUMENTS, TOKENS), model))
    save_state(probe.train(probe.seed, SHORT).state(), here / "there")
