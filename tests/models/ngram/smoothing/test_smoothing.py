"""Tests of every smoothing method against brute force: probabilities, sums, state, exhibits and ARPA files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.lookup.table import with_starts
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import BackoffTrace, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.ngram.plugin import METHODS, NGram
from lmcompare.models.ngram.smoothing import katz
from lmcompare.report.kinds.mathml import typeset
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back
from tests.models.ngram.smoothing import brute_force_smoothing as brute
from tests.models.ngram.smoothing.brute_force_kneser_ney import START, BruteForce

WORDS = 6
RTOL = 3e-6  # log10 probabilities are kept in float32
OTHERS = [name for name in METHODS if name != "kneser-ney"]
BRUTE: dict[str, Any] = {
    "absolute": lambda train, order, size, valid: brute.Absolute(train, order, size),
    "witten-bell": lambda train, order, size, valid: brute.WittenBell(train, order, size),
    "jelinek-mercer": lambda train, order, size, valid: brute.JelinekMercer(train, order, size, valid),
    "katz": lambda train, order, size, valid: brute.Katz(train, order, size),
    "add-k": lambda train, order, size, valid: brute.AddK(train, order, size, 0.003),
}
documents_of_words = st.lists(st.lists(st.integers(0, WORDS - 2), max_size=12), min_size=1, max_size=6)


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, size))])


def trained(
    smoothing: str,
    train: list[list[int]],
    size: int,
    order: int,
    valid: list[list[int]] | None = None,
    **options: Any,
) -> NGram:
    words = vocabulary(size)
    held_out = Encoded.from_documents(train if valid is None else valid, words)
    model = NGram(order, smoothing=smoothing, **options)
    return model.fit(Encoded.from_documents(train, words), held_out, Setting(words))


def random_documents(seed: int, size: int, documents: int = 20) -> list[list[int]]:
    """Documents of a few sentences, words by Zipf's law; about one in three ends without ``</s>``."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, size + 1)
    drawn = [rng.choice(size, rng.integers(0, 40), p=weights / weights.sum()) for _ in range(documents)]
    return [[int(i) for i in d] + [1] * int(rng.random() < 0.7) for d in drawn]


def contexts_of(truth: BruteForce | brute.RawCounts, documents: list[list[int]]) -> list[tuple[int, ...]]:
    """Return the context of every position, and of the position after the end of the last document."""
    found: list[tuple[int, ...]] = []
    for d, document in enumerate(documents):
        for at in range(len(document) + (d == len(documents) - 1)):
            words = [START]
            for word in document[:at]:
                words = [START] if word == 1 else [*words, word]
            found.append(tuple(words[-(truth.order - 1) :]) if truth.order > 1 else ())
    return found


def agrees(model: Any, truth: Any, documents: list[list[int]], size: int) -> None:
    text = Encoded.from_documents(documents, vocabulary(size))
    expected = np.array([[truth.probability(w, h) for w in range(size)] for h in contexts_of(truth, documents)])
    found = np.exp(model.next_log_probs(text, np.arange(len(text) + 1)))
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=1e-12)
    targets = expected[np.arange(len(text)), text.ids]
    np.testing.assert_allclose(np.exp(model.log_probs(text)), targets, rtol=RTOL, atol=1e-12)


@pytest.mark.parametrize("smoothing", OTHERS)
@settings(max_examples=60, deadline=None)
@given(
    train=documents_of_words.filter(any),
    test=st.lists(st.lists(st.integers(0, WORDS - 1), max_size=10), min_size=1, max_size=4),
    order=st.integers(1, 5),
)
def test_equals_brute_force(smoothing: str, train: list[list[int]], test: list[list[int]], order: int) -> None:
    # The last type does not occur in the training text; documents may be empty or end without </s>.
    model = trained(smoothing, train, WORDS, order, valid=test)
    truth = BRUTE[smoothing](train, order, WORDS, test)
    agrees(model, truth, train, WORDS)
    agrees(model, truth, test, WORDS)


@pytest.mark.parametrize("smoothing", OTHERS)
@settings(max_examples=20, deadline=None)
@given(train=documents_of_words.filter(any), order=st.integers(1, 4))
def test_equals_brute_force_if_every_type_may_be_seen(smoothing: str, train: list[list[int]], order: int) -> None:
    # V = 3, so that after some contexts every word was seen.
    train = [[w % 3 for w in d] for d in train]
    agrees(trained(smoothing, train, 3, order), BRUTE[smoothing](train, order, 3, train), train, 3)


