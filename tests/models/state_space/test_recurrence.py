"""The chunked state space against a loop in double precision."""

from __future__ import annotations

import pytest
import torch

from lmcompare.models.state_space import recurrence
from lmcompare.models.state_space.recurrence import decays, selective_scan


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("length", [1, 7, 16, 37])
def test_chunks_compute_the_recurrence(begun: bool, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "CHUNK", 16)
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
