"""Prompts are true of the digits that they name, and training never has those that are held out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lmcompare.lab.diffusion.prompts import (
    DIGITS,
    HELD_OUT,
    LONGEST,
    NUMERALS,
    ORDINALS,
    WORDS,
    PromptSampler,
    all_prompts,
    either,
    negated,
    single,
    training_prompts,
)


def true_of(words: tuple[str, ...], digit: int) -> bool:
    """Whether a digit is what some words say, word by word."""
    named = {DIGITS.index(word) for word in words if word in DIGITS}
    return (digit not in named) if "not" in words else (digit in named)


def test_every_prompt_is_true_of_its_digits_and_no_others() -> None:
    prompts = all_prompts()
    assert len(prompts) == len({p.words for p in prompts}) == 10 + 90 + 10
    for prompt in prompts:
        assert len(prompt.words) <= LONGEST
        assert set(prompt.words) <= set(WORDS)
        for digit in range(10):
            assert prompt.is_true_of(digit) == true_of(prompt.words, digit)


def test_prompts_are_english() -> None:
    assert [str(p) for p in (single(7), single(8), single(1), either(3, 5), negated(1), negated(8))] == [
        *("a seven", "an eight", "a one", "three or five", "not a one", "not an eight")
    ]
    assert either(3, 5).digits == {3, 5}
    assert either(3, 5).chance == pytest.approx(0.2)
    assert negated(1).chance == pytest.approx(0.9)


def test_training_has_each_word_and_none_of_the_held_out_combinations() -> None:
    prompts = training_prompts()
    assert {word for prompt in prompts for word in prompt.words} == set(WORDS)
    held = {(frozenset(p.words)) for p in HELD_OUT}
    assert not held & {frozenset(p.words) for p in prompts}
    assert len(prompts) == 110 - 4 * 2 - 2
    assert not {word for p in (*NUMERALS, *ORDINALS) for word in p.words[1:]} & set(WORDS)
    assert [min(p.digits) for p in ORDINALS] == list(range(1, 10))


def test_a_drawn_prompt_is_true_of_its_picture() -> None:
    sampler = PromptSampler()
    labels = np.random.default_rng(0).integers(0, 10, 4_000)
    drawn = sampler.draw(labels, np.random.default_rng(1))
    assert all(sampler.prompts[i].is_true_of(int(label)) for i, label in zip(drawn, labels, strict=True))
    kinds = Counter(sampler.prompts[i].kind for i in drawn)
    for kind, share in (("single", 0.3), ("either", 0.25), ("not", 0.45)):
        assert kinds[kind] / 4_000 == pytest.approx(share, abs=0.03)  # four standard deviations
    assert (sampler.draw(labels, np.random.default_rng(1)) == drawn).all()
