"""The program of docs/export.md, which needs no lmcompare, computes what lmcompare does, for each kind of network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lmcompare.models.pointer.plugin import Pointer
from lmcompare.models.transformer.plugin import Transformer
from tests.models.neural_cases import SMALL, trained
from tests.read_network import compare
from tests.training.texts import fitted

pytestmark = pytest.mark.slow

KINDS = (
    *("bag", "wordnet-bag", "bengio", "log-bilinear", "lstm", "elman", "qrnn", "encoder-decoder", "cnn"),
    *("state-space-feed-forward", "linear-attention", "alibi", "modern", "llama", "convolutions"),
)


@pytest.mark.parametrize("case", KINDS)
def test_the_program_of_the_page_gives_the_same_log_probabilities(case: str, tmp_path: Path) -> None:
    compare(trained(case), tmp_path)


def test_it_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    model = fitted(Pointer(base="rnn", options={**SMALL, "width": 8, "hidden": 6}, attention=4, window=9))
    with pytest.raises(SystemExit, match="does not know Pointer"):
        compare(model, tmp_path)
    changed: list[dict[str, Any]] = [{"gates": True}, {"causal": False}]
    for changes in changed:
        net = fitted(Transformer(**{**SMALL, "width": 8, "heads": 2, "layers": 1, "window": 9, **changes}))
        with pytest.raises(SystemExit, match="does not know"):
            compare(net, tmp_path)
