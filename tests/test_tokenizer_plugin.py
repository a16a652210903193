"""A tokenizer that learns and cuts whole documents goes through a whole run: figures, checks, report, score, text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lmcompare
from lmcompare.corpora import load
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text.reading import prepare
from lmcompare.runfolder.tokens import TokenizedCorpus
from tests.tokens.texts import BYTE_PAIRS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

TEXTS = [f"The {who} saw {what} {n} times. Then it {end}. Café!\n" for n in range(4) for who in ("cat", "dog", "cow")
         for what in ("milk", "Rome") for end in ("slept", "ran")]  # fmt: skip
TOKENS = {"kind": BYTE_PAIRS, "merges": 60}
NET = {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 20, "batch": 4, "length": 16, "precision": "float32"}


def compared(out: Path, tokens: dict[str, object] = TOKENS) -> lmcompare.Comparison:
    models: list[Any] = ["unigram", {"plugin": "ngram", "order": 3}, NET]
    return lmcompare.compare(
        TEXTS, models, out=out, tokens=tokens, prompts=["The cat"], sentences="punkt", device="cpu", quiet=True
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lmcompare.Comparison:
    return compared(tmp_path_factory.mktemp("learns"))


def cells(folder: Path) -> dict[str, dict[str, object]]:
    return {p.parents[1].name: json.loads(p.read_text()) for p in sorted(folder.glob("cells/*/0/cell.json"))}


def test_every_figure_and_every_check(result: lmcompare.Comparison) -> None:
    assert not result.failures
    table = result.table.set_index("name")
    assert 0 < table["bits_per_byte"]["ngram"] < table["bits_per_byte"]["rnn"] < table["bits_per_byte"]["unigram"] < 8
    assert np.isfinite(table.select_dtypes("number")["perplexity"]).all()
    for name, cell in cells(result.folder).items():
        assert cell["truth"]["passed"], (name, cell["truth"])  # type: ignore[index]
    figures = json.loads((result.folder / "results.json").read_text())
    assert all(model["overhead_bits_per_byte"] == 0 for model in figures["models"])


def test_every_byte_of_the_test_text_is_in_one_token(result: lmcompare.Comparison) -> None:
    scores = pd.read_parquet(result.folder / "cells" / "ngram" / "0" / "scores.parquet")
    test = scores[scores["split"] == "test"]
    for _, rows in test.groupby("document"):
        assert rows["byte_start"].tolist() == [0, *rows["byte_end"][:-1]]
        assert (rows["byte_end"] > rows["byte_start"])[:-1].all()  # only </s> is empty
    assert not test["is_unknown"].any()
    assert np.isfinite(test["log_prob_reset"]).all()


def test_sentences_are_those_of_the_text_though_nothing_closes_them(result: lmcompare.Comparison) -> None:
    (folder,) = (result.folder / "tokens").iterdir()
    features = pd.read_parquet(folder / "features.parquet")
    documents = pd.read_parquet(folder / "documents.parquet")
    found = features.groupby(["split", "document"])["sentence"].max() + 1
    there = documents.set_index(["split", "document"])["sentences"].reindex(found.index)
    assert (there == 3).all()
    assert (found <= there).all()  # a token may swallow a sentence
    assert (found > 1).all()
    corpus = TokenizedCorpus(folder)
    ends = np.count_nonzero(corpus.test.ids == corpus.vocabulary.end)
    assert ends == corpus.test.n_documents < len(corpus.sentence_starts("test"))
    assert corpus.sentences("test").n_documents == len(corpus.sentence_starts("test"))


def test_a_second_run_keeps_everything(result: lmcompare.Comparison) -> None:
    times = {p: p.stat().st_mtime_ns for p in result.folder.glob("cells/*/0/scores.parquet")}
    assert compared(result.folder).table.equals(result.table)
    assert times == {p: p.stat().st_mtime_ns for p in result.folder.glob("cells/*/0/scores.parquet")}


def test_the_report_is_written(result: lmcompare.Comparison) -> None:
    assert "Byte pair encoding" in result.to_html()


def test_score_and_generate(result: lmcompare.Comparison) -> None:
    model = result.model("ngram")
    scored = model.score("The cat saw Rome.\nThen it was Café.", ends=True)
    joined = "".join(token[1:-1] for token in scored.tokens[:-1])
    assert joined.encode("latin-1").decode() == "The cat saw Rome.\nThen it was Café."
    assert scored.tokens[-1] == "</s>"
    assert sum(scored.overhead_bits) == 0
    assert model.generate("The cat", 8) == model.generate("The cat", 8) != ""


def test_a_run_folder_may_not_name_its_code(result: lmcompare.Comparison) -> None:
    opened = lmcompare.load(result.folder)
    with pytest.raises(LmcompareError, match=r"bpe.py:BytePairs' is not installed"):
        opened.model("ngram")
    assert opened.model("ngram", plugin=BYTE_PAIRS).score("a").tokens == ("‹a›",)


def test_other_options_are_other_tokens_and_changed_code_is_noticed(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(Path(BYTE_PAIRS.rpartition(":")[0]).read_text())
    tokens = {"kind": f"{plugin}:BytePairs", "merges": 5}
    found = lmcompare.compare(TEXTS, "unigram", out=tmp_path / "out", tokens=tokens, device="cpu", quiet=True)
    (made,) = (found.folder / "tokens").iterdir()
    assert json.loads((made / "tokenizer.json").read_text())["code"]
    assert len(TokenizedCorpus(made).vocabulary) == 256 + 5 + 2
    opened = lmcompare.load(found.folder)
    for name, more in (("elsewhere", ""), ("changed", "\n# another line\n")):
        copy = tmp_path / name / "mine.py"
        copy.parent.mkdir()
        copy.write_text(plugin.read_text() + more)
    model = opened.model("unigram", plugin=f"{tmp_path}/elsewhere/mine.py:BytePairs")
    assert model.score("a").tokens == ("‹a›",)
    with pytest.raises(LmcompareError, match="has changed"):
        opened.model("unigram", plugin=f"{tmp_path}/changed/mine.py:BytePairs")


def test_a_fixed_vocabulary_without_a_token_of_the_text_is_refused(tmp_path: Path) -> None:
    table = TokensTable(kind="tests.checks.tokenizer_rogues:NotFixed", min_count=1)
    with pytest.raises(PluginError, match="NotFixed declares fixed_vocabulary, but its always_tokens do not contain"):
        prepare(load(TEXTS), table, tmp_path)
