"""The program of docs/export.md, which needs no lmcompare, computes what lmcompare does, for every network."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.models.pointer.plugin import Pointer
from lmcompare.models.rnn_attention.plugin import RnnAttention
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.training.language_model import TorchLanguageModel
from tests.models.neural_cases import CASES, SMALL, trained
from tests.training.texts import VOCABULARY, chain, fitted

PAGE = Path(__file__).parents[1] / "docs" / "export.md"


@pytest.fixture(scope="module")
def log_probs(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The function of the page."""
    program = re.search(r"^```python\n(# read_network\.py\n.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert program is not None
    assert not re.search(r"^(import|from) .*lmcompare", program[1], re.M)
    path = tmp_path_factory.mktemp("page") / "read_network.py"
    path.write_text(program[1], "utf-8")
    function: Callable[..., Any] = runpy.run_path(str(path))["log_probs"]
    return function


def compare(model: TorchLanguageModel, log_probs: Callable[..., Any], folder: Path) -> None:
    path = folder / "network.safetensors"
    model.file_formats()[".safetensors"](VOCABULARY, path)
    for length in (1, 5, 40):
        text = chain(3, 1, length)
        found = log_probs(path, [VOCABULARY[i] for i in text.ids]).numpy()
        np.testing.assert_allclose(found, model.log_probs(text), atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_program_of_the_page_gives_the_same_log_probabilities(
    case: str, log_probs: Callable[..., Any], tmp_path: Path
) -> None:
    compare(trained(case), log_probs, tmp_path)


def test_so_it_does_for_even_attention(log_probs: Callable[..., Any], tmp_path: Path) -> None:
    compare(fitted(RnnAttention(**SMALL, width=8, hidden=6, window=4, scores="even")), log_probs, tmp_path)


def test_it_refuses_a_pointer(log_probs: Callable[..., Any], tmp_path: Path) -> None:
    model = fitted(Pointer(base="rnn", options={**SMALL, "width": 8, "hidden": 6}, attention=4, window=9))
    with pytest.raises(SystemExit, match="does not know Pointer"):
        compare(model, log_probs, tmp_path)


@pytest.mark.parametrize("changes", [{"gates": True}, {"experts": 2}, {"causal": False}])
def test_it_refuses_other_options(changes: dict[str, Any], log_probs: Callable[..., Any], tmp_path: Path) -> None:
    model = fitted(Transformer(**{**SMALL, "width": 8, "heads": 2, "layers": 2, "window": 9, **changes}))
    with pytest.raises(SystemExit, match="does not know"):
        compare(model, log_probs, tmp_path)


@pytest.mark.parametrize("changes", [{"style": "llama", "qk_norm": True}, {"activation": "relu2"}])
def test_so_it_does_for_other_designs(changes: dict[str, Any], log_probs: Callable[..., Any], tmp_path: Path) -> None:
    model = Transformer(**{**SMALL, "width": 24, "heads": 6, "kv_heads": 3, "layers": 2, "window": 9, **changes})
    compare(fitted(model), log_probs, tmp_path)
