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
from lmcompare.render.titles import spoken
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData
from lmcompare.studies.story.attention import LookedAt

EVEN = 1.25  # times an even share: if no distance gets more, attention prefers none
COUNTS = 0.1  # bits: an earlier word that changes the guess by less does not count
GAIN = 1.0  # the least bits that a model saves in a sentence that shows its advantage over the table of phrases

Guesses = Mapping[tuple[int, int], Mapping[str, Any]]  # a model's ``influences`` by the place of the sentence


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
    better : float or None
        The share of test sentences for which it needs fewer bits than the model of the scene before.
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
    spread : str
        What its attention does in running text, where that is unlike the sentence shown; "" for nothing to say.
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
    better: float | None
    by_distance: Sequence[float]
    turned: float
    idea: FoundRow | None = None
    adds: str = ""
    lost: Loss | None = None
    then: Mapping[str, str] = field(default_factory=dict)
    whole: FoundRow | None = None
    spread: str = ""
    compared: str = ""

    def per_byte(self, data: ReportData) -> str:
        """Return a sentence that converts its bits per token into bits per byte; "" if the numbers are not known."""
        tokens = data.run.manifest.tokens[self.model.entry.tokens_fingerprint].tokens["test"]
        size, rest = data.run.corpus.splits["test"].bytes, self.row.overhead_bits_per_byte
        if not self.row.perplexity or not tokens or rest is None:
            return ""
        bits = float(np.log2(self.row.perplexity))
        return (
            f"Over the whole test text, this model needs {numbers.decimals(bits, 2)} bits per token on average. A"
            f" token stands for {numbers.decimals(size / tokens, 2)} bytes of the text on average, so that is"
            f" {numbers.bits_per_byte(bits * tokens / size)} bits per byte. White space and the spelling of unknown"
            f" words add {numbers.bits_per_byte(rest)} bits per byte for each model with these tokens."
        )

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
        rows = [np.atleast_1d(row).tolist() for row in self.found.get("states") or ()]  # old runs have one number
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
    def swapped(self) -> float:
        """The change in bits when the two tokens before the guessed word change places."""
        return float(self.found["swapped"])

    def weights(self, full: float) -> list[float]:
        """Return the height of the bar above each token, between 0 and 1, if ``full`` bits have the highest bar."""
        return [min(1.0, change / full) for change in self.replaced]

    @property
    def reach(self) -> int:
        """How many tokens back the guess depends on words; 0 for none."""
        counting = [at for at, change in enumerate(self.replaced) if change >= COUNTS]
        return len(self.replaced) - counting[0] if counting else 0

    def depends(self, tokens: Sequence[str]) -> str:
        """Return on which earlier words the guess depends, in words."""
        counting = [at for at, change in enumerate(self.replaced) if change >= COUNTS]
        if not counting:
            less = "" if max(self.replaced) < 1e-6 else f" by {COUNTS} bits or more"
            return f"No earlier word changes this guess{less}."
        most = max(counting, key=lambda at: self.replaced[at])
        back = numbers.plural(self.reach, "token")
        swapped = (
            f"changes it by {numbers.decimals(self.swapped, 1)} bits" if self.swapped >= COUNTS else "changes nothing"
        )
        return (
            f"The guess depends most on “{visible(tokens[most])}” and reaches {back} back, to"
            f" “{visible(tokens[counting[0]])}”. Swapping the last two tokens {swapped}."
        )

    def against(self, before: Scene, data: ReportData) -> str:
        """Return how the model compares on the whole text with that of the scene before, and why if it is worse."""
        own, other = self.row.bits, before.row.bits
        worse = own > other
        said = (
            f"{'Worse' if worse else 'Better'} than {spoken(before.model.title)}, which needs"
            f" {numbers.bits_per_byte(other)} bits per byte. This model needs fewer bits on"
            f" {numbers.percent(self.better or 0.0, 0)} of the sentences."
        )
        if not self._surely_apart(before, data):
            return f"{said} The difference may be chance."
        if worse:
            return " ".join(filter(None, (said, self._why_worse(before), self.compared)))
        why = self._worth(before), self.compared, "" if self.then else self.shares(before, data)
        return " ".join(filter(None, (said, *why)))

    def _surely_apart(self, before: Scene, data: ReportData) -> bool:
        apart = data.comparison.difference(self.model.name, before.model.name)
        return apart is not None and apart.significant

    def _worth(self, before: Scene) -> str:
        """Return the gain by the one thing that the model of the scene before has not; "" if they differ in more."""
        if not self.adds:
            return ""
        gain = numbers.bits_per_byte(before.row.bits - self.row.bits)
        return f"So {self.adds} is worth {gain} bits per byte here.{_reading(self.model, before.model)}"

    def shares(self, before: Scene, data: ReportData) -> str:
        """Return how much of the gain over the scene before may be due to the part whose loss was measured.

        It is "" if that is not known, and if there is no gain.
        """
        gain = before.row.bits - self.row.bits
        if self.lost is not None and self.lost.in_laboratory:
            return self.lost.in_laboratory
        if self.lost is None or not 0 < self.lost.bits_per_byte < gain or not self._surely_apart(before, data):
            return ""
        lost = numbers.bits_per_byte(self.lost.bits_per_byte)
        return (
            f"Without {self.lost.part}, the trained network needs {lost} bits per byte more. This was measured in one"
            " training, on a sample of the validation text. A network that is trained without it may need fewer."
        )

    def _why_worse(self, before: Scene) -> str:
        """Return what the figures of the run say about why it is worse than the model of the scene before."""
        if self.turned < COUNTS <= before.turned:
            return (
                "One reason may be that it ignores the order of words: swapping the last two tokens changes the guess"
                f" of {spoken(before.model.title)} by {numbers.decimals(before.turned, 1)} bits on average, and its"
                f" own by {numbers.decimals(self.turned, 1)} bits. Another may be the number of words that it sees."
            )
        read, more = (tokens_read(each.model.entry) for each in (self, before))
        if read is not None and more is not None and more > SAME_AMOUNT * read:
            return (
                f"It read {numbers.amount(read)} tokens in training, {spoken(before.model.title)}"
                f" {numbers.amount(more)}. Their settings differ, too, so this run does not tell which design is"
                " better. The learning curves compare the two after equal amounts of text."
            )
        return "The figures of this run show no reason."


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
        return cls(outline["part"], values[0] / bytes_of_token, row)

    @property
    def in_laboratory(self) -> str:
        """What training without the part changes; "" if that was not measured."""
        row = self.trained
        if row is None or row.value is None or row.low is None or row.high is None:
            return ""
        ends = f"{numbers.signed(-row.high)} to {numbers.signed(-row.low)}"
        if not row.found:
            trained = f"The laboratory has also trained the same network without {self.part}."
            if row.low <= 0 <= row.high:
                return f"{trained} A difference in bits per byte was not found (95 % interval {ends})."
            return (
                f"{trained} That network may need {'more' if row.high < 0 else 'fewer'} bits per byte (95 % interval"
                f" {ends}), but this is not significant after the correction for several tests."
            )
        amount, more = numbers.bits_per_byte(abs(row.value)), "more" if row.value < 0 else "fewer"
        return (
            f"In the laboratory, the same network trained without {self.part} needs {amount} bits per byte {more}"
            f" ({ends})."
        )


