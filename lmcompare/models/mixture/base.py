"""What the class, skip and mixture plug-ins share: a mixture of chains as a language model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Self

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import BLOCK_BYTES, FloatArray, LanguageModel, Setting, State, Stepper, fitted, same_vocabulary
from lmcompare.models.mixture import estimator as blending
from lmcompare.models.mixture import exhibits as mixture_exhibits
from lmcompare.models.mixture.estimator import Account, Recipe
from lmcompare.models.mixture.exhibits import Portrait
from lmcompare.models.mixture.mixtures import Mixture, MixtureStepper
from lmcompare.tokens import Encoded, IntArray, Vocabulary


class BlendedModel(LanguageModel):
    """A mixture of chains; a plug-in says which by ``sizes`` and ``recipes``.

    Discounts and gates are fitted on valid. Where train holds no ``<unk>`` but valid does, ``<unk>`` gets a weight of
    its own, as high as it is frequent there. Without valid, the discounts are rules of thumb, the weights all the
    same.
    """

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._mixture: Mixture | None = None
        self._account = Account(())
        self._portraits: tuple[Portrait, ...] = ()

    @abstractmethod
    def sizes(self) -> Sequence[int]:
        """Return the number of classes in each clustering: maps 1, 2 …"""

    @abstractmethod
    def recipes(self) -> Sequence[Recipe]:
        """Return the members of the mixture."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Cluster, count, and fit what valid tells. Raises ``LmcompareError`` if train has no tokens."""
        if not len(train):
            raise LmcompareError("train holds no tokens to count: give the model a text to learn from")
        maps = blending.classes_of(train, self.sizes(), setting)
        self._mixture, self._account = blending.blend(self.recipes(), maps, train, valid, setting)
        self._portraits = tuple(mixture_exhibits.portraits(maps[-1], train)) if len(maps) > 1 else ()
        self.notes = tuple(self._what_to_know())
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        return self._for(text.vocabulary).at(text, at)

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        mixture = self._for(text.vocabulary)
        rows = max(1, BLOCK_BYTES // (8 * mixture.size))
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, mixture.at(text, at).astype(np.float32)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one walk through each context tree a token."""
        return self._for(text.vocabulary).score(text)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the last words: a step takes the same time however long the text is."""
        return MixtureStepper(self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation, what each member gains and when it counts, who guessed each token, and the classes."""
        mixture = self._for(text.vocabulary)
        yield from mixture_exhibits.exhibits(mixture, self._account, self._portraits, text)

    def state(self) -> State:
        """Return the chains, gates and classes, and what was found on valid."""
        mixture = fitted(self._mixture, self)
        values = {
            "hyperparameters": self.hyperparameters(),
            "members": mixture.shape(),
            "unknown": mixture.unknown,
            "account": asdict(self._account),
            "portraits": [asdict(p) for p in self._portraits],
            "notes": list(self.notes),
        }
        return State(mixture.arrays(), values)

    def restore(self, state: State) -> Self:
        """Become the model of this state; its hyper-parameters go before those given to ``__init__``."""
        values = state.values
        for name, value in values["hyperparameters"].items():
            setattr(self, name, value)
        self._mixture = Mixture.from_arrays(values["members"], bool(values["unknown"]), state.arrays)
        self._account = Account.from_json(values["account"])
        self._portraits = tuple(Portrait.from_json(p) for p in values["portraits"])
        self.notes = tuple(values["notes"])
        return self

    def _for(self, vocabulary: Vocabulary) -> Mixture:
        mixture = fitted(self._mixture, self)
        same_vocabulary("this model", mixture.size, vocabulary)
        return mixture

    def _what_to_know(self) -> Iterator[str]:
        account = self._account
        if not account.tokens:
            yield "There was no valid text: discounts are rules of thumb, and all weights are the same."
        else:
            yield f"Discounts and weights were fitted on {account.tokens:,} tokens of valid."
        if account.names[-1:] == (blending.UNKNOWN,):
            yield (
                "Train holds no <unk>, valid does: it has a weight of its own,"
                f" {100 * account.weights[-1]:.2g} % on average."
            )
