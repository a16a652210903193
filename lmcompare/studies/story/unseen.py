"""A sentence of the story that ends in a pair of words that the training text does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lmcompare.render import numbers
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, ReportData
from lmcompare.studies.story.scene import GAIN, Elsewhere, Guesses, Scene
from lmcompare.tokens import Encoded


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
    def said(self) -> str:
        """What the counts lack, and which word matters most to the model with vectors."""
        *context, before, word = self.scene.tokens
        changes = self.scene.replaced
        most = [*context, before][max(range(len(changes)), key=changes.__getitem__)]
        table, vectors = spoken(self.table.model.title), spoken(self.scene.model.title)
        return (
            f"“{before} {word}” does not occur in the training text. So {table} has no count of “{word}” after"
            f" “{before}”, and needs {numbers.bits(self.table.bits)} bits for “{word}”. {sentence(vectors)} needs"
            f" {numbers.bits(self.scene.bits)}; the word that matters most to this guess is “{most}”."
            f" {self._on_average()}"
        )

    def _on_average(self) -> str:
        """Return what vectors save wherever counts lack the last pair of words, also against the first model."""
        needs = {scene.model.title: bits for scene, bits in zip(self.scenes, self.means, strict=True)}
        vectors, counts, first = needs[self.scene.model.title], needs[self.table.model.title], self.means[0]
        own, table, name = (spoken(s.model.title) for s in (self.scene, self.table, self.scenes[0]))
        better = [spoken(title) for title, bits in needs.items() if bits < first]
        said = (
            f"The test text has {numbers.count(self.many)} known words that never follow, in the training text, the"
            f" word before them. On average over these, {own} needs {_fewer(vectors, counts)} {table}"
        )
        if self.scenes[0].model.name == self.table.model.name:
            return f"{said}."
        if vectors < first:
            return f"{said}, and fewer than {name}."
        verb = "needs" if len(better) == 1 else "need"
        only = f" Only {numbers.listed(better)} {verb} fewer than {name}." if better else ""
        return f"{said}, but no fewer than {name}, which ignores the words before.{only}"

    @property
    def typical(self) -> str:
        """How the sentence was chosen."""
        return (
            f"Of the sentences that were drawn, {numbers.count(len(self.saved))} end in such a pair. This is the one"
            f" on which {spoken(self.scene.model.title)} saves most against {spoken(self.table.model.title)}, so it"
            " is not typical. (Whether a word is counted here depends on the word itself, which favours models that"
            " spread their probability over many words.)"
        )


def _fewer(own: float, other: float) -> str:
    return "fewer bits than" if own < other else "no fewer bits than"


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
