"""Decoding: a prefix that grows by a token at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from lmcompare.tokens import FloatArray, IntArray


class Stepper(ABC):
    """The state of decoding: a prefix to which tokens are appended one at a time."""

    @abstractmethod
    def log_probs(self) -> FloatArray:
        """Return the distribution of the next token, (V,) nats."""

    @abstractmethod
    def push(self, token: int) -> None:
        """Append a token. ``Vocabulary.check_one`` refuses an id that is not in the vocabulary."""

    def top_k(self, k: int) -> tuple[IntArray, FloatArray]:
        """Return the most likely next tokens.

        Override it where that is cheaper than the whole distribution.

        Parameters
        ----------
        k : int
            How many tokens to return; at most V are.

        Returns
        -------
        ids : array of int, shape (k,)
            The tokens, the most likely first and equally likely ones by id.
        log_probs : array, shape (k,)
            Their log-probabilities in nats.
        """
        log_probs = self.log_probs()
        ids = np.argsort(-log_probs, kind="stable")[:k]
        return ids, log_probs[ids]
