"""Tests of the full, the sampled and the class softmax, against torch, the formulas, and word by word."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lmcompare.training import softmax
from lmcompare.training.softmax import IGNORED, Candidates, ClassHead, Head, full_cross_entropy, sampled_cross_entropy


def head_and_targets(types: int = 50, n: int = 23) -> tuple[Head, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    head = Head(types, 6)
    torch.nn.init.normal_(head.bias)
    return head, torch.randn(n, 6, requires_grad=True), torch.randint(0, types, (n,))


def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "CHUNK_ELEMENTS", 200)
    monkeypatch.setattr(softmax, "STEP", 4)


def slopes(loss: torch.Tensor, head: Head, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(loss, [features, head.table, head.bias])


def test_the_full_loss_and_its_gradient_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)  # 4 rows at a time
    head, features, targets = head_and_targets()
    mine = head.full_loss(features, targets)
    plain = torch.nn.functional.cross_entropy(features @ head.table[:50].T + head.bias, targets)
    torch.testing.assert_close(mine, plain)
    for a, b in zip(slopes(3 * mine, head, features), slopes(3 * plain, head, features), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("candidates", [None, 20])
def test_tied_vectors_get_the_sum_of_both_gradients(candidates: int | None) -> None:
    head, _, targets = head_and_targets()
    inputs = torch.randint(0, 51, targets.shape)  # 50 is the beginning of a document

    def slope(vectors: torch.Tensor) -> torch.Tensor:
        drawn = None if candidates is None else Candidates(np.arange(50), candidates).draw(1, 0, targets.numpy())
        features = torch.tanh(vectors)
        loss = head.full_loss(features, targets) if drawn is None else head.sampled_loss(features, targets, *drawn)
        return torch.autograd.grad(loss, head.table)[0]

    found = slope(head.embed(inputs))
    assert not found.is_sparse, "optimisers for dense slopes take it"
    torch.testing.assert_close(found, slope(head.table[inputs]))


@pytest.mark.parametrize(("rows", "elements"), [(512, 2**19), (7, 30), (5, 1), (23, 23 * 50)])
def test_log_probabilities_are_those_of_torch_for_any_piece_size(
    monkeypatch: pytest.MonkeyPatch, rows: int, elements: int
) -> None:
    monkeypatch.setattr(softmax, "ROWS", rows)
    monkeypatch.setattr(softmax, "WHOLE_ROWS", rows)
    monkeypatch.setattr(softmax, "PIECE_ELEMENTS", elements)
    head, features, targets = head_and_targets()
    with torch.no_grad():
        plain = torch.log_softmax(features @ head.table[:50].T + head.bias, 1)
        torch.testing.assert_close(head.log_probs(features), plain)
        torch.testing.assert_close(head.log_prob_of(features, targets), plain.gather(1, targets[:, None]).squeeze(1))


def test_a_later_piece_may_have_much_greater_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "PIECE_ELEMENTS", 23 * 10)  # ten words at a time
    head, features, targets = head_and_targets()
    with torch.no_grad():
        head.bias[15], head.bias[37] = 300.0, 1000.0  # e^89 is more than a float32 holds
        plain = torch.log_softmax(features @ head.table[:50].T + head.bias, 1)
        torch.testing.assert_close(head.log_probs(features), plain)
        torch.testing.assert_close(head.log_prob_of(features, targets), plain.gather(1, targets[:, None]).squeeze(1))


def test_nan_stays_nan() -> None:
    head, features, targets = head_and_targets()
    with torch.no_grad():
        head.table[3] = torch.nan
        assert head.log_probs(features).isnan().all()
        assert head.log_prob_of(features, targets).isnan().all()


def test_no_probability_exceeds_one() -> None:
    head = Head(3, 2)
    with torch.no_grad():
        head.table.copy_(torch.tensor([[1e3, 1.0], [0.1, 0.3], [0.2, 0.7], [0.0, 0.0]]))
        features = 1e2 * torch.rand(64, 2, generator=torch.Generator().manual_seed(0)) + 1
        assert head.log_prob_of(features, torch.zeros(64, dtype=torch.long)).max() <= 0
        assert head.log_probs(features).max() <= 0


def test_the_sampled_loss_and_its_gradient_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)
    head, features, targets = head_and_targets()
    own = torch.unique(targets)
    others = torch.tensor([word for word in torch.randperm(50).tolist() if word not in own][:12])
    words, log_q = torch.cat([own, others]), torch.cat([torch.zeros(len(own)), -torch.rand(len(others))])
    shuffled = torch.randperm(len(words))
    words, log_q = words[shuffled], log_q[shuffled]
    given = (features, head.table, head.bias, targets, words, log_q)
    mine = sampled_cross_entropy(*given)
    scores = features @ head.table[:50].T + head.bias
    losses = []
    for row, target in enumerate(targets):
        z = scores[row, target].exp()
        for word, q in zip(words, log_q, strict=True):
            if word != target:
                z = z + (scores[row, word] - q).exp()
        losses.append(z.log() - scores[row, target])
    plain = torch.stack(losses).mean()
    torch.testing.assert_close(mine, plain)
    for a, b in zip(slopes(3 * mine, head, features), slopes(3 * plain, head, features), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_a_sample_without_a_target_is_refused() -> None:
    head, features, targets = head_and_targets()
    words = torch.tensor([word for word in range(50) if word != targets[5]])
    with pytest.raises(ValueError, match="all targets"):
        head.sampled_loss(features, targets, words, torch.zeros(49))


@pytest.mark.parametrize("sampled", [False, True])
def test_what_is_beside_the_softmax_is_added_to_its_probabilities(
    sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    head, features, targets = head_and_targets()
    beside = (torch.rand(len(targets)).log() - 2).index_fill(0, torch.tensor([3]), -torch.inf).requires_grad_()
    given = (features, head.table, head.bias, targets)
    if sampled:  # a sample of all words is the full softmax
        mine = sampled_cross_entropy(*given, torch.randperm(50), torch.zeros(50), beside=beside)
    else:
        mine = full_cross_entropy(*given, beside)
    p = torch.softmax(features @ head.table[:50].T + head.bias, 1)[torch.arange(len(targets)), targets]
    plain = -(p + beside.exp()).log().mean()
    torch.testing.assert_close(mine, plain)
    leaves = [features, head.table, head.bias, beside]
    for a, b in zip(torch.autograd.grad(3 * mine, leaves), torch.autograd.grad(3 * plain, leaves), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


@pytest.mark.slow
def test_the_estimate_of_the_sum_is_unbiased() -> None:
    head, features, targets = head_and_targets()
    counts = np.random.default_rng(0).integers(0, 100, 50)
    candidates = Candidates(counts, 12)
    scores = (features @ head.table[:50].T + head.bias).detach()
    own = scores.gather(1, targets[:, None])
    z = torch.zeros(len(targets))
    for step in range(3000):
        words, log_q = candidates.draw(1, step, np.array([[4, 17], [4, IGNORED]]))
        part = (scores[:, words] - log_q).exp().masked_fill(words == targets[:, None], 0.0)
        z += part.sum(1) / 3000
    true = scores.exp().sum(1) - own.squeeze(1).exp()
    torch.testing.assert_close(z, true, rtol=0.07, atol=0.0)


@pytest.mark.slow
def test_negative_samples_are_distinct_and_drawn_with_their_probabilities() -> None:
    counts = np.array([1000, 500, 0, 3, 3, 20, 7, 1, 0, 90])
    candidates = Candidates(counts, 4)
    # add-one smoothed, 1001, 501 and 91 of 1634 are sure to be drawn, and the other 41 share one place
    expected = torch.tensor([41, 41, 1, 4, 4, 21, 8, 2, 1, 41], dtype=torch.float64) / 41
    torch.testing.assert_close(candidates.probability, expected)
    drawn = torch.zeros(10)
    for step in range(2000):
        words, log_q = candidates.draw(0, step, np.array([], np.int64))
        assert len(set(words.tolist())) == 4
        torch.testing.assert_close(log_q.exp().double(), candidates.probability[words], rtol=1e-5, atol=0.0)
        drawn[words] += 1
    torch.testing.assert_close(drawn.double() / 2000, candidates.probability, atol=0.04, rtol=0.0)


def test_the_predicted_words_are_always_in_the_sample() -> None:
    candidates = Candidates(np.arange(200), 20)
    plain = candidates.draw(0, 5, np.array([], np.int64))
    words, log_q = candidates.draw(0, 5, np.array([[3, 150, 3], [199, IGNORED, IGNORED]]))
    assert words[:3].tolist() == [3, 150, 199]
    assert not log_q[:3].any()
    others = [int(w) for w in plain[0] if int(w) not in (3, 150, 199)]
    assert words[3:].tolist() == others
    torch.testing.assert_close(log_q[3:].exp().double(), candidates.probability[others], rtol=1e-5, atol=0.0)


def test_a_sample_depends_only_on_the_seed_and_the_step() -> None:
    candidates, random = Candidates(np.arange(200), 20), torch.get_rng_state()
    own = np.array([5, 9])
    first = candidates.draw(3, 7, own)[0]
    assert not torch.equal(first, candidates.draw(3, 8, own)[0])
    assert not torch.equal(first, candidates.draw(4, 7, own)[0])
    assert torch.equal(first, Candidates(np.arange(200), 20).draw(3, 7, own)[0])
    assert torch.equal(random, torch.get_rng_state())


def test_more_negative_samples_than_words_are_all_words() -> None:
    candidates = Candidates(np.arange(5), 9)
    words, log_q = candidates.draw(0, 0, np.array([2]))
    assert sorted(words.tolist()) == [0, 1, 2, 3, 4]
    assert not log_q.any()


def test_training_starts_at_the_unigram() -> None:
    head = Head(4, 3)
    head.start_from(np.array([0, 2, 5, 9]))
    p = head.log_probs(torch.zeros(1, 3)).exp()[0]
    np.testing.assert_allclose(p.detach(), np.array([1, 3, 6, 10]) / 20, rtol=1e-5)


def test_bfloat16_changes_the_gradient_by_rounding_only() -> None:
    head, features, targets = head_and_targets()
    exact = slopes(full_cross_entropy(features, head.table, head.bias, targets), head, features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = full_cross_entropy(features, head.table, head.bias, targets)
    assert loss.dtype == torch.float32
    for a, b in zip(slopes(loss, head, features), exact, strict=True):
        assert (a - b).abs().max() < 0.02 * b.abs().max()


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
    monkeypatch.setattr(softmax, "CLASS_ELEMENTS", elements)
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
