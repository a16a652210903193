"""What every neural model must keep, in every form that computes differently, and what their base class does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Memory, Network, blank, select
from tests.models.neural_cases import CASES, SMALL, build, trained
from tests.training.clock import stepping_clock
from tests.training.texts import TYPES, VOCABULARY, chain, fitted, ragged


def network_of(case: str) -> Network:
    """An untrained network whose numbers are all drawn, also those that would begin at zero."""
    torch.manual_seed(0)
    network = build(case).network(TYPES).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.normal_(0.0, 0.5)
            elif value.dtype == torch.uint8:  # the features of words
                value.random_(2)
    return network


class _Additions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects gradients of indexing in which a place occurs twice: threads add to it in the order they arrive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[torch.Size] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "index_put" in str(func) and len(args) > 3 and args[3]:
            table, places = args[0], [each for each in args[1] if each is not None]
            rows = np.stack([each.ravel() for each in np.broadcast_arrays(*(each.numpy() for each in places))], 1)
            if rows.dtype != bool and len(np.unique(rows, axis=0)) < len(rows):
                self.found.append(table.shape)
        return func(*args, **(kwargs or {}))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_no_gradient_depends_on_the_order_of_threads(case: str) -> None:
    with _Additions() as additions:
        fitted(build(case, steps=1))
    assert not additions.found


def test_an_order_of_threads_would_be_found() -> None:
    table = torch.ones(3, 2, requires_grad=True)
    with _Additions() as additions:
        torch.autograd.backward(table[torch.tensor([0, 2, 0])].sum())
    assert additions.found == [(3, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_a_network_reads_documents_in_pieces_side_by_side(case: str) -> None:
    network, inputs = network_of(case), torch.randint(0, TYPES, (3, 23))
    inputs[:, 0] = TYPES
    whole, _ = network(inputs, None)
    memory, begin, found = None, 0, []
    for end in (5, 6, 15, 23):
        features, memory = network(inputs[:, begin:end], memory)
        found.append(features)
        begin = end
    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network(inputs[[2, 0]], None)[0], whole[[2, 0]], atol=1e-5, rtol=1e-5)
    changed = inputs.clone()
    changed[:, 12] = (changed[:, 12] + 1) % TYPES
    other, _ = network(changed, None)
    torch.testing.assert_close(other[:, :12], whole[:, :12], atol=1e-6, rtol=1e-5)
    assert bool(((other[:, 12] - whole[:, 12]).abs().amax(-1) > 1e-6).all())
    assert memory is not None
    begun = blank(memory, torch.tensor([False, True, False]))  # the second row begins a document
    features, _ = network(inputs[:, :9], begun)
    torch.testing.assert_close(features[1], whole[1, :9], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        features[[0, 2]], network(inputs[[0, 2], :9], select(memory, torch.tensor([0, 2])))[0], atol=1e-5, rtol=1e-5
    )


@pytest.mark.slow
def test_two_streams_that_are_read_in_turns_leave_gradients_on() -> None:
    model, text = trained("rotary"), ragged()
    for (at, block), (other, same) in zip(model.stream(text), model.stream(text), strict=True):
        assert (at == other).all()
        assert (block == same).all()
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def context_vectors_predict(model: TorchLanguageModel) -> None:
    """From the vector of a place comes the next token's distribution; a bag gives each word one vector."""
    text = ragged()
    at = np.array([300, 47, 0, 47, len(text) - 1, int(text.ends[0]) - 1])
    vectors = model.context_vectors(text, at)
    assert vectors is not None
    if isinstance(model, Word2VecBow | WordNetBow):
        np.testing.assert_array_equal(vectors, model.word_vectors()[text.ids[at]])
        return
    head = model.trained_network().head
    with torch.inference_mode():
        predicted = head.log_probs(torch.from_numpy(vectors)).numpy()
    for row, start, place in zip(predicted, text.context_starts(at), at, strict=True):
        alone = Encoded.from_documents([text.ids[start : place + 1]], VOCABULARY)
        np.testing.assert_allclose(row, model.next_log_probs(alone, np.array([len(alone)]))[0], atol=1e-4)


def layer_vectors_end_in_those_in_context(model: TorchLanguageModel) -> None:
    text = ragged()
    at = np.array([300, 47, 0, 47, len(text) - 1, int(text.ends[0]) - 1])
    layers = model.layer_vectors(text, at)
    if not isinstance(model, Transformer):
        assert layers is None
        return
    assert layers is not None
    assert len(layers) == model.layers + 1
    network = model.trained_as(TransformerNetwork)
    with torch.inference_mode():
        last = network.last_norm(torch.from_numpy(layers[-1])).numpy()
        words = network.head.embed(torch.from_numpy(text.ids[at]).long()) * model.width**0.5
    vectors = model.context_vectors(text, at)
    assert vectors is not None
    np.testing.assert_allclose(last, vectors, atol=1e-4)
    if model.positions not in ("learned", "sinusoidal"):  # these add a vector of the position
        np.testing.assert_allclose(layers[0], words.numpy(), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["plain-lstm", "rotary", "learned", "bag", "wordnet-bag"])
def test_vectors_of_contexts_and_layers(case: str) -> None:
    context_vectors_predict(trained(case))
    layer_vectors_end_in_those_in_context(trained(case))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["plain-lstm", "rotary"])