@pytest.mark.parametrize("smoothing", OTHERS)
@pytest.mark.parametrize("order", [1, 3, 5])
def test_equals_brute_force_on_a_longer_text(smoothing: str, order: int) -> None:
    # The text is long enough for estimated discounts and Good-Turing ratios.
    size = 60
    train, test = random_documents(order, size, documents=100), random_documents(100 + order, size, documents=6)
    model, truth = trained(smoothing, train, size, order, valid=test), BRUTE[smoothing](train, order, size, test)
    agrees(model, truth, [*train[:3], *test[:3]], size)
    if smoothing in ("katz", "absolute") and order > 1:
        assert not any(note.startswith("The 2-grams") for note in model.notes)


@pytest.mark.parametrize("smoothing", OTHERS)
@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("unknown_in_train", [True, False])
def test_sums_to_one_after_every_kind_of_context(smoothing: str, order: int, unknown_in_train: bool) -> None:
    size = 40
    documents = random_documents(order, size)
    if not unknown_in_train:
        documents = [[w or 2 for w in d] for d in documents]
    model = trained(smoothing, documents, size, order)
    odd = [[], [0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1], [39, 0, 38, 37, 1, 36, 35, 34, 33], []]
    text = Encoded.from_documents([*documents, *random_documents(99, size), *odd], vocabulary(size))
    rows = model.next_log_probs(text, np.arange(len(text) + 1))
    assert np.isfinite(rows).all()
    assert np.abs(np.exp(rows).sum(axis=1) - 1).max() < 1e-6
    np.testing.assert_allclose(rows[np.arange(len(text)), text.ids], model.log_probs(text), rtol=0, atol=1e-9)
    _, streamed = (np.concatenate(parts) for parts in zip(*model.stream(text), strict=True))
    np.testing.assert_allclose(streamed, rows[:-1], rtol=0, atol=1e-5)
    assert any("<unk>" in note for note in model.notes) != unknown_in_train


@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 3])
def test_restoring_the_state_gives_the_same_model(smoothing: str, order: int) -> None:
    documents = random_documents(8, 20)
    model = trained(smoothing, documents, 20, order)
    text = Encoded.from_documents(documents, vocabulary(20))
    again = NGram()
    comes_back(model, again, text)
    assert again.idea == model.idea
    assert again.keeps_to_memory == (smoothing == "kneser-ney")


@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("sentence", [[2, 3, 0, 4, 1], [19, 19, 1], [2, 1], [3, 2, 2, 2, 5, 2, 1]])
def test_the_worked_numbers_make_the_probability(smoothing: str, order: int, sentence: list[int]) -> None:
    # The word 19 does not occur in the training text.
    model = trained(smoothing, random_documents(8, 19), 20, order)
    text = Encoded.from_documents([sentence], vocabulary(20))
    equation, _, *traces = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    label, p = equation.lines[-1]
    token, _, context = label.removeprefix("P(").removesuffix(")").partition(" | ")
    found = [
        np.exp(score)
        for at, score in enumerate(model.log_probs(text))
        if text.vocabulary[int(text.ids[at])] == token
        and " ".join(["<s>", *(text.vocabulary[i] for i in sentence[:at])]).endswith(context)
    ]
    assert any(p == pytest.approx(f, rel=1e-5) for f in found)
    (trace,) = traces
    assert isinstance(trace, BackoffTrace)
    last = [step.probabilities[-1] for step in trace.steps]
    np.testing.assert_allclose(last, np.exp(model.log_probs(text)), rtol=1e-12)


@pytest.mark.parametrize("smoothing", METHODS)
def test_each_method_has_an_equation_of_its_own(smoothing: str) -> None:
    assert typeset(METHODS[smoothing].equation) is not None
    assert len({m.equation for m in METHODS.values()}) == len(METHODS)


@pytest.mark.parametrize("smoothing", METHODS)
def test_the_arpa_file_has_the_scores_of_the_model(smoothing: str, tmp_path: Path) -> None:
    documents = random_documents(4, 12)
    model = trained(smoothing, documents, 12, 3)
    model.file_formats()[".arpa"](vocabulary(12), tmp_path / "model.arpa")
    probabilities: dict[tuple[str, ...], float] = {}
    backoffs: dict[tuple[str, ...], float] = {}
    for line in (tmp_path / "model.arpa").read_text().splitlines():
        if "\t" in line:
            p, words, *weight = line.split("\t")
            probabilities[tuple(words.split())] = float(p)
            backoffs[tuple(words.split())] = float(weight[0]) if weight else 0.0

    def score(gram: tuple[str, ...]) -> float:
        return probabilities[gram] if gram in probabilities else backoffs.get(gram[:-1], 0.0) + score(gram[1:])

    text = Encoded.from_documents(random_documents(5, 12, documents=5), vocabulary(12))
    expected = []
    for sentence in text.split_sentences().documents():
        names = ["<s>", *(text.vocabulary[int(i)] for i in sentence)]
        expected += [score(tuple(names[max(0, i - 2) : i + 1])) for i in range(1, len(names))]
    np.testing.assert_allclose(model.log_probs(text) / np.log(10), expected, atol=1e-5)


