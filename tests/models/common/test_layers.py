"""Tests of the layers that several families share, against torch's convolution."""

from __future__ import annotations

import pytest
import torch

from lmcompare.models.common.layers import convolved


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
