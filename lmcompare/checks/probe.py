"""The model that the conformance kit examines: made, trained and asked here, with trainings that the checks share."""

from __future__ import annotations

import copy
import inspect
import random
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.checks.asked import Asked, distributions, scores
from lmcompare.errors import PluginError, what_went_wrong
from lmcompare.model import Budget, FloatArray, LanguageModel, Setting
from lmcompare.tokens import Encoded, IntArray, Vocabulary, make_tokenizer

TOPICS, TOPIC_WORDS = 5, 4
NEVER = "never"  # in the vocabulary, in no text
STATES = 2 + TOPICS * TOPIC_WORDS + 1  # of the chain: <unk>, </s>, the words and NEVER
_UNKNOWN, _END, _FIRST = 0, 1, 2
END_PROBABILITY, UNKNOWN_PROBABILITY, STAY_PROBABILITY, NEXT_PROBABILITY = 0.05, 0.02, 0.89, 0.3


class MarkovTexts:
    """Texts of a first-order Markov chain over 23 tokens, the same for the same seed.

    Five topics of four words each: most often a word is followed by the next word of its topic's ring or by another
    of the topic, so that a model of word order and a model of a bag of words both have something to learn. ``</s>``
    and ``<unk>`` are states of the chain like the words; a document begins as if after ``</s>``, and ends with one.
    The chain itself is the best model there can be: ``log_probs`` are its figures in nats.

    Parameters
    ----------
    seed : int
        The seed of the texts.
    vocabulary : Vocabulary, optional
        The vocabulary of a model that brings its own: the texts are made of ``</s>`` and 22 others of its tokens, one
        of which replaces ``<unk>`` if it has none. By default there are the 23 tokens of the chain and no others.

    Attributes
    ----------
    unknown, never : int
        The ids of ``<unk>``, or of what is in its place, and of a token that no text has.
    """

    def __init__(self, seed: int = 0, vocabulary: Vocabulary | None = None) -> None:
        self.seed = seed
        if vocabulary is None:
            words = [f"{'abcde'[t]}{k}" for t in range(TOPICS) for k in range(TOPIC_WORDS)]
            vocabulary = Vocabulary(["<unk>", "</s>", *words, NEVER])
        self._types = _types(vocabulary)
        self.unknown, self.never = int(self._types[_UNKNOWN]), int(self._types[-1])
        self._transitions = _transitions(STATES)
        self._cumulative = np.cumsum(self._transitions, axis=1).tolist()
        counted = [self._documents(f"train {d}", 150) for d in range(40)]
        counts = np.bincount(np.concatenate(counted), minlength=len(vocabulary))
        self.vocabulary = Vocabulary(vocabulary.tokens, counts)
        nothing = np.zeros(0, np.int32)
        self.train = self.encoded(*counted[:20], nothing, *counted[20:])  # an empty document trains nothing

    @cached_property
    def valid(self) -> Encoded:
        """About 1,200 tokens."""
        return self.text("valid", documents=8, tokens=150)

    @cached_property
    def test(self) -> Encoded:
        """About 2,000 tokens."""
        return self.text("test", documents=12, tokens=160)

    def encoded(self, *documents: IntArray | list[int]) -> Encoded:
        """Return these documents as a text."""
        return Encoded.from_documents(documents, self.vocabulary)

    def text(self, key: str, documents: int = 1, tokens: int = 60) -> Encoded:
        """Return documents of ``tokens`` or a few more tokens, drawn from the chain; another text for each key."""
        return self.encoded(*(self._documents(f"{key} {d}", tokens) for d in range(documents)))

    def contexts(self, key: str) -> Encoded:
        """Return short documents with tokens after contexts of every kind."""
        unknown, end, never = self.unknown, self.vocabulary.end, self.never
        a, b = self._types[[2, 7]].tolist()
        ordinary = self._documents(f"{key} contexts", 60)
        return self.encoded(
            ordinary,
            [],
            [a],  # one token, the sentence not closed
            [end],  # a blank line
            [unknown],
            [unknown] * 12 + [end],
            [end, end, a, b, end],
            [never, a, never, b, end],  # a token that train does not hold
            [a] * 9 + [end],
            ordinary[:23],
            [],
        )

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats: the chain's own log-probability of each token, the best there can be."""
        before = np.append(self.vocabulary.end, text.ids[:-1])[: len(text)]
        before[text.starts[text.starts < len(text)]] = self.vocabulary.end
        states = np.zeros(len(self.vocabulary), np.int64)
        states[self._types] = np.arange(STATES)
        scores: FloatArray = np.log(self._transitions[states[before], states[text.ids]])
        return scores

    def floor(self, text: Encoded) -> FloatArray:
        """(N,) nats under the unigram floor: the training counts, add-one smoothed."""
        counts = self.vocabulary.counts + 1.0
        scores: FloatArray = np.log(counts / counts.sum())[text.ids]
        return scores

    def _documents(self, key: str, tokens: int) -> IntArray:
        """One document: drawn until the first ``</s>`` after ``tokens`` tokens, so that no token is a forced one."""
        generator = np.random.default_rng([self.seed, *key.encode()])
        ids: list[int] = []
        state = _END
        while len(ids) < tokens or state != _END:
            state = bisect_right(self._cumulative[state], generator.random())
            ids.append(state)
        found: IntArray = self._types[np.array(ids)]
        return found


def _types(vocabulary: Vocabulary) -> IntArray:
    """(STATES,) int32 the tokens that the states of the chain stand for.

    Raises ``PluginError`` for a vocabulary with fewer tokens.
    """
    if len(vocabulary) < STATES:
        raise PluginError(
            f"its vocabulary has {len(vocabulary)} tokens, and the texts of the kit are made of {STATES}: give it a"
            " larger one"
        )
    others = np.delete(np.arange(len(vocabulary)), vocabulary.special)
    if vocabulary.unknown is not None:
        others = np.append(vocabulary.unknown, others)
    return np.array([others[0], vocabulary.end, *others[1 : STATES - 2], others[-1]], np.int32)


def _transitions(types: int) -> FloatArray:
    """(V, V) the probability of each token after each."""
    unknown, end, first = _UNKNOWN, _END, _FIRST
    words = np.arange(first, first + TOPICS * TOPIC_WORDS)
    table = np.zeros((types, types))
    table[:, end] = END_PROBABILITY
    table[:, unknown] = UNKNOWN_PROBABILITY
    table[end, end] = UNKNOWN_PROBABILITY  # blank lines are rare
    for row in range(types):
        left = 1 - table[row].sum()
        if row not in words:
            table[row, words] = left / len(words)
            continue
        topic = first + (row - first) // TOPIC_WORDS * TOPIC_WORDS + np.arange(TOPIC_WORDS)
        following = topic[(row - topic[0] + 1) % TOPIC_WORDS]
        table[row, topic] = (STAY_PROBABILITY - NEXT_PROBABILITY) / TOPIC_WORDS
        table[row, following] += NEXT_PROBABILITY
        outside = np.setdiff1d(words, topic)
        table[row, outside] = (left - STAY_PROBABILITY) / len(outside)
    return table


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
        if isinstance(self._fitted, PluginError):
            raise self._fitted
        return self._fitted

    @cached_property
    def _fitted(self) -> LanguageModel | PluginError:
        try:
            return self.train(self.seed, self.budget)
        except PluginError as error:
            return error

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
