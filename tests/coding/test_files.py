"""Compressed files: the text comes back from the model that wrote them, and from no other."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lmcompare import Comparison, coding
from lmcompare.coding import Written, compress, compressor, decompress
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.trained import TrainedModel
from tests.harness.small import made_run

pytestmark = pytest.mark.slow

TEXT = 'the cat sat on "the mat" .\n\nThe  bxqz saw\tit, 12% of «it»!\r\n' * 5
MODELS = ("unigram", "ngram")


@pytest.fixture(scope="module")
def comparison(cells_here: None) -> Comparison:
    return Comparison(made_run() / "run")


@pytest.fixture(scope="module")
def ngram(comparison: Comparison) -> TrainedModel:
    return comparison.model("ngram")


@pytest.mark.parametrize("name", MODELS)
def test_a_text_comes_back_at_the_size_that_is_reported(comparison: Comparison, name: str) -> None:
    model = comparison.model(name)
    for text in (TEXT, "", "x", "\n", " \n\n the"):
        data = compress(model, text)
        assert decompress(model, data) == text
        (scored,) = model.score_documents(documents_of([text]), ends=True)
        assert len(data) <= 1.001 * scored.bits / 8 + 64
        assert len(Written.of(data).coded) >= scored.bits / 8 - 1


def test_progress_goes_on_to_the_end(ngram: TrainedModel) -> None:
    shares: list[list[float]] = [[], []]
    data = compress(ngram, TEXT, shares[0].append)
    decompress(ngram, data, shares[1].append)
    for seen in shares:
        assert seen == sorted(seen)
        assert 0 < seen[0] < seen[-1] <= 1


def test_another_model_is_refused(comparison: Comparison, ngram: TrainedModel) -> None:
    places = {name: comparison.model(name).place for name in MODELS}
    assert len({compressor(place) for place in places.values()}) == len(MODELS)
    with pytest.raises(LmcompareError, match="'unigram' is not the model"):
        decompress(comparison.model("unigram"), compress(ngram, TEXT))


def test_other_versions_are_named(ngram: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    data = compress(ngram, TEXT)
    there = coding._versions()
    monkeypatch.setattr(coding, "_versions", lambda: (there[0], "1.0", there[2], "7"))
    with pytest.raises(LmcompareError, match=rf"numpy {there[1]}, threads 1"):
        decompress(ngram, data)


def test_a_machine_that_computes_otherwise_is_told_at_once(
    ngram: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = compress(ngram, TEXT)
    stepper = type(ngram.model.stepper(np.zeros(0, np.int64), ngram.corpus.vocabulary))
    own = stepper.log_probs
    monkeypatch.setattr(stepper, "log_probs", lambda self: np.nextafter(own(self), np.float32(0)))
    with pytest.raises(LmcompareError, match="this machine computes other"):
        decompress(ngram, data)


def test_damage_is_found(comparison: Comparison) -> None:
    model = comparison.model("unigram")
    data = compress(model, "The weather was fine.\n")
    coded = Written.of(data).coded
    damaged = [coded[:1], *(coded[:-1] + bytes([coded[-1] ^ flip]) for flip in (128, 255))]
    damaged += [coded + b"\0", coded + coded]
    damaged += [coded[:at] + bytes([coded[at] ^ flip]) + coded[at + 1 :] for at in (0, 3) for flip in (1, 91, 255)]
    for other in damaged:
        with pytest.raises(LmcompareError, match="is not the text"):
            decompress(model, data[: len(data) - len(coded)] + other)


def test_other_files_are_refused(ngram: TrainedModel) -> None:
    data = compress(ngram, TEXT)
    within_its_versions = data[: 25 + data[24] - 1]  # after the digests: a length, and as many letters
    for other in (b"", b"LMC1", b"hello there, this is a text", b"LMC1" + b"\0" * 40, within_its_versions):
        with pytest.raises(LmcompareError, match="lmcompare compress"):
            decompress(ngram, other)
    with pytest.raises(LmcompareError, match="bytes, not a str"):
        decompress(ngram, "LMC1")  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="a text must be a string"):
        compress(ngram, 5)  # type: ignore[arg-type]


def test_a_model_without_a_stepper_can_t(comparison: Comparison) -> None:
    flat = comparison.model("flat", plugin=f"{made_run() / 'plugins.py'}:Flat")
    with pytest.raises(LmcompareError, match="has no stepper of its own"):
        compress(flat, TEXT)


def test_torch_takes_one_thread_for_a_while(ngram: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    torch = SimpleNamespace(get_num_threads=lambda: 5, set_num_threads=told.append)
    monkeypatch.setitem(sys.modules, "torch", torch)
    compress(ngram, "the cat")
    assert told == [1, 5]
