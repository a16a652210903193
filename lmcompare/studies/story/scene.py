"""One scene of the story: a model's guess, what it depends on, and how the model compares with the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lmcompare.analysis.findings import Row as FoundRow
from lmcompare.analysis.leaderboard import Row
from lmcompare.analysis.metrics import SAME_AMOUNT, tokens_read
from lmcompare.exhibits import Bars
from lmcompare.exhibits.attention import BEGINNING
from lmcompare.render import numbers
from lmcompare.render.charts.strips import strip
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData

EVEN = 1.25  # times an even share: if no distance gets more, attention prefers none
COUNTS = 0.1  # bits: an earlier word that changes the guess by less does not count
GAIN = 1.0  # the least bits that a model saves in a sentence that shows its advantage over the table of phrases
ADDED = 3  # how many next words with the greatest changes of logits are named
SHOWN = 4  # how many words of the greatest attention weights have a row; all others share one

Guesses = Mapping[tuple[int, int], Mapping[str, Any]]  # a model's ``influences`` by the place of the sentence


@dataclass(frozen=True)
class Line:
    """A word that is looked at, with its numbers; several words share a line that has no numbers of single words."""

    word: str
    weight: float
    part: float
    product: float | None = None
    score: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class LookedAt:
    """What the last word of a sentence looks at in one head; ``stored`` is the ``attention`` of ``influences``."""

    stored: Mapping[str, Any]

    @property
    def additive(self) -> bool:
        """Whether query and key are added; otherwise they are multiplied."""
        return bool(self.stored["additive"])

    @property
    def words(self) -> list[tuple[str, float]]:
        """Each word that is seen, with its weight."""
        return list(zip(map(visible, self.stored["words"]), self.stored["weights"], strict=True))

    @property
    def lines(self) -> list[Line]:
        """The words of the greatest weights, as in the sentence, and the others together."""
        weights, values = (np.array(self.stored[name]) for name in ("weights", "values"))
        parts = weights * values
        most = np.argsort(-weights, kind="stable")[:SHOWN]
        found = [
            Line(
                self.words[at][0],
                float(weights[at]),
                float(parts[at]),
                self.stored["products"][at],
                self.stored["scores"][at],
                float(values[at]),
            )
            for at in sorted(most.tolist())
        ]
        rest = np.delete(np.arange(len(weights)), most)
        if len(rest):
            name = numbers.plural(len(rest), "other word")
            found.append(Line(name, float(weights[rest].sum()), float(parts[rest].sum())))
        return found

    def adds(self, word: str) -> tuple[float | None, list[tuple[str, float]]]:
        """Return what the head adds to the logit of a next word, and the other words with the greatest changes.

        None and an empty list if that is not known.
        """
        added = {visible(one["token"]): float(one["logit"]) for one in self.stored.get("adds") or ()}
        others = [(each, amount) for each, amount in added.items() if each != word]
        return added.get(word), sorted(others, key=lambda one: -abs(one[1]))[:ADDED]

    @property
    def mixed(self) -> float:
        """The sum of the weighted values."""
        return float(np.dot(self.stored["weights"], self.stored["values"]))

    @property
    def most(self) -> Line:
        """The word of the greatest weight."""
        return max((line for line in self.lines if line.score is not None), key=lambda line: line.weight)

    @property
    def raised(self) -> float:
        """The sum of e to the power of all scores, by which the softmax divides."""
        return float(np.exp(self.stored["scores"]).sum())


@dataclass(frozen=True)
class Scene:
    """A model's guess of the last word, and what it depends on.

    Parameters
    ----------
    shows : str
        What it shows beside the guess: "vectors", "fading" or "".
    model : Model
    row : Row
    found : mapping
        Its guess of the running sentence, as in ``influences``.
    before : Scene or None
        The scene before.
    better : float
        The share of test sentences for which it needs fewer bits than the model of the scene before.
    apart : bool
        Whether the two models are significantly apart on the whole text.
    by_distance : sequence of float
        The mean change in bits when the token at each distance before the guessed word is replaced, the last one
        first, over all sentences that are long enough.
    turned : float
        The mean change in bits when the two tokens before the guessed word change places, over all sentences.
    idea, whole : FoundRow or None
        What the laboratory found its idea to be worth, and a larger idea that includes it; None without a finding.
    adds : str
        The one thing that it has and the model of the scene before has not; "" if they differ in more.
    lost : Loss or None
        What the trained model loses without one of its parts; None if the model has no exhibit on this.
    then : mapping
        The title and the text of the second scene of this model, which shows its attention; empty for one scene.
    even : tuple or None
        The title of the exhibit by which its attention prefers no distance in running text, and the least and the
        greatest part of an even share that a distance gets; None for nothing to say.
    compared : str
        Why it is compared with the model of the scene before, if the two differ in more than one thing, and what the
        difference does not tell; "" for nothing to say.
    """

    title: str
    text: str
    shows: str
    model: Model
    row: Row
    found: Mapping[str, Any]
    by_distance: Sequence[float]
    turned: float
    before: Scene | None = None
    better: float = 0.0
    apart: bool = True
    idea: FoundRow | None = None
    adds: str = ""
    lost: Loss | None = None
    then: Mapping[str, str] = field(default_factory=dict)
    whole: FoundRow | None = None
    even: tuple[str, float, float] | None = None
    compared: str = ""

    def guessing(self, found: Mapping[str, Any]) -> Scene:
        """Return the same scene with the guess of another sentence."""
        return replace(self, found=found)

    @property
    def tokens(self) -> list[str]:
        """The sentence up to the guessed word."""
        return [visible(str(token)) for token in self.found["tokens"]]

    @property
    def bits(self) -> float:
        """The surprisal of the guessed word."""
        return float(self.found["bits"])

    @property
    def next(self) -> list[tuple[str, float]]:
        """The most likely words."""
        return likely(self.found)

    @property
    def per_token(self) -> float | None:
        """Bits per token of the whole test text."""
        return float(np.log2(self.row.perplexity)) if self.row.perplexity else None

    @property
    def looked_at(self) -> LookedAt | None:
        """What its last word looks at in one head; None for a model without attention."""
        stored = self.found.get("attention")
        return None if stored is None else LookedAt(stored)

    @property
    def states(self) -> list[tuple[str, list[float]]]:
        """Each word with the first numbers of the state after it, or of the vector that the model computes from the
        state.

        The numbers are those of the state if attention mixes the states themselves. Empty if nothing is stored.
        """
        rows = list(self.found.get("states") or ())
        words = [visible(str(token)) for token in self.found["tokens"][:-1]]
        return list(zip([BEGINNING, *words][-len(rows) :], rows, strict=True)) if rows else []

    @property
    def state_strips(self) -> list[tuple[str, dict[str, Any]]]:
        """Each word with the drawing of these numbers, all on the same scale."""
        peak = max((abs(value) for _, row in self.states for value in row), default=0.0)
        return [(word, strip(np.array(row), peak)) for word, row in self.states]

    @property
    def repeated(self) -> str:
        """The first word that comes twice, if the stored states after it differ; "" for none."""
        seen: dict[str, list[float]] = {}
        for word, row in self.states:
            if seen.setdefault(word, row) != row:
                return word
        return ""

    @property
    def right(self) -> bool:
        """Whether the most likely word is the one that came."""
        return bool(self.found["next"][0]["token"] == self.found["tokens"][-1])

    @property
    def replaced(self) -> Sequence[float]:
        """The change in bits when an earlier token is replaced."""
        changes: Sequence[float] = self.found["replaced"]
        return changes

    @property
    def most(self) -> int:
        """The place of the earlier token that matters most."""
        return max(range(len(self.replaced)), key=self.replaced.__getitem__)

    @property
    def reach(self) -> int:
        """How many tokens back the guess depends on words; 0 for none."""
        return reach(self.replaced)

    @property
    def swaps(self) -> bool:
        """Whether the guess changes when the two tokens before the guessed word change places."""
        return float(self.found["swapped"]) >= COUNTS

    @property
    def gain(self) -> float:
        """The bits per byte that it needs fewer than the model of the scene before; 0 for the first scene."""
        return self.before.row.bits - self.row.bits if self.before else 0.0

    @property
    def ignores_order(self) -> bool:
        """Whether it ignores the order of words, and the model of the scene before does not."""
        return self.before is not None and self.turned < COUNTS <= self.before.turned

    @property
    def read(self) -> float | None:
        """How many tokens the model read in training."""
        return tokens_read(self.model.entry)

    def read_more_than(self, other: Scene) -> bool:
        """Return whether the model is known to have read much more in training than another one."""
        return self.read is not None and other.read is not None and self.read > SAME_AMOUNT * other.read

    @property
    def loses(self) -> bool:
        """Whether the loss of a part may be a part of the gain over the model of the scene before."""
        return self.lost is not None and self.apart and 0 < self.lost.bits_per_byte < self.gain


@dataclass(frozen=True)
class Loss:
    """What a trained model loses without one of its parts, in bits per byte.

    ``trained``: what the laboratory measured of the part, against the same network trained without it.
    """

    part: str
    bits_per_byte: float
    trained: FoundRow | None = None

    @classmethod
    def of(cls, outline: Mapping[str, Any], model: Model, data: ReportData) -> Loss | None:
        """Return the loss from the first bar of an exhibit; None if the model has no such exhibit.

        ``outline``: with the exhibit's ``title``, the ``part``, and the ``experiment`` and ``row`` of the laboratory;
        empty for none.
        """
        entry = data.run.manifest.tokens[model.entry.tokens_fingerprint]
        bytes_of_token = data.run.corpus.splits["valid"].bytes / max(1, entry.tokens["valid"])
        values = bars(model, outline["title"]) if outline else []
        if not values:
            return None
        row = data.measured(outline["experiment"]).get(outline["row"])
        known = row is not None and None not in (row.value, row.low, row.high)
        return cls(outline["part"], values[0] / bytes_of_token, row if known else None)


def bars(model: Model, title: str) -> list[float]:
    """Return the values of the exhibit of bars with this title; none if the model has no such exhibit."""
    for each in model.cell.measured("exhibits") or ():
        if isinstance(each, dict) and each.get("title") == title and each.get("kind") == Bars.kind:
            values = each.get("values")
            if isinstance(values, list) and all(isinstance(value, float | int) for value in values):
                return [float(value) for value in values]
    return []


def even(title: str, model: Model) -> tuple[str, float, float] | None:
    """Return the title, the least and the greatest bar of an exhibit if attention prefers no distance by it."""
    found = bars(model, title)
    return None if not found or max(found) > EVEN else (title, min(found), max(found))


def reach(changes: Sequence[float]) -> int:
    """Return how far back the farthest token is that changes the guess, in tokens; 0 if none does."""
    counting = [at for at, change in enumerate(changes) if change >= COUNTS]
    return len(changes) - counting[0] if counting else 0


def likely(found: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the most likely words with their probabilities."""
    return [(visible(str(one["token"])), float(one["probability"])) for one in found["next"]]
