"""The passages of the reader, of tokens and of words, against the stored tables read by hand."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.blocks import word_blocks
from lmcompare.report.data import ReportData
from lmcompare.report.passages import BUDGET, BYTES, Passage, chosen, packed
from lmcompare.report.word_passages import BUDGET as BUDGET_OF_WORDS
from lmcompare.report.word_passages import chosen_words

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def material(run: Run) -> ReportData:
    return ReportData(run)


@pytest.fixture(scope="module")
def passages(material: ReportData) -> list[Passage]:
    return chosen(material, material.groups[material.main_tokens])


@pytest.fixture(scope="module")
def of_words(material: ReportData) -> list[Passage]:
    return chosen_words(material, material.scored)


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


def test_long_texts_are_cut_at_sentence_ends_and_within_the_budget(
    material: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.report.passages.BYTES", 300)
    monkeypatch.setattr("lmcompare.report.passages.BUDGET", 2000)
    models = material.groups[material.main_tokens]
    found = chosen(material, models)
    assert len(found) > 2
    for passage in found:
        assert len(" ".join(passage.tokens).encode()) < 600 + 20
        assert passage.tokens[-1] == "</s>"
        assert passage.spaced[0] is False
    assert sum(len(p.tokens) for p in found) <= 2000 // len(models)


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


# Words, for models of different tokens


def test_every_word_is_made_of_the_tokens_of_each_model(of_words: list[Passage]) -> None:
    assert of_words
    for passage in of_words:
        assert passage.pieces is not None
        for of_model in passage.pieces:
            assert ["".join(p.token for p in word).strip() for word in of_model] == list(passage.tokens)
        assert all(len(word) == 5 for of_model in passage.top for word in of_model)
        assert sum(len(w.encode()) + 1 for w in passage.tokens) <= 2 * BYTES + 100
    assert sum(len(word) for p in of_words for of_model in p.pieces or () for word in of_model) <= BUDGET_OF_WORDS
    spreads = [p.disagreement for p in of_words]
    assert spreads == sorted(spreads, reverse=True)


def test_the_bits_are_those_of_the_words(run: Run, material: ReportData, of_words: list[Passage]) -> None:
    (found,) = word_blocks(run, [m.entry for m in material.scored], "test", ("word",), seeds=1)
    names = run.tokens[material.scored[0].entry.tokens_fingerprint].documents_of("test")["name"].tolist()
    for passage in of_words:
        document = names.index(passage.document)
        at = np.flatnonzero(found.features["document"] == document)[passage.first :][: len(passage.tokens)]
        assert list(found.features["word"][at]) == list(passage.tokens)
        np.testing.assert_allclose(passage.bits, found.bits[:, at])


def test_passages_do_not_depend_on_the_blocks_in_which_scores_are_read(
    run: Run, passages: list[Passage], of_words: list[Passage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.runfolder.files.BLOCK", 301)
    again = ReportData(load_run(run.path))
    found = chosen(again, again.groups[again.main_tokens]), chosen_words(again, again.scored)
    for one, other in zip((*passages, *of_words), (*found[0], *found[1]), strict=True):
        assert (one.document, one.number, one.first) == (other.document, other.number, other.first)
        assert (one.tokens, one.spaced, one.top) == (other.tokens, other.spaced, other.top)
        assert one.bits.tolist() == other.bits.tolist()
