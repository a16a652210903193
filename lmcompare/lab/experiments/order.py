"""How far does each model really read, and does it matter in which order the words came?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from lmcompare.exhibits import Curve, Heatmap
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import LONGEST, Bench, Sample, log_probs_after
from lmcompare.lab.contrasts import (
    Contrast,
    Measured,
    all_of,
    answer,
    contrasts,
    corrected,
    listing,
    of_same_trainings,
)
from lmcompare.lab.experiments.ideas import ALL, BASE, NO_ORDER, ORDER
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.render.titles import sentence
from lmcompare.tokens import IntArray

Treatment = Callable[[IntArray, IntArray, np.random.Generator], IntArray]
"""From the beginning of a context, and another context, to what replaces the beginning."""


def _of_another(beginning: IntArray, other: IntArray, random: np.random.Generator) -> IntArray:
    return np.resize(other, len(beginning)) if len(other) else beginning[:0]


TREATMENTS: dict[str, Treatment] = {
    "shuffled": lambda beginning, other, random: random.permutation(beginning.copy()),
    "reversed": lambda beginning, other, random: beginning[::-1],
    "cut": lambda beginning, other, random: beginning[:0],
    "replaced": _of_another,
}


def treated(
    contexts: Sequence[IntArray], treatment: str, kept: int, seed: int = 0, seen: Sequence[int] | None = None
) -> list[IntArray]:
    """Return contexts in which all but the last ``kept`` tokens are shuffled, reversed, cut or replaced.

    Parameters
    ----------
    contexts : sequence of arrays of int
    treatment : {"shuffled", "reversed", "cut", "replaced"}
        What replaces the beginning of a context is the context of half the sample further on.
    kept : int
        At least 0.
    seed : int
    seen : sequence of int, optional
        How many tokens of each context a model sees; those before them stay as they are. Otherwise a change of the
        order would also change which words it sees.
    """
    random, change = np.random.default_rng([seed, kept]), TREATMENTS[treatment]
    found = []
    for i, context in enumerate(contexts):
        border = max(0, len(context) - kept)
        other = contexts[(i + len(contexts) // 2) % len(contexts)]
        first = 0 if seen is None else min(border, max(0, len(context) - seen[i]))
        changed = change(context[first:border], other, random)
        found.append(np.concatenate([context[:first], changed, context[border:]]))
    return found


FAMILIES = {
    "5-gram": Condition("ngram", "ngram"),
    "word2vec bag": Condition("word2vec-bow", "word2vec-bow"),
    "RNN": Condition("rnn", "rnn"),
    "transformer": BASE,
}
LIMITED = {
    known: replace(NO_ORDER, name=f"transformer order of {known} words", settings={"known": known})
    for known in (4, 16)
}
TRAINED = {1: NO_ORDER, **LIMITED, ALL: ORDER}  # by how many words the model knows in order
KEPT = (1, 4, 16, 64)  # tokens of the context that are left as they are
OF_ORDER = ("shuffled", "reversed")  # treatments that change only the order
POSITIONS, OF_PREVIEW = 2_000, 300
Lost = Mapping[str, Mapping[tuple[str, int], Contrast]]  # by family, and by treatment and tokens that are kept
Shuffled = Mapping[tuple[str, int], Contrast]  # by family and words that are kept, corrected together
WITHIN = (
    "Only the words that the model sees change their places, so it sees the same words in another order. A bag of"
    " words, which ignores the order, loses nothing."
)
LAST_ONE = "the last one"
SMALL = 0.05  # bits per word, below which what is farther away hardly matters


class Order(LabExperiment):
    """What is lost when all but the last words of the context are shuffled, reversed, cut or replaced."""

    title = "How far models read, and word order"
    question = "How far back does each model read, and does the order of those words matter?"
    prediction = (
        "For the 5-gram and the bag nothing beyond 16 words matters. The RNN and the transformer lose more than 0.05"
        " bits per word when all but the last 16 words are cut, but less than that when they are only shuffled: from"
        " far back they take the topic and not the order. A transformer that was trained to know the order of one"
        " word only loses less than one that is shuffled when it is scored."
    )
    measuring = 0.45
    conditions = (*FAMILIES.values(), *TRAINED.values())

    def measure(self, bench: Bench) -> Findings:
        """Ask every model with changed contexts, at positions drawn from the test text."""
        sample = bench.sample(POSITIONS if bench.decides else OF_PREVIEW)
        contexts = list(sample.contexts())
        found = {family: _asked(bench, c, sample, contexts) for family, c in bench.each(FAMILIES.items())}
        lost: dict[str, dict[tuple[str, int], Contrast]] = {family: {} for family in FAMILIES}
        for change in product(TREATMENTS, KEPT):
            pairs = {family: (each["", 0], each[change]) for family, each in found.items()}
            for family, contrast in of_same_trainings(pairs, sample.counts).items():
                lost[family][change] = contrast
        shuffled = corrected(
            {
                (family, kept): replace(each["shuffled", kept], name=f"{family}, last {kept}")
                for family, each in lost.items()
                for kept in KEPT
            }
        )
        trained = _trained(bench)
        return Findings(
            verdict=_verdict(lost, shuffled, trained),
            claims=_claims(lost, trained),
            tables=(_lost_by_shuffling(shuffled, len(sample)), trained),
            exhibits=(_curve(lost), _all(lost)),
        )


def _asked(
    bench: Bench, condition: Condition, sample: Sample, contexts: Sequence[IntArray]
) -> dict[tuple[str, int], Measured]:
    """Return the bits of the sampled words after each change of the contexts, for all trainings of a condition."""
    first = bench.model(condition)
    seen = [seen_by(first, context, sample.text.vocabulary.end) for context in contexts]
    asked: dict[tuple[str, int], Sequence[IntArray]] = {("", 0): contexts}
    for how, kept in product(TREATMENTS, KEPT):
        asked[how, kept] = treated(contexts, how, kept, seen=seen if how in OF_ORDER else None)
    found = [
        [log_probs_after(model, sample, each) for each in bench.each(asked.values())]
        for model in bench.models(condition)
    ]
    return {key: sample.bits(nats) for key, nats in zip(asked, zip(*found, strict=True), strict=True)}


def seen_by(model: LanguageModel, context: IntArray, end: int) -> int:
    """Return how many of the last tokens of a context a model sees.

    All of them, if it has no window.
    """
    given = model.hyperparameters()
    seen = LONGEST
    if "order" in given:
        seen = given["order"] - 1
    elif "window" in given:  # the window of each layer
        seen = given.get("layers", 1) * (given["window"] - 1) + 1
    if not model.traits.carries_state:  # the model sees only its own sentence
        seen = min(seen, len(context) - 1 - int(np.flatnonzero(context == end)[-1]) if end in context else seen)
    return min(seen, len(context))


def _lost_by_shuffling(rows: Shuffled, positions: int) -> Figures:
    return Figures(
        title="What is lost when all but the last words are shuffled",
        rows=tuple(replace(row, figure=None) for row in rows.values()),
        unit="bits per word",
        note=(
            f"{positions:,} positions of the test text, with at most {LONGEST} words of context. {WITHIN} Each"
            " trained model is compared with itself, so differences between trainings cancel out. The models were"
            " trained on ordinary text, so this also measures how much a text of a kind that they have never seen"
            " confuses them."
        ),
        row_name="Model, and the last words that stay in order",
    )


def _trained(bench: Bench) -> Figures:
    """Return what transformers lose that were trained to know the order of some words only."""
    limited = {
        LAST_ONE if known == 1 else f"the last {known}": bench.bits(c) for known, c in TRAINED.items() if known != ALL
    }
    found = contrasts(bench.bits(TRAINED[ALL]), limited, bench.whole.counts)
    return Figures(
        title="Transformers that were trained to know the order of the last words only",
        rows=tuple(replace(row, figure=None) for row in found.values()),
        unit="bits per word",
        note=(
            "Shuffling a text for a model that was trained on ordinary text also confuses it. These transformers"
            " never knew more than the order of the last words, and of the others only which they are. They are"
            f" compared with the same network that knows the order of {ALL} words, on all of the test text. Figures"
            " above 0 are lost without the order, figures below 0 are gained without it."
        ),
        row_name="Words whose order is known",
    )


def reach(found: Mapping[tuple[str, int], Contrast], how: str) -> int | None:
    """Return after how many words a change of what precedes them hardly matters; None if it may always matter."""
    return next((kept for kept in KEPT if found[how, kept].below(SMALL) is True), None)


def _verdict(lost: Lost, shuffled: Shuffled, trained: Figures) -> str:
    matters = {
        family: [kept for kept in KEPT if (row := shuffled[family, kept]).found and row.amount > 0] for family in lost
    }
    return answer(
        _answer(lost, matters),
        _by_reach(lost),
        *_of_order(lost, matters),
        f"(Tried: {numbers.listed([str(kept) for kept in KEPT])} words.)",
        *_of_trained(trained),
    )


def _answer(lost: Lost, matters: Mapping[str, Sequence[int]]) -> str:
    """Return in one sentence whether order matters, and how far back it matters to any model."""
    farthest = max((kept for each in matters.values() for kept in each), default=None)
    if farthest is None:
        return "No effect of the order of words was found."
    beyond = next((kept for kept in KEPT if kept > farthest), None)
    clear = beyond is not None and all(
        each["shuffled", kept].below(SMALL) for each in lost.values() for kept in KEPT if kept >= beyond
    )
    if not clear:
        return "The order of words matters."
    return f"The order of words matters within the last {beyond} words; beyond them, no effect was found."


def _of_order(lost: Lost, matters: Mapping[str, Sequence[int]]) -> list[str]:
    """Return in words how far back an effect of the order was found, where none was, and where it is unclear."""
    together: dict[int | None, list[str]] = {}
    unclear: list[str] = []
    for family, each in lost.items():
        farthest = max(matters[family], default=None)
        open_to = [k for k in KEPT if k not in matters[family] and each["shuffled", k].below(SMALL) is None]
        if farthest is not None or not open_to:
            together.setdefault(farthest, []).append(f"the {family}")
        if open_to:
            unclear.append(f"the {family} if all but {_words(max(open_to))} are shuffled")
    none = together.pop(None, [])
    return [
        *(
            listing(f"Shuffling all but {_words(kept)} makes {{}} worse.", names)
            for kept, names in together.items()
            if kept is not None
        ),
        "With more of the last words in order, no effect was found." if together else "",
        listing("No effect of the order was found for {}.", none),
        listing("Too uncertain to tell: the loss of {}.", unclear),
    ]


def _words(kept: int) -> str:
    return "the last word" if kept == 1 else f"the last {kept} words"


def _of_trained(trained: Figures) -> list[str]:
    """Return what was found of transformers that were trained to know the order of some words only."""
    said = []
    for row in trained.rows:
        known = "which word came last" if row.name == LAST_ONE else f"the order of {row.name} words"
        amount = f"{numbers.decimals(abs(row.amount), 3)} bits per word {'more' if row.amount > 0 else 'less'}"
        if row.found:
            said.append(
                f"A transformer that was trained to know {known}, and the words before as a bag, needs {amount} than"
                f" one that knows the order of the last {ALL}."
            )
    none = "No difference was found between transformers that were trained to know more and less of the order."
    return said or [none]


def _by_reach(lost: Lost) -> str:
    """Return in words how far back the models read, those that read equally far together."""
    together: dict[int | None, list[str]] = {}
    for family, found in lost.items():
        together.setdefault(reach(found, "cut"), []).append(f"the {family}")
    far = together.pop(None, [])
    gains = "{{}} [gains|gain] less than {small} bits per word from all that comes before {words}."
    return answer(
        *(
            sentence(listing(gains.format(small=SMALL, words=_words(kept)), names))
            for kept, names in together.items()
            if kept is not None
        ),
        listing(f"Words before {_words(KEPT[-1])} may be worth more than that to {{}}.", far),
    )


def _claims(lost: Lost, trained: Figures) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree; None if an interval leaves it open."""
    one, shuffled = trained.rows[0], lost["transformer"]["shuffled", 1]
    less = None
    if not (one.low is None or one.high is None or shuffled.low is None or shuffled.high is None):
        less = True if one.high < shuffled.low else False if one.low > shuffled.high else None
    claims = {
        f"Nothing beyond 16 words matters for the {family}.": all_of(
            lost[family][how, 16].below(SMALL) for how in TREATMENTS
        )
        for family in ("5-gram", "word2vec bag")
    }
    for family in ("RNN", "transformer"):
        cut = lost[family]["cut", 16].above(SMALL)
        claims[f"The {family} loses more than {SMALL} bits per word if all but 16 words are cut."] = cut
        claims[f"The {family} loses less than that if they are only shuffled."] = lost[family]["shuffled", 16].below(
            SMALL
        )
    claims[
        "A transformer that is trained to know the order of one word only loses less than one that is shuffled later."
    ] = less
    return claims


def _curve(lost: Lost) -> Curve:
    return Curve(
        title="What the words before the last ones are worth",
        note="The bits that are lost when everything but the last words is cut off.",
        names=tuple(lost),
        x=tuple(tuple(map(float, KEPT)) for _ in lost),
        y=tuple(tuple(found["cut", kept].amount for kept in KEPT) for found in lost.values()),
        x_axis="words that are left",
        y_axis="bits lost per word",
    )


def _all(lost: Lost) -> Heatmap:
    return Heatmap(
        title="Bits lost per word, by what is done to the context",
        note=(
            "Shuffled and reversed: only the order is changed, among the words that the model sees. Cut: nothing is"
            " left but the last words. Replaced: the words of another text are there; the model lacks what the words"
            " told, and the other words confuse it as well."
        ),
        rows=tuple(lost),
        columns=tuple(f"all but {kept}" for kept in KEPT),
        panels=tuple(TREATMENTS),
        values=tuple(
            tuple(tuple(found[how, kept].amount for kept in KEPT) for found in lost.values()) for how in TREATMENTS
        ),
        row_axis="model",
        column_axis="words that are changed",
    )
