"""The base class of models that train another model and change its predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lmcompare import plugins
from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, LanguageModel, Setting, State, Stepper, check_array
from lmcompare.tokens import Encoded, IntArray, Vocabulary

BASE = "base."  # the prefix of a base's arrays
PRESETS = {name: {"preset": name} for name in plugins.PRESETS}  # for a model whose presets are those of its base


def extended(title: str, addition: str) -> str:
    """Return a base's title with an addition that a short title keeps: "LSTM with a pointer"."""
    head, comma, rest = title.partition(",")
    return f"{head} {addition}{comma}{rest}"


class OverBase(LanguageModel):
    """A model over another one, its *base*, which it trains.

    A subclass is a dataclass with the fields ``base`` and ``options``, and mostly ``preset``, and calls ``set_base``
    in ``__post_init__``; ``called`` names the model in messages on its base.
    """

    bases: ClassVar[tuple[str, ...]] = ("base",)
    called: ClassVar[str] = "such a model"

    base: str
    options: Mapping[str, Any] | None
    preset: str | None = None

    def set_base(self) -> LanguageModel:
        """Check the name of the base, its preset and its hyper-parameters, and return the base, untrained.

        Raises
        ------
        PluginError
            If there is no such plug-in, or if it can't be a base.
        """
        base, options, preset = self.base, self.options, self.preset
        if not isinstance(base, str):
            raise PluginError(f"base must be the name of a plug-in, as in base = 'ngram', not {base!r}")
        if not (options is None or isinstance(options, Mapping)):
            raise PluginError(f"options must be a table of the base's hyper-parameters, not {options!r}")
        if preset is not None and preset not in plugins.PRESETS:
            raise PluginError(f"preset must be {' or '.join(map(repr, plugins.PRESETS))}, not {preset!r}")
        self.options = dict(options or {})
        built = self.new_base()
        for what, given in (
            ("reads files", [name for name in built.files if getattr(built, name) is not None]),
            ("has tokens of its own", built.tokens),
            ("has a base itself", built.bases),
        ):
            if given:
                raise PluginError(f"'{base}', which {what}, cannot be the base of {self.called}: choose another base")
        self.traits, self.trains_in_steps = built.traits, built.trains_in_steps
        return built

    def new_base(self) -> LanguageModel:
        """Return a base that is not trained."""
        return plugins.build(self.base, dict(self.options or {}), self.preset or "")

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        found = self.new_base().sized(parameters, types)
        return None if found is None else {"options": {**(self.options or {}), **found}}

    def has_stepper(self) -> bool:
        return super().has_stepper() and self.new_base().has_stepper()

    def tokens_before(self, train: Encoded) -> int:
        return self.new_base().tokens_before(train)

    def train_base(self, model: LanguageModel, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Train a base, which must return itself."""
        if model.fit(train, valid, setting) is not model:
            raise PluginError(
                f"fit of the base, '{self.base}', must return the model itself: end it with 'return self'"
            )

    def scores_of(self, model: LanguageModel, text: Encoded) -> FloatArray:
        """Return a base's scores of a text, (N,) nats, after checking them."""
        scores = model.log_probs(text) if len(text) else np.zeros(0)
        check_array(scores, (len(text),), f"log_probs of the base, '{self.base}',")
        if np.isnan(scores).any():
            raise PluginError(
                f"log_probs of the base, '{self.base}', gave NaN at {int(np.isnan(scores).sum())} tokens"
            )
        return scores.astype(np.float64)

    def check_block(self, block: FloatArray, rows: int, text: Encoded) -> None:
        """Raise ``PluginError`` unless a base gave (rows, V) distributions."""
        check_array(block, (rows, len(text.vocabulary)), f"the base, '{self.base}',")

    def shown_of(self, model: LanguageModel, text: Encoded, before: str) -> Iterator[Exhibit]:
        """Yield the exhibits of a base, with ``before`` and a colon before their titles."""
        for exhibit in model.exhibits(text):
            yield replace(exhibit, title=f"{before}: {exhibit.title[:1].lower()}{exhibit.title[1:]}")


class OverOne(OverBase):
    """A model over one trained base, ``_base``; it has the vectors of the base."""

    _base: LanguageModel

    @property
    def in_steps(self) -> LanguageModel | None:
        """The one model that is trained in steps, if its steps determine how long the training takes."""
        return self._base

    def check_text(self, train: Encoded) -> None:
        self._base.check_text(train)

    def warm_up(self) -> None:
        self._base.warm_up()

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        self._base.study(train, valid, setting)

    def word_vectors(self) -> FloatArray | None:
        return self._base.word_vectors()

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        return self._base.context_vectors(text, at)

    def layer_vectors(self, text: Encoded, at: IntArray) -> Sequence[FloatArray] | None:
        return self._base.layer_vectors(text, at)

    def state_with(self, arrays: Mapping[str, Any], values: Mapping[str, Any]) -> State:
        """Return a state: that of the base and the notes, and also these arrays and values."""
        of_base, base = with_prefix(BASE, self._base)
        return State({**of_base, **arrays}, {"notes": list(self.notes), "base": base, **values})

    def restore_base(self, state: State) -> None:
        """Restore the notes and the base."""
        self.notes = tuple(state.values["notes"])
        self._base = self._base.restore(without_prefix(BASE, state, state.values["base"]))


class StepperOver(Stepper):
    """A stepper over that of a base, which reads the whole document again for each distribution.

    ``after`` returns the distributions (1, V) of the model at a position of a text from those of the base, in nats.
    """

    def __init__(
        self,
        base: Stepper,
        prefix: IntArray,
        vocabulary: Vocabulary,
        after: Callable[[Encoded, IntArray, FloatArray], FloatArray],
    ) -> None:
        self._base, self._vocabulary, self._after = base, vocabulary, after
        self._ids = [int(i) for i in prefix]

    def log_probs(self) -> FloatArray:
        text = Encoded.from_documents([self._ids], self._vocabulary)
        row: FloatArray = self._after(text, np.array([len(self._ids)]), np.asarray(self._base.log_probs())[None])[0]
        return row

    def push(self, token: int) -> None:
        self._base.push(token)
        self._ids.append(token)


def with_prefix(prefix: str, model: LanguageModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays of a model's state under names with a prefix, and the values of the state."""
    state = model.state()
    return {prefix + name: array for name, array in state.arrays.items()}, dict(state.values)


def without_prefix(prefix: str, state: State, values: Mapping[str, Any]) -> State:
    """Return the state of a model whose arrays have a prefix in another state."""
    own = {name.removeprefix(prefix): array for name, array in state.arrays.items() if name.startswith(prefix)}
    return State(own, values)
