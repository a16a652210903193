"""What is said of figures that are known: the claims of each experiment, and what was not found comes first."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.lab import Figures, Row
from lmcompare.lab.contrasts import Contrast, Measured, all_of, corrected, effects, without_effect
from lmcompare.lab.experiments import attention, grammar, ideas, inference, letters, ontology, order, unseen
from lmcompare.lab.experiments.order import TREATMENTS
from lmcompare.lab.neurons import experiment as few_bits
from lmcompare.lab.quantisation import TERNARY
from tests.lab.laboratory import missed

FOUND = Row("Word order", value=0.1, low=0.09, high=0.11, p_holm=0.001)
HARMFUL = Row("Reading on", value=-0.2, low=-0.3, high=-0.1, p_holm=0.001)
ZERO = Row("Several heads", value=-0.002, low=-0.005, high=0.001, p_holm=0.5)
WIDE = Row("Twice the text", value=0.085, low=-0.056, high=0.226, p_holm=0.19)


def row(name: str, amount: float, p: float = 0.001) -> Row:
    return Row(name, value=amount, low=amount, high=amount, p_holm=p)


def table(*rows: Row) -> Figures:
    return Figures(title="", rows=rows, unit="bits per word")


def contrast(bits: float, width: float = 0.1, p: float = 0.001, name: str = "", figure: float = 1.0) -> Contrast:
    ends = (bits, bits - width, bits + width, p, figure)
    return Contrast.of(name, ends, p)


def test_a_wide_interval_is_not_called_no_effect() -> None:
    small, uncertain = without_effect([FOUND, ZERO, WIDE], 0.02, "bits")
    assert small == "The effect of several heads is smaller than 0.02 bits."
    assert "uncertain" in uncertain
    assert "twice the text (−0.056 to +0.226)" in uncertain
    assert without_effect([FOUND, HARMFUL], 0.02, "bits") == []
    (small,) = without_effect([WIDE], 0.3, "bits")
    assert "0.3 bits" in small
    assert "twice the text" in small
    (said,) = without_effect([Row("Attention", value=0.3)], 0.02, "bits")
    assert "too short" in said


def test_an_interval_without_zero_that_the_correction_leaves_open_is_not_called_uncertain() -> None:
    corrected = Row("A second layer", value=0.015, low=0.001, high=0.029, p_holm=0.1)
    said, uncertain = without_effect([corrected, WIDE], 0.02, "bits")
    assert "Holm" in said
    assert "a second layer (+0.001 to +0.029)" in said
    assert "second layer" not in uncertain


def test_effects_have_a_sign_and_the_largest_comes_first() -> None:
    larger = Row("Attention", value=0.3, low=0.2, high=0.4, p_holm=0.001)
    assert effects([FOUND, ZERO, HARMFUL, WIDE, larger], 1) == ["attention (0.300)", "word order (0.100)"]
    assert effects([FOUND, HARMFUL], -1) == ["reading on (0.200)"]


@pytest.mark.parametrize(
    ("bits", "width", "is_below"),
    [(0.04, 0.005, True), (0.06, 0.005, False), (0.04, 0.02, None), (0.04, np.nan, True)],
)
def test_a_bound_inside_an_interval_decides_nothing(bits: float, width: float, is_below: bool | None) -> None:
    assert contrast(bits, width).below(0.05) is is_below
    assert contrast(0.1 - bits, width).above(0.05) is is_below
    no_interval = Row("it", value=bits)
    assert no_interval.below(0.05) is (bits < 0.05)
    if np.isfinite(width):
        assert replace(no_interval, low=bits - width, high=bits + width).below(0.05) is is_below


def test_claims_together() -> None:
    assert [all_of(claims) for claims in ([True, True], [True, None], [None, False])] == [True, None, False]


def of_ideas(**bits: float) -> dict[str, Row]:
    """As predicted, except for what is given; 0 is an effect that was not found."""
    predicted = {idea.name: 0.05 for idea in ideas.IDEAS if idea.name != ideas.MASK}
    predicted |= {ideas.VECTORS: 0.2, "Word order": 0.1, "Positions": 0.01, "Several heads": 0.005}
    given = predicted | {name.replace("_", " "): value for name, value in bits.items()}
    return {name: Row(name, value=value, p_holm=0.001 if value else 0.5) for name, value in given.items()}


def test_ideas() -> None:
    pretence = Row(ideas.MASK, figure=0.3)
    assert missed(ideas._claims(of_ideas(), pretence)) == []
    assert missed(ideas._claims(of_ideas(), Row(ideas.MASK, figure=0.6))) == [6]
    assert missed(ideas._claims(of_ideas(Positions=0.03), pretence)) == [4]
    assert missed(ideas._claims(of_ideas(A_second_layer=0.001), pretence)) == [3]
    assert missed(ideas._claims(of_ideas(Positions=0.0), pretence)) == [0]
    assert missed(ideas._claims(of_ideas(Word_order=0.3), pretence)) == [1, 2]
    assert missed(ideas._claims(of_ideas(Attention_at_all=-0.01), pretence)) == [0, 3]
    said = ideas._verdict(list(of_ideas(Positions=0.0, Several_heads=-0.01).values()))
    assert said.endswith("the effect of positions.")
    assert said.startswith("6 of 8 ideas help on this text, most of all trained word vectors")
    assert "word order (0.100)" in said
    assert said.index("(0.050)") < said.index("twice the text (0.050) and twice the parameters (0.050)")
    assert said.index("word order (0.100)") < said.index("attention at all (0.050)")
    assert "better without several heads (0.010)." in said
    nothing = [replace(each, value=0.0, p_holm=0.5) for each in of_ideas().values()]
    assert ideas._verdict(nothing).count(". ") == 0


def test_attention() -> None:
    chosen, copied, mean = attention.CHOSEN, attention.COPIED, attention.MEAN
    predicted = {name: row(name, -0.004) for name in attention.LOOKING} | {copied: row(copied, -0.02)}

    def reading(amount: float) -> Figures:
        return table(row(copied, amount))

    assert missed(attention._claims(predicted, reading(-0.4))) == []
    assert missed(attention._claims(predicted, reading(0.4))) == [4]
    assert missed(attention._claims({**predicted, chosen: row(chosen, -0.02)}, reading(-0.4))) == [0, 2, 3]
    assert missed(attention._claims({**predicted, mean: row(mean, -0.001)}, reading(-0.4))) == [2]
    none = {name: row(name, 0.001, 0.9) for name in attention.LOOKING}
    said = attention._verdict(none, row(chosen, 0.0, 1.0), reading(0.0), reading(0.0))
    assert said.startswith("No effect of attention")
    assert "The effects of the mean of the past states" in said
    assert "saved" not in said
    assert "No difference was found between additive attention and the plain mean" in said
    found = {**predicted, chosen: row(chosen, -0.004), mean: row(mean, 0.030)}
    said = attention._verdict(found, row(chosen, -0.011), reading(-0.45), reading(0.22))
    assert said.startswith("Attention helps even a recurrent network")
    assert "saved: a pointer to past words (0.020)," in said
    assert "lost: the mean of the past states (0.030)." in said
    assert "better than the plain mean of the past states, by 0.011" in said
    assert "saves 0.45 bits on each word that was read a short time before, and costs 0.22" in said
    worse = attention._verdict({**found, chosen: row(chosen, 0.004)}, row(chosen, 0.0), reading(0.0), reading(0.0))
    assert worse.startswith("Attention helps a recurrent network as a pointer")
    assert "As a mean of past states, it makes the network worse" in worse
    lost = {**found, chosen: row(chosen, 0.004), copied: row(copied, 0.0, 0.9)}
    assert attention._verdict(lost, row(chosen, 0.0), reading(0.0), reading(0.0)).startswith("Attention makes")


def test_more_computation_at_inference() -> None:
    names = ("Mixing with the 5-gram", "Learning from the document so far", "A window four times as long")

    def rows(*bits: float) -> list[Row]:
        costs = (0.5, 900.0, 20.0)
        return [
            Row(n, value=b, p_holm=0.001 if b else 1.0, figure=c) for n, b, c in zip(names, bits, costs, strict=True)
        ]

    # savings divided by their cost, where there is one
    divided = {row.name: row.value for row in inference._by_time(rows(-0.25, -0.09, 0.02)).rows}
    assert divided == pytest.approx({names[0]: 500.0, names[1]: 0.1})
    said = inference._verdict(rows(-0.25, -0.09, 0.0))
    assert said.startswith("2 of 3\u00a0ways to spend more computation help, most of all mixing with the 5-gram.")
    assert said.endswith("the effect of a window four times as long.")
    assert said.index("mixing with the 5-gram 0.25") < said.index("learning from the document so far 0.09")
    assert inference._verdict(rows(0.0, 0.0, 0.0)).startswith("None of 3\u00a0ways")
    assert missed(inference._claims(rows(-0.25, -0.09, -0.01))) == []
    assert missed(inference._claims(rows(-0.25, -0.005, -0.01))) == [1]
    assert missed(inference._claims(rows(-0.0001, -0.9, -0.01))) == [0]


def test_word_vectors_that_a_person_can_read() -> None:
    others, fixed, permuted, trained = ontology.OTHERS, ontology.FIXED, ontology.PERMUTED, ontology.TRAINED
    for two, three, first, wrong in (
        (-0.05, 0.1, 0.6, []),
        (-0.2, 0.1, 0.6, [0]),
        (0.05, 0.1, 0.6, [0]),
        (-0.05, 0.01, 0.6, [1]),
        (-0.05, 0.1, 0.4, [2]),
    ):
        given = {fixed: row("", two), permuted: row("", three)}
        assert missed(ontology._claims(given, replace(row("", 0.1), figure=first))) == wrong
        assert missed(ontology._claims(given, replace(row("", 0.1, 0.3), figure=first))) == [*wrong, 3]
    worse = {name: row(name, 0.05) for name in others}
    assert set(worse) == {permuted, fixed, trained, ontology.ONE_SOFTMAX}
    better = {fixed: replace(worse[fixed], value=-0.02), trained: replace(worse[trained], p_holm=0.4)}
    said = ontology._verdict({**worse, **better})
    assert said.startswith("No difference from the readable table was found of “word2vec, trained”.")
    assert "needs 0.020 bits per byte more than word2vec's vectors as they are" in said
    assert "rows permuted is worse by 0.050" in said
    cheap = ontology._verdict(worse)
    assert cheap.startswith("On this text, word vectors that a person can read cost nothing.")
    dear = ontology._verdict({**worse, trained: replace(worse[trained], value=-0.02)})
    assert dear.startswith("Word vectors that a person can read predict this text worse than trained ones.")


def test_letters() -> None:
    def said(p: float, **shares: float) -> str:
        found = {name: contrast(share - 0.5, p=p, name=name, figure=share) for name, share in shares.items()}
        return letters._verdict(found, 0.5).partition(". ")[0]

    first = said(0.001, words=0.52, pieces=0.6, bytes=0.9)
    assert "best with bytes" in first
    assert "least with words" in first
    assert "pieces" not in first
    blind = said(0.4, words=0.52, bytes=0.53)
    assert "words and bytes" in blind
    assert "it was not found that a model sees letters" in blind
    assert "best" not in blind


def test_words_that_never_followed() -> None:
    bits = {"unigram": (0.2, 0.001), "word2vec bag": (0.03, 0.6), "RNN": (-0.9, 0.001)}
    fair = {name: contrast(b, p=p, name=name, figure=9.0 + b) for name, (b, p) in bits.items()}
    sample: Any = SimpleNamespace(counts=np.array([5, 5]))
    parts = table(Row("25 % of the text", value=-0.1, p_holm=0.01), Row("100 % of the text", value=0.1, p_holm=0.01))
    said = unseen._verdict(fair, Measured.of(np.array([[40.0, 50.0]])), sample, parts)
    never = "Where the next word never followed the last one in training,"
    assert said.startswith(
        f"{never} no difference from counts was found for the word2vec bag. {never} the RNN predicts"
    )
    assert "no difference from counts was found for the word2vec bag." in said.split("If all")[0]
    assert "the 5-gram needs 9.00 bits per word, the RNN 8.10." in said
    assert "with 25 % of the text" in said


@pytest.mark.parametrize(
    ("parser", "trees", "p", "first"),
    [
        (0.5, -0.2, 0.001, "Trees help to predict the next word, but counting triples of words helps more."),
        (-0.5, -0.2, 0.001, "Trees help to predict the next word, more than counting triples of words."),
        (0.5, 0.2, 0.001, "Trees add −0.20 bits per word"),
        (0.5, -0.2, 0.4, "No difference was found between the parser and its class bigram and"),
    ],
)
def test_trees(parser: float, trees: float, p: float, first: str) -> None:
    found = {grammar.PARSER: contrast(parser, p=p), grammar.TRANSFORMER: contrast(1.0, p=p)}
    said = grammar._verdict(found, contrast(trees, p=p), table())
    assert said.startswith(first)
    assert f"Trees add {-trees:.2f}".replace("-", "−") in said or p > 0.05


def rounded(after: dict[float, float], trained: float) -> few_bits.Tests:
    lost = {(bits, few_bits.AFTER): after.get(bits, 0.0) for bits in few_bits.ROUNDED}
    lost[TERNARY, few_bits.WITH] = trained
    return {key: contrast(each, 0.0, 0.001 if each else 1.0, figure=1.5) for key, each in lost.items()}


def test_weights_of_few_bits() -> None:
    said = few_bits._verdict(rounded({3: 0.005, 2: 0.123, TERNARY: 0.4}, 0.03))
    assert said.startswith("No loss was found with 8 and 4 bits")
    assert said.index("0.005 with 3") < said.index("0.123 with 2") < said.index("0.030 with 1.58")
    assert "0.000" not in said
    assert "8, 4, 3, 2 and 1.58" in few_bits._verdict(rounded({}, 0.02))
    assert "cost" not in few_bits._verdict(rounded({}, 0.0))
    for two, four, trained, wrong in (
        *((0.2, 0.0, 0.04, []), (0.05, 0.0, 0.04, [1]), (0.2, 0.0, 0.06, [2]), (0.2, 0.02, 0.04, [0])),
    ):
        assert missed(few_bits._claims(rounded({2: two, 4: four}, trained))) == wrong


Found = dict[tuple[str, int], Contrast]
NEAR, FAR, NONE = (0.5, 0.002, 0.0, 0.0), (2.0, 0.4, 0.3, 0.2), (0.0,) * 4


def lost(**by_treatment: tuple[float, ...]) -> Found:
    return {
        (how, kept): contrast(bits, 0.005, 0.0001 if bits > 0.01 else 1.0)
        for how, all_bits in by_treatment.items()
        for kept, bits in zip(order.KEPT, all_bits, strict=True)
    }


def of_order(found: dict[str, Found], *trained: Row) -> str:
    tests = {(family, k): each["shuffled", k] for family, each in found.items() for k in order.KEPT}
    return order._verdict(found, corrected(tests), table(*trained)).replace("\u00a0", " ")


def test_the_reach_is_where_less_than_a_twentieth_of_a_bit_is_lost() -> None:
    found = lost(cut=(2.0, 0.4, 0.06, 0.01), shuffled=(0.9, 0.04, 0.0, 0.0))
    assert order.reach(found, "cut") == 64
    assert order.reach(found, "shuffled") == 4
    assert order.reach(lost(cut=(2.0, 1.0, 0.5, 0.2)), "cut") is None


def test_models_that_read_equally_far_are_named_together() -> None:
    found = {
        "5-gram": lost(cut=NEAR, shuffled=NEAR),
        "bag": lost(cut=NEAR, shuffled=NONE),
        "RNN": lost(cut=FAR, shuffled=NEAR),
    }
    text = of_order(found, Row("the last one", value=0.037, p_holm=0.01), Row("the last 4", value=-0.026, p_holm=0.6))
    assert "within the last 4 words" in text.partition(". ")[0]
    assert re.search(r"5-gram and the bag [^.]*less than 0\.05 bits per word [^.]*before the last 4\b", text)
    assert "the last 64 words may be worth more than that to the RNN." in text
    assert "all but the last word makes the 5-gram and the RNN worse" in text
    assert "No effect of the order was found for the bag." in text
    assert "uncertain" not in text
    assert "to know which word came last, and the words before as a bag, needs 0.037 bits per word more" in text
    assert "the last 4 words needs" not in text


def test_the_order_where_the_correction_leaves_it_open_or_nothing_was_found() -> None:
    shuffled = lost(shuffled=NEAR) | {("shuffled", 4): contrast(0.149, 0.116, 0.02)}
    far = lost(cut=FAR, shuffled=(0.9, 0.2, 0.0, 0.0))
    text = of_order({"RNN": far, "transformer": lost(cut=FAR) | shuffled})
    assert "within the last 16 words" in text.partition(". ")[0]
    assert "all but the last 4 words makes the RNN worse" in text
    assert "all but the last word makes the transformer worse" in text
    assert "uncertain to tell: the loss of the transformer if all but the last 4 words are shuffled" in text
    assert of_order({"bag": lost(cut=NEAR, shuffled=NONE)}).startswith("No effect of the order of words was found.")
    far = lost(cut=FAR, shuffled=(0.9, 0.2, 0.2, 0.2))
    assert of_order({"RNN": far}).startswith("The order of words matters. ")


def test_a_prediction_of_the_order_is_open_where_an_interval_has_its_bound() -> None:
    short = {(how, kept): contrast(0.0, 0.005) for how in TREATMENTS for kept in order.KEPT}
    long = short | lost(cut=(2.0, 0.5, 0.1, 0.0), shuffled=(0.7, 0.1, 0.01, 0.0))
    known = table(Row("the last one", value=0.26, low=0.18, high=0.33))
    found = {"5-gram": short, "word2vec bag": short, "RNN": long, "transformer": long}
    assert set(order._claims(found, known).values()) == {True}
    wide = long | {("shuffled", 16): contrast(0.02, 0.04)}
    claims = order._claims({**found, "RNN": wide, "5-gram": short | {("cut", 16): contrast(0.2, 0.005)}}, known)
    assert [*claims.values()] == [False, True, True, None, True, True, True]
