"""More computation at inference: a network that learns as it reads, and mixtures of scores."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.lab.bench import Bench
from lmcompare.lab.experiments.inference import CLIP, PIECE, adapted_log_probs, best_weight, mixed
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Memory, detach
from tests.training.texts import TYPES, VOCABULARY, chain, fitted

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"width": 16, "steps": 30, "batch": 4, "length": 16, "precision": "float32"}
MODELS = (Transformer(heads=2, window=20, **SMALL), Rnn(hidden=16, **SMALL))


@pytest.fixture(params=MODELS, ids=lambda model: type(model).__name__, scope="module")
def model(request: pytest.FixtureRequest) -> TorchLanguageModel:
    made: TorchLanguageModel = request.param
    return fitted(made)


def test_without_a_rate_the_scores_are_those_of_the_model(model: TorchLanguageModel) -> None:
    text = chain(7, 3, 150)
    assert adapted_log_probs(model, text, 0.0) == pytest.approx(model.log_probs(text), abs=1e-4)


def test_it_learns_from_the_past_of_the_document_alone(model: TorchLanguageModel) -> None:
    before = {name: value.clone() for name, value in model.trained_network().state_dict().items()}
    pattern = np.tile([2, 7, 3, 9, 4], 80)  # which the chain of the training does not have
    text = Encoded.from_documents([pattern, pattern], VOCABULARY)
    plain, adapted = model.log_probs(text), adapted_log_probs(model, text, 0.5)
    assert adapted[:PIECE] == pytest.approx(plain[:PIECE], abs=1e-4)  # nothing was learnt yet
    assert adapted[200:400].mean() > plain[200:400].mean() + 0.1
    assert adapted[400:] == pytest.approx(adapted[:400], abs=1e-4)  # the second document begins anew
    after = model.trained_network().state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_between_two_pieces_is_one_step_of_gradient_descent(model: TorchLanguageModel) -> None:
    text, rate = chain(7, 1, PIECE + 30), 0.5
    network = copy.deepcopy(model.trained_network()).eval()
    network.zero_grad()
    inputs = network.inputs(text.ids)

    def nats(first: int, last: int, memory: Memory | None) -> tuple[torch.Tensor, Memory]:
        features, left = network(inputs[:, first:last], memory)
        logits = features[0] @ network.head.table[:TYPES].T + network.head.bias
        return logits.log_softmax(-1).gather(1, inputs[0, first + 1 : last + 1, None])[:, 0], detach(left)

    before, memory = nats(0, PIECE, None)
    torch.autograd.backward(-before.mean())
    slopes = [(p, p.grad.to_dense()) for p in network.parameters() if p.grad is not None]
    norm = float(torch.stack([slope.square().sum() for _, slope in slopes]).sum().sqrt())
    with torch.no_grad():
        for parameter, slope in slopes:
            parameter.sub_(slope, alpha=rate * min(1.0, CLIP / norm))
        after, _ = nats(PIECE, len(text), memory)
    found = adapted_log_probs(model, text, rate)
    assert found[:PIECE] == pytest.approx(before.detach().numpy(), abs=1e-4)
    assert found[PIECE:] == pytest.approx(after.numpy(), abs=1e-4)
    assert np.abs(found[PIECE:] - model.log_probs(text)[PIECE:]).max() > 1e-3  # the step is no small one


def test_what_comes_later_changes_nothing_before(model: TorchLanguageModel) -> None:
    text = chain(7, 1, 200)
    altered = np.array(text.ids)
    altered[150:] = 5
    one, two = (adapted_log_probs(model, each, 0.5) for each in (text, Encoded(altered, text.starts, VOCABULARY)))
    assert one[:150] == pytest.approx(two[:150], abs=1e-5)


def test_an_empty_document(model: TorchLanguageModel) -> None:
    told: list[float] = []
    unused: Any = None
    text = Encoded.from_documents([[], [2, 3]], VOCABULARY)
    assert len(adapted_log_probs(model, text, 0.1, Bench(unused, {}, told.append).each)) == 2
    assert told == [0.5, 1.0]


def test_a_mixture_by_hand() -> None:
    one, other = np.log([0.5, 0.1]), np.log([0.1, 0.3])
    assert np.exp(mixed(one, other, 0.25)) == pytest.approx([0.2, 0.25])
    assert mixed(one, other, 1.0) == pytest.approx(one)
    assert mixed(one, other, 0.0) == pytest.approx(other)


def test_the_best_weight_is_near_that_of_the_truth() -> None:
    first = np.random.default_rng(0).random(4000) < 0.7  # 70 % of the tokens come from the first model
    one, other = np.log(np.where(first, 0.9, 0.01)), np.log(np.where(first, 0.01, 0.9))
    assert best_weight([one], [other]) == pytest.approx(0.7, abs=0.051)
