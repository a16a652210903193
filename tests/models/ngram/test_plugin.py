"""Tests of the n-gram model against brute force, hand-worked arithmetic and the contract."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcompare import allowance
from lmcompare.counts import room
from lmcompare.counts.counting.bounded import POSITION_BYTES
from lmcompare.counts.lookup.scoring import BLOCK
from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.model import Setting
from lmcompare.models.ngram.plugin import METHODS, NGram
from lmcompare.models.ngram.smoothing.kneser_ney import KneserNey
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back, steps_agree
from tests.models.ngram.smoothing.brute_force_kneser_ney import BruteForce


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, size))])


def trained(documents: list[list[int]], size: int, order: int, **options: Any) -> NGram:
    words = vocabulary(size)
    train = Encoded.from_documents(documents, words)
    return NGram(order=order, **options).fit(train, train, Setting(words))


def random_documents(seed: int, size: int, documents: int = 20) -> list[list[int]]:
    """Documents of a few sentences, words by Zipf's law; about one in three ends without ``</s>``."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, size + 1)
    drawn = [rng.choice(size, rng.integers(0, 40), p=weights / weights.sum()) for _ in range(documents)]
    return [[int(i) for i in d] + [1] * int(rng.random() < 0.7) for d in drawn]


# Against brute force

WORDS = 7
RTOL = 3e-6  # log10 probabilities are kept in float32
documents_of_words = st.lists(st.lists(st.integers(0, WORDS - 2), max_size=12), min_size=1, max_size=6)
documents_without_unknown = st.lists(st.lists(st.integers(1, WORDS - 2), max_size=12), min_size=1, max_size=6)


@settings(max_examples=300)
@given(
    train=st.one_of(documents_of_words, documents_without_unknown).filter(any),
    test=st.lists(st.lists(st.integers(0, WORDS - 1), max_size=10), max_size=4),
    order=st.integers(1, 7),
    rises=st.lists(st.integers(0, 1), max_size=6),
)
def test_equals_brute_force(train: list[list[int]], test: list[list[int]], order: int, rises: list[int]) -> None:
    # The last type does not occur in the training text; documents may be empty or end without </s>.
    prune = tuple(np.cumsum([0, *rises]).tolist())[:order]
    model, truth = trained(train, WORDS, order, prune=prune), BruteForce(train, order, WORDS, prune)
    for documents in (train, test):
        text = Encoded.from_documents(documents, vocabulary(WORDS))
        if not text.n_documents:
            continue
        contexts = [truth.context_at(d, i) for d in documents for i in range(len(d))]
        contexts.append(truth.context_at(documents[-1], len(documents[-1])))
        expected = np.array([[truth.probability(w, h) for w in range(WORDS)] for h in contexts])
        found = np.exp(model.next_log_probs(text, np.arange(len(text) + 1)))
        np.testing.assert_allclose(found, expected, rtol=RTOL, atol=1e-12)
        targets = expected[np.arange(len(text)), text.ids]
        np.testing.assert_allclose(np.exp(model.log_probs(text)), targets, rtol=RTOL, atol=1e-12)


@pytest.mark.parametrize("order", range(1, 8))
def test_equals_brute_force_with_estimated_discounts(order: int) -> None:
    # The text is long enough for estimated discounts at the lower orders, unlike most of the small texts above.
    size = 150
    documents = random_documents(order, size, documents=60)
    model, truth = trained(documents, size, order), BruteForce(documents, order, size)
    shown = [*documents[:2], *random_documents(100 + order, size, documents=2)]
    contexts = [truth.context_at(d, i) for d in shown for i in range(len(d))]
    expected = np.array([[truth.probability(w, h) for w in range(size)] for h in contexts])
    text = Encoded.from_documents(shown, vocabulary(size))
    np.testing.assert_allclose(np.exp(model.next_log_probs(text, np.arange(len(text)))), expected, rtol=RTOL)
    assert truth.discounts[min(order, 2) - 1] != (0.0, 0.5, 1.0, 1.5)


# By hand


