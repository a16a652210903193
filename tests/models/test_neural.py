"""What every neural model must keep, in every form that computes differently."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.rnn_attention.plugin import RnnAttention
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.testing import parametrize_with_checks
from lmcompare.tokens import Encoded
from lmcompare.training.network import Memory, Network
from tests.models.neural_cases import CASES, SMALL, build, factory, trained
from tests.training.texts import TYPES, VOCABULARY, chain, fitted, ragged

pytestmark = pytest.mark.slow

KIT = (  # the checks of the kit that depend on how a network computes; the others are asked in tests/conformance
    "sums-to-one",
    "finite-and-at-most-zero",
    "log-probs-agree",
    "positions-do-not-mix",
    "stream-agrees",
    "stepper-agrees",
    "future-leaves-past-alone",
    "independent-of-neighbours",
    "carries-state-as-declared",
    "empty-document",
    "very-long-document",
    "save-and-load",
    "notes-are-sentences",
    "context-vectors-fit",
)
every_case = pytest.mark.parametrize("case", CASES)


@parametrize_with_checks([factory(case) for case in CASES], budget=Budget(steps=8), only=KIT)
def test_every_case_keeps_the_contract(model: object, check: Callable[[object], None]) -> None:
    check(model)


@every_case
def test_the_past_matters(case: str) -> None:
    model, text = trained(case), ragged()
    ids = text.ids.copy()
    ids[199] = (ids[199] + 5) % TYPES
    changed = model.next_log_probs(Encoded(ids, text.starts, VOCABULARY), np.array([200]))
    assert np.abs(changed - model.next_log_probs(text, np.array([200]))).max() > 1e-6


def test_two_streams_that_are_read_in_turns_leave_gradients_on() -> None:
    model, text = trained("rotary"), ragged()
    for (at, block), (other, same) in zip(model.stream(text), model.stream(text), strict=True):
        assert (at == other).all()
        assert (block == same).all()
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


@every_case
def test_context_vectors_predict_the_next_token(case: str) -> None:
    model, text = trained(case), ragged()
    at = np.array([300, 47, 0, 47, len(text) - 1, int(text.ends[0]) - 1])
    vectors = model.context_vectors(text, at)
    assert vectors is not None
    if isinstance(model, Word2VecBow | WordNetBow):  # a word is the same in every bag
        np.testing.assert_array_equal(vectors, model.word_vectors()[text.ids[at]])
        return
    head = model.trained_network().head
    with torch.inference_mode():
        predicted = head.log_probs(torch.from_numpy(vectors)).numpy()
    for row, start, place in zip(predicted, text.context_starts(at), at, strict=True):
        alone = Encoded.from_documents([text.ids[start : place + 1]], VOCABULARY)
        np.testing.assert_allclose(row, model.next_log_probs(alone, np.array([len(alone)]))[0], atol=1e-4)


@every_case
def test_the_vectors_of_the_last_layer_are_those_in_context(case: str) -> None:
    model, text = trained(case), ragged()
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


@every_case
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


@every_case
def test_a_seed_decides_every_bit(case: str) -> None:
    states = [fitted(build(case), seed=seed).state() for seed in (3, 3, 4)]
    for name, value in states[0].arrays.items():
        np.testing.assert_array_equal(value, states[1].arrays[name])
    assert any((value != states[2].arrays[name]).any() for name, value in states[0].arrays.items())


@every_case
def test_it_yields_well_formed_exhibits(case: str) -> None:
    model = trained(case)
    text = Encoded.from_documents([[2, 3, 4, 5, 6, 7, 8, 1], [2, 1], []], VOCABULARY)
    titles = [exhibit.title for exhibit in model.exhibits(text)]
    assert "Nearest words" in titles
    assert "Its equation" in titles
    vectors = model.word_vectors()
    assert vectors is not None
    assert vectors.shape[0] == TYPES


@pytest.mark.parametrize("case", [case for case in CASES if case != "no-positions"])
@pytest.mark.parametrize("wanted", [100_000, 1_000_000])
def test_a_requested_size_is_met(case: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # torch's compiler, which takes seconds to import
    model = build(case)
    found = model.sized(wanted, TYPES)
    assert found is not None
    resized = type(model)(**{**model.hyperparameters(), **found})
    states = resized.network(TYPES).state_dict()
    assert sum(value.numel() for value in states.values()) == pytest.approx(wanted, rel=0.1)
    assert ("hidden" in found) == ("hidden" in model.hyperparameters())


def test_a_requested_size_keeps_proportions_and_absent_layers() -> None:
    found = build("gru", width=100, hidden=200).sized(500_000, TYPES)
    assert found is not None
    assert found["hidden"] == pytest.approx(2 * found["width"], abs=1)
    assert build("bag-of-a-sentence").sized(5000, TYPES)["hidden"] == 0  # type: ignore[index]


def test_a_size_below_the_smallest_network_is_refused() -> None:
    with pytest.raises(PluginError, match=r"since it has at least .* with a vocabulary of 5,000 types"):
        build("rotary").sized(1000, 5000)


@pytest.mark.parametrize("parameters", [10**14, 10**19, 10**300])
def test_a_size_beyond_every_machine_is_refused(parameters: int) -> None:
    with pytest.raises(PluginError, match="match fewer"):
        build("gru").sized(parameters, 5000)


@pytest.mark.parametrize("widths", [("widht",), {"cell": 64}, ("dropout",)])
def test_widths_that_are_not_whole_numbers_are_refused(widths: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RnnAttention, "widths", widths)
    with pytest.raises(PluginError, match=r"RnnAttention\.widths names"):
        build("gru").sized(100_000, TYPES)


@every_case
@pytest.mark.parametrize("wrong", [{"batch": 0}, {"patience": -1}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_wrong_settings_are_refused_at_once(case: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(LmcompareError, match=next(iter(wrong))):
        build(case, **wrong)


@every_case
def test_an_empty_training_text_is_refused(case: str) -> None:
    empty = Encoded.from_documents([[]], VOCABULARY)
    with pytest.raises(LmcompareError, match="training text is empty"):
        build(case).fit(empty, empty, Setting(VOCABULARY))


def test_a_budget_in_tokens() -> None:
    read: list[int] = []
    fitted(build("gru"), budget=Budget(tokens=700), progress=lambda p: read.append(p.tokens or 0))
    assert 700 <= read[-1] < 700 + 4 * 16


def test_preparation_counts_in_a_budget_of_seconds() -> None:
    class Slow(RnnAttention):
        def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
            time.sleep(0.5)

    started = time.perf_counter()
    steps: list[int] = []
    slow = Slow(**{**SMALL, **CASES["gru"][1]})
    with pytest.raises(LmcompareError, match=r"0\.5 s was over before the first training step"):
        fitted(slow, budget=Budget(seconds=0.5), progress=lambda p: steps.append(p.step))
    assert not steps
    assert time.perf_counter() - started > 0.5


def test_a_run_with_a_budget_of_seconds_continues_too(tmp_path: Path) -> None:
    class Killed(BaseException):
        """As if the power went."""

    measured: list[int] = []
    steps: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.valid_loss is not None:
            measured.append(progress.step)
            if len(measured) == 3:
                raise Killed

    limit: dict[str, Any] = {"budget": Budget(seconds=2.0), "checkpoints": tmp_path}
    with pytest.raises(Killed):
        fitted(build("bag"), **limit, progress=kill)
    said: list[str] = []

    def hear(progress: Progress) -> None:
        steps.append(progress.step)
        said.append(progress.note)

    fitted(build("bag"), **limit, progress=hear)
    assert min(steps) == measured[1] > 0, "it went on from the second measurement"
    assert [note for note in said if note] == [f"continues from step {measured[1]:,}"]


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
