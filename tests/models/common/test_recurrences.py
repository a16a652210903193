"""What networks compute in parallel or in chunks is what a loop computes: convolutions, scans and recurrences."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lmcompare.models import linear_attention, state_space
from lmcompare.models.common.layers import convolved, scan
from lmcompare.models.linear_attention import gated_delta_rule
from lmcompare.models.state_space import decays, selective_scan


@pytest.mark.parametrize("before", [2, 3])
@pytest.mark.parametrize("length", [1, 5])
def test_sums_over_vectors_in_a_row_and_their_gradients_are_those_of_torch(before: int, length: int) -> None:
    torch.manual_seed(0)
    size, width = 3, 4
    x = torch.randn(2, length, width, requires_grad=True)
    past = torch.randn(2, before, width, requires_grad=True)
    weight = torch.randn(size, width, requires_grad=True)
    found, left = convolved(x, past, weight, before)
    whole = torch.cat([past, x], 1)
    plain = torch.nn.functional.conv1d(whole.mT, weight.T[:, None], groups=width).mT[:, :length]
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(left, whole[:, length:])
    slope = torch.randn_like(found)
    leaves = [x, past, weight]
    mine, theirs = torch.autograd.grad(found, leaves, slope), torch.autograd.grad(plain, leaves, slope)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_the_vectors_before_a_document_are_zeros() -> None:
    x, weight = torch.randn(2, 5, 4), torch.randn(3, 4)
    found, _ = convolved(x, None, weight, 2)
    torch.testing.assert_close(found, convolved(x, torch.zeros(2, 2, 4), weight, 2)[0])


@pytest.mark.parametrize("begun", [False, True])
def test_states_and_gradients_are_those_of_a_loop(begun: bool) -> None:
    torch.manual_seed(0)
    keep = torch.rand(3, 9, 4, requires_grad=True)
    add = torch.randn(3, 9, 4, requires_grad=True)
    before = torch.randn(3, 4, requires_grad=True)
    weigh = torch.randn(3, 9, 4)

    states, state = [], before if begun else torch.zeros(3, 4)
    for t in range(9):
        state = keep[:, t] * state + add[:, t]
        states.append(state)
    expected = torch.stack(states, 1)
    inputs = [keep, add, *([before] if begun else [])]
    gradients = torch.autograd.grad((expected * weigh).sum(), inputs)

    found = scan(keep, add, before if begun else None)
    torch.testing.assert_close(found, expected)
    for each, wanted in zip(torch.autograd.grad((found * weigh).sum(), inputs), gradients, strict=True):
        torch.testing.assert_close(each, wanted)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("length", [1, 7, 16, 37])
def test_chunks_compute_the_recurrence(begun: bool, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_space, "CHUNK", 16)
    torch.manual_seed(length)
    x, write, read = torch.randn(2, length, 3, 5), torch.randn(2, length, 4), torch.randn(2, length, 4)
    log_decay = -torch.rand(2, length, 3)
    state = torch.randn(2, 3, 5, 4) if begun else None
    carried = torch.zeros(2, 3, 5, 4, dtype=torch.float64) if state is None else state.double()
    wanted = []
    for t in range(length):
        added = x[:, t, :, :, None].double() * write[:, t, None, None].double()
        carried = log_decay[:, t].double().exp()[..., None, None] * carried + added
        wanted.append((carried * read[:, t, None, None].double()).sum(-1))
    found, last = selective_scan(x, write, read, log_decay, state)
    torch.testing.assert_close(found.double(), torch.stack(wanted, 1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last.double(), carried, atol=1e-4, rtol=1e-4)


def test_a_state_that_is_forgotten_at_once_gives_finite_gradients() -> None:
    log_decay = torch.full((1, 40, 1), -1e4, requires_grad=True)
    x = torch.randn(1, 40, 1, 2)
    found, _ = selective_scan(x, torch.ones(1, 40, 1), torch.ones(1, 40, 1), log_decay, None)
    torch.testing.assert_close(found, x)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert log_decay.grad is not None
    assert bool(log_decay.grad.isfinite().all())


def test_decays_are_products() -> None:
    found = decays(torch.tensor([-0.5, -0.7, -1.7]))
    wanted = torch.tensor([[0.0, -torch.inf, -torch.inf], [-0.2, 0.0, -torch.inf], [-1.2, -1.0, 0.0]]).exp()
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("length", [1, 7, 16, 37])
def test_chunks_compute_the_rule(begun: bool, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_attention, "CHUNK", 16)
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


def test_gradients_of_the_rule_are_those_of_finite_differences() -> None:
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
