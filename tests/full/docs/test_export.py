"""The program of docs/export.md computes what lmcompare does, for every design of network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lmcompare.models.rnn_attention.plugin import RnnAttention
from lmcompare.models.transformer.plugin import Transformer
from tests.models.neural_cases import CASES, SMALL, trained
from tests.read_network import compare
from tests.test_export_page import KINDS
from tests.training.texts import fitted


@pytest.mark.parametrize("case", [case for case in CASES if case not in KINDS])
def test_every_other_network(case: str, tmp_path: Path) -> None:
    compare(trained(case), tmp_path)


def test_even_attention(tmp_path: Path) -> None:
    compare(fitted(RnnAttention(**SMALL, width=8, hidden=6, window=4, scores="even")), tmp_path)


@pytest.mark.parametrize("changes", [{"style": "llama", "qk_norm": True}, {"activation": "relu2"}])
def test_other_options_of_a_transformer(changes: dict[str, Any], tmp_path: Path) -> None:
    model = Transformer(**{**SMALL, "width": 24, "heads": 6, "kv_heads": 3, "layers": 2, "window": 9, **changes})
    compare(fitted(model), tmp_path)


def test_experts_are_refused(tmp_path: Path) -> None:
    model = Transformer(**{**SMALL, "width": 8, "heads": 2, "layers": 2, "window": 9, "experts": 2})
    with pytest.raises(SystemExit, match="does not know"):
        compare(fitted(model), tmp_path)
