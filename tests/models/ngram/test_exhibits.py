"""The exhibits of the n-gram model show what it computed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lmcompare.exhibits import BackoffTrace, Bars, WorkedEquation, from_json, to_json
from lmcompare.model import Setting
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
TRAIN = [[2, 3, 1], [2, 4, 1]]  # a b </s>, a c </s>: worked in test_by_hand.py; without d


def shown(order: int, *documents: list[int]) -> tuple[NGram, Encoded, WorkedEquation, Bars, list[BackoffTrace]]:
    train = Encoded.from_documents(TRAIN, VOCABULARY)
    model = NGram(order=order).fit(train, train, Setting(VOCABULARY))
    text = Encoded.from_documents(documents, VOCABULARY)
    equation, bars, *traces = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(bars, Bars)
    assert all(isinstance(t, BackoffTrace) for t in traces)
    return model, text, equation, bars, [t for t in traces if isinstance(t, BackoffTrace)]


def test_trace_of_a_bigram_model_by_hand() -> None:
    # V = 6 here, so that 0.5 / V = 1/12: p(a) = p(b) = p(c) = 0.1 + 1/12, p(</s>) = 0.2 + 1/12.
    _, _, _, bars, (trace,) = shown(2, [2, 5, 1])
    first, second, third = trace.steps
    assert (first.token, first.matched, first.contexts, first.counts) == ("a", 2, ("", "<s>"), (1, 2))
    assert first.probabilities == pytest.approx((0.1 + 1 / 12, 0.5 + 0.5 * (0.1 + 1 / 12)))
    assert (second.token, second.matched, second.contexts, second.counts) == ("d", 0, ("", "a"), (0, 0))
    assert second.probabilities == pytest.approx((1 / 12, 0.5 / 12))
    # </s> after d, which does not occur in the training text: the unigram
    assert (third.token, third.matched, third.contexts, third.counts) == ("</s>", 1, ("", "d"), (2, 0))
    assert third.probabilities == pytest.approx((0.2 + 1 / 12, 0.2 + 1 / 12))
    assert bars.labels == ("unseen", "the word alone", "2-gram")
    assert bars.values == (1, 1, 1)


def test_the_longest_context_gives_the_probability() -> None:
    model, text, _, bars, traces = shown(4, [2, 3, 2, 4, 1], [], [4, 1, 2, 3, 1])
    steps = [step for trace in traces for step in trace.steps]
    assert len(traces) == 2  # an empty document has no trace
    last = [step.probabilities[-1] for step in steps]
    np.testing.assert_allclose(last, np.exp(model.log_probs(text)), rtol=1e-12)
    assert sum(bars.values) == len(text)
    assert steps[3].contexts == ("", "a", "b a", "a b a")
    assert steps[7].contexts == ("", "<s>")  # a sentence begins after </s>
    # if an n-gram was seen, so were all n-grams in it
    assert [step.matched for step in steps] == [sum(c > 0 for c in step.counts) for step in steps]
    assert max(step.matched for step in steps) == 4


def test_the_worked_numbers_make_the_probability() -> None:
    model, text, equation, _, _ = shown(5, [5, 2, 3, 1])
    (count_of, count), (_, discount), (_, total), (_, share), (_, gamma), (_, lower), (_, rest) = equation.lines[:7]
    assert count_of == "c(a b </s>): the number of different words before it"
    assert share == pytest.approx((count - discount) / total)
    assert rest == pytest.approx(gamma * lower)
    label, p = equation.lines[7]
    assert p == pytest.approx(share + rest)
    for (_, weight), (longer, longest) in zip(equation.lines[8::2], equation.lines[9::2], strict=True):
        assert longest == pytest.approx(weight * p)
        label, p = longer, longest
    token = label.removeprefix("P(").removesuffix(")").split(" | ")[0]
    of_tokens = {text.vocabulary[int(i)]: np.exp(s) for i, s in zip(text.ids, model.log_probs(text), strict=True)}
    assert p == pytest.approx(of_tokens[token])


def test_the_equation_by_hand() -> None:
    # The first sentence is "a b </s>": no trigram in a bigram model, and of its bigrams the contexts <s> and a were
    # both seen twice; the first of them is shown. p(a | <s>) = (2 - 1) / 2 + 0.5 · (0.1 + 1/12).
    _, _, equation, _, _ = shown(2, [2, 3, 1])
    assert equation.note == "With the trained model's numbers for 'a' after '<s>'."
    assert equation.lines[0][0] == "c(<s> a): its count in the training text"
    values = [value for _, value in equation.lines]
    assert values == pytest.approx([2, 1, 2, 0.5, 0.5, 0.1 + 1 / 12, 0.05 + 1 / 24, 0.55 + 1 / 24])
    labels = [label for label, _ in equation.lines]
    assert labels[5:] == ["P(a)", "γ(h) · P(a)", "P(a | <s>)"]
    _, _, alone, _, _ = shown(1, [2, 3, 1])
    labels = [label for label, _ in alone.lines]
    assert labels[5:] == ["1 / V: the same for each of the 6 types", "γ(h) / V", labels[7]]
    assert alone.lines[5][1] == pytest.approx(1 / 6)


def test_the_equation_prefers_known_words() -> None:
    # "<unk> a </s>" occurs three times and "b a </s>" once, so the most frequent context is <unk>.
    train = Encoded.from_documents([[0, 2, 1]] * 3 + [[3, 2, 1]], VOCABULARY)
    model = NGram(order=2).fit(train, train, Setting(VOCABULARY))

    def note(*ids: int) -> str:
        equation, *_ = model.exhibits(Encoded.from_documents([ids], VOCABULARY))
        return equation.note

    assert note(0, 2, 3, 2) == "With the trained model's numbers for 'a' after 'b'."
    assert note(0) == "With the trained model's numbers for '<unk>' after '<s>'."


def test_all_exhibits_are_json_and_an_empty_text_has_none() -> None:
    model, text, *_ = shown(3, [2, 3, 1])
    for exhibit in model.exhibits(text):
        assert from_json(json.loads(json.dumps(to_json(exhibit)))) == exhibit
    assert list(model.exhibits(Encoded.from_documents([], VOCABULARY))) == []


def test_the_equation_includes_the_contexts_that_the_word_did_not_follow() -> None:
    # b followed "a", but neither "c a" nor "c c a", which were followed by a in "c c a a </s>".
    train = Encoded.from_documents([[4, 4, 2, 2, 1], *[[2, 3, 1]] * 3], VOCABULARY)
    model = NGram(order=4).fit(train, train, Setting(VOCABULARY))
    text = Encoded.from_documents([[5, 4, 2, 3]], VOCABULARY)  # d does not occur in the training text
    equation, _, trace = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(trace, BackoffTrace)
    assert "Below the highest order" in trace.counted
    assert equation.note.endswith("for 'b' after 'd c a': the longest context it was seen after is 'a'.")
    labels = [label for label, _ in equation.lines[8:]]
    assert labels == [
        "times the back-off weight of 'c a', which 'b' never followed",
        "P(b | c a)",
        "times the back-off weight of 'd c a', which was not seen",
        "P(b | d c a)",
    ]
    assert equation.lines[-1][1] == pytest.approx(float(np.exp(model.log_probs(text)[3])))


def test_the_equation_of_a_pruned_model_has_the_counts_of_all_n_grams() -> None:
    # After "a b" a came three times, and c and d once each, which are pruned. No order has discounts of its own:
    # γ = (1.5 + 1 + 1) / 5, where only 3 - 1.5 of the kept counts and γ are left to tell the sum 5.
    train = Encoded.from_documents([[2, 3, 2, 1]] * 3 + [[2, 3, 4, 1], [2, 3, 5, 1]], VOCABULARY)
    model = NGram(order=3, prune=(0, 0, 1)).fit(train, train, Setting(VOCABULARY))
    assert model.state().values["constants"][2][0] == [0.5, 1.0, 1.5]
    text = Encoded.from_documents([[3, 3, 2, 3, 2]], VOCABULARY)
    equation, _, trace = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(trace, BackoffTrace)
    assert equation.note == "With the trained model's numbers for 'a' after 'a b'."
    count, discount, total, share, gamma, lower, rest, p = (value for _, value in equation.lines)
    assert (count, discount, total, share) == (3, 1.5, 5, 0.3)
    assert gamma == pytest.approx(0.7)
    assert p == pytest.approx(0.3 + 0.7 * lower)
    assert rest == pytest.approx(0.7 * lower)
    assert p == pytest.approx(float(np.exp(model.log_probs(text)[4])))
    assert "Pruned n-grams" in trace.note
    assert "pruned n-grams" in equation.saying


def test_the_equation_where_a_back_off_weight_is_0() -> None:
    # As bigrams "<s> b", "<s> c", "c <unk>" and "c d" have the count 1, "<unk> c" 2 and "<s> <unk>" 3: Y = 4 / 6 and
    # D2 = 2 - 3 Y = 0. Only c came after <unk>, so nothing is left for b. After "c <unk>" c came once: γ = 0.5.
    train = Encoded.from_documents([[3], [0], [0, 4], [4, 0, 4, 5], [0]], VOCABULARY)
    model = NGram(order=3).fit(train, train, Setting(VOCABULARY))
    text = Encoded.from_documents([[0, 4, 0, 3]], VOCABULARY)
    equation, *_ = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    assert [value for _, value in equation.lines[8:]] == pytest.approx([0, 0, 0.5, 0])
    assert model.log_probs(text)[3] == -np.inf
