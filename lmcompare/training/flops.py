"""Counts the floating-point operations of matrix products: a multiplication and the addition after it are two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

_aten = torch.ops.aten


class Operations:
    """The number of operations that ``counted`` has counted."""

    count = 0.0


@contextmanager
def counted() -> Iterator[Operations]:
    """Count the operations that run inside the context, forward and backward, with PyTorch's own counter.

    PyTorch's counter skips recurrent layers, which are single operators for it. Here they count one multiplication
    with every weight for each time step and text, and two of them in the backward pass. The counter also skips fused
    attention on a CPU, which is counted here like fused attention on a GPU.
    """
    found = Operations()
    with FlopCounterMode(display=False, custom_mapping=_UNCOUNTED) as counter:
        yield found
    found.count = float(counter.get_total_flops())


def _products(times: int, inputs: Sequence[int], weights: Iterable[Sequence[int]]) -> int:
    """Return the operations of recurrent layers, from the shape of their inputs, (T, B, d), and of their weights."""
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
