"""Networks whose layers carry states of fixed size that decay, and the models that they make."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lmcompare.exhibits import Bars, Exhibit
from lmcompare.model import Setting
from lmcompare.models.common import places
from lmcompare.models.common.layers import FeedForwardBlock, feed_forward_in_page
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import ALONE, Example, examples, named_heads
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, IntArray, excerpt
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

EPSILON = 1e-5  # added to the mean square by which norms divide
EXCERPT = 2048  # tokens of the validation text
REACH = 64  # words of the contexts in which words are exchanged
DISTANCES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SHOWN = 24  # heads that are shown
WORKED = 8  # words before the one that the worked equation predicts


@dataclass(frozen=True)
class Gates:
    """The gates of one layer's states over T inputs, each (B, T, H) for H heads.

    Parameters
    ----------
    keep : Tensor
        The share of the state that is kept.
    write : Tensor
        How much of the new content is written.
    """

    keep: Tensor
    write: Tensor


class StateLayer(nn.Module, ABC):
    """A layer with a state of fixed size for each head, and a short convolution before."""

    @abstractmethod
    def forward(self, x: Tensor, state: Tensor | None, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Gates]:
        """Return what is added to x (B, T, d), the states (B, H, …), the convolution's past (B, …), and the gates.

        ``state`` and ``past`` are the values that the call before returned; None at a document's beginning.
        """

    @abstractmethod
    def in_page(self, name: str) -> dict[str, Any]:
        """Return the page's layer, whose weights have names that begin with ``name``, without the norm before it."""


