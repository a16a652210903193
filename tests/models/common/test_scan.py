"""The scan against a loop in double precision, forward and backward."""

from __future__ import annotations

import pytest
import torch

from lmcompare.models.common.scan import scan


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