# Errors and notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoothing": "witten"}, r"unknown smoothing 'witten' \(did you mean 'witten-bell'"),
        ({"smoothing": 3}, "unknown smoothing '3'"),
        ({"smoothing": "witten-bell", "fallback": False}, 'only with "kneser-ney" and "absolute" and "katz"'),
        ({"smoothing": "absolute", "prune": [0, 1]}, 'prune has no effect with smoothing = "absolute"'),
        ({"k": 0.1}, 'k has no effect with smoothing = "kneser-ney", only with "add-k"'),
        ({"smoothing": "add-k", "k": 0}, "k must be a number from 1e-100 to 1e\\+100"),
        ({"smoothing": "add-k", "k": 1e308}, "k must be a number from 1e-100 to 1e\\+100"),
        ({"smoothing": "add-k", "k": True}, "k must be a number from 1e-100"),
        ({"smoothing": "add-k", "cutoff": 5}, 'only with "katz"'),
        ({"smoothing": "katz", "cutoff": 1}, "cutoff must be a whole number, 2 or more"),
    ],
)
def test_invalid_hyperparameters_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        NGram(order=3, **options)


@pytest.mark.parametrize("smoothing", ["absolute", "katz"])
def test_missing_constants_are_noted_or_an_error(smoothing: str) -> None:
    documents = [[2, 3, 1], [2, 4, 1]] * 3  # b and c occur 3 times, a and </s> 6 times
    note = trained(smoothing, documents, 5, 1).notes[0]
    assert note.startswith("The 1-grams take the discount 0.5")
    assert "has the count 1" in note
    with pytest.raises(LmcompareError, match=r"1-grams no .*has the count 1.*fallback = true"):
        trained(smoothing, documents, 5, 1, fallback=False)


def test_the_advice_on_missing_constants_fits_the_order() -> None:
    with pytest.raises(LmcompareError, match=r"1-grams .*lower min_count"):
        trained("absolute", [[2, 3, 1], [2, 4, 1]] * 3, 5, 2, fallback=False)
    # a and b once, c and </s> twice; of the bigrams none twice
    with pytest.raises(LmcompareError, match=r"2-grams .*lower the order"):
        trained("absolute", [[2, 4, 1, 4, 3, 1]], 5, 2, fallback=False)


def test_the_extremes_of_k_by_hand() -> None:
    # After "a" b and c came once each. All words are equally likely with so great a k, and with so small a one
    # k / 2 is left for the others.
    text, at = Encoded.from_documents([[2, 3]], vocabulary(5)), np.array([1])
    great, small = (trained("add-k", [[2, 3, 1], [2, 4, 1]], 5, 2, k=k) for k in (1e100, 1e-100))
    np.testing.assert_allclose(np.exp(great.next_log_probs(text, at)), [[0.2] * 5], rtol=RTOL)
    rest = np.log(1e-100) - np.log(2)
    expected = [[rest, rest, rest, np.log(0.5), np.log(0.5)]]
    np.testing.assert_allclose(small.next_log_probs(text, at), expected, rtol=RTOL)


def test_a_cutoff_above_all_counts() -> None:
    text = Encoded.from_documents(random_documents(1, 60, documents=100), vocabulary(60))
    for level in counting.count(with_starts(text), 3, 60, 1):
        greatest = int(level.raw.max())
        n = np.bincount(level.raw, minlength=2 * greatest + 2)
        found = [katz.ratios(n, most) for most in range(2 * greatest, 0, -1)]
        kept, reason = katz.order_ratios(level, 10**9)
        assert reason == found[0][1] != ""
        np.testing.assert_array_equal(kept[1:], next((ratios for ratios, problem in found if not problem), []))
        assert kept[0] == 0


def test_a_validation_text_without_tokens_is_noted() -> None:
    model = trained("jelinek-mercer", [[2, 3, 1]], 5, 2, valid=[])
    assert "no tokens" in model.notes[0]
    assert model.state().values["constants"] == [[0.5, 0.5], [0.5]]