def bars(model: Model, title: str) -> list[float]:
    """Return the values of the exhibit of bars with this title; none if the model has no such exhibit."""
    for each in model.cell.measured("exhibits") or ():
        if isinstance(each, dict) and each.get("title") == title and each.get("kind") == Bars.kind:
            values = each.get("values")
            if isinstance(values, list) and all(isinstance(value, float | int) for value in values):
                return [float(value) for value in values]
    return []


def spread(title: str, model: Model) -> str:
    """Return a sentence if attention prefers no distance in running text, by an exhibit of bars; "" otherwise."""
    found = bars(model, title)
    if not found or max(found) > EVEN:
        return ""
    ends = [numbers.decimals(pick(found), 2) for pick in (min, max)]
    return (
        "A short sentence has few states, so each can get much of the weight. In running text, this attention prefers"
        f" no distance: a state gets {ends[0]} to {ends[1]} times an even share of the weight on average, near or"
        f" far. The exhibit “{title}” says over how many states the weight of a single guess is spread there."
    )


def _reading(model: Model, before: Model) -> str:
    """Return a remark on two trainings that read unequal amounts of text; "" if they did not."""
    own, other = (tokens_read(each.entry) for each in (model, before))
    if own is None or other is None or max(own, other) <= SAME_AMOUNT * min(own, other):
        return ""
    return (
        f" (But this model read {numbers.amount(own)} tokens in training, {spoken(before.title)}"
        f" {numbers.amount(other)}.)"
    )


def likely(found: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the most likely words with their probabilities."""
    return [(visible(str(one["token"])), float(one["probability"])) for one in found["next"]]
