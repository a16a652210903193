"""The copy of a model for the page, and what it loses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from lmcompare import LanguageModel
from lmcompare.errors import LmcompareError
from lmcompare.model import PageCopy
from lmcompare.runfolder.files import write_table
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.studies.live import copy
from lmcompare.studies.live.copy import page_copy
from lmcompare.study import Finished
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(("<unk>", "</s>", "cat"))


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A cell whose model gives the five test tokens 1, 2, 3, 4 and 5 nats."""
    surprisal = -np.array([9.0, 1, 2, 3, 4, 5])
    write_table(
        tmp_path / "scores.parquet",
        pd.DataFrame({"split": ["valid"] + 5 * ["test"], "log_prob": surprisal.astype(np.float32)}),
    )
    return tmp_path


def corpus() -> TokenizedCorpus:
    """Two test documents of 3 and 2 tokens, which take 7 and 4 bytes."""
    spans = np.array([[0, 3], [3, 7], [7, 7], [0, 4], [4, 4]])
    test = Encoded(np.array([2, 2, 1, 2, 1], np.int32), np.array([0, 3]), VOCABULARY, spans)
    return cast(TokenizedCorpus, SimpleNamespace(valid=test, test=test))


def copied(answer: Callable[[], PageCopy], cell: Path) -> dict[str, Any]:
    model = cast(LanguageModel, SimpleNamespace(in_page=lambda valid, whole: answer()))
    return page_copy(Finished(model, corpus(), 0, cell, {"whole": False}))


def raises(error: BaseException) -> PageCopy:
    raise error


@pytest.mark.parametrize(("most", "bytes_"), [(50_000, 11), (4, 11), (3, 7), (1, 3)])
def test_a_copy_loses_bits_per_byte_of_the_first_tokens(
    cell: Path, monkeypatch: pytest.MonkeyPatch, most: int, bytes_: int
) -> None:
    monkeypatch.setattr(copy, "MEASURED", most)
    worse = np.log(2) * np.array([1.0, 0, 2, 0.5, 0])
    worse_copy = PageCopy({"kind": "odd"}, lambda text: -np.arange(1.0, 6)[: len(text)] - worse[: len(text)])
    table = copied(lambda: worse_copy, cell)
    assert table["bits_lost"] == pytest.approx([1, 1, 3, 3.5, 3.5][min(most, 5) - 1] / bytes_)


def test_an_exact_copy_loses_nothing_and_says_so_by_silence(cell: Path) -> None:
    assert copied(lambda: PageCopy({"kind": "odd"}), cell) == {"kind": "odd"}


def test_what_can_not_be_copied_costs_the_model_nothing_else(cell: Path) -> None:
    assert copied(lambda: raises(LmcompareError("too odd")), cell) == {"reason": "too odd"}
    assert "SystemExit" in copied(lambda: raises(SystemExit(3)), cell)["reason"]
    assert "reason" in copied(lambda: PageCopy({"kind": "odd", "x": float("nan")}), cell)
