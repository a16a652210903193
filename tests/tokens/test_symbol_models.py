"""The models of symbols behind the code of a text: interpolated counts, by hand and by definition, and spelling."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lmcompare.coding import Reader, distribution, read, word_reader, word_symbols
from lmcompare.tokens import FloatArray
from lmcompare.tokens.codelength import interpolation
from lmcompare.tokens.codelength.between import ALPHABET, END, SpellingModel
from lmcompare.tokens.codelength.interpolation import (
    ContextCounts,
    SymbolKneserNey,
    SymbolModel,
    SymbolWittenBell,
    find,
)

# Three symbols. After context 0: symbol 0 twice, symbol 1 once; after context 1: symbol 0 once.
CONTEXTS = [np.zeros(4, np.int64), np.array([0, 0, 0, 1])]


SYMBOLS = np.array([0, 0, 1, 0])


UNIFORM = np.full(3, 1 / 3)


def test_witten_bell_by_hand() -> None:
    model = SymbolWittenBell.fit([(CONTEXTS, SYMBOLS)], UNIFORM)
    # The shorter level has counts 3, 1, 0: n = 4, t = 2. (c + 2/3) / 6 each.
    shorter = np.array([11, 5, 2]) / 18
    # After 0: counts 2, 1, 0, n = 3, t = 2. After 1: counts 1, 0, 0, n = 1, t = 1. After 7: the shorter level.
    assert distribution(model, [0, 0]) == pytest.approx((np.array([2, 1, 0]) + 2 * shorter) / 5)
    assert distribution(model, [0, 1]) == pytest.approx((np.array([1, 0, 0]) + shorter) / 2)
    assert distribution(model, [0, 7]) == pytest.approx(shorter)
    assert distribution(model, [0, -1]) == pytest.approx(shorter)
    assert distribution(model, [9, 9]) == pytest.approx(UNIFORM)


def test_kneser_ney_by_hand() -> None:
    model = SymbolKneserNey.fit(CONTEXTS, SYMBOLS, UNIFORM)
    # The shorter level counts the contexts each symbol follows: 2, 1, 0; n = 3, t = 2, and n1 = n2 = 1, so d = 1/3:
    # (2 - 1/3)/3 + (1/3 · 2/3) · 1/3 = 17/27, (1 - 1/3)/3 + 2/27 = 8/27, 2/27.
    shorter = np.array([17, 8, 2]) / 27
    # The longer level has the counts 2, 1 (after 0) and 1 (after 1): n1 = 2, n2 = 1, so d = 2/4.
    assert distribution(model, [0, 0]) == pytest.approx(np.array([1.5, 0.5, 0]) / 3 + 0.5 * 2 / 3 * shorter)
    assert distribution(model, [0, 1]) == pytest.approx(np.array([0.5, 0, 0]) + 0.5 * shorter)
    assert distribution(model, [0, 7]) == pytest.approx(shorter)


EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4)), max_size=40)


@pytest.mark.parametrize("kind", [SymbolWittenBell, SymbolKneserNey])
@given(events=EVENTS)
def test_after_every_context_the_probabilities_sum_to_one(
    kind: type[SymbolModel], events: list[tuple[int, int, int]]
) -> None:
    a, b, symbols = (np.array([e[i] for e in events], np.int64) for i in range(3))
    base = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    contexts = [a, a * 4 + b]
    model: SymbolModel = (
        SymbolWittenBell.fit([(contexts, symbols)], base)
        if kind is SymbolWittenBell
        else SymbolKneserNey.fit(contexts, symbols, base)
    )
    for one in range(5):
        for two in range(5):
            p = distribution(model, [one, one * 4 + two])
            assert p.sum() == pytest.approx(1, abs=1e-12)
            assert p.min() > 0
    if len(symbols):
        each = model.probability([a, a * 4 + b], symbols)
        for i in range(len(symbols)):  # one by one the very same figures
            assert each[i] == distribution(model, [int(a[i]), int(a[i] * 4 + b[i])])[symbols[i]]


@pytest.mark.slow
@given(events=EVENTS, size=st.integers(1, 9))
def test_events_counted_in_blocks_are_counted_the_same(events: list[tuple[int, int, int]], size: int) -> None:
    a, b, symbols = (np.array([e[i] for e in events], np.int64) for i in range(3))
    base = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    whole = [([a, np.where(b == 3, -1, a * 4 + b)], symbols)]
    blocks = [
        ([keys[n : n + size] for keys in whole[0][0]], symbols[n : n + size]) for n in range(0, len(symbols), size)
    ] or whole
    for least in (-np.inf, 0.5):
        one, other = (SymbolWittenBell.fit_pruned(events, base, least) for events in (whole, blocks))
        for x, y in zip(one.levels, other.levels, strict=True):
            assert x.contexts.tolist() == y.contexts.tolist()
            assert x.events.tolist() == y.events.tolist()
            assert x.counts.tolist() == y.counts.tolist()


@pytest.mark.slow
@given(events=EVENTS, least=st.sampled_from([-np.inf, 0.0, 0.3, 1.0, 3.0]))
def test_contexts_that_save_enough_are_kept(events: list[tuple[int, int, int]], least: float) -> None:
    a, b, symbols = (np.array([e[i] for e in events], np.int64) for i in range(3))
    base = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    contexts = [a, np.where(b == 3, -1, a * 4 + b)]
    full = SymbolWittenBell.fit([(contexts, symbols)], base)
    shorter = SymbolWittenBell(base, full.levels[:1])
    saved = np.log2(full.probability(contexts, symbols)) - np.log2(shorter.probability(contexts[:1], symbols))
    gains = {key: saved[contexts[1] == key].sum() for key in full.levels[1].contexts.tolist()}
    assume(all(abs(gain - least) > 1e-9 for gain in gains.values()))
    kept = SymbolWittenBell.fit_pruned([(contexts, symbols)], base, least).levels[1]
    assert kept.contexts.tolist() == [key for key, gain in gains.items() if gain >= least]
    counts = Counter(zip(contexts[1].tolist(), symbols.tolist(), strict=True))
    places = zip(*np.divmod(kept.events, len(base)), kept.counts, strict=True)
    assert {(int(kept.contexts[c]), int(s)): n for c, s, n in places} == {
        event: n for event, n in counts.items() if event[0] in kept.contexts
    }


def test_pruned_contexts_hand_over_to_the_shorter_ones() -> None:
    # After context 0 symbol 0 comes as always; after context 1 it is always symbol 1.
    keys = np.repeat([0, 1], [90, 10])
    symbols = np.repeat([0, 1], [90, 10])
    contexts = [np.zeros(100, np.int64), keys]
    full = SymbolWittenBell.fit([(contexts, symbols)], UNIFORM)
    pruned = SymbolWittenBell.fit_pruned([(contexts, symbols)], UNIFORM, least_bits=20.0)
    # log2 of about 1/0.11 for each of ten symbols is some 30 bits; log2(1/0.89) for ninety is some 14.
    assert pruned.levels[-1].contexts.tolist() == [1]
    assert distribution(pruned, [0, 1]) == pytest.approx(distribution(full, [0, 1]))
    assert distribution(pruned, [0, 0]) == pytest.approx(distribution(full, [0, 5]))


def test_json_gives_the_same_model() -> None:
    model = SymbolWittenBell.fit([(CONTEXTS, SYMBOLS)], UNIFORM)
    again = SymbolWittenBell.from_json(json.loads(json.dumps(model.to_json())))
    for keys in ([0, 0], [0, 1], [0, 7], [3, 3]):
        assert np.array_equal(distribution(again, keys), distribution(model, keys))


def test_discount_stays_within_bounds() -> None:
    def level(*counts: int) -> ContextCounts:
        return ContextCounts(np.array([0]), np.arange(len(counts)), np.array(counts), 10)

    assert level(1, 1, 2).discount == 0.5
    assert level(1, 1).discount == 0.9
    assert level(3).discount == 0.1


@pytest.mark.parametrize("short", [0, 100])
def test_find(short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "SHORT", short)
    assert find(np.array([2, 5, 9]), np.array([5, 1, 9, 10, 2])).tolist() == [1, -1, 2, -1, 0]
    assert find(np.zeros(0, np.int64), np.array([3])).tolist() == [-1]


def test_contexts_with_large_keys_are_counted_as_those_with_small_ones() -> None:
    keys, symbols = np.array([3, 1, 3, -1, 3, 1]), np.array([4, 0, 2, 1, 4, 9])
    small = ContextCounts.count(keys, symbols, 10)
    assert (small.contexts.tolist(), small.events.tolist()) == ([1, 3], [0, 9, 12, 14])
    assert small.counts.tolist() == [1, 1, 1, 2]
    large = ContextCounts.count(np.where(keys < 0, keys, keys + 2**62), symbols, 10)
    assert large.contexts.tolist() == [1 + 2**62, 3 + 2**62]
    assert (large.events.tolist(), large.counts.tolist()) == (small.events.tolist(), small.counts.tolist())


WORDS = [b"cat", b"cats", b"catalogue", b"dog", b"dogs", "été".encode(), b"1990", b"<unk>"]


MODEL = SpellingModel(WORDS)


def decisions(reader: Reader[Any], symbols: Sequence[int]) -> list[tuple[FloatArray, int]]:
    """Return (distribution (K,), symbol) for each of the symbols that spell a value."""
    expected, passed = iter(symbols), list[tuple[FloatArray, int]]()

    def choose(distribution: FloatArray) -> int:
        passed.append((distribution, next(expected)))
        return passed[-1][1]

    read(reader, choose)
    assert len(passed) == len(symbols)
    return passed


@given(word=st.binary(max_size=12))
def test_any_bytes_can_be_spelled_at_the_bits_of_the_decisions(word: bytes) -> None:
    steps = decisions(word_reader(MODEL), word_symbols(word))
    assert len(steps) == len(word) + 1
    for p, _ in steps:
        assert p.shape == (ALPHABET,)
        assert p.sum() == pytest.approx(1, abs=1e-12)
    assert -sum(np.log2(p[s]) for p, s in steps) == pytest.approx(MODEL.bits([word])[0])


def test_many_words_are_charged_as_each_alone() -> None:
    words = [b"", b"cat", b"</s>", b"\x00\xff", b"cat"]
    assert MODEL.bits(words) == pytest.approx([MODEL.bits([w])[0] for w in words])
    assert MODEL.bits([]).shape == (0,)


def test_likely_words_are_cheap_and_strange_ones_dear() -> None:
    assert SpellingModel([]).bits([b"ab"])[0] == pytest.approx(3 * np.log2(257))  # every byte is as likely
    cats, qqqq = MODEL.bits([b"cats", b"qqqq"])
    assert cats < 8
    assert qqqq > 30


def test_words_of_up_to_two_bytes_and_the_rest_make_up_everything() -> None:
    # The probability of all words shorter than 2 bytes, and of all beginnings of 2 bytes, is one.
    short = [b"", *(bytes([a]) for a in range(256))]
    total = float(np.sum(2.0 ** -MODEL.bits(short)))
    ((first, _),) = decisions(word_reader(MODEL), [END])
    goes_on = 0.0
    for a in range(256):
        second, _ = decisions(word_reader(MODEL), [a, END])[1]
        goes_on += first[a] * (1 - second[END])
    assert total + goes_on == pytest.approx(1, abs=1e-9)


def test_spelling_does_not_depend_on_the_order_of_examples() -> None:
    again = SpellingModel(itertools.chain(reversed(WORDS), WORDS))
    assert np.array_equal(again.bits(WORDS), MODEL.bits(WORDS))
    again = SpellingModel.from_json(json.loads(json.dumps(MODEL.to_json())))
    words = [*WORDS, b"\xff\x00new"]
    assert np.array_equal(again.bits(words), MODEL.bits(words))
    odd = SpellingModel([b"\xff\x80", b"a"], order=2)
    assert SpellingModel.from_json(odd.to_json()).examples == odd.examples
