"""Hugging Face models: parity with transformers, windows, training, storing, and what is refused."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lmcompare import plugins
from lmcompare.checks import Probe
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.hf_causal.plugin import HuggingFaceCausal
from lmcompare.testing import parametrize_with_checks
from lmcompare.tokens import Encoded, build_vocabulary, encode, make_tokenizer
from lmcompare.tokens.hugging_face import located
from tests.full.conformance.test_built_ins import OF_A_VARIANT
from tests.models.hf_causal.small import TEXTS, gpt2, llama

LONG = [" ".join(TEXTS[:9]), TEXTS[0], "", " ".join(TEXTS[::2])]


@pytest.fixture(scope="module", params=[gpt2, llama])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = request.param(tmp_path_factory.mktemp("model"))
    return made


@pytest.fixture(scope="module")
def small_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpt2(tmp_path_factory.mktemp("gpt2"))


def read(folder: Path, texts: list[str] = LONG) -> Encoded:
    tokenizer = make_tokenizer({"kind": "hf", "path": str(folder)}).fit(texts)
    documents = documents_of(texts)
    return encode(documents, tokenizer, build_vocabulary(documents, tokenizer))


def trained(folder: Path, text: Encoded, **options: Any) -> HuggingFaceCausal:
    model = plugins.build("hf-causal", {"path": str(folder), **options})
    assert isinstance(model, HuggingFaceCausal)
    return model.fit(text, text, Setting(text.vocabulary, budget=Budget(steps=5)))


def by_hand(folder: Path, window: int, stride: int) -> Iterator[float]:
    """The nats of each token by a strided loop over transformers, as its documentation has it."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text in LONG:
        wanted = [*tokenizer(text, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
        inputs = torch.tensor([[tokenizer.bos_token_id, *wanted]])[:, :-1]
        done = 0
        for begin in range(0, len(wanted), stride):
            end = min(begin + window, len(wanted))
            with torch.no_grad():
                logits = model(inputs[:, begin:end]).logits[0]
            log_probs = torch.log_softmax(logits.double(), -1)
            for at in range(done, end):
                yield float(log_probs[at - begin, wanted[at]])
            done = end
            if end == len(wanted):
                break


@pytest.mark.parametrize(("window", "stride"), [(64, 64), (64, 16), (24, 7)])
def test_figures_are_those_of_transformers(folder: Path, window: int, stride: int) -> None:
    text = read(folder)
    assert max(text.ends - text.starts) > 3 * window
    model = trained(folder, text, window=window, stride=stride)
    found, wanted = model.log_probs(text), np.array(list(by_hand(folder, window, stride)))
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_layers_are_those_of_transformers(folder: Path) -> None:
    text = read(folder)
    model = trained(folder, text, window=32)
    reference, begin = (
        AutoModelForCausalLM.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder).bos_token_id,
    )
    at = np.array([0, 3, 17, 3])
    with torch.no_grad():
        ids = torch.tensor([[begin, *text.ids[:20].tolist()]])
        wanted = reference(ids, output_hidden_states=True).hidden_states
    found = model.layer_vectors(text, at)
    assert len(found) == len(wanted) == 3
    for own, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, theirs[0, at + 1], atol=1e-4)
    assert model.context_vectors(text, at[:0]).shape == (0, 32)  # type: ignore[union-attr]


def test_no_logits_are_computed_that_nobody_asks_for(folder: Path) -> None:
    text = read(folder)
    model = trained(folder, text, window=32)
    positions: list[int] = []
    head = model._loaded().model.get_output_embeddings()
    head.register_forward_hook(lambda _, inputs, logits: positions.append(logits.shape[:-1].numel()))
    model.layer_vectors(text, np.array([25]))
    model.stepper(text.ids[:20], text.vocabulary)
    assert positions == [1, 1]


def test_figures_do_not_depend_on_the_batch(folder: Path) -> None:
    text = read(folder)
    one, many = (trained(folder, text, window=32, batch=batch).log_probs(text) for batch in (1, 13))
    np.testing.assert_allclose(one, many, atol=1e-4)


