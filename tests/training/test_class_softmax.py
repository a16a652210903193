"""The softmax over classes and their words, against the same computed word by word."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lmcompare.training import class_softmax
from lmcompare.training.class_softmax import ClassHead

CLASS_OF = np.array([3, 0, 1, 0, 1, 0, 3, 1, 5])  # 2 and 4 have no words, 5 has one


@pytest.fixture
def head() -> ClassHead:
    torch.manual_seed(0)
    head = ClassHead(9, 4, 6)
    head.classify(CLASS_OF, np.arange(9))
    torch.nn.init.normal_(head.bias)
    return head


def by_hand(head: ClassHead, features: Tensor) -> Tensor:
    """(n, V): log p(class) + log p(word | class), in float64."""
    x, table, of_class = (each.double() for each in (features, head.table[:9], head.class_table))
    classes = torch.from_numpy(CLASS_OF)
    own = x @ table.T + head.bias.double()
    there = torch.isin(torch.arange(6), classes)
    scores = (x @ of_class.T + head.class_bias.double()).exp() * there
    rows = []
    for word in range(9):
        mine = (own.exp() * (classes == classes[word])).sum(1)
        rows.append((own[:, word].exp() / mine * scores[:, classes[word]] / scores.sum(1)).log())
    return torch.stack(rows, 1)


def test_the_probabilities(head: ClassHead) -> None:
    x = torch.randn(5, 4)
    found = head.log_probs(x)
    torch.testing.assert_close(found.double(), by_hand(head, x), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(5))
    of_class = head.class_log_probs(x).exp()
    assert of_class[:, [2, 4]].sum() == 0
    torch.testing.assert_close(of_class[:, 1], found[:, [2, 4, 7]].exp().sum(1))


@pytest.mark.parametrize("elements", [3, 2**22])
def test_one_probability_each(head: ClassHead, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_softmax, "ELEMENTS", elements)
    x, targets = torch.randn(20, 4), torch.arange(20) % 9
    found = head.log_prob_of(x, targets)
    torch.testing.assert_close(found, head.log_probs(x).gather(1, targets[:, None])[:, 0])


def test_the_loss_and_its_gradient(head: ClassHead) -> None:
    targets = torch.tensor([0, 2, 2, 8, 5])
    gradients = []
    for how in ("by hand", "full", "sampled"):
        head.zero_grad()
        x = torch.arange(20.0).view(5, 4).sin().requires_grad_()
        if how == "by hand":
            loss = -by_hand(head, x).gather(1, targets[:, None]).mean()
        elif how == "full":
            loss = head.full_loss(x, targets)
        else:
            loss = head.sampled_loss(x, targets, torch.tensor([1]), torch.zeros(1))
        torch.autograd.backward(loss)
        gradients.append([loss.double(), x.grad, *(weight.grad for weight in head.parameters())])
    for other in gradients[1:]:
        for wanted, got in zip(gradients[0], other, strict=True):
            torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4, check_dtype=False)


def test_it_begins_at_the_frequencies() -> None:
    counts = np.arange(9)
    head = ClassHead(9, 4, 6)
    head.start_from(counts)
    head.classify(CLASS_OF, counts)
    torch.testing.assert_close(
        head.log_probs(torch.zeros(1, 4))[0].exp().double(), torch.from_numpy((counts + 1) / (counts + 1).sum())
    )
