"""What is each idea worth? One change at a time, from the same transformer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lmcompare.analysis.comparison import group_of
from lmcompare.errors import LmcompareError
from lmcompare.lab import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, answer, contrasts, corrected, effects, listing, without_effect
from lmcompare.render import numbers

BASE = Condition("transformer", "lmcompare.lab.film:FilmedTransformer")  # the same bits, and a film of its training
NO_POSITIONS = Condition("transformer positions none", "transformer", {"positions": "none"})
NO_MASK = Condition("transformer no mask", "transformer", {"causal": False})
ALL = 64  # words: the window of the transformer
ORDER = Condition(
    f"transformer order of {ALL} words",
    "lmcompare.lab.changes:LimitedOrder",
    {"known": ALL},
    inputs="the keys and values of every layer are computed from the word vectors",
)
NO_ORDER = replace(ORDER, name="transformer no order", settings={"known": 1}, reference=ORDER)

MASK, VECTORS = "The causal mask", "Trained word vectors, in the softmax too"
SMALL, PRETENCE = 0.02, 0.5  # bits per byte of the prediction


@dataclass(frozen=True)
class Idea:
    """An idea, the condition without it, and the experiment that explains it.

    ``by_sentence``: the condition is scored with every sentence as a document of its own. ``amount``: it is more of
    the same, and not an idea of the transformer.
    """

    name: str
    saying: str
    without: Condition
    explained_by: str = ""
    by_sentence: bool = False
    amount: bool = False

    @property
    def reference(self) -> Condition:
        """The condition with the idea."""
        return self.without.reference or BASE


IDEAS = (
    Idea(
        "Word order",
        f"Knowing in which order the last {ALL} words came, and not only which words they were and which came last."
        " In both networks the keys and values of every layer are computed from the word vectors alone.",
        NO_ORDER,
        "order",
    ),
    Idea(
        VECTORS,
        "The vectors are trained, so that words that are used alike get similar vectors. Without this they stay"
        " random: those of the words that are read and those of the words that are predicted, which are the same.",
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
        "Attention weights that depend on the words. Without it, they depend on the distance of two words alone: all"
        " positions have the same query and the same key.",
        Condition("transformer attention by distance", "lmcompare.lab.changes:AttentionByDistance"),
        "gradient",
    ),
    Idea(MASK, "Hiding the words that come later, so that the model has to predict them.", NO_MASK, "mask"),
    Idea("Positions", "Telling the model how far apart two words are.", NO_POSITIONS, "positions"),
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
        Condition(
            "transformer single sentences",
            "transformer",
            {"alone": 1.0},
            inputs="it is scored with each sentence as a document of its own",
        ),
        by_sentence=True,
    ),
    Idea(
        "Twice the text",
        "Reading twice as much different text in as many steps; without it, half of the text, twice as often.",
        Condition("transformer half text", "lmcompare.lab.changes:PartTransformer", {"share": 0.5}),
        "unseen",
        amount=True,
    ),
    Idea(
        "Twice the parameters",
        "A network with twice as many parameters.",
        Condition("transformer half parameters", "lmcompare.lab.changes:HalfParameters"),
        amount=True,
    ),
)
NO_MODEL = "Without the mask it is no language model: its figure is false."


class Ideas(LabExperiment):
    """The chart that sums up the others: what each idea of the transformer is worth on this text."""

    title = "What each idea is worth"
    question = "What does each idea of the transformer give, if everything else stays the same?"
    prediction = (
        "Every idea is worth something. Most is lost without trained word vectors, then without word order; positions"
        " and several heads are worth least, less than 0.02 bits per byte each. The network without the mask pretends"
        " to need less than 0.5 bits per byte."
    )
    conditions = (BASE, ORDER, *(idea.without for idea in IDEAS))

    def measure(self, bench: Bench) -> Findings:
        """Return the bits per byte that are lost without each idea."""
        honest = [idea for idea in IDEAS if group_of(bench.entry(idea.without))[0] == "ranked"]
        if failed := [idea.name for idea in IDEAS if idea not in honest and idea.name != MASK]:
            raise LmcompareError(
                f"the model without {numbers.listed(failed, 'or')} failed a validity check, so nothing can be"
                " compared: the report of its run says which check"
            )
        tested = corrected(_contrasts(bench, honest))
        pretended = corrected(_contrasts(bench, [idea for idea in IDEAS if idea not in honest]))
        rows = [
            *sorted(tested.values(), key=lambda row: row.amount, reverse=True),
            *(replace(row, p_holm=None, remark=NO_MODEL) for row in pretended.values()),
        ]
        ideas = {idea.name: idea for idea in IDEAS}
        worth = Figures(
            title="Bits per byte that are lost without each idea",
            rows=tuple(
                replace(row, saying=ideas[row.name].saying, explained_by=ideas[row.name].explained_by) for row in rows
            ),
            unit="bits per byte",
            note=(
                "Each row is the same transformer with one thing changed, trained for the same number of steps and"
                f" scored on the same test text. The whole transformer needs {bench.needs(BASE)} bits per byte. “Word"
                f" order” is measured on another transformer, which needs {bench.needs(ORDER)}: its keys and values"
                " come from the word vectors, and its positions are relative."
            ),
            row_name="Idea",
            figure_name="bits per byte without it",
        )
        claims = _claims(tested, pretended[MASK])
        return Findings(verdict=_verdict(list(tested.values())), claims=claims, tables=(worth,))


def _contrasts(bench: Bench, ideas: Sequence[Idea]) -> dict[str, Contrast]:
    """Return what is lost without each idea."""
    found: dict[str, Contrast] = {}
    for reference in dict.fromkeys(idea.reference.name for idea in ideas):
        those = [idea for idea in ideas if idea.reference.name == reference]
        without = {idea.name: bench.bits(idea.without, by_sentence=idea.by_sentence) for idea in those}
        found |= contrasts(bench.bits(those[0].reference), without, bench.unit_bytes)
    return {idea.name: found[idea.name] for idea in ideas}


def _verdict(rows: Sequence[Row]) -> str:
    """Return what was found in words, the answer first, and then what was not."""
    amounts = {idea.name for idea in IDEAS if idea.amount}
    ideas = [row for row in rows if row.name not in amounts]
    worth = effects(ideas, 1)
    most = max(ideas, key=lambda row: row.amount if row.found else -math.inf).spoken
    return answer(
        listing(f"{len(worth)} of {len(ideas)} ideas [helps|help] on this text, most of all {most}.", worth),
        listing("Bits per byte saved: {}.", worth),
        listing("More of the same saves bits per byte: {}.", effects([r for r in rows if r.name in amounts], 1)),
        listing("On this text the model is better without {}.", effects(rows, -1)),
        *without_effect(rows, SMALL, "bits per byte"),
    )


def _claims(rows: Mapping[str, Row], pretence: Row) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    by_worth = sorted(rows, key=lambda name: rows[name].amount, reverse=True)
    least = ("Positions", "Several heads")
    return {
        "Every idea is worth something.": all(row.found and row.amount > 0 for row in rows.values()),
        "Most is lost without trained word vectors.": by_worth[0] == VECTORS,
        "After that, most is lost without word order.": by_worth[1] == "Word order",
        "Positions and several heads are worth least.": set(by_worth[-2:]) == set(least),
        **{f"{name} are worth less than {SMALL} bits per byte.": rows[name].below(SMALL) for name in least},
        f"Without the mask, the network claims less than {PRETENCE} bits per byte.": (pretence.level < PRETENCE),
    }