def test_a_bigram_model_worked_by_hand() -> None:
    # Two sentences, "a b </s>" and "a c </s>", over <unk> </s> a b c: V = 5.
    # Bigrams: <s>a 2, ab 1, ac 1, b</s> 1, c</s> 1. Continuation counts: a 1 (<s>), b 1, c 1, </s> 2 (b, c); sum 5.
    # No count is 3, so both orders take the discounts 0.5, 1, 1.5.
    # Unigrams: γ = (3 · 0.5 + 1 · 1) / 5 = 0.5, and 0.5 / V = 0.1:
    #   p(a) = p(b) = p(c) = 0.5 / 5 + 0.1 = 0.2;  p(</s>) = (2 - 1) / 5 + 0.1 = 0.3;  p(<unk>) = 0.1.
    # After <s>: p(a) = (2 - 1) / 2 + 1/2 · 0.2 = 0.6; the others 1/2 · p: <unk> 0.05, </s> 0.15, b 0.1, c 0.1.
    # After a: γ = (0.5 + 0.5) / 2 = 0.5; p(b) = p(c) = 0.5 / 2 + 0.5 · 0.2 = 0.35; <unk> 0.05, </s> 0.15, a 0.1.
    # After b: γ = 0.5 / 1; p(</s>) = 0.5 + 0.5 · 0.3 = 0.65; <unk> 0.05, a, b, c 0.1.
    # After <unk>, which does not occur in the training text: the unigrams.
    a, b, c = 2, 3, 4
    model = trained([[a, b, 1], [a, c, 1]], 5, 2)
    text = Encoded.from_documents([[a, b, 1, 0]], vocabulary(5))
    expected = [
        [0.05, 0.15, 0.6, 0.1, 0.1],
        [0.05, 0.15, 0.1, 0.35, 0.35],
        [0.05, 0.65, 0.1, 0.1, 0.1],
        [0.05, 0.15, 0.6, 0.1, 0.1],  # after </s>, as after <s>
        [0.1, 0.3, 0.2, 0.2, 0.2],
    ]
    np.testing.assert_allclose(np.exp(model.next_log_probs(text, np.arange(5))), expected, rtol=RTOL)
    log_probs = [math.log(p) for p in (0.6, 0.35, 0.65, 0.05)]
    np.testing.assert_allclose(model.log_probs(text), log_probs, rtol=RTOL)


def test_unseen_types_have_the_probability_of_the_unknown_word() -> None:
    model = trained([[2, 3, 1], [2, 4, 1]], 9, 2)  # 5 … 8 are in the vocabulary only, like <unk>
    text = Encoded.from_documents([[2, 5]], vocabulary(9))
    rows = np.exp(model.next_log_probs(text, np.arange(3)))
    assert np.ptp(rows[:, [0, 5, 6, 7, 8]], axis=1) == pytest.approx(0, abs=1e-15)
    assert rows[2, 0] == pytest.approx(0.5 / 9, rel=RTOL)  # γ of the unigrams is 0.5, as in the example above


# The contract


@pytest.mark.parametrize("order", range(1, 8))
@pytest.mark.parametrize("unknown_in_train", [True, False])
@pytest.mark.parametrize("prune", [(0,), (0, 0, 1, 2)])
def test_sums_to_one_after_every_kind_of_context(order: int, unknown_in_train: bool, prune: tuple[int, ...]) -> None:
    size = 40
    documents = random_documents(order, size)
    if not unknown_in_train:
        documents = [[w or 2 for w in d] for d in documents]
    model = trained(documents, size, order, prune=prune[:order])
    odd = [[], [0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1], [39, 0, 38, 37, 1, 36, 35, 34, 33], []]
    text = Encoded.from_documents([*documents, *random_documents(99, size), *odd], vocabulary(size))
    rows = model.next_log_probs(text, np.arange(len(text) + 1))
    assert np.isfinite(rows).all()
    assert np.abs(np.exp(rows).sum(axis=1) - 1).max() < 1e-6
    np.testing.assert_allclose(rows[np.arange(len(text)), text.ids], model.log_probs(text), rtol=0, atol=1e-9)
    at, streamed = (np.concatenate(parts) for parts in zip(*model.stream(text), strict=True))
    np.testing.assert_array_equal(at, np.arange(len(text)))
    np.testing.assert_allclose(streamed, rows[:-1], rtol=0, atol=1e-5)
    assert np.abs(np.exp(streamed.astype(np.float64)).sum(axis=1) - 1).max() < 1e-6


