"""The model that the conformance kit examines: made, trained and asked here, with trainings that the checks share."""

from __future__ import annotations

import copy
import inspect
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.checks.asked import Asked, distributions, scores
from lmcompare.checks.texts import MarkovTexts
from lmcompare.errors import PluginError, what_went_wrong
from lmcompare.model import Budget, FloatArray, LanguageModel, Setting
from lmcompare.tokens import Encoded, IntArray, Vocabulary, make_tokenizer

Make = Callable[[], LanguageModel]
Positions = IntArray | Sequence[int]
Subject = str | type[LanguageModel] | LanguageModel | Make

PRESET = "quick"
LEARNING = Budget(epochs=20)
SHORT = Budget(epochs=1)  # where only the bits count, not what was learned


class Probe:
    """Makes and trains a model, asks it, and checks the shapes of its answers.

    Parameters
    ----------
    make : callable
        Returns a new untrained model at each call.
    seed : int
        The seed of the texts and trainings.
    budget : Budget
        A limit on the training that the learning checks judge.
    """

    def __init__(self, make: Make, seed: int = 0, budget: Budget = LEARNING) -> None:
        self.make, self.seed, self.budget = make, seed, budget
        self._fit_error: PluginError | None = None
        self._fitted: LanguageModel | None = None

    @cached_property
    def texts(self) -> MarkovTexts:
        """The texts: in the vocabulary of a pre-trained model that brings its own, else in one of 23 tokens."""
        return MarkovTexts(self.seed, self.own_vocabulary)

    @cached_property
    def own_vocabulary(self) -> Vocabulary | None:
        """The vocabulary of a pre-trained model that brings its own; None for every other model."""
        model = self.untrained
        if not model.traits.pretrained or model.tokens is None:
            return None
        tokenizer = make_tokenizer(model.tokens)
        types = tokenizer.fit([]).types if tokenizer.fixed_vocabulary else None
        return None if types is None else Vocabulary(types)

    @cached_property
    def untrained(self) -> LanguageModel:
        """A model that is never trained."""
        return self.make()

    @property
    def cls(self) -> type[LanguageModel]:
        """The plug-in's class."""
        return type(self.untrained)

    @cached_property
    def source(self) -> Path | None:
        """The file that the class is written in, if there is one."""
        try:
            return Path(inspect.getfile(self.cls))
        except (TypeError, OSError, PluginError):
            return None

    @cached_property
    def declared_failures(self) -> Any:
        """What the model's author gives as ``known_failures``; nothing if the model can't even be made."""
        try:
            return self.untrained.known_failures
        except Exception:
            return {}

    @cached_property
    def known_failures(self) -> Mapping[str, str]:
        """The checks that the model's author says it fails, with the reasons; none if they are not strings."""
        declared = self.declared_failures
        texts = isinstance(declared, Mapping) and all(isinstance(t, str) for pair in declared.items() for t in pair)
        return dict(declared) if texts else {}

    def setting(self, seed: int, budget: Budget) -> Setting:
        """What a run would give to ``fit``."""
        return Setting(vocabulary=self.texts.vocabulary, seed=seed, budget=budget)

    def train(self, seed: int, budget: Budget) -> LanguageModel:
        """Return a newly made and trained model. Raises ``PluginError`` with what one of its methods raised."""
        model, texts, setting = self.make(), self.texts, self.setting(seed, budget)
        doing = "check_text"
        try:
            model.check_text(texts.train)
            doing = "fit"
            returned = model.fit(texts.train, texts.valid, setting)
            trained = returned if isinstance(returned, LanguageModel) else model
            doing = "study"
            trained.study(texts.train, texts.valid, setting)
        except Exception as error:
            raise PluginError(f"nothing to check: {doing} raised {what_went_wrong(error, self.source)}") from error
        return trained

    @property
    def fitted(self) -> LanguageModel:
        """The trained model that most checks share. Raises ``PluginError`` each time if it can't be trained."""
        if self._fit_error is not None:
            raise self._fit_error
        if self._fitted is None:
            try:
                self._fitted = self.train(self.seed, self.budget)
            except PluginError as error:
                self._fit_error = error
                raise
        return self._fitted

    @cached_property
    def briefly_trained(self) -> LanguageModel:
        """A model trained with ``SHORT``, shared by the checks of its bits. Raises ``PluginError`` as ``train``."""
        return self.train(self.seed, SHORT)

    def ask(self, text: Encoded, at: Positions = ()) -> Asked:
        """Return the shared model asked about a text at these positions."""
        return Asked(self.fitted, text, np.asarray(at, np.int64))

    def scores(self, text: Encoded, model: LanguageModel | None = None) -> FloatArray:
        """(N,) ``log_probs`` of the shared model or another. Raises ``PluginError`` for a wrong shape or type."""
        return scores(model or self.fitted, text)

    def distributions(self, text: Encoded, at: Positions, model: LanguageModel | None = None) -> FloatArray:
        """(B, V) ``next_log_probs`` of the shared model or another. Raises ``PluginError`` for a wrong shape."""
        return distributions(model or self.fitted, text, np.asarray(at, np.int64))


def maker(subject: Subject, parameters: Mapping[str, Any]) -> Make:
    """Return what makes the untrained model of a plug-in's name, a class, a model or a function that makes one.

    Raises ``PluginError`` if there is no such plug-in or it does not have these hyper-parameters.
    """
    if isinstance(subject, LanguageModel):
        untrained = subject
        try:
            table = {**untrained.hyperparameters(), **parameters}
        except PluginError:  # the check of hyper-parameters will say so
            return lambda: copy.deepcopy(untrained)
        return lambda: plugins.build(type(untrained), table)
    if isinstance(subject, str):
        subject = plugins.resolve(subject)
    if isinstance(subject, type):
        made = subject
        if parameters:
            plugins.build(made, parameters, PRESET)
        return lambda: plugins.build(made, parameters, PRESET)
    if parameters:
        raise PluginError("hyper-parameters can be given with a class or a plug-in's name, not with a function")
    return subject


@contextmanager
def global_randomness(seed: int) -> Iterator[None]:
    """Seed the global random generators, and restore them at the end.

    This detects a plug-in that draws from them. torch's generator is changed only if torch was imported.
    """
    state, numpy_state, torch = random.getstate(), np.random.get_state(), sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
        if torch is not None:
            torch.set_rng_state(torch_state)
