"""What is each idea worth? One change at a time, from the same transformer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from lmcompare.analysis.comparison import group_of
from lmcompare.errors import LmcompareError
from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.wording import below, effects, inside, without_effect
from lmcompare.report import numbers

BASE = Condition(
    "transformer", "lmcompare.lab.changes:FilmedTransformer"
)  # the same bits, and a film of its training
NO_POSITIONS = Condition("transformer positions none", "transformer", {"positions": "none"})
NO_MASK = Condition("transformer no mask", "transformer", {"causal": False})
NO_ORDER = Condition("transformer no order", "lmcompare.lab.changes:LimitedOrder", {"known": 1})

MASK = "The causal mask"
SMALL, PRETENCE = 0.02, 0.5  # bits per byte of the prediction


@dataclass(frozen=True)
class Idea:
    """An idea, the condition without it, and the experiment that explains it.

    ``by_sentence``: the condition is scored with every sentence as a document of its own.
    """

    name: str
    saying: str
    without: Condition
    explained_by: str = ""
    by_sentence: bool = False


IDEAS = (
    Idea(
        "Word order",
        "Knowing in which order the words before the last one came, and not only which words they were; without it,"
        " the keys and values of every layer are made of the word vectors alone, too.",
        NO_ORDER,
        "order",
    ),
    Idea(
        "Trained word vectors",
        "Word vectors are trained, so that words that are used alike get similar vectors. Without this, the vectors"
        " stay random: those of the words that are read, and those of the words that are predicted.",
        Condition("transformer random vectors", "lmcompare.lab.changes:FrozenVectors"),
    ),
    Idea(
        "Attention at all",
        "Seeing the words before the last one; without it the model sees the last word alone.",
        Condition("transformer no attention", "transformer", {"window": 1}),
        "gradient",
    ),
    Idea(
        "Choosing where to look",
        "Attention weights that depend on the words; without it every visible word gets the same weight.",
        Condition("transformer even attention", "lmcompare.lab.changes:EvenAttention"),
        "gradient",
    ),
    Idea(
        MASK,
        "Hiding the words that come later, so that the model has to predict them.",
        NO_MASK,
        "mask",
    ),
    Idea(
        "Positions",
        "Telling the model how far apart two words are.",
        NO_POSITIONS,
        "positions",
    ),
    Idea(
        "Several heads",
        "Looking at four places at once, each for a reason of its own; without it there is one head as wide as four.",
        Condition("transformer one head", "transformer", {"heads": 1}),
    ),
    Idea(
        "A second layer",
        "Working on the results of a first layer.",
        Condition("transformer one layer", "transformer", {"layers": 1}),
    ),
    Idea(
        "Reading across sentences",
        "Remembering the sentences before; without it every sentence is read as if nothing preceded it.",
        Condition("transformer single sentences", "transformer", {"alone": 1.0}),
        by_sentence=True,
    ),
    Idea(
        "Twice the text",
        "Reading twice as much different text in as many steps; without it, half of the text, twice as often.",
        Condition("transformer half text", "lmcompare.lab.changes:PartTransformer", {"share": 0.5}),
        "unseen",
    ),
    Idea(
        "Twice the parameters",
        "A network with twice as many parameters.",
        Condition("transformer half parameters", "lmcompare.lab.changes:HalfParameters"),
    ),
)
NO_MODEL = "Without the mask it is no language model: its figure is false."


class Ideas(LabExperiment):
    """The chart that sums up the others: what each idea of the transformer is worth on this text."""

    title: ClassVar[str] = "What each idea is worth"
    question: ClassVar[str] = "What does each idea of the transformer give, if everything else stays the same?"
    prediction: ClassVar[str] = (
        "Every idea is worth something. Most is lost without trained word vectors, then without word order; positions"
        " and several heads are worth less than 0.02 bits per byte each. The network without the mask pretends"
        " to need less than 0.5 bits per byte."
    )

    def conditions(self) -> Sequence[Condition]:
        """Return the transformer and, for each idea, the transformer without it."""
        return (BASE, *(idea.without for idea in IDEAS))

    def measure(self, bench: Bench) -> Findings:
        """Return the bits per byte that are lost without each idea."""
        honest = [idea for idea in IDEAS if group_of(bench.entry(idea.without))[0] == "ranked"]
        if failed := [idea.name for idea in IDEAS if idea not in honest and idea.name != MASK]:
            raise LmcompareError(
                f"the model without {numbers.listed(failed, 'or')} failed a validity check, so nothing can be"
                " compared: the report of its run says which check"
            )
        base = bench.bits(BASE)
        changed = {idea.name: bench.bits(idea.without, by_sentence=idea.by_sentence) for idea in IDEAS}
        sayings = {idea.name: idea.saying for idea in IDEAS}
        tested = bench.rows(base, {idea.name: changed[idea.name] for idea in honest}, sayings)
        pretended = bench.rows(base, {name: each for name, each in changed.items() if name not in tested}, sayings)
        rows = [
            *sorted(tested.values(), key=lambda row: row.amount, reverse=True),
            *(replace(row, p_holm=None, remark=NO_MODEL) for row in pretended.values()),
        ]
        explained = {idea.name: idea.explained_by for idea in IDEAS}
        worth = Figures(
            title="Bits per byte that are lost without each idea",
            rows=tuple(replace(row, explained_by=explained[row.name]) for row in rows),
            unit="bits per byte",
            note=(
                "Each row is the same transformer with one thing changed, trained for the same number of steps and"
                " scored on the same test text. The whole transformer needs"
                f" {numbers.bits_per_byte(base.figure(bench.unit_bytes))} bits per byte."
            ),
            row_name="Idea",
            figure_name="bits per byte without it",
        )
        claims = _claims(tested, pretended[MASK])
        return Findings(verdict=_verdict(list(tested.values())), claims=claims, tables=(worth,))


def _verdict(rows: Sequence[Row]) -> str:
    """Return what was found in words, the answer first, and then what was not."""
    said = []
    if worth := effects(rows, 1):
        most = max(rows, key=lambda row: row.amount if row.found else -math.inf)
        help_ = "helps" if len(worth) == 1 else "help"
        said.append(f"{len(worth)} of {len(rows)} ideas {help_} on this text, most of all {inside(most)}.")
        said.append(f"Bits per byte saved by {numbers.listed(worth)}.")
    if harmful := effects(rows, -1):
        said.append(f"On this text the model is better without {numbers.listed(harmful)}.")
    return " ".join([*said, *without_effect(rows, SMALL, "bits per byte")])


def _claims(rows: Mapping[str, Row], pretence: Row) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    first, second = sorted(rows, key=lambda name: rows[name].amount, reverse=True)[:2]
    return {
        "Every idea is worth something.": all(row.found and row.amount > 0 for row in rows.values()),
        "Most is lost without trained word vectors.": first == "Trained word vectors",
        "After that, most is lost without word order.": second == "Word order",
        f"Positions are worth less than {SMALL} bits per byte.": below(rows["Positions"], SMALL),
        f"Several heads are worth less than {SMALL} bits per byte.": below(rows["Several heads"], SMALL),
        f"Without the mask, the network claims less than {PRETENCE} bits per byte.": (
            (pretence.figure or 0.0) < PRETENCE
        ),
    }
