"""A sentence of the story that ends in a pair of words that the training text does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lmcompare.report import numbers
from lmcompare.report.sections.story_scene import Scene
from lmcompare.report.titles import sentence, spoken
from lmcompare.report.tokens import visible
from lmcompare.tokens import Encoded

GAIN = 1.0  # bits that vectors save against the table, at least

Guesses = Mapping[tuple[int, int], Mapping[str, Any]]


@dataclass(frozen=True)
class Unseen:
    """A sentence whose last two words the training text never has together, and what all models make of it.

    Parameters
    ----------
    table, vectors : Scene
        The model that counts phrases, and the one with word vectors, with their guesses of this sentence.
    bits : tuple of float
        What each scene's model needs for the last word.
    saved, by_frequency : tuple of float
        The bits that vectors save against the table on each sentence with such an end, and those that the first
        model of the story saves.
    """

    table: Scene
    vectors: Scene
    bits: tuple[float, ...]
    saved: tuple[float, ...]
    by_frequency: tuple[float, ...]

    @classmethod
    def of(
        cls, scenes: Sequence[Scene], guesses: Sequence[Guesses], table: int | None, train: Encoded
    ) -> Self | None:
        """Return the sentence on which vectors save most.

        Parameters
        ----------
        scenes : sequence of Scene
        guesses : sequence of mappings
            The guesses of each scene's model, by sentence.
        table : int or None
            Which scene's model counts phrases.
        train : Encoded
            The training text.

        Returns
        -------
        Unseen or None
            None without a table or a model with vectors, or if vectors save little everywhere.
        """
        vectors = next((at for at, scene in enumerate(scenes) if scene.shows == "vectors"), None)
        if table is None or vectors is None:
            return None
        shared = [key for key in guesses[table] if all(key in each for each in guesses)]
        ends = [tuple(guesses[table][key]["tokens"][-2:]) for key in shared]
        found = [key for key, new in zip(shared, _are_new(ends, train), strict=True) if new]
        saved, first = (
            [guesses[table][key]["bits"] - guesses[at][key]["bits"] for key in found] for at in (vectors, 0)
        )
        if max(saved, default=0.0) < GAIN:
            return None
        key = found[int(np.argmax(saved))]
        return cls(
            scenes[table].guessing(guesses[table][key]),
            scenes[vectors].guessing(guesses[vectors][key]),
            tuple(float(each[key]["bits"]) for each in guesses),
            tuple(saved),
            tuple(first),
        )

    @property
    def tokens(self) -> list[str]:
        """The sentence up to the guessed word."""
        return [visible(str(token)) for token in self.vectors.found["tokens"]]

    @property
    def said(self) -> str:
        """What the counts lack, and which word helps the vectors most."""
        *context, before, word = self.tokens
        changes = self.vectors.replaced
        most = [*context, before][max(range(len(changes)), key=changes.__getitem__)]
        table, vectors = spoken(self.table.model.title), spoken(self.vectors.model.title)
        return (
            f"“{before} {word}” does not occur in the training text. So {table} can only go by how often “{word}”"
            f" follows other words, and needs {numbers.bits(self.table.bits)} bits for it. {sentence(vectors)} needs"
            f" {numbers.bits(self.vectors.bits)}: the vector of “{most}” helps most."
        )

    @property
    def typical(self) -> str:
        """How often vectors help where counts lack the last pair of words."""
        better, all_of_them = sum(each > 0 for each in self.saved), len(self.saved)
        table, vectors = spoken(self.table.model.title), spoken(self.vectors.model.title)
        mean, first = (numbers.decimals(float(np.mean(bits)), 1) for bits in (self.saved, self.by_frequency))
        return (
            f"{numbers.plural(all_of_them, 'sentence')} of the same sample end in such a pair. On {better} of them"
            f" {vectors} needs fewer bits than {table}; on average it saves {mean} bits, and the frequency of the"
            f" word alone {first}. (The word that came decides which sentences these are, which favours models that"
            f" spread their probability.) This is the sentence on which {vectors} saves most."
        )


def _are_new(pairs: Sequence[tuple[str, ...]], train: Encoded) -> list[bool]:
    """Return of each pair of tokens whether both are known and never follow one another in the training text."""
    vocabulary = train.vocabulary
    coded = [tuple(int(i) for i in vocabulary.ids(pair)) for pair in pairs]
    at = np.flatnonzero(np.isin(train.ids, [pair[-1] for pair in coded]))
    at = at[train.context_starts(at) < at]
    seen = set(zip(train.ids[at - 1].tolist(), train.ids[at].tolist(), strict=True))
    return [len(pair) == 2 and not vocabulary.is_unknown(np.array(pair)).any() and pair not in seen for pair in coded]
