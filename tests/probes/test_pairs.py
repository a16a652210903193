"""Minimal pairs: their files, the pairs that come with lmcompare, and accuracy against hand-worked figures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from unittest.mock import Mock

import pytest
from scipy.stats import binomtest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.probes import Judgement, Pair, accuracies, judged, read_pairs, store, wilson
from lmcompare.runfolder.guards import locked
from lmcompare.runfolder.probed import Probed, read_probed
from lmcompare.runfolder.run import load_run
from lmcompare.trained import TrainedModel

LINE = {"sentence_good": "a b", "sentence_bad": "b a"}


def test_the_shipped_pairs() -> None:
    pairs = read_pairs("english").pairs
    assert len(pairs) == 60
    counts = Counter(pair.phenomenon for pair in pairs)
    assert set(counts.values()) == {10}
    assert len(counts) == 6
    assert len({pair.good for pair in pairs} | {pair.bad for pair in pairs}) == 120
    for pair in pairs:  # they differ in little
        assert len(set(pair.good.split()) ^ set(pair.bad.split())) <= 4


def test_a_file_in_the_format_of_blimp(tmp_path: Path) -> None:
    rows = [
        {**LINE, "UID": "order", "linguistics_term": "syntax", "field": "syntax", "pairID": "0"},
        {**LINE, "UID": "order"},
        LINE,
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    found = read_pairs(str(tmp_path / "p.jsonl"))
    assert found.name == "p"
    assert found.pairs == (
        Pair("a b", "b a", "syntax"),
        Pair("a b", "b a", "order"),
        Pair("a b", "b a", "all pairs"),
    )


def test_the_files_of_a_folder_are_read_together(tmp_path: Path) -> None:
    folder = tmp_path / "blimp"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.jsonl").write_text(json.dumps({**LINE, "UID": name}) + "\n")
    found = read_pairs(str(folder))
    assert (found.name, [pair.phenomenon for pair in found.pairs]) == ("blimp", ["a", "b"])
    (folder / "b.jsonl").write_text("no json\n")
    with pytest.raises(LmcompareError, match=r"line 1 of .*b\.jsonl is not JSON"):
        read_pairs(str(folder))


def test_the_digest_is_that_of_the_pairs_alone(tmp_path: Path) -> None:
    for name, row in (("a", LINE), ("b", {**LINE, "pairID": "7"}), ("c", {**LINE, "UID": "order"})):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    first, same, other = (read_pairs(str(tmp_path / f"{name}.jsonl")).digest for name in "abc")
    assert first == same != other


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no minimal pair"),
        ("{}\n", "line 1 .*sentence_good"),
        (json.dumps(LINE) + "\nno json\n", "line 2 .*JSON"),
        ("[1]\n", "line 1 .*object"),
        (json.dumps({**LINE, "sentence_bad": " "}), "line 1 .*sentence_bad"),
        (json.dumps({**LINE, "sentence_bad": "a b"}), "same sentence twice"),
        ('{"sentence_good": "\\ud800", "sentence_bad": "a"}', "sentence_good"),
    ],
)
def test_broken_files(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(LmcompareError, match=message):
        read_pairs(str(tmp_path / "p.jsonl"))


def test_a_missing_file_suggests_the_shipped_pairs(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="did you mean 'english'"):
        read_pairs("englsh")
    with pytest.raises(LmcompareError, match=r"folder without \.jsonl"):
        read_pairs(str(tmp_path))


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


@pytest.mark.slow
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
