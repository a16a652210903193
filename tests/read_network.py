"""The program of docs/export.md, which needs no lmcompare: what it computes of a network that was exported."""

from __future__ import annotations

import re
import runpy
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.training.language_model import TorchLanguageModel
from tests.training.texts import VOCABULARY, chain

PAGE = Path(__file__).parents[1] / "docs" / "export.md"


@cache
def program() -> Callable[..., Any]:
    """The function of the page."""
    code = re.search(r"^```python\n(# read_network\.py\n.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert code is not None
    assert not re.search(r"^(import|from) .*lmcompare", code[1], re.M)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "read_network.py"
        path.write_text(code[1], "utf-8")
        function: Callable[..., Any] = runpy.run_path(str(path))["log_probs"]
    return function


def compare(model: TorchLanguageModel, folder: Path) -> None:
    """Export a network, and compare its log-probabilities with those of the program."""
    path = folder / "network.safetensors"
    model.file_formats()[".safetensors"](VOCABULARY, path)
    for length in (1, 5, 40):
        text = chain(3, 1, length)
        found = program()(path, [VOCABULARY[i] for i in text.ids]).numpy()
        np.testing.assert_allclose(found, model.log_probs(text), atol=1e-5)
