"""Other sentences of the story: that in which attention helps most, and two that a table of phrases guesses badly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, Self

import numpy as np

from lmcompare.exhibits.attention import BEGINNING, FAR
from lmcompare.render import numbers
from lmcompare.render.titles import spoken
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData
from lmcompare.studies.story.scene import GAIN, Guesses, LookedAt, Scene
from lmcompare.studies.story.scene import reach as farthest
from lmcompare.tokens import Encoded

MUCH = 0.4  # nats that attention adds to a logit: it multiplies odds by 1.5
MOST = 8.0  # bits that the model may need: it gives the word 1 in 256 or more
FAR_CHANGE = 0.5  # the least bits by which a word out of the table's reach changes the guess


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
    def turned(self) -> list[str]:
        """How a transformer changes queries and keys before it compares them, by its hyper-parameters."""
        given = self.scene.model.cell.info.get("hyperparameters") or {}
        parts = ["are brought to one length"] * bool(given.get("qk_norm"))
        return parts + ["are turned by an angle that grows with the position"] * (given.get("positions") == "rotary")

    @property
    def looked(self) -> LookedAt:
        """What the last word before the guess looks at."""
        return LookedAt(self.scene.found["attention"])

    @property
    def several(self) -> bool:
        """Whether the model has several heads."""
        return bool(self.looked.stored["heads"] > 1)

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

    @property
    def added(self) -> float | None:
        """What attention adds to the logit of the word that came; None if that is not known."""
        return self.looked.adds(self.scene.tokens[-1])[0]

    @property
    def others(self) -> list[tuple[str, float]]:
        """The other words whose logits attention changes most, with these changes."""
        return self.looked.adds(self.scene.tokens[-1])[1]

    @property
    def next_word(self) -> bool:
        """Whether the word that is looked at most is the one before the word that looks."""
        return _back(self.scene.found) == 1


def times(logit: float) -> str:
    """Return the factor by which a change of a logit multiplies odds."""
    factor = exp(logit)
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


@dataclass(frozen=True)
class Elsewhere:
    """A sentence, other than the running one, that shows what one idea adds to counting phrases.

    Parameters
    ----------
    table, scene : Scene
        The model that counts phrases, and the one with the idea, with their guesses of this sentence.
    bits : tuple of float
        What each scene's model needs for the last word.
    """

    table: Scene
    scene: Scene
    bits: tuple[float, ...]


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
        reach = max(farthest(one["replaced"]) for one in few.values())
        changes = {key: max(one["replaced"][: -reach or None], default=0.0) for key, one in far.items()}
        fitting = [
            key
            for key, change in changes.items()
            if change >= FAR_CHANGE
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
            sum(change >= FAR_CHANGE for change in changes.values()),
        )

    @property
    def most(self) -> int:
        """The place of the word out of the table's reach that counts most."""
        changes = self.scene.replaced
        return max(range(len(changes) - self.reach), key=changes.__getitem__)


@dataclass(frozen=True)
class Unseen(Elsewhere):
    """A sentence whose last two words never follow each other in the training text, and the guesses of all models.

    Parameters
    ----------
    saved : tuple of float
        The bits that vectors save against the table on each sentence of the sample with such an end.
    many : int
        How many known words of the whole test text come after a word that they never follow in the training text.
    means : tuple of float
        What each scene's model needs for these words, in bits.
    scenes : tuple of Scene
        All scenes of the story.
    """

    saved: tuple[float, ...]
    many: int
    means: tuple[float, ...]
    scenes: tuple[Scene, ...]

    @classmethod
    def of(
        cls, scenes: Sequence[Scene], guesses: Sequence[Guesses], table: int | None, data: ReportData
    ) -> Self | None:
        """Return the sentence on which vectors save most.

        Parameters
        ----------
        scenes : sequence of Scene
        guesses : sequence of mappings
            The guesses of each scene's model, by sentence.
        table : int or None
            Which scene's model counts phrases.
        data : ReportData
            The run.

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
        train = data.run.tokens[data.main_tokens].train
        found = [key for key, new in zip(shared, _are_new(ends, train), strict=True) if new]
        saved = [guesses[table][key]["bits"] - guesses[vectors][key]["bits"] for key in found]
        if max(saved, default=0.0) < GAIN:
            return None
        key = found[int(np.argmax(saved))]
        many, means = _everywhere(data, [scene.model for scene in scenes])
        return cls(
            scenes[table].guessing(guesses[table][key]),
            scenes[vectors].guessing(guesses[vectors][key]),
            tuple(float(each[key]["bits"]) for each in guesses),
            tuple(saved),
            many,
            means,
            tuple(scenes),
        )

    @property
    def needs(self) -> dict[str, float]:
        """What each model needs on average, by its title."""
        return {scene.model.title: bits for scene, bits in zip(self.scenes, self.means, strict=True)}

    @property
    def better(self) -> list[str]:
        """The models that need fewer bits than the first one."""
        return [spoken(title) for title, bits in self.needs.items() if bits < self.means[0]]


def _are_new(pairs: Sequence[tuple[str, ...]], train: Encoded) -> list[bool]:
    """Return for each pair of tokens whether both are known and never follow each other in the training text."""
    vocabulary = train.vocabulary
    coded = [tuple(int(i) for i in vocabulary.ids(pair)) for pair in pairs]
    at = np.flatnonzero(np.isin(train.ids, [pair[-1] for pair in coded]))
    at = at[train.context_starts(at) < at]
    seen = set(zip(train.ids[at - 1].tolist(), train.ids[at].tolist(), strict=True))
    return [len(pair) == 2 and not vocabulary.is_unknown(np.array(pair)).any() and pair not in seen for pair in coded]


def _everywhere(data: ReportData, models: Sequence[Model]) -> tuple[int, tuple[float, ...]]:
    """Return how many known words of the test text follow a word for the first time, and each model's mean bits."""
    tokens = data.run.tokens[data.main_tokens]
    columns = ["seen_2", "train_count", "position"]
    blocks = list(tokens.feature_blocks("test", columns))
    seen, count, position = (np.concatenate([block[name] for block in blocks]) for name in columns)
    new = ~seen.astype(np.bool_) & (count > 0) & (position > 0)
    means = []
    for model in models:
        means.append(float(-model.cell.log_probs("test")[new].mean() / np.log(2)) if new.any() else 0.0)
    return int(new.sum()), tuple(means)
