"""Attention in the story: what the last word of the running sentence looks at in one head, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.exhibits.attention import FAR
from lmcompare.render import numbers
from lmcompare.render.charts.strips import strip
from lmcompare.render.tokens import visible
from lmcompare.runfolder.parquet import Array

ADDED = 3  # how many next words with the greatest changes of logits are named
SHOWN = 4  # how many words of the greatest weights have a row; all others share one


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
    """What a word looks at; ``stored`` is the ``attention`` of ``influences``."""

    stored: Mapping[str, Any]

    @property
    def head(self) -> str:
        """The name of the head."""
        return str(self.stored["head"])

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

    def strips(self, reader: str) -> list[tuple[str, dict[str, Any], str]]:
        """Return how the greatest weight is computed: for each vector its label, its drawing and the next step.

        Empty if the version that wrote the run did not store it. ``reader``: the word that looks.
        """
        stored = {name: np.array(values) for name, values in (self.stored.get("strips") or {}).items()}
        if not stored:
            return []
        most = self.most.word
        labels = {
            "query": f"q of “{reader}”: what it looks for",
            "key": f"k of “{most}”: what it offers",
            "terms": f"{'w · tanh(q + k)' if self.additive else 'q × k'}: how they match",
            "value": f"{'state' if self.additive else 'v'} of “{most}”: what is mixed in",
        }
        return [
            (label, strip(stored[name]), self._sum(stored[name]) if name == "terms" else "")
            for name, label in labels.items()
        ]

    def _sum(self, terms: Array) -> str:
        """Return the sum of the terms, whether one term is most of it, and the weight that follows from it."""
        total, largest = float(terms.sum()), float(terms.max(initial=0.0))
        one = f", {numbers.decimals(largest, 1)} of it from one number" if largest > total / 2 > 0 else ""
        score, weight = self.most.score, numbers.percent(self.most.weight, 0)
        divided = "" if self.additive or score is None else f" → score {numbers.decimals(score, 2)}"
        return f"sum {numbers.decimals(total, 2)}{one}{divided} → weight {weight}"

    def adds(self, word: str) -> tuple[float | None, list[tuple[str, float]]]:
        """Return what the head adds to the logit of a next word, and the other words with the greatest changes.

        None and an empty list if that is not known.
        """
        added = {visible(one["token"]): float(one["logit"]) for one in self.stored.get("adds") or ()}
        others = [(each, amount) for each, amount in added.items() if each != word]
        return added.get(word), sorted(others, key=lambda one: -abs(one[1]))[:ADDED]

    @property
    def chosen(self) -> str:
        """The rule by which the head was chosen; "" if there is only one."""
        heads, back = self.stored["heads"], self.stored.get("looking_back")
        if heads < 2:
            return ""
        if back is None:
            return f"Of {heads} heads, this one gives the most weight to an earlier word."
        if not back:
            return f"No head of {heads} looks most at an earlier word; this one changes next words’ logits most."
        far = self.stored.get("looking_far", 0)
        many, what = (far, f"a word {FAR} or more places back") if far else (back, "an earlier word")
        return f"Of {heads} heads, {many} {'looks' if many == 1 else 'look'} most at {what}" + (
            "." if many == 1 else ", and of these, this one changes the logits of next words most."
        )

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


def mask(tokens: Sequence[str], looked: LookedAt | None) -> tuple[list[str], list[list[float | None]]]:
    """Return the words, and the weight that each word gives each other word: None if the mask hides it.

    Without stored weights, words that may be seen have the weight 0.
    """
    if looked is None:
        return list(tokens), [[0.0 if j <= i else None for j in range(len(tokens))] for i in range(len(tokens))]
    # the first word that looks is the beginning of the text
    rows = looked.stored["map"]
    names = list(tokens) if len(rows) == len(tokens) else ["<s>", *tokens]
    return names, rows