def test_a_stepper_crosses_windows(folder: Path) -> None:
    text = read(folder)
    model = trained(folder, text, window=16, stride=5)
    rows = model.next_log_probs(text, np.arange(61))
    for begin in (0, 15, 40):
        stepper = model.stepper(text.ids[:begin], text.vocabulary)
        for at in range(begin, 60):
            np.testing.assert_allclose(stepper.log_probs(), rows[at], atol=1e-4)
            stepper.push(int(text.ids[at]))


@functools.cache
def made(make: Callable[[Path], Path]) -> str:
    return str(make(Path(tempfile.mkdtemp())))


def untrained(make: Callable[[Path], Path], **options: Any) -> Callable[[], HuggingFaceCausal]:
    """A function that makes the model, whose folder is made when the first test runs."""

    def model() -> HuggingFaceCausal:
        return HuggingFaceCausal(made(make), window=32, **options)

    model.__name__ = f"{make.__name__}{'-trained' if options else ''}"
    return model


@parametrize_with_checks([untrained(gpt2)])
def test_a_pretrained_model_keeps_the_contract(model: Callable[[], HuggingFaceCausal], check: Any) -> None:
    check(model)


VARIANTS = [untrained(llama), untrained(llama, train=True, batch=16, learning_rate=1e-2)]


@pytest.mark.slow
@parametrize_with_checks(VARIANTS, only=OF_A_VARIANT, budget=Budget(epochs=8))
def test_llama_keeps_the_contract(model: Callable[[], HuggingFaceCausal], check: Any) -> None:
    check(model)


def test_the_kit_asks_in_the_vocabulary_of_a_pretrained_model(folder: Path) -> None:
    own = Probe(lambda: HuggingFaceCausal(str(folder), window=32)).texts
    assert own.vocabulary.tokens == read(folder).vocabulary.tokens
    assert (own.vocabulary.unknown, own.vocabulary.end) == (None, read(folder).vocabulary.end)
    assert len(np.unique(own.train.ids)) == 22
    assert own.never not in own.train.ids
    assert len(Probe(lambda: HuggingFaceCausal(str(folder), train=True)).texts.vocabulary) == 23


def test_a_pretrained_model_stores_a_digest_alone(small_gpt2: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gpt2"
    folder.mkdir()
    for file in small_gpt2.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    text = read(folder)
    model = trained(folder, text, window=32)
    state = model.state()
    assert not state.arrays
    assert len(json.dumps(state.values)) < 1000
    again = plugins.build("hf-causal", model.hyperparameters()).restore(state)
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))
    assert again.notes == model.notes
    before = again.digest_of("path")
    (folder / "notes.md").write_text("not a part of the model")
    assert again.digest_of("path") == before
    gpt2(folder, seed=1)
    assert again.digest_of("path") != before
    with pytest.raises(LmcompareError, match="are not those that were scored"):
        again.restore(state)


def test_a_trained_model_needs_its_folder_no_longer(small_gpt2: Path, tmp_path: Path) -> None:
    text = read(small_gpt2)
    model = trained(small_gpt2, text, train=True, window=32)
    assert not model.traits.pretrained
    state = model.state()
    sizes = {name: value.size for name, value in state.arrays.items()}
    assert model.size().parameters == sum(sizes.values())
    assert sum(name.endswith(("wte.weight", "lm_head.weight")) for name in sizes) == 1  # tied, stored once
    again = plugins.build("hf-causal", {**model.hyperparameters(), "path": str(tmp_path / "gone")}).restore(state)
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))


def test_a_training_that_was_cut_off_ends_with_the_same_bits(small_gpt2: Path, tmp_path: Path) -> None:
    text = read(small_gpt2)

    def run(folder: Path, stop: int) -> HuggingFaceCausal:
        def progress(at: Progress) -> None:
            if at.step >= stop:
                raise KeyboardInterrupt

        folder.mkdir(exist_ok=True)
        model = HuggingFaceCausal(str(small_gpt2), train=True, window=32, batch=4, steps=16)
        return model.fit(text, text, Setting(text.vocabulary, progress=progress, checkpoints=folder))

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut off", stop=9)
    states = [run(tmp_path / name, stop=100).state().arrays for name in ("cut off", "whole")]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name])


