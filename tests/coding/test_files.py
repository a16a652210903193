"""Compressed files: the text comes back from the model that wrote them, and from no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lmcompare
from lmcompare.coding import Written, compress, compressor, decompress, files
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.trained import TrainedModel
from tests.harness.small import write_plugins, write_text

pytestmark = pytest.mark.usefixtures("cells_here")

TEXT = 'the cat sat on "the mat" .\n\nThe  bxqz saw\tit, 12% of «it»!\r\n' * 5
MODELS = ("unigram", "ngram", "rnn")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("coding")
    models: list[Any] = [*MODELS[:2], {"plugin": "rnn", "steps": 20, "hidden": 16, "width": 16}]
    models.append(f"{write_plugins(place)}:Flat")
    given: dict[str, Any] = {"documents": "line", "device": "cpu", "quiet": True, "preset": "quick"}
    return lmcompare.compare(write_text(place), models, out=place / "run", **given)


@pytest.fixture(scope="module")
def ngram(comparison: Any) -> TrainedModel:
    return comparison.model("ngram")  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("text", [TEXT, "", "x", "\n", " \n\n the"])
def test_a_text_comes_back_at_the_size_that_is_reported(comparison: Any, name: str, text: str) -> None:
    model: TrainedModel = comparison.model(name)
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


def test_another_model_is_refused(comparison: Any, ngram: TrainedModel) -> None:
    places = {name: comparison.model(name).place for name in MODELS}
    assert len({compressor(place) for place in places.values()}) == len(MODELS)
    with pytest.raises(LmcompareError, match="'unigram' is not the model"):
        decompress(comparison.model("unigram"), compress(ngram, TEXT))


def test_other_versions_are_named(ngram: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    data = compress(ngram, TEXT)
    there = files._versions()
    monkeypatch.setattr(files, "_versions", lambda: (there[0], "1.0", there[2], "7"))
    with pytest.raises(LmcompareError, match=rf"compressed with numpy {there[1]}, threads 1: install"):
        decompress(ngram, data)


def test_a_machine_that_computes_otherwise_is_told_at_once(
    ngram: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = compress(ngram, TEXT)
    stepper = type(ngram.model.stepper(np.zeros(0, np.int64), ngram.corpus.vocabulary))
    own = stepper.log_probs
    monkeypatch.setattr(stepper, "log_probs", lambda self: np.nextafter(own(self), np.float32(0)))
    with pytest.raises(LmcompareError, match="this machine computes other probabilities than the one"):
        decompress(ngram, data)


@pytest.mark.parametrize("at", [-1, -5, -20])
def test_damage_is_found(ngram: TrainedModel, at: int) -> None:
    data = bytearray(compress(ngram, TEXT))
    data[at] ^= 255
    with pytest.raises(LmcompareError, match="is not the text that was compressed"):
        decompress(ngram, bytes(data))


def test_any_byte_at_any_place_is_damage(comparison: Any) -> None:
    """Some of them are read as an unknown word without letters."""
    model: TrainedModel = comparison.model("unigram")
    data = compress(model, "The weather was fine.\n")
    start = len(data) - len(Written.of(data).coded)
    for at in range(start, min(start + 8, len(data))):
        for byte in range(256):
            if byte != data[at]:
                with pytest.raises(LmcompareError, match="is not the text that was compressed"):
                    decompress(model, data[:at] + bytes([byte]) + data[at + 1 :])


@pytest.mark.parametrize("data", [b"", b"LMC1", b"hello there, this is a text", b"LMC1" + b"\0" * 40])
def test_other_files_are_refused(ngram: TrainedModel, data: bytes) -> None:
    with pytest.raises(LmcompareError, match="not written by 'lmcompare compress'"):
        decompress(ngram, data)


def test_a_file_that_is_cut_within_its_versions_is_none(ngram: TrainedModel) -> None:
    data = compress(ngram, TEXT)
    with pytest.raises(LmcompareError, match="not written by 'lmcompare compress'"):
        decompress(ngram, data[: 25 + data[24] - 1])  # after the digests: a length, and as many letters
    with pytest.raises(LmcompareError, match="bytes, not a str"):
        decompress(ngram, "LMC1")  # type: ignore[arg-type]
    with pytest.raises(LmcompareError, match="a text must be a string"):
        compress(ngram, 5)  # type: ignore[arg-type]


def test_a_file_that_is_cut_off_is_refused(ngram: TrainedModel) -> None:
    data = compress(ngram, TEXT)
    with pytest.raises(LmcompareError, match="is not the text that was compressed"):
        decompress(ngram, data[: len(data) - 30])


def test_a_model_without_a_stepper_can_t(comparison: Any) -> None:
    flat = next(name for name in comparison.models if name not in MODELS)
    with pytest.raises(LmcompareError, match="has no stepper of its own"):
        compress(comparison.model(flat), TEXT)