def test_generating_reads_every_token_once(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained(case)
    network = model.trained_network()
    read, forward = [], network.forward

    def counted(inputs: torch.Tensor, memory: Memory | None) -> tuple[torch.Tensor, Memory]:
        read.append(inputs.numel())
        return forward(inputs, memory)

    monkeypatch.setattr(network, "forward", counted)
    stepper = model.stepper(np.arange(10), VOCABULARY)
    for token in range(30):
        stepper.push(token % TYPES)
        stepper.log_probs()
    assert read == [11, *[1] * 30]  # the beginning and the prefix, then one a step, however long the text


@pytest.mark.slow
@pytest.mark.parametrize("case", ["plain-lstm", "bag"])
def test_a_seed_decides_every_bit(case: str) -> None:
    states = [fitted(build(case), seed=seed).state() for seed in (3, 3, 4)]
    for name, value in states[0].arrays.items():
        np.testing.assert_array_equal(value, states[1].arrays[name])
    assert any((value != states[2].arrays[name]).any() for name, value in states[0].arrays.items())


SIZES = {
    "rotary": 1_000_000,
    **dict.fromkeys(("gru", "encoder-decoder", "bag", "wordnet-bag", "bengio", "cnn", "state-space"), 100_000),
}


def meets_a_size(case: str, wanted: int) -> None:
    model = build(case)
    found = model.sized(wanted, TYPES)
    assert found is not None
    resized = type(model)(**{**model.hyperparameters(), **found})
    states = resized.network(TYPES).state_dict()
    assert sum(value.numel() for value in states.values()) == pytest.approx(wanted, rel=0.1)
    assert ("hidden" in found) == ("hidden" in model.hyperparameters())


@pytest.mark.slow
@pytest.mark.parametrize(("case", "wanted"), SIZES.items())
def test_a_requested_size_is_met(case: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # torch's compiler, which takes seconds to import
    meets_a_size(case, wanted)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("width", [1, 33])
def test_the_width_of_the_nearest_size_is_found(width: int, more: int) -> None:
    size = sum(value.numel() for value in build("cnn", width=width).network(TYPES).state_dict().values())
    assert build("cnn").sized(size + more, TYPES) == {"width": width}


@pytest.mark.slow
def test_a_requested_size_keeps_proportions_and_absent_layers() -> None:
    found = build("gru", width=100, hidden=200).sized(500_000, TYPES)
    assert found is not None
    assert found["hidden"] == pytest.approx(2 * found["width"], abs=1)
    assert build("linear-bag").sized(5000, TYPES)["hidden"] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("case", "parameters", "types", "said"),
    [
        ("rotary", 1000, 5000, r"since it has at least .* 5,000 types"),
        ("gru", 10**14, 5000, "match fewer"),
        ("gru", 10**300, 5000, "match fewer"),
    ],
)
def test_an_impossible_size_is_refused(case: str, parameters: int, types: int, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        build(case).sized(parameters, types)


@pytest.mark.parametrize("widths", [("widht",), {"cell": 64}, ("dropout",)])
def test_widths_that_are_not_whole_numbers_are_refused(widths: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RnnAttention, "widths", widths)
    with pytest.raises(PluginError, match=r"RnnAttention\.widths names"):
        build("gru").sized(100_000, TYPES)


def test_an_empty_training_text_is_refused() -> None:
    empty = Encoded.from_documents([[]], VOCABULARY)
    with pytest.raises(LmcompareError, match="no tokens"):
        build("gru").fit(empty, empty, Setting(VOCABULARY))


@pytest.mark.slow
def test_preparation_counts_in_a_budget_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = stepping_clock(monkeypatch)

    class Slow(RnnAttention):
        def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
            now[0] += 5.0

    settings = {**SMALL, **CASES["gru"][1]}
    with pytest.raises(LmcompareError, match=r"5 s was over before the first training step"):
        fitted(Slow(**settings), budget=Budget(seconds=5.0))
    steps: list[int] = []
    fitted(Slow(**settings), budget=Budget(seconds=8.0), progress=lambda p: steps.append(p.step))
    assert max(steps) == 3


@pytest.mark.slow
def test_a_run_with_a_budget_of_seconds_continues_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """As if the power went."""

    stepping_clock(monkeypatch)
    measured: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.valid_loss is not None:
            measured.append(progress.step)
            if len(measured) == 3:
                raise Killed

    limit: dict[str, Any] = {"budget": Budget(seconds=40.0), "checkpoints": tmp_path}
    with pytest.raises(Killed):
        fitted(build("bag"), **limit, progress=kill)
    heard: list[Progress] = []
    fitted(build("bag"), **limit, progress=heard.append)
    assert [each.note for each in heard if each.note] == [f"continues from step {measured[1]:,}"]
    assert [heard[0].step, heard[-1].step] == [measured[1], 40], "it went on from the second measurement"


@pytest.mark.slow
def test_unknown_words_are_learned_from_words_that_occur_once() -> None:
    text = chain(1, 20, 40)
    counts = np.bincount(text.ids, minlength=TYPES)
    ids = text.ids.copy()
    ids[ids == 0] = 2
    rare = np.flatnonzero(ids == 5)[1:]
    ids[rare] = 3  # one 5 is left
    assert counts[0] > 0
    model = fitted(build("gru"), Encoded(ids, text.starts, VOCABULARY))
    assert any("words that occur once were read as <unk>" in note for note in model.notes)
    assert not any("<unk>" in note for note in fitted(build("gru"), text).notes)