def test_without_transformers(small_gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read(small_gpt2)
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "transformers.utils", None)
    for train in (False, True):
        with pytest.raises(LmcompareError, match=r"install it with: pip install 'lmcompare\[hf\]'"):
            trained(small_gpt2, text, train=train)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(LmcompareError, match=r"install it with: pip install 'lmcompare\[hf\]'"):
        located("some/model")


def test_training_does_not_read_the_weights(small_gpt2: Path, tmp_path: Path) -> None:
    for file in small_gpt2.iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    text = read(small_gpt2)
    one, other = (trained(where, text, train=True, window=32) for where in (small_gpt2, tmp_path))
    assert one.digest_of("path") == other.digest_of("path")
    np.testing.assert_array_equal(one.log_probs(text), other.log_probs(text))
    with pytest.raises(LmcompareError, match="no weights in the format safetensors"):
        trained(tmp_path, text)


def test_it_starts_with_its_start_token_or_its_end(folder: Path, tmp_path: Path) -> None:
    text = read(folder)
    first = trained(folder, text, window=32).next_log_probs(text, np.array([0]))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        begin = model(torch.tensor([[tokenizer.bos_token_id]])).logits[0]
        end = model(torch.tensor([[tokenizer.eos_token_id]])).logits[0]
    np.testing.assert_allclose(first, torch.log_softmax(begin, -1), atol=1e-5)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**config, "bos_token_id": None}), encoding="utf-8")
    first = trained(tmp_path, text, window=32).next_log_probs(text, np.array([0]))
    np.testing.assert_allclose(first, torch.log_softmax(end, -1), atol=1e-5)


def test_no_code_of_a_folder_is_run(small_gpt2: Path, tmp_path: Path) -> None:
    text = read(small_gpt2)
    for file in small_gpt2.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((small_gpt2 / "config.json").read_text(encoding="utf-8"))
    own = {"auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}, "model_type": "own"}
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    for changes in (own, {"auto_map": own["auto_map"]}, {"_attn_implementation": "kernels-community/any"}):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")
        if "model_type" in changes:
            for train in (False, True):
                with pytest.raises(LmcompareError, match="code that comes with a model is not run"):
                    trained(tmp_path, text, train=train)
        else:
            trained(tmp_path, text, window=32)
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_missing_are_no_random_numbers(small_gpt2: Path, tmp_path: Path) -> None:
    text = read(small_gpt2)
    for file in small_gpt2.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((small_gpt2 / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**config, "n_layer": 3}), encoding="utf-8")
    with pytest.raises(LmcompareError, match=r"lack transformer\.h\.2"):
        trained(tmp_path, text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 65}, "has 64 positions: choose at most 64"),
        ({"window": 8, "stride": 9}, "stride is 9, more than the window of 8"),
        ({"stride": 65}, "stride is 65, more than the window of 64"),
        ({"window": 0}, "1 or more"),
        ({"batch": 0}, "1 or more"),
    ],
)
def test_wrong_windows(small_gpt2: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        trained(small_gpt2, read(small_gpt2), **options)


def test_a_pretrained_model_reads_its_own_tokens(small_gpt2: Path) -> None:
    tokenizer = make_tokenizer({"kind": "byte"})
    documents = documents_of(TEXTS)
    text = encode(documents, tokenizer, build_vocabulary(documents, tokenizer))
    with pytest.raises(LmcompareError, match="reads its own tokens only"):
        trained(small_gpt2, text)
    assert len(trained(small_gpt2, text, train=True, window=32).log_probs(text)) == len(text)


def test_without_a_model() -> None:
    text = Probe(HuggingFaceCausal).texts.test
    with pytest.raises(LmcompareError, match="set path to the folder"):
        HuggingFaceCausal().fit(text, text, Setting(text.vocabulary))
