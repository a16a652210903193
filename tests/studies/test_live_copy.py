"""What a model shows of itself: examples and exhibits, prompts from the text, and its copy for the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from lmcompare import LanguageModel
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.harness import examples
from lmcompare.harness.examples import page_copy
from lmcompare.harness.job import Job
from lmcompare.harness.reading import COUNT, prompts_of
from lmcompare.model import PageCopy
from lmcompare.run_mark import MARK
from lmcompare.runfolder.parquet import write_table
from lmcompare.runfolder.tokens import TokenizedCorpus
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
    return page_copy(cell, model, corpus(), whole=False)


def raises(error: BaseException) -> PageCopy:
    raise error


@pytest.mark.parametrize(("most", "bytes_"), [(50_000, 11), (4, 11), (3, 7), (1, 3)])
def test_a_copy_loses_bits_per_byte_of_the_first_tokens(
    cell: Path, monkeypatch: pytest.MonkeyPatch, most: int, bytes_: int
) -> None:
    monkeypatch.setattr(examples, "MEASURED", most)
    worse = np.log(2) * np.array([1.0, 0, 2, 0.5, 0])
    copy = PageCopy({"kind": "odd"}, lambda text: -np.arange(1.0, 6)[: len(text)] - worse[: len(text)])
    table = copied(lambda: copy, cell)
    assert table["bits_lost"] == pytest.approx([1, 1, 3, 3.5, 3.5][min(most, 5) - 1] / bytes_)


def test_an_exact_copy_loses_nothing_and_says_so_by_silence(cell: Path) -> None:
    assert copied(lambda: PageCopy({"kind": "odd"}), cell) == {"kind": "odd"}


def test_what_can_not_be_copied_costs_the_model_nothing_else(cell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert copied(lambda: raises(LmcompareError("too odd")), cell) == {"reason": "too odd"}
    assert "SystemExit" in copied(lambda: raises(SystemExit(3)), cell)["reason"]
    assert "reason" in copied(lambda: PageCopy({"kind": "odd", "x": float("nan")}), cell)
    monkeypatch.setattr(examples, "MOST", 100)
    assert "more than 100 characters" in copied(lambda: PageCopy({"kind": 100 * "x"}), cell)["reason"]


@pytest.mark.parametrize("asked", [{"exhibits_only": True}, {"forecast": {}}])
def test_an_interruption_leaves_the_examples_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, object]
) -> None:
    monkeypatch.setattr(examples, "model_examples", lambda *_: ({"prompts": [], "sentences": []}, Mock()))
    for name in ("example_windows", "model_forecasts", "lag_influences"):
        monkeypatch.setattr(examples, name, Mock(return_value=[]))
    (tmp_path / MARK).touch()
    job = Job(str(tmp_path), "model", "unigram", 0, "", "word", "", {}, {}, examples=asked)
    job.path.mkdir(parents=True)
    (job.path / "examples.json").write_text("as it was")
    with pytest.raises(KeyboardInterrupt):
        examples.write_examples(job, Mock(), Mock(exhibits=Mock(side_effect=KeyboardInterrupt)))
    assert (job.path / "examples.json").read_text() == "as it was"


def test_prompts_are_the_first_three_words_of_longer_sentences() -> None:
    texts = [
        "The cat sat on the mat.\nToo short.\n  It was  late when they came home.\n",
        "The cat sat on a chair.\n",
    ]
    assert set(prompts_of(documents_of(texts))) == {"The cat sat", "It was  late"}


def test_text_without_white_space() -> None:
    assert prompts_of(documents_of(["ACGTACGTACGTA\n"])) == ("ACGTA",)
    assert prompts_of(documents_of(["我们的猫坐在垫子上面睡觉。\n"])) == ("我们的猫坐",)


def test_the_same_text_gives_the_same_prompts() -> None:
    texts = [f"Word{n} is here and it is long.\n" for n in range(30)]
    drawn = prompts_of(documents_of(texts))
    assert len(drawn) == COUNT
    assert drawn == prompts_of(documents_of(reversed(texts)))
    assert prompts_of([]) == ()
