"""The vectors of the words of prompts: random ones, and those of models that were trained on text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lmcompare.lab.diffusion.prompts import LONGEST, Prompt, all_prompts
from lmcompare.model import LanguageModel
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

Array = np.ndarray[Any, Any]
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


def static_vectors(model: LanguageModel, corpus: TokenizedCorpus, seed: int) -> TextVectors:
    """Return the vectors of words of a model, the same in every prompt; an unknown word has a random one."""
    table = model.word_vectors()
    assert table is not None
    typical = float(np.sqrt((table**2).mean())) or 1.0

    def of(words: tuple[str, ...]) -> Array:
        lacking = set(unknown_words(corpus, words))
        return np.stack(
            [
                typical * random_vector(word, table.shape[1], seed)
                if word in lacking
                else np.asarray(table[corpus.prompt_ids(word)[-1]], np.float64)
                for word in words
            ]
        )

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
        vectors = np.asarray(found, np.float64)
        typical = float(np.sqrt((vectors**2).mean())) or 1.0
        for row, word in enumerate(words):
            if unknown_words(corpus, [word]):
                vectors[row] = typical * random_vector(word, vectors.shape[1], seed)
        return vectors

    return TextVectors.scaled(of)
