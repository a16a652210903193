"""Training and what it leaves alone: ``fit`` returns the model, the seed decides, inputs stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmcompare.checks.asked import stepper_of
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.measure import AGREEMENT, differences, largest, state_difference
from lmcompare.checks.probe import SHORT, Probe, global_randomness
from lmcompare.errors import NotFittedError
from lmcompare.model import check_array


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
    for name, call in calls.items():
        hint = "use lmcompare.model.fitted(…) on what fit makes"
        try:
            call()
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