class StateNetwork(Network):
    """Word vectors, layers with states whose outputs are added to their inputs, and a softmax with the same vectors.

    Parameters
    ----------
    types : int
        V, the size of the vocabulary.
    width : int
        d, the size of word vectors.
    layers : sequence of StateLayer
        The layers, each with a module ``norm``.
    dropout : float
        Dropout on word vectors and on the output of each layer.
    feed_forward : bool
        Whether a feed-forward block follows each layer.
    """

    def __init__(
        self, types: int, width: int, layers: Sequence[StateLayer], dropout: float, *, feed_forward: bool
    ) -> None:
        super().__init__()
        self.dropout, self.scale = dropout, math.sqrt(width)
        self.head = Head(types, width)
        self.layers = nn.ModuleList(layers)
        self.feed_forward = nn.ModuleList(FeedForwardBlock(width) for _ in layers if feed_forward)
        self.last_norm = nn.RMSNorm(width, eps=EPSILON)

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory, whose size does not grow with the text.

        The memory is ``state`` (B, layers, H, …) and ``past`` (B, layers, …), the last inputs of the convolutions.
        """
        features, left, _ = self.read(inputs, memory)
        return features, left

    def read(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, list[Gates]]:
        """Return what ``forward`` returns, and the gates of each layer."""
        x = dropout(self.head.embed(inputs) * self.scale, self.dropout, self.training)
        states: list[Tensor] = []
        pasts: list[Tensor] = []
        gates: list[Gates] = []
        for n, layer in enumerate(self.layers):
            state, past = (None, None) if memory is None else (memory["state"][:, n], memory["past"][:, n])
            added, state, past, found = layer(x, state, past)
            x = x + dropout(added, self.dropout, self.training)
            for block in self.feed_forward[n : n + 1]:
                x = x + dropout(block(x), self.dropout, self.training)
            states.append(state)
            pasts.append(past)
            gates.append(found)
        left = {"state": torch.stack(states, 1), "past": torch.stack(pasts, 1)}
        return dropout(self.last_norm(x), self.dropout, self.training), left, gates

    @torch.no_grad()
    def gates(self, ids: IntArray) -> list[Gates]:
        """Return the gates of each layer over the inputs of a document of these ids."""
        return self.read(self.inputs(ids), None)[2]

    def in_page(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{"type": "embed", "table": "head.table", "scale": self.scale}]
        for n, layer in enumerate(self.layers):
            assert isinstance(layer, StateLayer)
            norm = {"type": "norm", "name": f"layers.{n}.norm", "kind": "rms"}
            found.append({"type": "add", "layers": [norm, layer.in_page(f"layers.{n}")]})
            found += [feed_forward_in_page(f"feed_forward.{n}")] if len(self.feed_forward) else []
        return [*found, {"type": "norm", "name": "last_norm", "kind": "rms"}]


class StateModel(TunableLanguageModel):
    """A model with a ``StateNetwork``, and its exhibits.

    Attributes
    ----------
    equation, saying : str
        The equation of a layer, in LaTeX, and what it means.
    keep, write : str
        The names of the numbers of ``Gates``, such as "a: the share …".
    corrects : bool
        Whether writing also removes old content, so that less of a state is left than its gates keep.
    """

    equation: ClassVar[str]
    saying: ClassVar[str]
    keep: ClassVar[str] = "a: the share of its state that is kept"
    write: ClassVar[str]
    corrects: ClassVar[bool] = False

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text how long each head remembers and what the word at each distance is worth."""
        network = self.trained_as(StateNetwork)
        found = places.measured(network, valid, REACH, DISTANCES)
        return {"half_lives": half_lives(network, valid), "places": asdict(found)}

    def exhibits(self, text: Encoded) -> Iterator[Exhibit]:
        """Yield the worked equation, how much the heads keep and how long, the worth of words, and nearest words."""
        # Writing may also remove old content: the gates then say what is left at most.
        limit = " (at most, as corrections take away some of it, too)" if self.corrects else ""
        for example in examples(self, text, 1, WORKED):
            yield self._worked(example, limit)
            gates = self.trained_as(StateNetwork).gates(example.ids[:-1])
            yield example.map(
                "What its states keep",
                f"The share of each head's state that is kept when a word is read{limit}. 0 forgets all, 1 keeps"
                " all.",
                "head",
                [f"head {head + 1}" for head in range(gates[0].keep.shape[2])],
                {f"layer {layer + 1}": each.keep[0] for layer, each in enumerate(gates)},
            )
        yield from _remembered(self.measured["half_lives"], limit)
        yield from places.exhibits(Places(**self.measured["places"]))
        yield tied_neighbours(self, text)

    def _worked(self, example: Example, limit: str) -> Exhibit:
        gates = self.trained_as(StateNetwork).gates(example.before)
        kept = torch.stack([each.keep[0, 1:].prod(0) for each in gates])  # (layers, H), of the first state
        layer, head = divmod(int(kept.argmax()), kept.shape[1])
        first, last = example.read[0], example.read[-1]
        return example.worked(
            self.equation,
            self.saying,
            [
                (f"{self.keep} at '{last}'", float(gates[layer].keep[0, -1, head])),
                (self.write, float(gates[layer].write[0, -1, head])),
                (f"a · … · a: what is left of the state after '{first}'{limit}", float(kept[layer, head])),
            ],
            where=f"{ALONE}, in layer {layer + 1} for the head that keeps most: {head + 1} of {kept.shape[1]}",
        )


def half_lives(network: StateNetwork, valid: Encoded) -> list[list[float]]:
    """Return the number of words after which half of a state is left, by layer and head: ln 2 / mean of -ln(keep)."""
    logs: list[Tensor] = []
    count = 0
    for ids in excerpt(valid, EXCERPT).documents():
        gates = network.gates(ids)
        logs.append(
            torch.stack([each.keep[0].double().clamp(min=1e-30).log().sum(0) for each in gates])
        )  # (layers, H)
        count += len(ids) + 1
    if not logs:
        return []
    mean = -torch.stack(logs).sum(0) / count
    lives: list[list[float]] = (math.log(2) / mean.clamp(min=1e-9)).tolist()
    return lives


def _remembered(lives: Sequence[Sequence[float]], limit: str) -> Iterator[Bars]:
    heads, note = named_heads(lives, SHOWN)
    if heads:
        yield Bars(
            title="How long each head remembers",
            note="The number of words after which half of a head's state is left, on average over a part of the"
            f" validation text{limit}.{note}",
            labels=tuple(name for name, _ in heads),
            values=tuple(life for _, life in heads),
            unit="words",
        )
