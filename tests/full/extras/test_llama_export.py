"""A transformer in the style of Llama is the same model in Hugging Face's transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.models.transformer.plugin import Transformer
from tests.models.neural_cases import SMALL
from tests.training.texts import VOCABULARY, chain, fitted

LLAMA: dict[str, Any] = {**SMALL, "style": "llama", "width": 24, "heads": 4, "layers": 3, "window": 9}


def exported(folder: Path, **changes: Any) -> Transformer:
    model = fitted(Transformer(**{**LLAMA, **changes}))
    assert isinstance(model, Transformer)
    folder.mkdir()
    model.file_formats()["/"](VOCABULARY, folder)
    return model


@pytest.mark.parametrize("changes", [{}, {"heads": 2, "window": 1}])
def test_logits_are_the_same_for_texts_longer_than_the_window(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = exported(tmp_path / "llama", **changes)
    other = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "llama")
    text = chain(3, 1, 60)
    inputs = torch.tensor([[VOCABULARY.end, *text.ids.tolist()]])
    network = model.trained_network()
    with torch.no_grad():
        logits = other(inputs).logits[0]
        features, _ = network(network.inputs(text.ids), None)
    ours = features[0] @ network.head.table[: len(VOCABULARY)].T
    torch.testing.assert_close(logits, ours, atol=1e-5, rtol=0)
    log_probs = logits.log_softmax(-1)[:-1].gather(1, inputs[0, 1:, None])[:, 0]
    np.testing.assert_allclose(log_probs, model.log_probs(text), atol=1e-5)


@pytest.mark.usefixtures("cells_here", "checks_here")
def test_the_folder_of_a_run_is_loaded_with_its_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(
        "".join(f"the cat {n} sat on the mat.\nit's a dog.\n\n" for n in "abcdefgh" * 8)
    )
    models = [{"plugin": "transformer", **LLAMA, "steps": 20}]
    options: dict[str, Any] = {"out": tmp_path / "run", "quiet": True, "tokens": {"kind": "bpe", "pieces": 280}}
    trained = lmcompare.compare(str(tmp_path / "text.txt"), models, **options).model("transformer")
    folder = trained.export(tmp_path / "llama")
    with pytest.raises(LmcompareError, match="exists already"):
        trained.export(folder, force=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    text = "the cat sat.\nit's the Müller"
    ids = tokenizer(text, return_tensors="pt").input_ids
    assert tokenizer.decode(ids[0]) == f"</s>{text}"
    with torch.no_grad():
        log_probs = model(ids).logits.log_softmax(-1)[0, :-1].gather(1, ids[0, 1:, None])
    np.testing.assert_allclose(float(log_probs.sum()), trained.score(text).log_probability, atol=1e-3)
