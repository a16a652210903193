"""Counts the floating-point operations of matrix products: two for each multiplication, with the sum that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

_aten = torch.ops.aten


class Operations:
    """The number that was counted."""

    count = 0.0


@contextmanager
def counted() -> Iterator[Operations]:
    """Count the operations of what is done in it, forward and backward, as PyTorch's own counter does.

    PyTorch counts nothing for recurrent layers, which are one operation to it: for each time step and text they
    multiply with every weight once, and backward twice. Nor does it count its fused attention on a processor, which
    is counted here as that of a GPU.
    """
    found = Operations()
    with FlopCounterMode(display=False, custom_mapping=_UNCOUNTED) as counter:
        yield found
    found.count = float(counter.get_total_flops())


def _products(times: int, inputs: Sequence[int], weights: Iterable[Sequence[int]]) -> int:
    """Return the operations of layers that read (T, B, d) inputs, from the shapes of these and of their weights."""
    return times * 2 * inputs[0] * inputs[1] * sum(shape[0] * shape[1] for shape in weights if len(shape) == 2)


def _on_processor(times: int) -> Callable[..., int]:
    def operations(inputs: Sequence[int], inner: Sequence[int], recurrent: Sequence[int], *_: Any, **__: Any) -> int:
        return _products(times, inputs, (inner, recurrent))

    return operations


def _on_gpu(times: int) -> Callable[..., int]:
    def operations(inputs: Sequence[int], weights: Iterable[Sequence[int]], *_: Any, **__: Any) -> int:
        return _products(times, inputs, weights)

    return operations


def _attention(*shapes: Any, **_: Any) -> int:
    return int(sdpa_flop_count(*shapes[:3]))  # type: ignore[no-untyped-call]


def _attention_backward(*shapes: Any, **_: Any) -> int:
    return int(sdpa_backward_flop_count(*shapes[:4]))  # type: ignore[no-untyped-call]


_UNCOUNTED = {
    _aten.mkldnn_rnn_layer: _on_processor(1),
    _aten.mkldnn_rnn_layer_backward: _on_processor(2),
    _aten._cudnn_rnn: _on_gpu(1),
    _aten._cudnn_rnn_backward: _on_gpu(2),
    _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
