"""Does it matter how positions are told? Six ways to do it, by position and with longer windows than in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lmcompare import plugins
from lmcompare.exhibits import Curve
from lmcompare.lab import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import (
    Contrast,
    Measured,
    all_of,
    answer,
    corrected,
    effects,
    listing,
    of_same_trainings,
    without_effect,
)
from lmcompare.lab.experiments.ideas import BASE, NO_ORDER, NO_POSITIONS
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import Array, RunFolderError
from lmcompare.runfolder.states import restored
from lmcompare.tokens import Encoded

SCHEMES = {
    "rotary": BASE,
    "none": NO_POSITIONS,
    **{
        scheme: Condition(f"transformer positions {scheme}", "transformer", {"positions": scheme})
        for scheme in ("learned", "sinusoidal", "alibi", "relative")
    },
}
SAYINGS = {
    "rotary": "Queries and keys are turned by an angle that grows with the position (Su et al. 2021).",
    "none": "The network is told nothing.",
    "learned": "Each position of the window has a vector of its own, which is learnt.",
    "sinusoidal": "Waves of different lengths are added to the word vectors (Vaswani et al. 2017).",
    "alibi": "Scores fall with the distance (Press, Smith and Lewis 2022).",
    "relative": "Each distance has a number of its own, which is learnt (as in Raffel et al. 2020).",
}
WINDOWS = (2, 4)  # multiples of the window in training
UNDEFINED = "Undefined: it has no values for positions beyond the window of its training."
BINS = (0, 4, 8, 16, 32, 64, 128, 256, 512)  # positions in a document
POSITION = "position of the word in its document"
FEW = 100  # tokens without which a bin is not drawn
SMALL = 0.02  # bits per byte of the prediction


class Positions(LabExperiment):
    """Six ways to tell a transformer where a word is."""

    title = "How positions are told"
    question = "Does it matter how a transformer is told the positions of words?"
    prediction = (
        "Relative schemes (rotary, ALiBi, relative) are better than absolute ones (learned, sinusoidal), and all are"
        " better than none; but the network without positions loses less than 0.02 bits per byte, because the causal"
        " mask alone lets it tell positions apart."
    )
    measuring = 0.05
    conditions = (NO_POSITIONS, *(each for each in SCHEMES.values() if each is not NO_POSITIONS), NO_ORDER)

    def measure(self, bench: Bench) -> Findings:
        """Compare the schemes on the test text, by position, and with longer windows at scoring."""
        others = {scheme: condition for scheme, condition in SCHEMES.items() if scheme != "none"}
        rows = bench.rows(NO_POSITIONS, others, SAYINGS)
        table = Figures(
            title="Bits per byte against the network without positions",
            rows=tuple(sorted(rows.values(), key=lambda row: row.amount)),
            unit="bits per byte",
            note=(
                "The same transformer, told the positions in different ways; negative figures are better. Without"
                f" positions it needs {bench.needs(NO_POSITIONS)} bits per byte."
            ),
            row_name="Scheme",
            figure_name="bits per byte in all",
        )
        return Findings(
            verdict=_verdict(rows),
            claims=_claims(rows),
            tables=(table, _knows_order(bench), _longer(bench)),
            exhibits=(_by_position(bench),),
        )


def _verdict(rows: Mapping[str, Row]) -> str:
    named = [
        replace(row, name="ALiBi" if scheme == "alibi" else f"{scheme} positions") for scheme, row in rows.items()
    ]
    better = listing("{} [is|are] better than telling none, by these bits per byte.", effects(named, -1))
    nothing = "No way of telling the network the positions of words was found to be better than telling none."
    return answer(
        better[:1].upper() + better[1:] if better else nothing,
        listing("Bits per byte lost: {}.", effects(named, 1)),
        *without_effect(named, SMALL, "bits per byte"),
    )


def _claims(rows: Mapping[str, Row]) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    relative = max(rows[scheme].amount for scheme in ("rotary", "alibi", "relative"))
    absolute = min(rows[scheme].amount for scheme in ("learned", "sinusoidal"))
    return {
        "Every relative scheme is better than every absolute one.": relative < absolute,
        "All schemes are better than none.": all(row.found and row.amount < 0 for row in rows.values()),
        f"Without positions, the network loses less than {SMALL} bits per byte.": all_of(
            row.above(-SMALL) for row in rows.values()
        ),
    }


def _knows_order(bench: Bench) -> Figures:
    """Return what a network without positions still gains from the order of the words, through the causal mask."""
    (row,) = bench.rows(NO_ORDER, {"Without positions, with the causal mask": NO_POSITIONS}).values()
    amount = f"{numbers.bits_per_byte(abs(row.amount))} bits per byte"
    result = f"The order that it tells {'saves' if row.amount < 0 else 'costs'} {amount}." if bench.decides else ""
    if bench.decides and not row.found:
        (result,) = without_effect([replace(row, name="The causal mask")], SMALL, "bits per byte")
    return Figures(
        title="Does the causal mask alone tell a network something of the order?",
        rows=(row,),
        unit="bits per byte",
        note=(
            f"{result} The mask hides from each position the words after it, so the first layer computes each"
            " position from a different set of words. The second layer sees these results, and could tell from them"
            " which words came later. The baseline is a network in which this is blocked: its"
            " keys and values are made of the word vectors alone, in every layer. Negative figures are better."
        ).strip(),
        row_name="Network",
        figure_name="bits per byte in all",
    )


def _by_position(bench: Bench) -> Curve:
    """Return the perplexity of each scheme by the position in the document."""
    nats = {scheme: np.mean(bench.log_probs(condition), axis=0) for scheme, condition in SCHEMES.items()}
    begins, means = by_position(bench.corpus.test, nats)
    return Curve(
        title="Perplexity by position in the document",
        note="Each point is the mean over the words from this position up to the next point.",
        names=tuple(means),
        x=tuple(begins for _ in means),
        y=tuple(tuple(float(np.exp(-mean)) for mean in line) for line in means.values()),
        x_axis=POSITION,
        y_axis="perplexity",
    )


def by_position(text: Encoded, amounts: Mapping[str, Array]) -> tuple[tuple[float, ...], dict[str, Array]]:
    """Return where the bins of positions in a document begin, from 1, and the means of (N,) amounts in them.

    Bins with few tokens are left out.
    """
    at = np.arange(len(text))
    bins = np.digitize(at - text.context_starts(at), BINS) - 1
    counts = np.bincount(bins, minlength=len(BINS))
    shown = np.flatnonzero(counts >= min(FEW, counts.max(initial=0)))
    sums = {name: np.bincount(bins, each, minlength=len(BINS)) for name, each in amounts.items()}
    return tuple(1.0 + BINS[b] for b in shown), {name: each[shown] / counts[shown] for name, each in sums.items()}


def _longer(bench: Bench) -> Figures:
    """Return what longer windows at scoring cost or save, in bits per byte of the test text."""
    sample = bench.whole
    own = {scheme: sample.bits(bench.log_probs(condition)) for scheme, condition in SCHEMES.items()}
    tests: dict[str, Contrast] = {}
    rows: dict[str, Row] = {}
    for times in bench.each(WINDOWS):
        pairs: dict[str, tuple[Measured, Measured]] = {}
        for scheme, condition in bench.each(SCHEMES.items()):
            figure = numbers.bits_per_byte(own[scheme].figure(sample.sizes))
            needs = f"With the window of its training it needs {figure}."
            name = f"{scheme}, {times} × window"
            rows[name] = Row(name, needs, remark=UNDEFINED)
            if (nats := with_window(bench, condition, times)) is not None:
                pairs[name] = own[scheme], sample.bits(nats)
        tests |= of_same_trainings(pairs, sample.sizes)
    found = rows | {name: replace(row, saying=rows[name].saying) for name, row in corrected(tests).items()}
    return Figures(
        title="What a window longer than in training costs",
        rows=tuple(found[f"{scheme}, {times} × window"] for scheme in SCHEMES for times in WINDOWS),
        unit="bits per byte",
        note=(
            "The networks of the table above see 2 and 4 times as far at scoring as they did in training. Each is"
            " compared with itself with the window of its training, so differences between trainings cancel out."
            " Negative figures are better."
        ),
        row_name="Scheme and window",
        figure_name="bits per byte in all",
    )


def with_window(bench: Bench, condition: Condition, times: int) -> list[Array] | None:
    """Return the (N,) log-probabilities of the test text with a longer window, for each training.

    None for a network that has no values for such positions.
    """
    try:
        models = [widened(cell, condition, times) for cell in bench.entry(condition).done]
    except RunFolderError as error:  # the stored parameters belong to fewer positions
        if "size mismatch" not in str(error):
            raise
        return None
    return [model.log_probs(bench.corpus.test) for model in bench.each(models)]


def widened(cell: Cell, condition: Condition, times: int) -> LanguageModel:
    """Return the trained model of a cell with a window that is ``times`` as long.

    Raises
    ------
    RunFolderError
        If it has no values for such positions.
    """
    given = dict(cell.info["hyperparameters"])
    model = plugins.build(condition.plugin, {**given, "window": times * given["window"]})
    return restored(model, cell.path / "model")
