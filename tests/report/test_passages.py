"""The passages of the reader, against the stored tables read by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.report.data import ReportData
from lmcompare.report.passages import BUDGET, BYTES, Passage, chosen, packed
from tests.run_folder import write_run_folder


@pytest.fixture(scope="module")
def material(run: Run) -> ReportData:
    return ReportData(run)


@pytest.fixture(scope="module")
def passages(material: ReportData) -> list[Passage]:
    return chosen(material, material.groups[material.main_tokens])


def test_bits_and_most_likely_words_are_the_stored_ones(material: ReportData, passages: list[Passage]) -> None:
    models = material.groups[material.main_tokens]
    for m, model in enumerate(models):
        scores = model.cell.scores("test").set_index(["document", "position"])
        top: Any = model.cell.top.set_index(["document", "position", "place"])
        names = list(material.run.tokens[material.main_tokens].documents_of("test")["name"])
        for passage in passages[:3]:
            document = names.index(passage.document)
            for i, token in enumerate(passage.tokens):
                row: Any = scores.loc[(document, passage.first + i)]
                assert row["token"] == token
                assert row["is_unknown"] == passage.unknown[i]
                assert passage.bits[m, i] == pytest.approx(-row["log_prob"] / np.log(2))
                for place, (word, p) in enumerate(passage.top[m][i], start=1):
                    likely = top.loc[(document, passage.first + i, place)]
                    assert (likely["token"], np.exp(likely["log_prob"])) == (word, pytest.approx(p))


def test_the_most_disagreement_comes_first(material: ReportData, passages: list[Passage]) -> None:
    assert [p.disagreement for p in passages] == sorted((p.disagreement for p in passages), reverse=True)
    names = [model.name for model in material.groups[material.main_tokens]]
    # leaky is not ranked and unigram has the most surprisal: neither is counted
    counted = [names.index(name) for name in ("ngram", "word2vec-bow", "rnn-attention", "transformer")]
    for passage in passages:
        assert passage.disagreement == pytest.approx(passage.bits[counted].std(axis=0).mean())


def test_passages_do_not_overlap_and_keep_to_the_budget(material: ReportData, passages: list[Passage]) -> None:
    models = material.groups[material.main_tokens]
    seen = [(p.document, p.first + i) for p in passages for i in range(len(p.tokens))]
    assert len(seen) == len(set(seen)) <= BUDGET // len(models)
    stored = models[0].cell.top[["document", "position"]].drop_duplicates()
    assert len(seen) == len(stored)  # small enough to be shown whole


def test_long_texts_are_cut_at_sentence_ends_and_within_the_budget(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "long", models=("unigram", "ngram"), seeds=(0,), documents=6, sentences=120)
    material = ReportData(load_run(folder))
    found = chosen(material, material.scored)
    assert len(found) > 3
    for passage in found:
        assert len(" ".join(passage.tokens).encode()) < 2 * BYTES + 200
        assert passage.tokens[-1] == "</s>"
        assert passage.first == 0 or passage.spaced[0] is False
    assert sum(len(p.tokens) for p in found) <= BUDGET // 2


def test_passages_do_not_depend_on_how_the_scores_are_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ReportData(run)
    again = ReportData(load_run(run.path))
    whole = ReportData(run)
    monkeypatch.setattr("lmcompare.runfolder.parquet.BLOCK", 23)
    again = ReportData(load_run(run.path))
    for one, other in zip(chosen(whole, whole.scored[:4]), chosen(again, again.scored[:4]), strict=True):
        assert (one.document, one.first, one.tokens, one.spaced) == (
            other.document,
            other.first,
            other.tokens,
            other.spaced,
        )
        assert one.bits.tolist() == other.bits.tolist()


def test_packed_comes_back_as_it_was(material: ReportData, passages: list[Passage]) -> None:
    models = material.groups[material.main_tokens]
    data = json.loads(json.dumps(packed(models, passages)))
    assert [m["name"] for m in data["models"]] == [m.name for m in models]
    for stored, passage in zip(data["passages"], passages, strict=True):
        assert tuple(data["words"][i] for i in stored["tokens"]) == passage.tokens
        bits = [np.frombuffer(base64.b64decode(text), f"<i{data['size']}") for text in stored["bits"]]
        assert np.abs(np.array(bits) / 100 - passage.bits).max() <= 0.005 + 1e-9
        assert [c == "1" for c in stored["spaced"]] == list(passage.spaced)
        assert [c == "1" for c in stored["unknown"]] == list(passage.unknown)
        for text, tops in zip(stored["top"], passage.top, strict=True):
            table = np.frombuffer(base64.b64decode(text), f"<i{data['size']}").reshape(-1, 2 * data["places"])
            assert len(table) in (1, len(passage.tokens))
            for row, top in zip(np.broadcast_to(table, (len(passage.tokens), table.shape[1])), tops, strict=True):
                assert [data["words"][i] for i in row[::2]] == [word for word, _ in top]
                assert np.abs(row[1::2] / 10_000 - [p for _, p in top]).max() <= 0.00005 + 1e-9
