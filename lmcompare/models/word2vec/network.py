"""The network of word2vec-bow: a bag of word vectors, a hidden layer and a softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

WEIGHTS = ("uniform", "decay", "position")


class BagNetwork(Network):
    """The mean of the vectors of the last ``window`` inputs, a hidden layer and a softmax."""

    def __init__(
        self,
        types: int,
        width: int,
        window: int,
        hidden: int,
        dropout: float,
        *,
        across: bool,
        tune: bool,
        weights: str,
        end: int,
    ) -> None:
        super().__init__()
        self.window, self.across, self.dropout, self.weights, self.end = window, across, dropout, weights, end
        self.vectors = nn.Parameter(torch.randn(types + 1, width), requires_grad=tune)
        self.layer = nn.Linear(width, hidden) if hidden else None
        self.head = Head(types, hidden or width)
        # Vectors of one dimension do not decay.
        self.decay = nn.Parameter(torch.ones(1)) if weights == "decay" else None
        self.places = nn.Parameter(torch.ones(window * width)) if weights == "position" else None

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def embedded(self, words: Tensor) -> Tensor:
        """Return the (…, d) vectors of inputs."""
        return functional.embedding(words, self.vectors)

    def weight(self, back: int) -> Tensor:
        """Return (1,) or (d,): the factor of the vector of the input ``back`` positions before the last one."""
        if self.decay is not None:
            return torch.sigmoid(self.decay) ** back
        if self.places is not None:
            return self.places.view(self.window, -1)[back]
        return self.head.bias.new_ones(1)

    def bag(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the mean vector (B, T, d) of the window that ends at each input, and the memory.

        With "decay" it is a weighted mean; with "position" the plain mean of weighted vectors. The memory is
        ``words`` (B, window - 1), the last inputs, of which the last ``filled`` (B,) are valid.
        """
        rows, length = inputs.shape
        kept = self.window - 1
        if memory is None:
            memory = {"words": inputs.new_zeros(rows, kept), "filled": inputs.new_zeros(rows)}
        words = torch.cat([memory["words"], inputs], 1)  # (B, W - 1 + T)
        if not self.across:
            words = torch.where(words == self.head.types, self.end, words)
        place = torch.arange(kept + length, device=inputs.device)
        there = place[None] >= kept - memory["filled"][:, None]  # (B, W - 1 + T)
        sentence = torch.zeros_like(words) if self.across else (words == self.end).cumsum(1)
        vectors = self.embedded(words)
        total = vectors.new_zeros(rows, length, vectors.shape[-1])
        count = vectors.new_zeros(rows, length, 1)
        for back in range(self.window):
            here = slice(kept - back, kept - back + length)
            used = (there[:, here] & (sentence[:, here] == sentence[:, kept:]))[..., None]
            weight = self.weight(back)
            total = total + vectors[:, here] * used * weight
            count = count + (used * weight if self.decay is not None else used)
        left = {"words": words[:, length:], "filled": (memory["filled"] + length).clamp(max=kept)}
        return total / count, left

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, hidden) and the memory of ``bag``."""
        features, left = self.bag(inputs, memory)
        features = dropout(features, self.dropout, self.training)
        if self.layer is not None:
            features = dropout(torch.tanh(self.layer(features)), self.dropout, self.training)
        return features, left

    def in_page(self) -> list[dict[str, Any]]:
        bag = {
            "type": "bag",
            "table": "vectors",
            "window": self.window,
            "across": self.across,
            "end": self.end,
            "weights": [self.weight(back).detach().flatten().tolist() for back in range(self.window)],
            "mean_of_weights": self.decay is not None,
        }
        return [bag, *([] if self.layer is None else [{"type": "linear", "name": "layer"}, {"type": "tanh"}])]

    @torch.no_grad()
    def means(self, windows: IntArray) -> FloatArray:
        """Return the mean vectors (n, d) of windows of inputs.

        Parameters
        ----------
        windows : (n, window) array
            Ids, V for a document's beginning, and -1 where there is no input.
        """
        inputs = torch.from_numpy(windows).to(self.head.bias.device)
        memory = {"words": inputs[:, :-1].clamp(min=0), "filled": (inputs[:, :-1] >= 0).sum(1)}
        means: FloatArray = self.bag(inputs[:, -1:], memory)[0][:, 0].cpu().numpy()
        return means

    @torch.no_grad()
    def place_weights(self) -> FloatArray:
        """Return (window,): the weight of the input k positions before the last one.

        It is 1 for "uniform", r^k for "decay", and for "position" the root mean square of the position's vector.
        """
        squares = [self.weight(back).square().mean() for back in range(self.window)]
        weights: FloatArray = torch.stack(squares).sqrt().cpu().numpy()
        return weights

    @torch.no_grad()
    def score(self, text: Encoded, at: int, target: int) -> tuple[float, float, float]:
        """Return the numbers from which the softmax computes the probability of ``target`` at a position of a text.

        Returns
        -------
        score : float
            v · f + b of the word. Its probability is exp(score - log_z).
        norm : float
            ‖m‖, the length of the mean vector.
        log_z : float
            log Σ exp of the scores of all words.
        """
        start = int(text.context_starts(np.array([at]))[0])
        inputs = self.inputs(text.ids[start:at])  # (1, T)
        mean = self.bag(inputs, None)[0][0, -1]  # (d,)
        features = self(inputs, None)[0][0, -1]  # (hidden,)
        logits = self.head.bias + self.head.table[: self.head.types] @ features  # (V,)
        return float(logits[target]), float(mean.norm()), float(logits.logsumexp(0))
