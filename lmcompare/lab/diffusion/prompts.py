"""The prompts: a small grammar over the English names of the digits, in which each prompt is true of some digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
OTHERS = ("a", "an", "or", "not")
WORDS = (*OTHERS, *DIGITS)
LONGEST = 3  # words of a prompt
SINGLE, EITHER, NOT = "single", "either", "not"
SHARES = {SINGLE: 0.3, EITHER: 0.25, NOT: 0.45}  # of the kinds of prompt in training


@dataclass(frozen=True)
class Prompt:
    """Some words, and the digits of which they are true.

    Parameters
    ----------
    words : tuple of str
        Such as ("three", "or", "five").
    digits : frozenset of int
        Such as {3, 5}.
    kind : {"single", "either", "not"}
    """

    words: tuple[str, ...]
    digits: frozenset[int]
    kind: str

    def __str__(self) -> str:
        return " ".join(self.words)

    def is_true_of(self, digit: int) -> bool:
        """Return whether a picture of this digit is what the prompt says."""
        return digit in self.digits

    @property
    def chance(self) -> float:
        """The share of all digits of which it is true."""
        return len(self.digits) / len(DIGITS)


def article(word: str) -> str:
    """Return "an" before a word that begins with a vowel letter and is not "one", otherwise "a"."""
    return "an" if word[0] in "aeiu" else "a"


def single(digit: int) -> Prompt:
    """Return "a seven"."""
    return Prompt((article(DIGITS[digit]), DIGITS[digit]), frozenset({digit}), SINGLE)


def either(first: int, second: int) -> Prompt:
    """Return "three or five"."""
    return Prompt((DIGITS[first], "or", DIGITS[second]), frozenset({first, second}), EITHER)


def negated(digit: int) -> Prompt:
    """Return "not a one"."""
    return Prompt(("not", *single(digit).words), frozenset(range(len(DIGITS))) - {digit}, NOT)


def all_prompts() -> tuple[Prompt, ...]:
    """Return every prompt of the grammar: 10 single digits, 90 ordered pairs, 10 negations."""
    digits = range(len(DIGITS))
    pairs = tuple(either(*pair) for a, b in combinations(digits, 2) for pair in ((a, b), (b, a)))
    return (*map(single, digits), *pairs, *map(negated, digits))


def foreign(word: str, digit: int) -> Prompt:
    """Return the prompt of a word that is in no prompt of training and means a digit, such as "a 7"."""
    return Prompt((article(DIGITS[digit]), word), frozenset({digit}), SINGLE)


NUMERALS = tuple(foreign(str(digit), digit) for digit in range(len(DIGITS)))
ORDINALS = tuple(
    foreign(word, digit)
    for digit, word in enumerate(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"), 1
    )
)


# Never seen in training, in either order of a pair; each of their digits is seen in other prompts
HELD_OUT = (either(1, 7), either(0, 4), either(6, 9), either(2, 8), negated(4), negated(7))


def training_prompts() -> tuple[Prompt, ...]:
    """Return the prompts that the diffusion model is trained on: all but those that are held out."""
    unseen = {(prompt.kind, prompt.digits) for prompt in HELD_OUT}
    return tuple(prompt for prompt in all_prompts() if (prompt.kind, prompt.digits) not in unseen)


class PromptSampler:
    """Draws for each picture a prompt of training that is true of it.

    First the kind is drawn (``SHARES``), then one of the prompts of this kind that are true of the digit.
    """

    def __init__(self, prompts: Sequence[Prompt] | None = None) -> None:
        self.prompts = training_prompts() if prompts is None else tuple(prompts)
        self._by_digit = [
            {
                kind: [i for i, p in enumerate(self.prompts) if p.kind == kind and p.is_true_of(digit)]
                for kind in SHARES
            }
            for digit in range(len(DIGITS))
        ]

    def draw(self, labels: Array, random: np.random.Generator) -> Array:
        """Return (B,) indices into ``prompts``, one for each of the digits (B,)."""
        kinds = random.choice(len(SHARES), len(labels), p=list(SHARES.values()))
        places = random.random(len(labels))
        names = tuple(SHARES)
        chosen = np.empty(len(labels), np.int64)
        for i, (label, kind, place) in enumerate(zip(labels, kinds, places, strict=True)):
            fitting = self._by_digit[int(label)][names[kind]]
            chosen[i] = fitting[int(place * len(fitting))]
        return chosen
