"""A sentence of the story on which words help that lie too far back for a table of phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lmcompare.render import numbers
from lmcompare.render.titles import sentence, spoken
from lmcompare.studies.story.scene import COUNTS, GAIN, Elsewhere, Guesses, Scene

FAR = 0.5  # the least bits by which a word out of the table's reach changes the guess


@dataclass(frozen=True)
class FarBack(Elsewhere):
    """A sentence in which a word out of the table's reach matters much, and the guesses of all models.

    Parameters
    ----------
    reach : int
        How many tokens back a guess of the table ever depends on.
    often : int
        In how many sentences a word out of the table's reach matters to the model that looks back.
    """

    reach: int
    often: int

    @classmethod
    def of(cls, scenes: Sequence[Scene], guesses: Sequence[Guesses], table: int | None) -> Self | None:
        """Return such a sentence; None without a table or a model that looks back, or if there is no such sentence.

        Parameters
        ----------
        scenes : sequence of Scene
        guesses : sequence of mappings
            The guesses of each scene's model, by sentence.
        table : int or None
            Which scene's model counts phrases.
        """
        looking = max((at for at, scene in enumerate(scenes) if scene.looked_at is not None), default=None)
        if table is None or looking is None:
            return None
        few, far = guesses[table], guesses[looking]
        reach = max(_reach(one["replaced"]) for one in few.values())
        changes = {key: max(one["replaced"][: -reach or None], default=0.0) for key, one in far.items()}
        fitting = [
            key
            for key, change in changes.items()
            if change >= FAR
            and all(key in each for each in guesses)
            and few[key]["bits"] - far[key]["bits"] >= GAIN
            and far[key]["bits"] == min(each[key]["bits"] for each in guesses)
        ]
        key = max(fitting, key=changes.__getitem__, default=None)
        if key is None:
            return None
        return cls(
            scenes[table].guessing(few[key]),
            scenes[looking].guessing(far[key]),
            tuple(float(each[key]["bits"]) for each in guesses),
            reach,
            sum(change >= FAR for change in changes.values()),
        )

    @property
    def said(self) -> str:
        """Which word out of the table's reach counts most, and how much."""
        changes = self.scene.replaced
        at = max(range(len(changes) - self.reach), key=changes.__getitem__)
        return (
            f"A guess of {spoken(self.table.model.title)} depends on at most {numbers.plural(self.reach, 'token')}"
            f" before it. Here, other words in place of “{self.scene.tokens[at]}”,"
            f" {numbers.plural(len(changes) - at, 'token')} back, change the guess of"
            f" {spoken(self.scene.model.title)} by {numbers.bits(changes[at])} bits on average."
            f" {sentence(spoken(self.scene.model.title))} needs {numbers.bits(self.scene.bits)} bits for"
            f" “{self.scene.tokens[-1]}”, {spoken(self.table.model.title)} needs {numbers.bits(self.table.bits)}."
        )

    def typical(self, sentences: int) -> str:
        """How often far words matter in a sample of that many sentences."""
        table, looking = spoken(self.table.model.title), spoken(self.scene.model.title)
        return (
            f"In {self.often} of the {numbers.plural(sentences, 'sentence')} that were drawn, a word that {table}"
            f" can’t see changes the guess of {looking} by {FAR} bits or more. Of those on which {looking} needs the"
            f" fewest bits of all models, and at least {GAIN:g} bit less than {table}, this is the sentence in which"
            " such a word changes the guess most. So it is not typical."
        )


def _reach(changes: Sequence[float]) -> int:
    """Return how far back the farthest token is that changes the guess, in tokens; 0 if none does."""
    counting = [at for at, change in enumerate(changes) if change >= COUNTS]
    return len(changes) - counting[0] if counting else 0
