"""The program of docs/export.md, which needs no lmcompare, computes what lmcompare does, for every network."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.models.pointer.network import Pointer
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.training.language_model import TorchLanguageModel
from tests.models.neural_cases import CASES, SMALL, trained
from tests.training.texts import VOCABULARY, chain, fitted

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs" / "export.md"
Compare = Callable[[TorchLanguageModel], None]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The function of the page."""
    code = re.search(r"^```python\n(# read_network\.py\n.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert code is not None
    assert not re.search(r"^(import|from) .*lmcompare", code[1], re.M)
    path = tmp_path_factory.mktemp("page") / "read_network.py"
    path.write_text(code[1], "utf-8")
    function: Callable[..., Any] = runpy.run_path(str(path))["log_probs"]
    return function


@pytest.fixture
def compare(program: Callable[..., Any], tmp_path: Path) -> Compare:
    """Exports a network, and compares its log-probabilities with those of the program."""

    def compared(model: TorchLanguageModel) -> None:
        path = tmp_path / "network.safetensors"
        model.file_formats()[".safetensors"](VOCABULARY, path)
        for length in (1, 5, 40):
            text = chain(3, 1, length)
            found = program(path, [VOCABULARY[i] for i in text.ids]).numpy()
            np.testing.assert_allclose(found, model.log_probs(text), atol=1e-5)

    return compared


@pytest.mark.parametrize("case", CASES)
def test_the_program_of_the_page_gives_the_same_log_probabilities(case: str, compare: Compare) -> None:
    compare(trained(case))


@pytest.mark.parametrize(
    "model",
    [
        RnnAttention(**SMALL, width=8, hidden=6, window=4, scores="even"),
        Transformer(**SMALL, width=24, heads=6, layers=2, window=9, style="llama", qk_norm=True),
    ],
    ids=["even attention", "llama"],
)
def test_so_it_does_with_other_options(model: TorchLanguageModel, compare: Compare) -> None:
    compare(fitted(model))


@pytest.mark.parametrize(
    "model",
    [
        Pointer(base="rnn", options={**SMALL, "width": 8, "hidden": 6}, attention=4, window=9),
        Transformer(**SMALL, width=8, heads=2, layers=1, window=9, causal=False),
    ],
    ids=["pointer", "not causal"],
)
def test_it_refuses_what_it_does_not_know(model: TorchLanguageModel, compare: Compare) -> None:
    with pytest.raises(SystemExit, match="does not know"):
        compare(fitted(model))
