"""The smoothing methods against hand-worked arithmetic, and against NLTK where the definitions agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lmcompare.counts import ngrams as counting
from lmcompare.exhibits import BackoffTrace, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.ngram import kneser_ney, methods
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.ngram.cases import RTOL

TOKENS = ["<unk>", "</s>", "a", "b", "c"]
WORDS = Vocabulary(TOKENS)
# Two sentences, "a b </s>" and "a c </s>". Unigrams: a 2, b 1, c 1, </s> 2; sum 6, 4 types.
# Bigrams: <s>a 2, ab 1, ac 1, b</s> 1, c</s> 1.
TRAIN = [[2, 3, 1], [2, 4, 1]]
AFTER_START, AFTER_A, AFTER_B, AFTER_UNKNOWN = 0, 1, 2, 4  # positions of "a b </s> <unk>"


def trained(smoothing: str, order: int, valid: list[list[int]] | None = None, **options: Any) -> NGram:
    text = Encoded.from_documents(TRAIN, WORDS)
    held_out = text if valid is None else Encoded.from_documents(valid, WORDS)
    return NGram(order, smoothing=smoothing, **options).fit(text, held_out, Setting(WORDS))


def rows(model: NGram) -> Any:
    text = Encoded.from_documents([[2, 3, 1, 0]], WORDS)
    return np.exp(model.next_log_probs(text, np.arange(5)))


def test_kneser_ney() -> None:
    # Continuation counts: a 1 (<s>), b 1, c 1, </s> 2 (b, c); sum 5. No count is 3, so both orders take the discounts
    # 0.5, 1, 1.5. Unigrams: γ = (3 · 0.5 + 1 · 1) / 5 = 0.5, and 0.5 / V = 0.1:
    #   p(a) = p(b) = p(c) = 0.5 / 5 + 0.1 = 0.2;  p(</s>) = (2 - 1) / 5 + 0.1 = 0.3;  p(<unk>) = 0.1.
    # After <s>: p(a) = (2 - 1) / 2 + 1/2 · 0.2 = 0.6; the others 1/2 · p: <unk> 0.05, </s> 0.15, b 0.1, c 0.1.
    # After a: γ = (0.5 + 0.5) / 2 = 0.5; p(b) = p(c) = 0.5 / 2 + 0.5 · 0.2 = 0.35; <unk> 0.05, </s> 0.15, a 0.1.
    # After b: γ = 0.5 / 1; p(</s>) = 0.5 + 0.5 · 0.3 = 0.65; <unk> 0.05, a, b, c 0.1.
    # After <unk>, which does not occur in the training text: the unigrams.
    model = trained("kneser-ney", 2)
    expected = [
        [0.05, 0.15, 0.6, 0.1, 0.1],
        [0.05, 0.15, 0.1, 0.35, 0.35],
        [0.05, 0.65, 0.1, 0.1, 0.1],
        [0.05, 0.15, 0.6, 0.1, 0.1],  # after </s>, as after <s>
        [0.1, 0.3, 0.2, 0.2, 0.2],
    ]
    np.testing.assert_allclose(rows(model), expected, rtol=RTOL)
    log_probs = model.log_probs(Encoded.from_documents([[2, 3, 1, 0]], WORDS))
    np.testing.assert_allclose(log_probs, [math.log(p) for p in (0.6, 0.35, 0.65, 0.05)], rtol=RTOL)
    # 6 unigrams with <s>, each with a back-off weight, and 5 bigrams without
    assert model.size().parameters == 6 + 6 + 5
    assert model.size().bytes == sum(a.nbytes for a in model.state().arrays.values())


@pytest.mark.parametrize(
    ("statistics", "amounts", "reason"),
    [
        # Y = 4 / (4 + 2 · 2) = 1/2; D1 = 1 - 2 Y 2/4 = 1/2; D2 = 2 - 3 Y 1/2 = 5/4; D3 = 3 - 4 Y 1/1 = 1
        ([4, 2, 1, 1], (0.5, 1.25, 1.0), ""),
        ([4, 2, 1, 0], (0.5, 1.25, 3.0), ""),  # no n-gram with the count 4 is allowed: D3 = 3
        ([4, 1, 1, 0], (2 / 3, 0.0, 3.0), ""),  # so is a discount of exactly 0: Y = 4 / 6, D2 = 2 - 3 Y 1/1 = 0
        ([0, 2, 1, 1], (0.5, 1.0, 1.5), "no n-gram has the count 1"),
        ([4, 0, 1, 1], (0.5, 1.0, 1.5), "no n-gram has the count 2"),
        ([4, 2, 0, 1], (0.5, 1.0, 1.5), "no n-gram has the count 3"),
        ([1, 1, 3, 1], (0.5, 1.0, 1.5), "the discount of the count 2 would be -1"),  # Y = 1/3, D2 = 2 - 3 Y 3/1
        ([4, 2, 1, 2], (0.5, 1.0, 1.5), "the discount of the count 3 would be -1"),  # Y = 1/2, D3 = 3 - 4 Y 2/1
    ],
)
def test_discounts_of_kneser_ney(statistics: list[int], amounts: tuple[float, ...], reason: str) -> None:
    found = kneser_ney.discounts(np.array(statistics))
    assert found.amounts == pytest.approx(amounts)
    assert found.reason == reason


def test_witten_bell() -> None:
    # Unigrams: T = 4: p(a) = p(</s>) = (2 + 4/5) / 10 = 0.28, p(b) = p(c) = (1 + 4/5) / 10 = 0.18, p(<unk>) = 0.08.
    # After <s>: T = 1: p(a) = (2 + 0.28) / 3; the others p / 3.
    # After a: T = 2: p(b) = p(c) = (1 + 2 · 0.18) / 4 = 0.34; the others p / 2.
    # After b: T = 1: p(</s>) = (1 + 0.28) / 2 = 0.64; the others p / 2.
    found = rows(trained("witten-bell", 2))
    np.testing.assert_allclose(found[AFTER_START], [0.08 / 3, 0.28 / 3, 0.76, 0.06, 0.06], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_A], [0.04, 0.14, 0.14, 0.34, 0.34], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_B], [0.04, 0.64, 0.14, 0.09, 0.09], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_UNKNOWN], [0.08, 0.28, 0.28, 0.18, 0.18], rtol=RTOL)


def test_absolute_discounting() -> None:
    # Unigrams: n1 = 2, n2 = 2: D = 2 / (2 + 4) = 1/3. γ / V = 1/3 · 4 / 6 / 5 = 2/45: p(<unk>) = 2/45,
    # p(a) = p(</s>) = 5/3 / 6 + 2/45 = 29/90, p(b) = p(c) = 2/3 / 6 + 2/45 = 14/90.
    # Bigrams: n1 = 4, n2 = 1: D = 4 / (4 + 2) = 2/3.
    # After <s>: γ = 2/3 · 1 / 2 = 1/3; p(a) = 4/3 / 2 + 29/270; after a: γ = 2/3; p(b) = p(c) = 1/3 / 2 + 28/270.
    model = trained("absolute", 2)
    assert model.state().values["constants"] == pytest.approx([1 / 3, 2 / 3])
    unigrams = np.array([4, 29, 29, 14, 14]) / 90
    found = rows(model)
    np.testing.assert_allclose(found[AFTER_START], unigrams / 3 + [0, 0, 2 / 3, 0, 0], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_A], unigrams * 2 / 3 + [0, 0, 0, 1 / 6, 1 / 6], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_UNKNOWN], unigrams, rtol=RTOL)


def test_jelinek_mercer_with_weights_of_a_half() -> None:
    # The validation text is empty.
    # Unigrams: p(a) = p(</s>) = (1/3 + 1/5) / 2 = 4/15, p(b) = p(c) = (1/6 + 1/5) / 2 = 11/60,
    # p(<unk>) = 1/10. After a: half of that, and 1/4 more for b and c.
    found = rows(trained("jelinek-mercer", 2, valid=[]))
    unigrams = np.array([1 / 10, 4 / 15, 4 / 15, 11 / 60, 11 / 60])
    np.testing.assert_allclose(found[AFTER_A], unigrams / 2 + [0, 0, 0, 1 / 4, 1 / 4], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_UNKNOWN], unigrams, rtol=RTOL)


def test_jelinek_mercer_fitted_to_one_word() -> None:
    # The validation text is "a": 1/3 by frequency, 1/5 by the uniform distribution, so the posterior of the frequency
    # is r = 5λ / (3 + 2λ). The fixed point is λ = (r + 1/2) / 2, that is 4 λ² = 3/2.
    model = trained("jelinek-mercer", 1, valid=[[2]])
    *below, weight = model.state().values["constants"][0]
    assert weight == pytest.approx(math.sqrt(3 / 8), abs=1e-3)  # the unigrams' context was seen 6 times: 4 to 7
    assert below == [0.5, 0.5]
    assert rows(model)[0, 2] == pytest.approx(weight / 3 + (1 - weight) / 5)


def test_katz_with_fixed_discounts() -> None:
    # A text of this size has no Good-Turing ratios: 1/2 is subtracted from every count.
    # Unigrams: p(a) = p(</s>) = 1.5 / 6, p(b) = p(c) = 0.5 / 6; <unk>, the only unseen type, has the remaining 1/3.
    # After <s>: p(a) = 1.5 / 2, the remaining 1/4 is shared by the others, 3/4 of the unigrams: α = 1/3.
    # After a: p(b) = p(c) = 1/4, the remaining 1/2 is shared by <unk>, a, </s>, 5/6 of the unigrams: α = 3/5.
    model = trained("katz", 2)
    found = rows(model)
    np.testing.assert_allclose(found[AFTER_START], [1 / 9, 1 / 12, 3 / 4, 1 / 36, 1 / 36], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_A], [0.2, 0.15, 0.15, 0.25, 0.25], rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_UNKNOWN], [1 / 3, 1 / 4, 1 / 4, 1 / 12, 1 / 12], rtol=RTOL)
    assert model.notes[:2] == (
        "The 1-grams take the discount 0.5 off every count (no n-gram has the count 3).",
        "The 2-grams take the discount 0.5 off every count (no n-gram has the count 3).",
    )


def test_good_turing_ratios() -> None:
    # n = 10, 4, 1: A = 3 · 1 / 10; d1 = (2 · 4 / 10 - A) / (1 - A) = 5/7; d2 = (3 · 1 / 4 / 2 - A) / (1 - A) = 3/28.
    # The discounts sum to 10 · 2/7 + 4 · 2 · 25/28 = 10 = n1, the Good-Turing estimate for unseen words.
    found, problem = methods.ratios(np.array([0, 10, 4, 1]), 2)
    assert not problem
    assert found == pytest.approx([5 / 7, 3 / 28])
    assert 10 * 1 * (1 - found[0]) + 4 * 2 * (1 - found[1]) == pytest.approx(10)


@pytest.mark.parametrize(
    ("n", "problem"),
    [
        ([0, 0, 4, 1], "no n-gram has the count 1"),
        ([0, 10, 0, 1], "no n-gram has the count 2"),
        ([0, 3, 2, 1], "too many n-grams have the count 3"),  # A = 1
        ([0, 10, 8, 1], "the ratio of the count 1 would be 1.86"),  # (1.6 - 0.3) / 0.7
        ([0, 10, 4, 0], "the ratio of the count 2 would be 0"),
    ],
)
def test_unusable_good_turing_ratios(n: list[int], problem: str) -> None:
    assert methods.ratios(np.array(n), 2)[1] == problem


def counts_of(*times: int) -> counting.Counts:
    raw = np.array(times)
    nothing = np.zeros(len(raw), np.int64)
    return counting.Counts(len(raw), nothing, np.array([0, len(raw)]), nothing, raw, raw, nothing)


def test_a_smaller_cutoff_is_used_if_it_gives_ratios() -> None:
    # 10 words once, 4 twice, 1 three times, none four times: the cutoff is 2, as above.
    kept, reason = methods.order_ratios(counts_of(*[1] * 10, *[2] * 4, 3, 9))
    assert kept == pytest.approx([0, 5 / 7, 3 / 28])
    assert reason == "no n-gram has the count 4"


def test_a_context_without_discounted_counts_is_counted_once_more() -> None:
    # "a b" twelve times, and enough words for ratios up to 2: only b follows a, too often for a discount.
    train = [[2, 3, 1]] * 12 + [[w, 1] for w in range(4, 14)] + [[w, 1] for w in range(14, 18)] * 2 + [[18, 1]] * 3
    words = Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, 19))])
    text = Encoded.from_documents(train, words)
    model = NGram(2, smoothing="katz").fit(text, text, Setting(words))
    assert any(note.startswith("For the 2-grams") for note in model.notes)
    after_a = np.exp(model.next_log_probs(Encoded.from_documents([[2]], words), np.array([1])))[0]
    assert after_a[3] == pytest.approx(12 / 13, rel=RTOL)
    assert after_a.sum() == pytest.approx(1, abs=1e-6)


def test_absolute_discount_of_the_counts_of_counts() -> None:
    assert methods.discount(counts_of(1, 1, 1, 2, 5)) == (3 / 5, "")
    assert methods.discount(counts_of(2, 5)) == (0.5, "no n-gram has the count 1")
    assert methods.discount(counts_of(1, 5)) == (0.5, "no n-gram has the count 2")


def test_add_k() -> None:
    # k = 1. After <s> and a, each seen twice: (c + 1) / (2 + 5); after b (1 + 1) / (1 + 5); after <unk> all equal.
    found = rows(trained("add-k", 2, k=1))
    np.testing.assert_allclose(found[AFTER_START], np.array([1, 1, 3, 1, 1]) / 7, rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_A], np.array([1, 1, 1, 2, 2]) / 7, rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_B], np.array([1, 2, 1, 1, 1]) / 6, rtol=RTOL)
    np.testing.assert_allclose(found[AFTER_UNKNOWN], np.full(5, 1 / 5), rtol=RTOL)
    # With order 3 the context after a is "<s> a", that of </s> is "a b", and that of the first word <s>.
    longer = rows(trained("add-k", 3, k=1))
    np.testing.assert_allclose(longer, found, rtol=RTOL)


def test_the_worked_equation_of_each_method() -> None:
    # "a b </s>" under a bigram model: a after <s>, which a followed both times.
    text = Encoded.from_documents([[2, 3, 1]], WORDS)
    expected = {
        "kneser-ney": [2, 1, 2, 0.5, 0.5, 0.2, 0.1, 0.6],
        "witten-bell": [2, 2, 1, 0.28, 0.28, 0.76],
        "absolute": [2, 2 / 3, 2, 1, 2 / 3, 1 / 3, 29 / 90, 2 / 3 + 29 / 270],
        "katz": [2, 2, 3 / 4, 1 / 4, 3 / 4],
        "add-k": [2, 1, 2, 5, 3 / 7],
    }
    for smoothing, values in expected.items():
        more: dict[str, Any] = {"k": 1} if smoothing == "add-k" else {}
        equation, _, trace = trained(smoothing, 2, **more).exhibits(text)
        assert isinstance(equation, WorkedEquation)
        assert isinstance(trace, BackoffTrace)
        assert equation.note == "With the trained model's numbers for 'a' after '<s>'."
        assert [value for _, value in equation.lines] == pytest.approx(values, rel=1e-5)
        # frequencies, of the unigram too; for Kneser-Ney the one word before it
        assert trace.steps[0].counts == ((1, 2) if smoothing == "kneser-ney" else (2, 2))


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", ["add-k", "witten-bell", "absolute"])
def test_each_step_to_a_longer_context_is_that_of_nltk(smoothing: str) -> None:
    """Below its unigrams NLTK has no uniform distribution, so what is held is each step p(w | h) = α + γ p(w | h').

    Its discount is an argument, the same for all orders; ours is estimated for each. ``<s>`` must not be among the
    words that its models predict, so it is read as its <UNK>, which does not occur otherwise.
    """
    from nltk import lm
    from nltk.util import everygrams

    sentences = ["a b a c", "b a", "a b c c b", "c", "b a b"]
    text = Encoded.from_documents([[*WORDS.ids(s.split()), 1] for s in sentences], WORDS)
    options: dict[str, Any] = {"k": 0.3} if smoothing == "add-k" else {}
    ours = NGram(3, smoothing=smoothing, **options).fit(text, text, Setting(WORDS))

    def after(*context: str) -> Any:
        # "<unk>", which was never seen, comes first, so that the context is the longest one that was seen
        shown = Encoded.from_documents([WORDS.ids(["<unk>", *context])], WORDS)
        return np.exp(ours.next_log_probs(shown, np.array([len(shown)])))[0]

    kinds: dict[str, tuple[Any, str]] = {
        "add-k": (lm.Lidstone, "gamma"),
        "witten-bell": (lm.WittenBellInterpolated, ""),
        "absolute": (lm.AbsoluteDiscountingInterpolated, "discount"),
    }
    kind, argument = kinds[smoothing]
    for context in [("a",), ("b",), ("c",), ("a", "b"), ("b", "a"), ("c", "c")]:
        constant = (
            0.3 if smoothing == "add-k" else ours.state().values["constants"][len(context)] if argument else 0.0
        )
        given = {argument: constant} if argument else {}
        theirs = kind(order=3, vocabulary=lm.Vocabulary(["</s>", "a", "b", "c"]), **given)
        theirs.fit([everygrams(["<s>", *s.split(), "</s>"], max_len=3) for s in sentences])
        for word, p, lower in zip(TOKENS, after(*context), after(*context[1:]), strict=True):
            if smoothing != "add-k":
                alpha, gamma = theirs.estimator.alpha_gamma(word, context)
                assert p == pytest.approx(alpha + gamma * lower, rel=1e-5)
            elif len(context) == 2:
                assert p == pytest.approx(theirs.score(word, context), rel=1e-5)
