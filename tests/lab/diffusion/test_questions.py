"""Prompts are true of the digits that they name; what is asked, how answers are counted, and pictures of digits."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lmcompare.lab.diffusion.data import (
    DIGITS,
    HELD_OUT,
    LONGEST,
    NEW_NOTS,
    NEW_PAIRS,
    NUMERALS,
    ORDINALS,
    QUESTIONS,
    SINGLES,
    STRENGTHS,
    THREE_FIVE,
    WORDS,
    Digits,
    Judge,
    PromptSampler,
    all_prompts,
    either,
    nearest,
    negated,
    single,
    training_prompts,
)
from lmcompare.lab.diffusion.model import Answer, spread, wilson


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


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_of_newcombe(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_the_spread_by_hand() -> None:
    pictures = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 1.0], [5.0, 5.0], [9.0, 9.0]])
    # variances with n - 1: 2 + 0 and 0 + 8; the group of one picture is left out
    assert spread(pictures, [0, 0, 1, 1, 2]) == pytest.approx(math.sqrt((2 + 8) / 2))
    assert math.isnan(spread(pictures[:1], [0]))


def test_a_picture_is_right_if_the_prompt_is_true_of_what_is_seen() -> None:
    answer = Answer((single(3), single(3)), np.zeros((2, 4)), np.array([3, 5]), np.zeros(2), np.zeros(2))
    assert answer.right.tolist() == [True, False]


def test_chance_is_that_of_a_random_digit() -> None:
    assert QUESTIONS[SINGLES].chance == pytest.approx(0.1)
    assert QUESTIONS[THREE_FIVE].chance == pytest.approx(0.2)
    assert QUESTIONS[NEW_NOTS].chance == pytest.approx(0.9)
    assert {0.0, 1.0} < set(STRENGTHS)


def test_new_combinations_are_in_no_prompt_of_training() -> None:
    seen = {(p.kind, p.digits) for p in training_prompts()}
    new = [p for name in (NEW_PAIRS, NEW_NOTS) for p in QUESTIONS[name].prompts]
    assert len(new) == 6
    assert not any((p.kind, p.digits) in seen for p in new)
    assert ("either", QUESTIONS[THREE_FIVE].prompts[0].digits) in seen


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits.load()


@pytest.mark.slow
def test_no_picture_is_in_two_parts(digits: Digits) -> None:
    parts = (digits.diffusion, digits.classifier, digits.apart)
    every = np.concatenate([part.at for part in parts])
    assert sorted(every) == list(range(1_797))
    assert [len(part) for part in parts] == [719, 719, 359]
    data = load_digits()
    for part in parts:
        assert (part.labels == data.target[part.at]).all()
        assert part.pictures == pytest.approx(data.data[part.at] / 8 - 1)
        assert set(part.labels) == set(range(10))
    again = Digits.load()
    assert (again.diffusion.at == digits.diffusion.at).all()


def test_the_classifier_reads_pictures_that_it_has_not_seen(digits: Digits) -> None:
    judge = Judge(digits)
    assert judge.asked == 359
    assert judge.right / judge.asked > 0.97
    assert (judge(digits.apart.pictures) == digits.apart.labels).sum() == judge.right
    assert (judge(digits.diffusion.pictures) == digits.diffusion.labels).mean() > 0.97


def test_the_nearest_picture_by_brute_force() -> None:
    random = np.random.default_rng(0)
    pictures, among = random.normal(size=(5, 7)), random.normal(size=(9, 7))
    at, distances = nearest(pictures, among)
    for row, picture in enumerate(pictures):
        every = [float(np.linalg.norm(picture - other)) for other in among]
        assert at[row] == int(np.argmin(every))
        assert distances[row] == pytest.approx(min(every))
    assert nearest(among[:2], among)[1] == pytest.approx([0.0, 0.0])
