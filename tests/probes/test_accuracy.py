"""Accuracy on minimal pairs, against hand-worked figures."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from scipy.stats import binomtest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.probes import Judgement, Pair, accuracies, judged, store
from lmcompare.probes.accuracy import wilson
from lmcompare.runfolder.probed import Probed, read_probed
from lmcompare.runfolder.run import load_run
from lmcompare.runfolder.seals import locked
from lmcompare.trained import TrainedModel

A, B = (Pair("a b", "b a", name) for name in ("A", "B"))


def test_ties_count_half_and_phenomena_are_apart() -> None:
    judgements = [
        Judgement(A, 10.0, 12.0, False),
        Judgement(A, 12.0, 10.0, True),
        Judgement(A, 10.0, 10.0 + 1e-9, False),
        Judgement(A, 9.0, 11.0, False),
        Judgement(B, 3.0, 2.0, False),
    ]
    first, second, every = accuracies(judgements)
    assert (first.phenomenon, first.pairs, first.unknown, first.accuracy) == ("A", 4, 1, 2.5 / 4)
    assert (second.phenomenon, second.pairs, second.accuracy) == ("B", 1, 0.0)
    assert (every.phenomenon, every.pairs, every.accuracy) == ("", 5, 0.5)
    (alone,) = accuracies(judgements[:4])  # a single phenomenon needs no row for all
    assert alone == first


@pytest.mark.parametrize(("k", "n"), [(0, 10), (8, 10), (10, 10), (37, 60)])
def test_the_interval_is_scipys(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_answers_are_stored_by_one_process_at_a_time_and_with_the_model_that_gave_them(copied: Path) -> None:
    cell = load_run(copied).model("ngram").cells[0]
    models = {"ngram": TrainedModel(cell, Mock(), Mock())}
    first, second = (
        {"ngram": Probed("mine", digest, accuracies([Judgement(A, 10.0, 12.0, False)]))} for digest in ("1", "2")
    )
    with locked(copied), pytest.raises(LmcompareError, match="another process is writing to"):
        store(copied, first, models)
    assert read_probed(cell.path) == ()
    store(copied, first, models)
    path = cell.path / "cell.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"key": "of another training"}))
    with pytest.raises(LmcompareError, match="'ngram' was trained again while it was asked"):
        store(copied, second, models)
    assert read_probed(cell.path) == tuple(first.values())


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here")
def test_models_are_asked_about_the_order_of_words(tmp_path: Path) -> None:
    texts = [f"the {a} saw the {b}\n" for a in ("cat", "dog", "cow") for b in ("rat", "hen", "pig", "fox")] * 3
    run = lmcompare.compare(texts, ["unigram", "ngram"], out=tmp_path / "run", device="cpu", quiet=True)
    pairs = [Pair("the cat saw the hen", "the saw cat the hen", "order"), Pair("the dog saw", "the dog sawx", "word")]
    unigram = list(judged(run.model("unigram"), pairs))
    ngram = list(judged(run.model("ngram"), pairs))
    assert unigram[0].score == 0.5  # the same words
    assert ngram[0].score == 1
    assert [each.unknown for each in ngram] == [False, True]
    bits = run.model("ngram").score(pairs[0].good, ends=True).bits
    assert ngram[0].good_bits == pytest.approx(bits)
    (tmp_path / "p.jsonl").write_text('{"sentence_good": "the cat saw", "sentence_bad": "cat the saw"}\n')
    run_names = run.models
    table = run.probe(str(tmp_path / "p.jsonl"))
    assert list(table["model"]) == ["unigram", "ngram"]
    assert list(table["accuracy"]) == [0.5, 1.0]
    (probed,) = load_run(run.folder).model("ngram").done[0].probed
    assert (probed.name, probed.whole.accuracy, probed.whole.pairs) == ("p", 1.0, 1)
    assert "<h2" in run.to_html()
    assert 'id="pairs"' in run.to_html()
    bigram = {"plugin": "ngram", "order": 2, "name": "unigram"}  # in the folder it gets another name
    again = lmcompare.compare(texts, [bigram], out=tmp_path / "run", device="cpu", quiet=True)
    asked = again.probe(str(tmp_path / "p.jsonl")).set_index("model")["accuracy"]
    assert asked["unigram"] == 0.5
    assert asked[set(again.models).difference(run_names).pop()] == 1.0
