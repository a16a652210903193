"""Generation, one token at a time, with a cache of the keys and values of the tokens before."""

from __future__ import annotations

from typing import Any

import torch

from lmcompare.model import FloatArray, Stepper
from lmcompare.models.hf_causal.network import CausalNetwork
from lmcompare.models.hf_causal.windows import Windows, inputs_of
from lmcompare.tokens import Encoded, IntArray, Vocabulary


class CachedStepper(Stepper):
    """Reads each token once, and a whole window where the next window begins."""

    def __init__(self, network: CausalNetwork, windows: Windows, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._network, self._windows, self._vocabulary = network, windows, vocabulary
        vocabulary.check(prefix)
        self._ids = [int(i) for i in prefix]
        self._cache: Any = None
        self._log_probs: FloatArray
        self._read_window()

    def log_probs(self) -> FloatArray:
        return self._log_probs.copy()

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._ids.append(token)
        if self._first() == self._begun and self._cache is not None:
            self._read(torch.tensor([[token]]))
        else:
            self._read_window()

    def _first(self) -> int:
        return int(self._windows.first_inputs(torch.tensor([len(self._ids)]).numpy())[0])

    def _read_window(self) -> None:
        self._cache, self._begun = None, self._first()
        text = Encoded.from_documents([self._ids], self._vocabulary)
        inputs = inputs_of(text, 0, self._begun, len(self._ids) + 1 - self._begun)
        self._read(torch.from_numpy(inputs)[None])

    @torch.no_grad()
    def _read(self, inputs: torch.Tensor) -> None:
        network = self._network
        ids = network.ids(inputs.to(network.head.table.device))
        found = network.model(input_ids=ids, use_cache=True, **{network.cache: self._cache}, **network.last)
        self._cache = getattr(found, network.cache, None)  # None: a model that keeps its past in another form
        logits = found.logits[:, -1, : network.head.types]
        self._log_probs = network.head.log_probs(logits)[0].cpu().numpy()
