"""What does attention give a recurrent network, which remembers without it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lmcompare.analysis.metrics import LN2
from lmcompare.exhibits import Bars, Exhibit
from lmcompare.lab import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import answer, effects, listing, without_effect
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.render import numbers
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.lanes import BoolArray

RNN = FAMILIES["RNN"]
NEAR, FAR = 16, 128  # states that are in the window
ADDITIVE = Condition("rnn-attention", "rnn-attention")
EVEN = Condition("rnn-attention even", "rnn-attention", {"scores": "even"})
MULTIPLICATIVE = Condition("rnn-attention multiplicative", "rnn-attention", {"scores": "multiplicative"})
SHORT = Condition("rnn-attention short window", "rnn-attention", {"window": NEAR})
POINTER = Condition("rnn pointer", "pointer", {"attention": 16, "window": FAR, "options": {"spelling": False}})

MEAN, CHOSEN, MULTIPLIED = "The mean of the past states", "Additive attention", "Multiplicative attention"
NARROW, COPIED = f"Additive attention over {NEAR} states", "A pointer to past words"
LOOKING = {MEAN: EVEN, CHOSEN: ADDITIVE, MULTIPLIED: MULTIPLICATIVE, NARROW: SHORT, COPIED: POINTER}
SAYINGS = {
    MEAN: f"Besides its state, the softmax sees the mean of the last {FAR} states.",
    CHOSEN: (
        f"The softmax sees a weighted mean of the last {FAR} states. The weights depend on the states: a small"
        " network compares them (Bahdanau et al. 2015)."
    ),
    MULTIPLIED: (
        f"The softmax sees a weighted mean of the last {FAR} states. The weights depend on the states, which are"
        " compared by a product (Luong et al. 2015)."
    ),
    NARROW: f"Additive attention over the last {NEAR} states only.",
    COPIED: (
        "Weights of attention are not used for a mean: each is the probability of copying the word that came after a"
        " past state (Merity et al. 2017)."
    ),
}
SMALL = 0.01  # bits per byte of the prediction
SHOWN = 12  # words on which the pointer saves most


class Attention(LabExperiment):
    """Ways of looking back at past states, in the same recurrent network."""

    title = "Attention in a recurrent network"
    question = "What does attention give a recurrent network, whose state has read everything already?"
    prediction = (
        "Attention saves less than 0.01 bits per byte, and multiplicative scores no more than additive ones. The mean"
        " of the past states, which chooses nothing, gives at least half of that. A pointer saves more than"
        " attention, on words that were read a short time before."
    )
    conditions = (RNN, *LOOKING.values())

    def measure(self, bench: Bench) -> Findings:
        """Compare the ways on the whole test text, and on words that were and were not read before."""
        sayings = {name: f"{SAYINGS[name]} {_took(bench, condition)}".strip() for name, condition in LOOKING.items()}
        worth = bench.rows(RNN, LOOKING, sayings)
        choosing = bench.rows(EVEN, {name: LOOKING[name] for name in (CHOSEN, MULTIPLIED, NARROW)})
        before, others = _repeats(bench)
        tables = (
            Figures(
                title="Bits per byte, against the network without attention",
                rows=tuple(sorted(worth.values(), key=lambda row: row.amount)),
                unit="bits per byte",
                note=(
                    "The same recurrent network, trained for the same number of steps on the same tokens; negative"
                    f" figures are better. Without attention it needs {bench.needs(RNN)} bits per byte."
                    f" {_took(bench, RNN)} Windows have {FAR} states where nothing else is said."
                ),
                row_name="What it has besides its state",
                figure_name="bits per byte in all",
            ),
            Figures(
                title="What choosing gives beyond the mean",
                rows=tuple(choosing.values()),
                unit="bits per byte",
                note="Against the network that sees the mean of the past states and can choose none of them.",
                row_name="Attention",
                figure_name="bits per byte in all",
            ),
            before,
            others,
        )
        return Findings(
            verdict=_verdict(worth, choosing[CHOSEN], before, others),
            claims=_claims(worth, before),
            tables=tables,
            exhibits=(_spread(bench), *_copied(bench), *_where_it_looks(bench)),
        )


def _took(bench: Bench, condition: Condition) -> str:
    if not bench.run.one_machine:  # side by side or on several machines, times say little of the models
        return ""
    seconds = [cell.cost["processor_seconds"] or 0.0 for cell in bench.entry(condition).done]
    return f"Its training took {numbers.seconds(float(np.mean(seconds)))}."


def read_before(text: Encoded, window: int) -> BoolArray:
    """Return (N,): whether each token is among the ``window`` tokens before it in its document."""
    at = np.arange(len(text))
    documents = text.document_of(at)
    order = np.lexsort((at, text.ids, documents))
    same = (np.diff(documents[order]) == 0) & (np.diff(text.ids[order]) == 0)
    found = np.zeros(len(text), np.bool_)
    found[order[1:][same & (np.diff(order) <= window)]] = True
    return found


def _repeats(bench: Bench) -> tuple[Figures, Figures]:
    """Return the bits per word against the plain network, for words that were read before and for the others.

    Holm's correction is for the rows of both tables.
    """
    whole = bench.whole
    words = whole.text.ids != whole.text.vocabulary.end
    before = words & read_before(whole.text, FAR)
    scores = {name: bench.log_probs(condition) for name, condition in {"": RNN, **LOOKING}.items()}
    rows = whole.by_part(scores, {"read": before, "other": words & ~before}, "")
    share = numbers.percent(float(before.sum() / max(1, words.sum())), 0)

    def table(part: str, title: str, note: str) -> Figures:
        return Figures(
            title=title,
            rows=tuple(row for (name, _), row in rows.items() if name == part),
            unit="bits per word",
            note=note,
            row_name="What it has besides its state",
            figure_name="bits per word in all",
        )

    return (
        table(
            "read",
            "On words that were read a short time before",
            f"Against the network without attention, on words of the test text that are among the {FAR} tokens before"
            f" them in the same document: {share} of all words.",
        ),
        table("other", "On the other words", "The same, on words that are not among these tokens."),
    )


def _spread(bench: Bench) -> Bars:
    """Return over how many states each attention is spread."""
    spread: dict[str, float] = {}
    for name, condition in bench.each(LOOKING.items()):
        if condition is not POINTER:
            models = [model for model in bench.models(condition) if isinstance(model, RnnAttention)]
            spread[name] = float(np.mean([model.reach().spread for model in models]))
    short = " 0: no document of the text is as long as the window." if 0 in spread.values() else ""
    return Bars(
        title="Over how many states the weights are spread",
        note=(
            "The effective number of states on validation text: e to the power of the entropy of the weights. It is 1"
            f" if all weight is on one state, and the number of states in the window if all weights are equal.{short}"
        ),
        labels=tuple(spread),
        values=tuple(spread.values()),
        unit="states",
    )


def _copied(bench: Bench) -> list[Exhibit]:
    """Return the words on which the pointer saves most, in the whole test text."""
    text = bench.corpus.test
    saved = np.mean(bench.log_probs(POINTER), axis=0) - np.mean(bench.log_probs(RNN), axis=0)
    by_word = np.bincount(text.ids, saved / LN2, minlength=len(text.vocabulary))
    times = np.bincount(text.ids, minlength=len(text.vocabulary))
    best: IntArray = np.argsort(-by_word, kind="stable")[:SHOWN]
    best = best[by_word[best] > 0]
    if not len(best):
        return []
    return [
        Bars(
            title="Words on which the pointer saves most",
            note="The bits that the pointer saves against the network without it, summed over the test text. In"
            " brackets is how often the word occurs there; <unk> is any word that the vocabulary lacks. These words"
            " were chosen because the pointer saves most on them.",
            labels=tuple(f"{text.vocabulary.tokens[i]} ({times[i]})" for i in best),
            values=tuple(by_word[best].tolist()),
            unit="bits",
        )
    ]


def _where_it_looks(bench: Bench) -> list[Exhibit]:
    """Return the maps of additive and multiplicative attention over a sentence."""
    found = []
    for name in (CHOSEN, MULTIPLIED):
        maps = [each for each in bench.exhibits(LOOKING[name]) if each.title == "Where it looks back"]
        found += [replace(each, title=f"{each.title}: {name.lower()}") for each in maps[:1]]
    return found


def _verdict(worth: Mapping[str, Row], choosing: Row, before: Figures, others: Figures) -> str:
    """Return what was found in words, and then what was not."""
    said = [_answer(worth[CHOSEN], worth[COPIED])]
    if not choosing.found:
        said.append("No difference was found between additive attention and the plain mean of the past states.")
    else:
        better = "better" if choosing.amount < 0 else "worse"
        amount = numbers.bits_per_byte(abs(choosing.amount))
        said.append(f"Additive attention is {better} than the plain mean of the past states, by {amount}.")
    said += [
        listing("Bits per byte that are saved: {}.", effects(worth.values(), -1)),
        listing("Bits per byte that are lost: {}.", effects(worth.values(), 1)),
        *without_effect(worth.values(), SMALL, "bits per byte"),
    ]
    copied = [next((row for row in table.rows if row.name == COPIED), None) for table in (before, others)]
    if all(row is not None and row.found for row in copied):
        amounts = [f"{'saves' if row.amount < 0 else 'costs'} {abs(row.amount):.2f}" for row in copied if row]
        said.append(
            f"The pointer {amounts[0]} bits on each word that was read a short time before, and {amounts[1]} on each"
            " other word."
        )
    return answer(*said)


def _answer(added: Row, copied: Row) -> str:
    """Return whether additive attention and the pointer help."""
    if added.found and added.amount < 0:
        return "Attention helps even a recurrent network, whose state has read everything already."
    worse = "Attention makes a recurrent network worse on this text: its state is enough."
    if not copied.found or copied.amount > 0:
        return worse if added.found else "No effect of attention on a recurrent network was found on this text."
    mean = "it makes the network worse" if added.found else "no effect was found"
    return (
        "Attention helps a recurrent network as a pointer, which copies words that it has read. As a mean of past"
        f" states, {mean}."
    )


def _at_least_half(mean: Row, attention: Row) -> bool | None:
    """Return whether one saves at least half of what the other saves; None if their intervals leave it open."""
    (low, high), (least, most) = (
        tuple(row.amount if end is None else end for end in (row.low, row.high)) for row in (mean, attention)
    )
    return True if high <= least / 2 else False if low > most / 2 else None  # savings are negative


def _claims(worth: Mapping[str, Row], before: Figures) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    added, multiplied, pointer = (-worth[name].amount for name in (CHOSEN, MULTIPLIED, COPIED))
    copies = any(row.name == COPIED and row.found and row.amount < 0 for row in before.rows)
    return {
        f"Attention saves less than {SMALL} bits per byte.": worth[CHOSEN].above(-SMALL),
        "Multiplicative scores save no more than additive ones.": multiplied <= added,
        "The mean of the past states gives at least half of what attention saves.": _at_least_half(
            worth[MEAN], worth[CHOSEN]
        ),
        "A pointer saves more than attention.": pointer > added,
        "It saves on words that were read a short time before.": copies,
    }
