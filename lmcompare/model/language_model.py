"""The base class of language models."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.model.protocols import (
    CanBeSized,
    ExplainsItself,
    HasVectors,
    ReadsFiles,
    RunsInPage,
    Steps,
    Streams,
    TrainsInSteps,
    WritesFiles,
)
from lmcompare.model.values import Setting, Traits
from lmcompare.state import ArraySpec, State, check_specs
from lmcompare.tokens import Encoded

T = TypeVar("T")


class LanguageModel(
    Streams, Steps, TrainsInSteps, HasVectors, ExplainsItself, CanBeSized, ReadsFiles, WritesFiles, RunsInPage
):
    """Token ids in, natural-log probabilities out.

    A model must have ``fit`` and ``next_log_probs``. It declares in ``arrays`` what ``fit`` learns, or overrides
    ``state`` and ``restore``. Everything else is one of the optional protocols of ``model/protocols.py``.

    Hyper-parameters are the fields of a dataclass, ``@dataclass(eq=False)``, and JSON values.

    Attributes
    ----------
    arrays : mapping of str to ArraySpec
        The attributes with arrays that ``fit`` sets. They are stored with the model and checked when it is restored.
        Reading one before ``fit`` or ``restore`` raises ``NotFittedError``.
    traits : Traits
        What the model declares about itself; set it in ``__init__`` if it depends on hyper-parameters.
    presets : mapping
        Hyper-parameters for "quick", "default" and "full".
    tokens : mapping, optional
        The tokenizer of a model that brings its own, a table like an experiment's ``[tokens]``. Set it in
        ``__init__`` if it depends on hyper-parameters.
    known_failures : mapping of str to str
        The conformance checks that the model must fail, with the reasons.
    """

    arrays: ClassVar[Mapping[str, ArraySpec]] = {}
    traits: Traits = Traits()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tokens: Mapping[str, Any] | None = None
    known_failures: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Let ``fit`` of every model that is not pre-trained refuse a training text without tokens."""
        super().__init_subclass__(**options)
        if "fit" in vars(cls):
            cls.fit = _with_text(cls.fit)  # type: ignore[method-assign]

    if not TYPE_CHECKING:  # a type checker would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            if name in type(self).arrays:
                raise NotFittedError(_NOT_FITTED.format(type(self).__name__))
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @abstractmethod
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Learn from a text.

        Parameters
        ----------
        train : Encoded
            The training text.
        valid : Encoded
            The validation text, which may guide choices such as when to stop. It may be empty.
        setting : Setting
            The vocabulary, the seed and the resources that may be used.

        Returns
        -------
        LanguageModel
            The model itself.

        Raises
        ------
        LmcompareError
            If the training text has no tokens, unless the model is pre-trained; no model has to check this itself.
        """

    def state(self) -> State:
        """Return everything that ``restore`` needs: by default the ``arrays`` and the notes."""
        return State({name: getattr(self, name) for name in self.arrays}, {"notes": list(self.notes)})

    def restore(self, state: State) -> Self:
        """Become the trained model that has this state. Returns the model itself.

        It is called on a new model with the same hyper-parameters. Raises ``DamagedStateError`` for arrays that are
        not as ``arrays`` says.
        """
        for name, array in check_specs(self.arrays, state.arrays).items():
            setattr(self, name, array)
        self.notes = tuple(state.values.get("notes", ()))
        return self

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the hyper-parameters. Raises ``PluginError`` for ``*args`` or ``**kwargs``."""
        kinds = inspect.Parameter
        if cls.__init__ is object.__init__:
            return ()
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if any(p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD) for p in parameters):
            raise PluginError(f"{cls.__name__}.__init__ takes *args or **kwargs: name its hyper-parameters instead")
        return tuple(p.name for p in parameters)

    def hyperparameters(self) -> dict[str, Any]:
        """Return the hyper-parameters by name. Raises ``PluginError`` if one is not stored under its own name."""
        if missing := [name for name in self.parameter_names() if not hasattr(self, name)]:
            whose, name = type(self).__name__, missing[0]
            raise PluginError(f"{whose} does not store '{name}': set self.{name} = {name} in __init__")
        return {name: getattr(self, name) for name in self.parameter_names()}


_NOT_FITTED = "this {} is not trained yet: call fit or restore first"


def _with_text(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``fit``, which refuses a training text without tokens for a model that is not pre-trained."""

    @functools.wraps(fit)
    def checked(self: Any, train: Encoded, *others: Any, **named: Any) -> Any:
        if not len(train) and not self.traits.pretrained:
            raise LmcompareError(f"the training text has no tokens: train {type(self).__name__} on some text")
        return fit(self, train, *others, **named)

    return checked


def fitted(value: T | None, model: LanguageModel) -> T:
    """Return ``value``, a part that ``fit`` makes. Raises ``NotFittedError`` if it is None."""
    if value is None:
        raise NotFittedError(_NOT_FITTED.format(type(model).__name__))
    return value
