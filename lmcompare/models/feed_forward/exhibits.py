"""The exhibits of the feed-forward models: the equation, what each word is worth, and the nearest words."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lmcompare.exhibits import Exhibit, WorkedEquation, latex_lines
from lmcompare.models.common import places
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import neighbours_exhibit
from lmcompare.models.feed_forward.network import BengioNetwork, LogBilinearNetwork, WindowNetwork
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

_WINDOW = r"\mathbf{x} &= [\mathbf{x}_{i-n+1}; \ldots; \mathbf{x}_i]"
_SCORE = r"P(w) &= \text{softmax}_w(\mathbf{v}_w \cdot \mathbf{f} + b_w)"
_SAYING = (
    "The vectors of the last words stand side by side. So each position has weights of its own, and the order counts."
    " Words that are used alike have similar vectors, so what was learnt about one context also serves others. Words"
    " before the window are not seen."
)


def exhibits(model: TorchLanguageModel, network: WindowNetwork, found: Places, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, what each word of the window is worth, and the nearest words."""
    for ids in readable(text, 1):
        yield _worked(model, network, text, ids)
    yield from places.exhibits(found)
    yield neighbours_exhibit(model.word_vectors(), text, "By the cosine of the vectors that the network reads.")


@torch.no_grad()
def _worked(model: TorchLanguageModel, network: WindowNetwork, text: Encoded, ids: IntArray) -> WorkedEquation:
    at = min(len(ids) - 1, network.context)  # predicts ids[at] from ids[:at]
    read = labels(text, ids[:at])[-network.context :]
    window = network.windows(network.inputs(ids[:at]), None)[0][0, -1]  # (context · d,)
    features = network.features(window)
    word = text.vocabulary[int(ids[at])]
    score = features @ network.head.table[int(ids[at])] + network.head.bias[int(ids[at])]
    log_z = features @ network.head.table[: network.head.types].T + network.head.bias
    lines = [
        (f"‖x‖: the length of the {len(read)} vectors side by side", float(window.norm())),
        *_inside(network, window),
        ("‖f‖: the length of the features", float(features.norm())),
        (f"v·f + b: the score of '{word}', which came next", float(score)),
        ("log Σ exp: of the scores of all words", float(log_z.logsumexp(0))),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}.",
        equation=latex_lines(_WINDOW, *_features(network), _SCORE),
        saying=_SAYING,
        lines=tuple(lines),
    )


def _features(network: WindowNetwork) -> tuple[str, ...]:
    if isinstance(network, BengioNetwork):
        units = r"\tanh(\mathbf{d} + \mathbf{H} \mathbf{x})"
        return (rf"\mathbf{{f}} &= [{units}; \mathbf{{x}}]" if network.direct else rf"\mathbf{{f}} &= {units}",)
    if isinstance(network, LogBilinearNetwork):
        return (r"\mathbf{f} &= \mathbf{c} + \sum_k \mathbf{C}_k \mathbf{x}_k",)
    return (
        r"\mathbf{h} &= \mathbf{a} + \mathbf{A} \mathbf{x}",
        r"\mathbf{h} &\leftarrow \mathbf{h} + \mathbf{D} \, \text{GELU}(\mathbf{U} \, \text{norm}(\mathbf{h}))",
        r"\mathbf{f} &= \text{norm}(\mathbf{h})",
    )


def _inside(network: WindowNetwork, window: torch.Tensor) -> list[tuple[str, float]]:
    """Return lines on the values between the window (context · d,) and the features."""
    if isinstance(network, BengioNetwork):
        units = torch.tanh(network.hidden(window))
        most = int(units.abs().argmax())
        return [(f"tanh(d + H x) of the strongest unit, {most + 1} of {len(units)}", float(units[most]))]
    if isinstance(network, LogBilinearNetwork):
        x = window.view(network.context, -1)  # (context, d)
        matrices = network.predict.weight.view(-1, *x.shape)  # (d, context, d)
        shares = torch.einsum("ikj,kj->ki", matrices, x).norm(dim=1).tolist()
        return [("‖C x‖ of the last word", shares[-1]), ("‖C x‖ of the first word of the window", shares[0])]
    return []
