"""The chunked gated delta rule against a loop in double precision, and what the rule means."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lmcompare.models.linear_attention import recurrence
from lmcompare.models.linear_attention.recurrence import gated_delta_rule


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("length", [1, 7, 16, 37])
def test_chunks_compute_the_rule(begun: bool, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "CHUNK", 16)
    torch.manual_seed(length)
    query, value = torch.randn(2, 3, length, 6), torch.randn(2, 3, length, 4)
    key = functional.normalize(torch.randn(2, 3, length, 6), dim=-1)
    log_decay, rate = -torch.rand(2, 3, length), torch.rand(2, 3, length)
    state = torch.randn(2, 3, 6, 4) if begun else None
    q, k, v, b = (each.double() for each in (query, key, value, rate))
    memory = torch.zeros(2, 3, 6, 4, dtype=torch.float64) if state is None else state.double()
    wanted = []
    for t in range(length):
        # Yang et al. 2025, equation 10, transposed: S (I - β k kᵀ) a + β v kᵀ
        memory = log_decay[:, :, t].double().exp()[..., None, None] * memory
        erased = torch.eye(6) - b[:, :, t, None, None] * k[:, :, t, :, None] * k[:, :, t, None, :]
        memory = erased @ memory + b[:, :, t, None, None] * k[:, :, t, :, None] * v[:, :, t, None, :]
        wanted.append((q[:, :, t, None] @ memory)[:, :, 0])
    found, last = gated_delta_rule(query, key, value, log_decay, rate, state)
    torch.testing.assert_close(found.double(), torch.stack(wanted, 2), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last.double(), memory, atol=1e-4, rtol=1e-4)


def test_a_second_value_replaces_the_first_one_under_the_same_key() -> None:
    key = torch.tensor([1.0, 0.0]).expand(1, 1, 2, 2)
    value = torch.tensor([[3.0, 4.0], [-1.0, 5.0]])[None, None]
    found, _ = gated_delta_rule(key, key, value, torch.zeros(1, 1, 2), torch.ones(1, 1, 2), None)
    torch.testing.assert_close(found, value)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    given = [torch.randn(1, 1, 5, 2) for _ in range(3)]
    given[1] = functional.normalize(given[1], dim=-1)
    gates = [-torch.rand(1, 1, 5), torch.rand(1, 1, 5)]
    inputs = [each.requires_grad_() for each in (*given, *gates)]

    def total() -> torch.Tensor:
        query, key, value, log_decay, rate = inputs
        return gated_delta_rule(query, key, value, log_decay, rate, None)[0].double().sum()

    gradients = torch.autograd.grad(total(), inputs)
    step = 1e-2
    with torch.no_grad():
        for each, gradient in zip(inputs, gradients, strict=True):
            each.reshape(-1)[3] += step
            above = total()
            each.reshape(-1)[3] -= 2 * step
            below = total()
            each.reshape(-1)[3] += step
            assert float((above - below) / (2 * step)) == pytest.approx(float(gradient.reshape(-1)[3]), abs=0.02)
