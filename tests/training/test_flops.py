"""Counted operations against products worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from lmcompare.training.loop import operation_counter


def operations(module: nn.Module, *inputs: torch.Tensor) -> float:
    with operation_counter() as found:
        out = module(*inputs)
        (out[0] if isinstance(out, tuple) else out).sum().backward()
    return float(found.get_total_flops())


def test_a_linear_layer_multiplies_three_times_with_its_weights() -> None:
    forward = 2 * 5 * 3 * 7  # 5 rows of 3 numbers to 7
    assert operations(nn.Linear(3, 7), torch.ones(5, 3, requires_grad=True)) == 3 * forward


@pytest.mark.parametrize(("cell", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_a_recurrent_layer_multiplies_with_all_its_weights_at_each_step(
    cell: Callable[..., nn.Module], gates: int
) -> None:
    texts, length, width, hidden = 4, 10, 16, 32
    layer = cell(width, hidden, batch_first=True)
    forward = 2 * texts * length * gates * hidden * (width + hidden)
    found = operations(layer, torch.ones(texts, length, width, requires_grad=True))
    assert found == pytest.approx(3 * forward, rel=0.05)  # the first state needs no gradient


def test_attention_multiplies_with_keys_and_with_values() -> None:
    queries = torch.ones(2, 4, 10, 16, requires_grad=True)
    keys, values = (torch.ones(2, 4, 20, 16, requires_grad=True) for _ in range(2))
    product = 2 * 2 * 4 * 10 * 20 * 16
    with operation_counter() as forward:
        seen = functional.scaled_dot_product_attention(queries, keys, values)
    assert forward.get_total_flops() == 2 * product
    with operation_counter() as backward:
        seen.sum().backward()  # type: ignore[no-untyped-call]
    assert backward.get_total_flops() == 5 * product  # the scores anew, and gradients for the factors of both


def test_two_layers_are_two_sums() -> None:
    both = operations(nn.LSTM(8, 8, num_layers=2), torch.ones(5, 3, 8, requires_grad=True))
    assert both == 2 * operations(nn.LSTM(8, 8), torch.ones(5, 3, 8, requires_grad=True))


def test_nothing_is_counted_twice_or_after_the_end() -> None:
    with operation_counter() as found:
        pass
    nn.Linear(3, 7)(torch.ones(5, 3))
    assert found.get_total_flops() == 0