@pytest.mark.parametrize("order", [1, 2, 5])
def test_only_the_past_of_the_sentence_matters(order: int) -> None:
    documents = random_documents(3, 20)
    model = trained(documents, 20, order)
    text = Encoded.from_documents(documents, vocabulary(20))
    np.testing.assert_array_equal(model.log_probs(text), model.log_probs(text.split_sentences()))
    at = np.array([7, 3, 3, len(text)])
    alone = [model.next_log_probs(text, at[i : i + 1])[0] for i in range(4)]
    np.testing.assert_array_equal(model.next_log_probs(text, at), alone)


def test_a_document_begins_like_a_sentence() -> None:
    model = trained(random_documents(5, 20), 20, 3)
    words = vocabulary(20)
    begin = model.next_log_probs(Encoded.from_documents([[4, 5]], words), np.array([0]))
    for nothing in (Encoded.from_documents([], words), Encoded.from_documents([[]], words)):
        np.testing.assert_array_equal(model.next_log_probs(nothing, np.array([0])), begin)
        assert model.log_probs(nothing).shape == (0,)
    after_end = Encoded.from_documents([[4, 5, 1]], words)
    np.testing.assert_array_equal(model.next_log_probs(after_end, np.array([3])), begin)


def test_a_text_longer_than_a_chunk_scores_as_its_parts() -> None:
    documents = random_documents(6, 25, documents=5000)
    model = trained(documents[:200], 25, 4)
    text = Encoded.from_documents(documents, vocabulary(25))
    assert len(text) > BLOCK
    parts = [model.log_probs(text.select(range(d, d + 500))) for d in range(0, 5000, 500)]
    np.testing.assert_array_equal(model.log_probs(text), np.concatenate(parts))
    endless = Encoded.from_documents([np.where(text.ids == 1, 2, text.ids)], vocabulary(25))  # one sentence
    rows = np.arange(BLOCK - 2, BLOCK + 3)
    nearby = model.next_log_probs(endless, rows)[np.arange(5), endless.ids[rows]]
    np.testing.assert_allclose(model.log_probs(endless)[rows], nearby, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_stepper_agrees_with_the_whole_text(order: int) -> None:
    model = trained(random_documents(7, 20), 20, order)
    steps_agree(model, Encoded.from_documents([[4, 0, 6, 1, 3, 19, 2, 2, 1, 5]], vocabulary(20)))


@pytest.mark.parametrize("order", [1, 5])
def test_restoring_the_state_gives_the_same_model(order: int) -> None:
    documents = random_documents(8, 20)
    model = trained(documents, 20, order)
    text = Encoded.from_documents(documents, vocabulary(20))
    comes_back(model, NGram(), text)


def test_size_counts_probabilities_and_backoff_weights() -> None:
    # "a b </s>", "a c </s>": 6 unigrams with <s>, each with a back-off weight, and 5 bigrams without.
    model = trained([[2, 3, 1], [2, 4, 1]], 5, 2)
    assert model.size().parameters == 6 + 6 + 5
    assert model.size().bytes == sum(a.nbytes for a in model.state().arrays.values())


# Errors and notes


@pytest.mark.parametrize("order", [0, -1, 2.0, "3", True])
def test_an_invalid_order_is_refused(order: object) -> None:
    with pytest.raises(PluginError, match="order must be a whole number"):
        NGram(order=order)  # type: ignore[arg-type]


@pytest.mark.parametrize("prune", [[], (1,), [0, 1, 0], [0, 0, 0, 0], [0, -1], [0, 0.5], [0, True], 0, "0"])
def test_invalid_thresholds_are_refused(prune: object) -> None:
    with pytest.raises(PluginError, match="prune must be a list of at most 3 whole numbers"):
        NGram(order=3, prune=prune)  # type: ignore[arg-type]


@pytest.mark.parametrize(("order", "example"), [(1, "[0]"), (2, "[0, 0]"), (3, "[0, 0, 1]"), (7, "[0, 0, 1]")])
def test_the_example_of_thresholds_fits_the_order(order: int, example: str) -> None:
    with pytest.raises(PluginError) as found:
        NGram(order=order, prune=[1])
    assert f"as in {example}, not" in str(found.value)


def test_a_training_text_without_tokens_is_refused() -> None:
    with pytest.raises(LmcompareError, match="no tokens"):
        trained([[], []], 5, 2)


def test_missing_discounts_are_noted_or_refused() -> None:
    documents = [[2, 3, 1], [2, 4, 1]]
    notes = trained(documents, 5, 2).notes
    assert notes[0].startswith("The 1-grams take the discounts 0.5, 1 and 1.5 (no n-gram has the count 3)")
    assert notes[1].startswith("The 2-grams take the discounts")
    with pytest.raises(LmcompareError, match="1-grams no discounts"):
        trained(documents, 5, 2, fallback=False)


def test_a_discount_of_zero_is_noted() -> None:
    # As unigrams: a, b, c and </s> once, d twice, e three times: 4, 1 and 1 of the counts 1, 2 and 3. Y = 4 / 6 and
    # D2 = 2 - 3 Y = 0.
    model = trained([[2, 3, 4, 5, 5, 6, 6, 6, 1]], 7, 1)
    assert model.notes[0].startswith("A discount of the 1-grams is 0")


def test_a_training_text_without_unknown_words_is_noted() -> None:
    assert any("<unk>" in note for note in trained([[2, 3, 1]], 5, 2).notes)
    assert not any("<unk>" in note for note in trained([[2, 0, 3, 1]], 5, 2).notes)


def test_another_vocabulary_and_an_untrained_model_are_refused() -> None:
    text = Encoded.from_documents([[2, 3]], vocabulary(6))
    with pytest.raises(PluginError, match="5 types, not of 6"):
        trained([[2, 3, 1]], 5, 2).log_probs(text)
    with pytest.raises(NotFittedError):
        NGram().log_probs(text)


# In bounded memory


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": 1},
        {"order": 3, "prune": (0, 0, 1)},
        {"order": 4, "prune": (0, 1)},
        *({"order": 3, "smoothing": name} for name in METHODS if name != "kneser-ney"),
    ],
    ids=str,
)
def test_a_limit_of_memory_changes_nothing_of_the_model(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    size, documents = 30, random_documents(0, 30)
    text = Encoded.from_documents(documents, vocabulary(size))
    expected = trained(documents, size, **{"order": 5, **options})
    monkeypatch.setattr(room, "SMALL", 0)  # all arrays are in files
    with allowance.limited(4 * 50 * POSITION_BYTES):  # a quarter of it is left: 50 positions in a block
        found = trained(documents, size, **{"order": 5, **options})
        np.testing.assert_array_equal(found.log_probs(text), expected.log_probs(text))
    mine, theirs = found.state(), expected.state()
    assert mine.values == theirs.values
    assert mine.arrays.keys() == theirs.arrays.keys()
    for name, array in theirs.arrays.items():
        np.testing.assert_array_equal(mine.arrays[name], array, err_msg=name)
        assert mine.arrays[name].dtype == array.dtype, name


def test_the_validation_text_is_in_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    estimate = KneserNey.estimate

    def noted(self: KneserNey, counts: Any, size: int, valid: Any) -> Any:
        given.append(valid)
        return estimate(self, counts, size, valid)

    monkeypatch.setattr(KneserNey, "estimate", noted)
    monkeypatch.setattr(room, "SMALL", 0)
    with allowance.limited(4 * 50 * POSITION_BYTES):
        trained([[2, 3, 1], [2, 4]], 5, 2)
    assert given[0].tolist() == [5, 2, 3, 1, 5, 2, 4]
    assert isinstance(given[0].base, np.memmap)
