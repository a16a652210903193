"""Models whose network carries states that decay: how long they remember, and their exhibits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmcompare.exhibits import Bars, Exhibit, Heatmap, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.common import places
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.state_network import StateNetwork
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, IntArray, excerpt
from lmcompare.training.tunable import TunableLanguageModel

EXCERPT = 2048  # tokens of the validation text
REACH = 64  # words of the contexts in which words are exchanged
DISTANCES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SHOWN = 24  # heads that are shown
WORKED = 8  # words before the one that the worked equation predicts


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
        for ids in readable(text, 1):
            yield self._worked(text, ids)
            yield _kept(self.trained_as(StateNetwork), text, ids, self._limit)
        yield from _remembered(self.measured["half_lives"], self._limit)
        yield from places.exhibits(Places(**self.measured["places"]))
        yield tied_neighbours(self, text)

    @property
    def _limit(self) -> str:
        """The text that follows the share of a state that is left."""
        return " (at most, as corrections take away some of it, too)" if self.corrects else ""

    @torch.no_grad()
    def _worked(self, text: Encoded, ids: IntArray) -> WorkedEquation:
        network = self.trained_as(StateNetwork)
        at = min(len(ids) - 1, WORKED)  # predicts ids[at] from ids[:at]
        read = labels(text, ids[:at])
        gates = network.read(network.inputs(ids[:at]), None)[2]
        kept = torch.stack([each.keep[0, 1:].prod(0) for each in gates])  # (layers, H), of the first state
        layer, head = divmod(int(kept.argmax()), kept.shape[1])
        return WorkedEquation(
            title="Its equation",
            note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}, in layer {layer + 1} for the"
            f" head that keeps most: {head + 1} of {kept.shape[1]}.",
            equation=self.equation,
            saying=self.saying,
            lines=(
                (f"{self.keep} at '{read[-1]}'", float(gates[layer].keep[0, -1, head])),
                (self.write, float(gates[layer].write[0, -1, head])),
                (f"a · … · a: what is left of the state after '{read[0]}'{self._limit}", float(kept[layer, head])),
                came_next(self, text, ids, at),
            ),
        )


@torch.no_grad()
def half_lives(network: StateNetwork, valid: Encoded) -> list[list[float]]:
    """Return the number of words after which half of a state is left, by layer and head: ln 2 / mean of -ln(keep)."""
    device = next(network.parameters()).device
    logs: list[Tensor] = []
    count = 0
    for ids in excerpt(valid, EXCERPT).documents():
        gates = network.read(network.inputs(ids).to(device), None)[2]
        logs.append(
            torch.stack([each.keep[0].double().clamp(min=1e-30).log().sum(0) for each in gates])
        )  # (layers, H)
        count += len(ids) + 1
    if not logs:
        return []
    mean = -torch.stack(logs).sum(0) / count
    lives: list[list[float]] = (math.log(2) / mean.clamp(min=1e-9)).tolist()
    return lives


@torch.no_grad()
def _kept(network: StateNetwork, text: Encoded, ids: IntArray, limit: str) -> Heatmap:
    gates = network.read(network.inputs(ids[:-1]), None)[2]
    return Heatmap(
        title="What its states keep",
        note=f"The share of each head's state that is kept when a word is read{limit}. 0 forgets all, 1 keeps all.",
        rows=labels(text, ids[:-1]),
        columns=tuple(f"head {head + 1}" for head in range(gates[0].keep.shape[2])),
        panels=tuple(f"layer {layer + 1}" for layer in range(len(gates))),
        values=tuple(tuple(tuple(row) for row in each.keep[0].tolist()) for each in gates),
        row_axis="after reading",
        column_axis="head",
    )


def _remembered(lives: Sequence[Sequence[float]], limit: str) -> Iterator[Bars]:
    heads = [
        (f"layer {layer + 1}, head {head + 1}", life)
        for layer, row in enumerate(lives)
        for head, life in enumerate(row)
    ]
    if not heads:
        return
    step = -(-len(heads) // SHOWN)
    cut = f" {len(heads[::step])} of {len(heads)} heads are shown." if step > 1 else ""
    yield Bars(
        title="How long each head remembers",
        note="The number of words after which half of a head's state is left, on average over a part of the"
        f" validation text{limit}.{cut}",
        labels=tuple(name for name, _ in heads[::step]),
        values=tuple(life for _, life in heads[::step]),
        unit="words",
    )
