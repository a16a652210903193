"""Pictures of digits, prompts that describe them, the words of the prompts as vectors, and what models are asked.

The prompts are a small grammar over the names of the digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np

from lmcompare.model import LanguageModel
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

DARKEST, BRIGHTEST = 0.0, 16.0  # pixel values of scikit-learn's digits
APART = 0.2  # the share of all pictures that measures the classifier
SPLIT_SEED = 0  # the same parts in every run


@dataclass(frozen=True)
class Part:
    """Some pictures of the data.

    Parameters
    ----------
    pictures : array of float32, shape (N, P)
        From -1 (black) to 1 (white).
    labels : array of int, shape (N,)
        The digits.
    at : array of int, shape (N,)
        Their indices in the data.
    """

    pictures: Array
    labels: Array
    at: Array

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Digits:
    """The 1,797 pictures of 8 by 8 pixels that scikit-learn brings (Alpaydin and Kaynak 1998).

    Parameters
    ----------
    diffusion : Part
        The pictures that the diffusion model learns from.
    classifier : Part
        As many other pictures, which the classifier learns from.
    apart : Part
        Pictures that neither has seen.
    """

    diffusion: Part
    classifier: Part
    apart: Part

    @classmethod
    def load(cls) -> Self:
        """Return the pictures in their parts, drawn at random and always the same."""
        from sklearn.datasets import load_digits

        data = load_digits()
        pictures = (2 * (data.data - DARKEST) / (BRIGHTEST - DARKEST) - 1).astype(np.float32)
        order = np.random.default_rng(SPLIT_SEED).permutation(len(pictures))
        apart, rest = np.split(order, [round(APART * len(order))])
        halves = np.split(rest, [len(rest) // 2])
        return cls(*(Part(pictures[at], data.target[at].astype(np.int64), at) for at in (*halves, apart)))


class Judge:
    """A classifier that says which digit is in a picture.

    A support vector machine with a Gaussian kernel (Cortes and Vapnik 1995).

    Parameters
    ----------
    digits : Digits
        It learns from the part ``classifier``.

    Attributes
    ----------
    right : int
        How many of the ``asked`` pictures that neither it nor the diffusion model has seen it names rightly.
    asked : int
    """

    def __init__(self, digits: Digits) -> None:
        from sklearn.svm import SVC

        self._machine = SVC(C=10.0, gamma=0.02).fit(digits.classifier.pictures, digits.classifier.labels)
        self.right = int(np.count_nonzero(self(digits.apart.pictures) == digits.apart.labels))
        self.asked = len(digits.apart)

    def __call__(self, pictures: Array) -> Array:
        """Return the digits of pictures (N, P), as (N,)."""
        return np.asarray(self._machine.predict(pictures))


def nearest(pictures: Array, among: Array) -> tuple[Array, Array]:
    """Return for N pictures the index of the nearest of others, and the Euclidean distance to it: (N,) and (N,)."""
    squares = (pictures**2).sum(1)[:, None] - 2 * pictures @ among.T + (among**2).sum(1)
    at = squares.argmin(1)
    distances: Array = np.sqrt(np.maximum(((pictures - among[at]) ** 2).sum(1), 0))
    return at, distances


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

    def __init__(self) -> None:
        self.prompts = training_prompts()
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


OfPrompt = Callable[[tuple[str, ...]], Array]


@dataclass(frozen=True)
class TextVectors:
    """Gives the words of a prompt as vectors.

    All kinds of vectors have the same scale: over the words of all prompts their mean is zero and the mean of their
    squared numbers is one. They differ only in which words are similar.

    Parameters
    ----------
    width : int
        d: the numbers of a vector.
    raw : callable
        Returns for the W words of a prompt their vectors, (W, d).
    centre : array, shape (d,)
        Is subtracted.
    scale : float
        The vectors are divided by it.
    """

    width: int
    raw: OfPrompt
    centre: Array
    scale: float

    @classmethod
    def scaled(cls, raw: OfPrompt) -> Self:
        """Return vectors that are centred and scaled over all prompts of the grammar."""
        every = np.concatenate([raw(prompt.words) for prompt in all_prompts()])
        centre = every.mean(0)
        scale = float(np.sqrt(((every - centre) ** 2).mean())) or 1.0
        return cls(every.shape[1], raw, centre, scale)

    def of(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """Return the vectors of B prompts, (B, LONGEST, d), and which of them are words, (B, LONGEST) bool.

        A shorter prompt is padded with zeros, which the mask hides.
        """
        vectors = np.zeros((len(prompts), LONGEST, self.width), np.float32)
        there = np.zeros((len(prompts), LONGEST), np.bool_)
        known: dict[tuple[str, ...], Array] = {}
        for row, prompt in enumerate(prompts):
            if prompt.words not in known:
                known[prompt.words] = (self.raw(prompt.words) - self.centre) / self.scale
            vectors[row, : len(prompt.words)] = known[prompt.words]
            there[row, : len(prompt.words)] = True
        return vectors, there


def random_vector(word: str, width: int, seed: int) -> Array:
    """Return a standard normal vector (width,) that depends on the word and the seed alone."""
    return np.random.default_rng([seed, *word.encode()]).standard_normal(width)


def random_vectors(width: int, seed: int) -> TextVectors:
    """Return vectors that say which word it is, and nothing else."""
    return TextVectors.scaled(lambda words: np.stack([random_vector(word, width, seed) for word in words]))


def unknown_words(corpus: TokenizedCorpus, words: Sequence[str]) -> list[str]:
    """Return the words that the vocabulary of a text lacks."""
    return [word for word in words if corpus.vocabulary.is_unknown(corpus.prompt_ids(word)).any()]


def _with_random(vectors: Array, typical: float, words: Sequence[str], corpus: TokenizedCorpus, seed: int) -> Array:
    """Return the vectors of words (W, d), random ones of the typical size for words that the text lacks."""
    for row, word in enumerate(words):
        if unknown_words(corpus, [word]):
            vectors[row] = typical * random_vector(word, vectors.shape[1], seed)
    return vectors


def _typical(vectors: Array) -> float:
    return float(np.sqrt((vectors**2).mean())) or 1.0


def static_vectors(model: LanguageModel, corpus: TokenizedCorpus, seed: int) -> TextVectors:
    """Return the vectors of words of a model, the same in every prompt; an unknown word has a random one."""
    table = model.word_vectors()
    assert table is not None
    typical = _typical(table)

    def of(words: tuple[str, ...]) -> Array:
        vectors = np.array([table[corpus.prompt_ids(word)[-1]] for word in words], np.float64)
        return _with_random(vectors, typical, words, corpus, seed)

    return TextVectors.scaled(of)


def context_vectors(model: LanguageModel, corpus: TokenizedCorpus, seed: int) -> TextVectors:
    """Return a model's vectors of the words of a prompt, each in the context of the words before it.

    A frozen language model encodes the prompt, as in Imagen (Saharia et al. 2022). An unknown word has a random
    vector.
    """

    def of(words: tuple[str, ...]) -> Array:
        starts = [" ".join(words[: n + 1]) for n in range(len(words))]
        text = Encoded.from_documents([corpus.prompt_ids(start) for start in starts], corpus.vocabulary)
        found = model.context_vectors(text, text.ends - 1)
        assert found is not None
        vectors = np.array(found, np.float64)
        return _with_random(vectors, _typical(vectors), words, corpus, seed)

    return TextVectors.scaled(of)


STRENGTHS = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)  # strengths of guidance
WITHOUT, PLAIN, GUIDED = 0.0, 1.0, 2.0  # without a prompt, without guidance, and the strength that is shown first
TOLD = (WITHOUT, PLAIN, GUIDED, 3.0)  # the strengths in the table of what the pictures show
SINGLES, NOT_ONE, THREE_FIVE = "a single digit", "not a one", "three or five"
NEW_PAIRS, NEW_NOTS = "new combinations with “or”", "new combinations with “not”"
AS_NUMERALS, AS_ORDINALS = "numerals", "ordinal numbers"


@dataclass(frozen=True)
class Question:
    """Prompts, how many pictures are made for each, and the strengths of guidance.

    Parameters
    ----------
    prompts : tuple of Prompt
    pictures : int
        For each prompt and each training.
    strengths : tuple of float
    """

    prompts: tuple[Prompt, ...]
    pictures: int
    strengths: tuple[float, ...] = (PLAIN, GUIDED)

    @property
    def asked(self) -> list[Prompt]:
        """The prompts, each as often as pictures are made for it."""
        return [prompt for prompt in self.prompts for _ in range(self.pictures)]

    @property
    def chance(self) -> float:
        """How often a random digit is what the prompt says."""
        return float(np.mean([prompt.chance for prompt in self.prompts]))


QUESTIONS: Mapping[str, Question] = {
    SINGLES: Question(tuple(map(single, range(len(DIGITS)))), 15, STRENGTHS),
    NOT_ONE: Question((negated(1),), 400, STRENGTHS),
    THREE_FIVE: Question((either(3, 5),), 75, STRENGTHS),
    NEW_PAIRS: Question(tuple(prompt for prompt in HELD_OUT if prompt.kind == EITHER), 15, STRENGTHS),
    NEW_NOTS: Question(tuple(prompt for prompt in HELD_OUT if prompt.kind == NOT), 30),
    AS_NUMERALS: Question(NUMERALS, 10),
    AS_ORDINALS: Question(ORDINALS, 10),
}
