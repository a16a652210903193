"""The exhibits of a Hugging Face model: the attention of its heads, and the nearest words."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import labels, readable
from lmcompare.models.common.vectors import neighbours_exhibit
from lmcompare.models.hf_causal.network import CausalNetwork
from lmcompare.models.hf_causal.windows import inputs_of
from lmcompare.tokens import Encoded

PANELS = 12
NOTE = (
    "Each row is a token that was just read, each column a token that it attends to: itself and tokens before it,"
    " never a later one."
)


def exhibits(network: CausalNetwork, vectors: FloatArray, text: Encoded) -> Iterator[Exhibit]:
    """Yield the attention maps of a sentence, if the model has attention, and the nearest words."""
    for ids in readable(text, 1):
        alone = Encoded.from_documents([ids[: network.piece]], text.vocabulary)
        yield from _maps(network, alone)
    yield neighbours_exhibit(vectors, text, "By the cosine of the vectors of its inputs.")


@torch.no_grad()
def _maps(network: CausalNetwork, text: Encoded) -> Iterator[Heatmap]:
    inputs = torch.from_numpy(inputs_of(text, 0, 0, len(text)))[None]
    weights = network.attentions(inputs.to(network.head.table.device))
    heads = [
        (f"layer {layer}, head {head}", map_.cpu().tolist())
        for layer, of_layer in enumerate(weights, 1)
        for head, map_ in enumerate(of_layer.float(), 1)
    ]
    if not heads:
        return
    shown = heads[:: -(-len(heads) // PANELS)]
    read = labels(text, text.ids[:-1])
    yield Heatmap(
        title="What each head looks at",
        note=NOTE + (f" {len(shown)} of {len(heads)} heads are shown." if len(shown) < len(heads) else ""),
        rows=read,
        columns=read,
        panels=tuple(name for name, _ in shown),
        values=tuple(
            tuple(tuple(row[j] if j <= i else None for j in range(len(read))) for i, row in enumerate(map_))
            for _, map_ in shown
        ),
        row_axis="after reading",
        column_axis="attends to",
    )
