"""What attention is good for: what a model looks at in a sentence in which that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, Self

from lmcompare.exhibits.attention import BEGINNING, FAR
from lmcompare.render import numbers
from lmcompare.render.titles import sentence, spoken
from lmcompare.render.tokens import visible
from lmcompare.studies.story.attention import LookedAt
from lmcompare.studies.story.scene import GAIN, Guesses, Scene

MUCH = 0.4  # nats that attention adds to a logit: it multiplies odds by 1.5
MOST = 8.0  # bits that the model may need: it gives the word 1 in 256 or more


@dataclass(frozen=True)
class Looking:
    """What the last word of a sentence looks at, and how this changes the guess.

    Parameters
    ----------
    scene : Scene
        The model, with its guess of this sentence.
    bits : float or None
        What the model that counts phrases needs for the last word; None for the running sentence, which was not
        chosen for its attention.
    raised, sentences : int
        In how many of the sentences attention makes the word that came more likely, and how many there are.
    far : bool
        Whether the word that is looked at most is ``FAR`` places back or more.
    """

    scene: Scene
    bits: float | None
    raised: int
    sentences: int
    far: bool = False

    @classmethod
    def of(cls, scene: Scene, own: Guesses, table: Guesses | None) -> Self | None:
        """Return the sentence on which the attention of a scene's model helps most; None without attention.

        Of the sentences on which the model needs at most ``MOST`` bits, and ``GAIN`` fewer than the table of phrases,
        attention adds most there to the logit of the word that came. The word before it, which looks, must consist of
        letters. Sentences in which it looks most at a word ``FAR`` places back or more, and adds ``MUCH``, go first.
        If there is none, it is the running sentence.

        Parameters
        ----------
        scene : Scene
        own, table : mapping
            The guesses of the scene's model and of the table by sentence.
        """
        if scene.looked_at is None:
            return None
        added = {key: amount for key, one in own.items() if (amount := _added(one)) is not None}
        raised = sum(amount > 0 for amount in added.values())
        helped = [
            key
            for key, amount in added.items()
            if table
            and key in table
            and amount > 0
            and own[key]["bits"] <= min(MOST, table[key]["bits"] - GAIN)
            and str(own[key]["tokens"][-2]).isalpha()
        ]
        if not table or not helped:
            return cls(scene, None, raised, len(added))
        far = [key for key in helped if _back(own[key]) >= FAR and added[key] >= MUCH]
        key = max(far or helped, key=added.__getitem__)
        return cls(scene.guessing(own[key]), float(table[key]["bits"]), raised, len(added), bool(far))

    @property
    def turned(self) -> str:
        """How a transformer changes queries and keys before it compares them, by its hyper-parameters."""
        given = self.scene.model.cell.info.get("hyperparameters") or {}
        parts = ["are brought to one length"] * bool(given.get("qk_norm"))
        parts += ["are turned by an angle that grows with the position"] * (given.get("positions") == "rotary")
        return f"First, q and k {numbers.listed(parts)}." if parts else ""

    @property
    def looked(self) -> LookedAt:
        """What the last word before the guess looks at."""
        return LookedAt(self.scene.found["attention"])

    @property
    def changes(self) -> list[float | None]:
        """For each word that is looked at, by how many bits other words in its place change the guess; None for
        ``<s>``.
        """
        shown = [word for word, _ in self.looked.words]
        read = [BEGINNING, *map(visible, map(str, self.scene.tokens[:-1]))]
        by_place: list[float | None] = [None, *self.scene.replaced]
        for end in (len(read), len(read) - 1):  # in a network with a state, the last word looks and is not looked at
            if read[:end][-len(shown) :] == shown and len(by_place) == len(read):
                return by_place[:end][-len(shown) :]
        return [None] * len(shown)

    def said(self, table: Scene | None) -> str:
        """What the model needs for the word, and what attention does to its odds."""
        word = self.scene.tokens[-1]
        added, others = self.looked.adds(word)
        said: list[str] = []
        if self.bits is not None and table is not None:
            said.append(
                f"{sentence(spoken(self.scene.model.title))} needs {numbers.bits(self.scene.bits)} bits for “{word}”,"
                f" {spoken(table.model.title)} needs {numbers.bits(self.bits)}."
            )
        if added is not None:
            said.append(f"{sentence(self._what)} multiplies the odds of “{word}” by {_times(exp(added))}.")
            most = max(others, key=lambda other: other[1], default=(word, added))
            if most[1] > added:
                said.append(f"It multiplies those of “{most[0]}” most, by {_times(exp(most[1]))}.")
        if added is not None and self.looked.stored["heads"] > 1:
            said.append("One head alone is often hard to explain: all the others add what they find as well.")
        if self.next_word:
            said.append("Here it looks most at the word one place back, which a table of phrases uses as well.")
        return " ".join(said)

    @property
    def _what(self) -> str:
        return "this head" if self.looked.stored["heads"] > 1 else "attention"

    @property
    def next_word(self) -> bool:
        """Whether the word that is looked at most is the one before the word that looks."""
        return _back(self.scene.found) == 1

    @property
    def effects(self) -> str:
        """What attention adds to the logit of the word that came, and to the logits that it changes most."""
        word = self.scene.tokens[-1]
        added, others = self.looked.adds(word)
        if added is None:
            return ""
        said = (
            f"{sentence(self._what)} adds {numbers.decimals(added, 2)} to the logit of “{word}”. So the odds of this"
            " word, against a word whose logit stays the same, are multiplied by e to the power of"
            f" {numbers.decimals(added, 2)}, which is {_times(exp(added))}."
        )
        if others:
            most = numbers.listed([f"“{other}” (× {_times(exp(amount))})" for other, amount in others])
            said += f" It changes the odds of these words most: {most}. They may stay improbable all the same."
        return said

    def chosen(self, table: Scene | None) -> str:
        """The rule by which the sentence was chosen, and how often attention helps."""
        if self.bits is None or table is None:
            return ""
        what = "the head that is chosen in this way" if self.looked.stored["heads"] > 1 else "attention"
        far = f", and in which {self._what} looks most at a word {FAR} or more places back" if self.far else ""
        return (
            f"In {self.raised} of the {numbers.plural(self.sentences, 'sentence')} that were drawn, {what} makes the"
            " word that came more likely. This sentence was chosen from those on which the model needs at most"
            f" {MOST:g} bits, and at least {GAIN:g} bit less than {spoken(table.model.title)}{far}. Of these, it is"
            f" the one in which {self._what} adds most to the logit of the word that came. So it is not typical."
        )


def _times(factor: float) -> str:
    return numbers.decimals(factor, 0 if factor >= 10 else 1 if factor >= 1 else 2)


def _back(found: Mapping[str, Any]) -> int:
    """Return how many places before the word that looks is the word at which it looks most."""
    weights = found["attention"]["weights"]
    return len(weights) - 1 - max(range(len(weights)), key=weights.__getitem__)


def _added(found: Mapping[str, Any]) -> float | None:
    """Return what attention adds to the logit of the word that came; None where that is not stored."""
    stored = found.get("attention")
    return None if stored is None else LookedAt(stored).adds(visible(str(found["tokens"][-1])))[0]


def all_of(scenes: Sequence[Scene], guesses: Sequence[Guesses], table: int | None) -> dict[str, Looking]:
    """Return the ``Looking`` of each model that has attention, by the model's name."""
    counted = None if table is None else guesses[table]
    found = {scene.model.name: Looking.of(scene, own, counted) for scene, own in zip(scenes, guesses, strict=True)}
    return {name: looking for name, looking in found.items() if looking is not None}
