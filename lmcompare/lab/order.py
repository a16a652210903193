"""How far does each model really read, and does it matter in which order the words came?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from lmcompare.analysis.contrasts import Contrast, Measured, contrasts
from lmcompare.exhibits import Curve, Heatmap
from lmcompare.lab.bench import Bench, Share, parts_of, rows_of
from lmcompare.lab.contract import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.ideas import BASE, NO_ORDER
from lmcompare.lab.sample import Sample, after
from lmcompare.lab.shuffling import TREATMENTS, treated
from lmcompare.report import numbers
from lmcompare.tokens import IntArray

FAMILIES = {
    "5-gram": Condition("ngram", "ngram"),
    "word2vec bag": Condition("word2vec-bow", "word2vec-bow"),
    "RNN": Condition("rnn", "rnn"),
    "transformer": BASE,
}
ALL = 64  # words: the window of the transformer
LIMITED = {
    known: Condition(f"transformer order of {known} words", "lmcompare.lab.changes:LimitedOrder", {"known": known})
    for known in (4, 16, ALL)
}
TRAINED = {1: NO_ORDER, **LIMITED}  # by the words whose order is known
KEPT = (1, 4, 16, 64)  # tokens of the context that are left as they are
POSITIONS, OF_PREVIEW = 2_000, 300
Lost = Mapping[str, Mapping[tuple[str, int], Contrast]]  # by family, and by treatment and tokens that are kept
SMALL = 0.05  # bits per word, below which what is farther away hardly matters


class Order(LabExperiment):
    """What is lost when all but the last words of the context are shuffled, reversed, cut or replaced."""

    title: ClassVar[str] = "How far models read, and word order"
    question: ClassVar[str] = "How far back does each model read, and does the order of those words matter?"
    prediction: ClassVar[str] = (
        "For the 5-gram and the bag nothing beyond 16 words matters. The RNN and the transformer lose more than 0.05"
        " bits per word when all but the last 16 words are cut, but less than that when they are only shuffled: from"
        " far back they take the topic and not the order. A transformer that was trained to know the order of one"
        " word only loses less than one that is shuffled when it is scored."
    )

    def conditions(self) -> Sequence[Condition]:
        """Return a model of each family, and transformers that know the order of some words only."""
        return (*FAMILIES.values(), *TRAINED.values())

    def measure(self, bench: Bench) -> Findings:
        """Ask every model with changed contexts, at positions drawn from the test text."""
        sample = Sample.of(bench.run, bench.corpus, POSITIONS if bench.decides else OF_PREVIEW)
        contexts = list(sample.contexts())
        asked = {(how, kept): treated(contexts, how, kept) for how in TREATMENTS for kept in KEPT}
        lost: dict[str, dict[tuple[str, int], Contrast]] = {}
        share = bench.shares(len(FAMILIES))
        for family, condition in FAMILIES.items():
            found = _asked(bench, condition, sample, {("", 0): contexts, **asked}, next(share))
            intact = found.pop(("", 0))
            named = {f"{how} {kept}": each for (how, kept), each in found.items()}
            lost[family] = dict(zip(found, contrasts(intact, named, sample.counts).values(), strict=True))
        trained = _trained(bench)
        return Findings(
            verdict=_verdict(lost, trained),
            held=_held(lost, trained) if bench.decides else None,
            tables=(_lost_by_shuffling(lost, len(sample)), trained),
            exhibits=(_curve(lost), _all(lost)),
        )


def _asked(
    bench: Bench,
    condition: Condition,
    sample: Sample,
    asked: Mapping[tuple[str, int], Sequence[IntArray]],
    share: Share,
) -> dict[tuple[str, int], Measured]:
    """Return the bits of the sampled words after each kind of context, for all trainings of a condition."""
    models = list(bench.models(condition))
    part = parts_of(share, len(models) * len(asked))
    return {
        key: sample.bits([after(model, sample, contexts, next(part)) for model in models])
        for key, contexts in asked.items()
    }


def _lost_by_shuffling(lost: Lost, positions: int) -> Figures:
    tests = {f"{family}, last {kept}": found["shuffled", kept] for family, found in lost.items() for kept in KEPT}
    return Figures(
        title="What is lost when all but the last words are shuffled",
        rows=_without_figures(tests),
        unit="bits per word",
        note=(
            f"{positions:,} positions of the test text, with at most 256 words of context. The model was trained on"
            " ordinary text, so that this also measures how much it is confused by a text that it has never seen."
        ),
        row_name="Model, and the last words that stay in order",
    )


def _trained(bench: Bench) -> Figures:
    """Return what transformers lose that were trained to know the order of some words only."""
    whole = Sample.of(bench.run, bench.corpus, len(bench.corpus.test))
    limited = {_last(known): bench.bits(c) for known, c in TRAINED.items() if known != ALL}
    return Figures(
        title="Transformers that were trained to know the order of the last words only",
        rows=_without_figures(contrasts(bench.bits(TRAINED[ALL]), limited, whole.counts)),
        unit="bits per word",
        note=(
            "Shuffling a text for a model that was trained on ordinary text also confuses it. These transformers"
            " never knew more than the order of the last words, and of the others only which they are. Against the"
            f" same network with the order of {ALL} words, on all of the test text: figures above 0 are lost without"
            " the order, figures below 0 are gained without it."
        ),
        row_name="Words whose order is known",
    )


def _last(known: int) -> str:
    return "the last one" if known == 1 else f"the last {known}"


def _without_figures(tests: Mapping[str, Contrast]) -> tuple[Row, ...]:
    return tuple(replace(row, figure=None) for row in rows_of(tests).values())


def reach(found: Mapping[tuple[str, int], Contrast], how: str) -> int | None:
    """Return after how many words a change of what precedes them hardly matters; None if it always does."""
    return next((kept for kept in KEPT if found[how, kept].difference < SMALL), None)


def _verdict(lost: Lost, trained: Figures) -> str:
    return (
        f"Nearly everything that a model takes from its context, all but {SMALL} bits per word, comes from"
        f" {_by_reach(lost, 'cut')}. The order of the words matters as far back as {_by_reach(lost, 'shuffled')}."
        f" Tried: {numbers.listed([str(kept) for kept in KEPT])} words.{_of_trained(trained)}"
    )


def _of_trained(trained: Figures) -> str:
    """Return what was found of transformers that were trained to know the order of some words only."""
    rows = [row for row in trained.rows if row.found]
    said = [
        f"{numbers.decimals(abs(row.amount), 3)} bits per word {'more' if row.amount > 0 else 'less'} with {row.name}"
        for row in rows
    ]
    if not said:
        return " No difference was found between transformers that were trained to know more and less of the order."
    return (
        f" A transformer that was trained to know the order of the last words only needs {numbers.listed(said)}, than"
        f" with the last {ALL}."
    )


def _by_reach(lost: Lost, how: str) -> str:
    """Return in words how far back the models read, those that read equally far together."""
    together: dict[int | None, list[str]] = {}
    for family, found in lost.items():
        together.setdefault(reach(found, how), []).append(f"the {family}")
    said = {None: f"more than the last {KEPT[-1]} words", 1: "the last word"}
    words = {kept: said.get(kept, f"the last {kept} words") for kept in together}
    return numbers.listed([f"{words[kept]} ({numbers.listed(names)})" for kept, names in together.items()])


def _held(lost: Lost, trained: Figures) -> bool:
    short = ("5-gram", "word2vec bag")
    near = all(lost[family][how, 16].difference < SMALL for family in short for how in TREATMENTS)
    far = all(
        lost[family]["cut", 16].difference > SMALL > lost[family]["shuffled", 16].difference
        for family in ("RNN", "transformer")
    )
    less = trained.rows[0].amount < lost["transformer"]["shuffled", 1].difference
    return near and far and less


def _curve(lost: Lost) -> Curve:
    return Curve(
        title="What the words before the last ones are worth",
        note="The bits that are lost when everything but the last words is cut off.",
        names=tuple(lost),
        x=tuple(tuple(map(float, KEPT)) for _ in lost),
        y=tuple(tuple(found["cut", kept].difference for kept in KEPT) for found in lost.values()),
        x_axis="words that are left",
        y_axis="bits lost per word",
    )


def _all(lost: Lost) -> Heatmap:
    return Heatmap(
        title="Bits lost per word, by what is done to the context",
        note=(
            "Cut: nothing is left but the last words. Replaced: the words of another text stand there. If shuffling"
            " loses as much as replacing, the model took nothing from those words but their order."
        ),
        rows=tuple(lost),
        columns=tuple(f"all but {kept}" for kept in KEPT),
        panels=tuple(TREATMENTS),
        values=tuple(
            tuple(tuple(found[how, kept].difference for kept in KEPT) for found in lost.values())
            for how in TREATMENTS
        ),
        row_axis="model",
        column_axis="words that are changed",
    )
