"""What does more computation buy when a model is already trained?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lmcompare.analysis.metrics import LN2
from lmcompare.exhibits import Curve
from lmcompare.lab import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import (
    Contrast,
    answer,
    contrasts,
    corrected,
    effects,
    listing,
    of_same_trainings,
    without_effect,
)
from lmcompare.lab.experiments.ideas import BASE
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.lab.experiments.positions import POSITION, SCHEMES, by_position, widened, with_window
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import detach

COUNTS = FAMILIES["5-gram"]
CACHE = Condition("ngram with a cache", "cache", {"base": "ngram"})
ALIBI = SCHEMES["alibi"]
RATES = (0.03, 0.1, 0.3, 1.0)  # learning rates for the past of the document; one is chosen on validation text
CHOOSING = 4_000  # tokens of the validation text on which the rate is chosen
TIMED = 4_000  # tokens of the validation text on which the time is measured
SMALL = 0.05  # bits per word: an effect that must be smaller counts as none
WEIGHTS = np.linspace(0.0, 1.0, 21)  # of the network in a mixture; one is chosen on validation text
PIECE = 64  # tokens that are scored before the network learns from them
CLIP = 1.0  # the greatest norm of a gradient


@dataclass(frozen=True)
class Way:
    """A way to spend more computation.

    Parameters
    ----------
    name, saying : str
    baseline, scores : list of arrays of shape (N,)
        The log-probability of each token in nats without it and with it, for each training.
    microseconds : float
        What it costs more, for each token.
    """

    name: str
    saying: str
    baseline: Sequence[Array]
    scores: Sequence[Array]
    microseconds: float


class Inference(LabExperiment):
    """Bits that are saved by more computation for each token, and what they cost."""

    title = "More computation for each token"
    question = "What does more computation buy when a model is already trained?"
    prediction = (
        "Mixing the transformer with the 5-gram saves most for its time, because counts are nearly free. Learning"
        " from the past of the document saves more than a window four times as long, and costs most."
    )
    measuring = 0.4
    conditions = (BASE, ALIBI, COUNTS, CACHE)

    def measure(self, bench: Bench) -> Findings:
        """Score the test text in each way, and time each way on validation text."""
        whole = bench.whole
        ways = [
            way
            for make in bench.each((_mixture, _cache, _window, _ensemble, _learning))
            if (way := make(bench)) is not None
        ]
        tests: dict[str, Contrast] = {}
        for way in ways:
            before, after = whole.bits(way.baseline), whole.bits(way.scores)
            if len(way.scores) == len(way.baseline):  # both have the same trainings
                tests |= of_same_trainings({way.name: (before, after)}, whole.counts)
            else:
                tests |= contrasts(before, {way.name: after}, whole.counts)
        found = corrected(tests)
        rows = [replace(found[way.name], saying=way.saying, figure=way.microseconds) for way in ways]
        table = Figures(
            title="Bits per word that more computation saves, and what it costs",
            rows=tuple(rows),
            unit="bits per word",
            note=(
                "Each against the same model without it, on the whole test text: figures below 0 are savings. The"
                " time is that of this machine."
            ),
            row_name="More computation",
            figure_name="microseconds more per token",
        )
        return Findings(
            verdict=_verdict(rows),
            claims=_claims(rows),
            tables=(table, _by_time(rows)),
            exhibits=(_where(bench.corpus.test, ways),),
        )


def microseconds(score: Callable[[Encoded], object], text: Encoded) -> float:
    """Return the microseconds per token of the faster of two readings of a text."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        score(text)
        seconds.append(time.perf_counter() - began)
    return 1e6 * min(seconds) / max(1, len(text))


def _timed(bench: Bench, model: LanguageModel) -> float:
    return microseconds(model.log_probs, whole_documents(bench.corpus.valid, TIMED))


def whole_documents(text: Encoded, tokens: int) -> Encoded:
    """Return the first whole documents with at least this many tokens, so that models can read a past in them."""
    enough = int(np.searchsorted(text.ends, tokens)) + 1
    return text.select(range(min(text.n_documents, enough)))


def mixed(one: Array, other: Array, weight: float) -> Array:
    """Return (N,) the log-probabilities of a mixture, in which the first model has this weight."""
    with np.errstate(divide="ignore"):
        found: Array = np.logaddexp(one + np.log(weight), other + np.log1p(-weight))
    return found


def best_weight(one: Sequence[Array], other: Sequence[Array]) -> float:
    """Return the weight of the first model with which a mixture is best, as the mean over trainings."""
    pairs = list(zip(one, other, strict=True))
    return float(max(WEIGHTS, key=lambda w: float(np.mean([mixed(a, b, float(w)).mean() for a, b in pairs]))))


def _mixture(bench: Bench) -> Way:
    network, counts = bench.log_probs(BASE), bench.log_probs(COUNTS)
    counts = [counts[i % len(counts)] for i in range(len(network))]
    on_valid = bench.log_probs(BASE, "valid"), bench.log_probs(COUNTS, "valid")
    weight = best_weight(on_valid[0], [on_valid[1][i % len(on_valid[1])] for i in range(len(network))])
    return Way(
        "Mixing with the 5-gram",
        f"The transformer has the weight {weight:.2f}, which is best on the validation text.",
        network,
        [mixed(a, b, weight) for a, b in zip(network, counts, strict=True)],
        _timed(bench, bench.model(COUNTS)),
    )


def _cache(bench: Bench) -> Way:
    return Way(
        "A cache over the 5-gram",
        "Words that were read in the document get more probability; against the 5-gram without a cache.",
        bench.log_probs(COUNTS),
        bench.log_probs(CACHE),
        _timed(bench, bench.model(CACHE)) - _timed(bench, bench.model(COUNTS)),
    )


def _window(bench: Bench) -> Way:
    longer = with_window(bench, ALIBI, 4)
    assert longer is not None  # ALiBi has a value for each distance
    return Way(
        "A window four times as long",
        "The transformer with ALiBi positions sees four times as far as in its training; against that window.",
        bench.log_probs(ALIBI),
        longer,
        _timed(bench, widened(bench.entry(ALIBI).done[0], ALIBI, 4)) - _timed(bench, bench.model(ALIBI)),
    )


def _ensemble(bench: Bench) -> Way | None:
    """Return the mean of the probabilities of all trainings; None if there is only one."""
    trained = bench.log_probs(BASE)
    if len(trained) < 2:
        return None
    together = np.logaddexp.reduce(np.stack(trained), axis=0) - np.log(len(trained))
    return Way(
        f"{numbers.plural(len(trained), 'transformer')} instead of one",
        "The mean of their probabilities; they differ in their seeds alone.",
        trained,
        [together],
        (len(trained) - 1) * _timed(bench, bench.model(BASE)),
    )


def _learning(bench: Bench) -> Way:
    first, _ = next(bench.networks(BASE))
    part, text = whole_documents(bench.corpus.valid, CHOOSING), bench.corpus.test
    rate = max(RATES, key=lambda each: float(adapted_log_probs(first, part, each).mean()))
    timed = whole_documents(bench.corpus.valid, TIMED)
    return Way(
        "Learning from the document so far",
        f"A step of gradient descent after each 64 words, forgotten at the end of the document (rate {rate:g}, chosen"
        " on validation text). Such a model is adaptive: its weights change while it reads.",
        bench.log_probs(BASE),
        [adapted_log_probs(model, text, rate, bench.each) for model, _ in bench.networks(BASE)],
        microseconds(lambda each: adapted_log_probs(first, each, rate), timed) - _timed(bench, first),
    )


def _by_time(rows: Sequence[Row]) -> Figures:
    """Return the bits for each millisecond of the ways that were found to save something."""
    return Figures(
        title="Bits saved for the time",
        rows=tuple(
            Row(row.name, value=-1000 * row.amount / row.figure)
            for row in rows
            if row.found and row.amount < 0 and row.figure is not None and row.figure > 0
        ),
        unit="bits saved per millisecond",
        note="The savings of the table above, where they were found, divided by the time that they take.",
        differences=False,
        row_name="More computation",
    )


def _where(text: Encoded, ways: Sequence[Way]) -> Curve:
    """Return the bits that each way saves by the position in the document."""
    saved = {way.name: (np.mean(way.scores, axis=0) - np.mean(way.baseline, axis=0)) / LN2 for way in ways}
    begins, means = by_position(text, saved)
    return Curve(
        title="Bits saved by position in the document",
        note="A way that learns from the document, or looks up its words, knows nothing of it at its beginning.",
        names=tuple(means),
        x=tuple(begins for _ in means),
        y=tuple(tuple(map(float, line)) for line in means.values()),
        x_axis=POSITION,
        y_axis="bits saved per word",
    )


def _verdict(rows: Sequence[Row]) -> str:
    saving = sorted((row for row in rows if row.found and row.amount < 0), key=lambda row: row.amount)
    amounts = [
        f"{row.spoken} {-row.amount:.2f} for {numbers.tidy(max(0.0, row.level))} microseconds" for row in saving
    ]
    ways = f"{numbers.plural(len(rows), 'way')} to spend more computation"
    return answer(
        f"{len(saving)} of {ways} help, most of all {saving[0].spoken}."
        if saving
        else f"None of {ways} was found to help.",
        listing("Bits saved per word: {}.", amounts),
        listing("Bits lost per word: {}.", effects(rows, 1)),
        *without_effect(rows, SMALL, "bits per word"),
    )


def _claims(rows: Sequence[Row]) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    by_time = {row.name: -row.amount / row.figure for row in rows if row.figure is not None and row.figure > 0}
    saved = {row.name: -row.amount for row in rows}
    cost = {row.name: row.level for row in rows}
    learning, window = "Learning from the document so far", "A window four times as long"
    first = max(by_time, key=lambda name: by_time[name], default="")
    return {
        "Mixing with the 5-gram saves most for its time.": first == "Mixing with the 5-gram",
        "Learning from the document saves more than a window four times as long.": saved[learning] > saved[window],
        "Learning from the document costs most.": cost[learning] == max(cost.values()),
    }


def adapted_log_probs(
    model: TorchLanguageModel, text: Encoded, rate: float, each: Callable[[Iterable[int]], Iterable[int]] = iter
) -> Array:
    """Return the (N,) log-probability of each token in nats, by a network that learns as it reads.

    Dynamic evaluation (Mikolov et al. 2010, section 2, and Krause et al. 2018), with plain gradient descent.
    Each piece of a document is scored first, and then the network makes one step of gradient descent on it. At the
    end of the document it forgets that again, so that no document learns from another one and the trained model
    stays as it is.

    Parameters
    ----------
    model : TorchLanguageModel
        A trained model.
    text : Encoded
    rate : float
        The learning rate; 0 for the scores of the model itself.
    each : callable
        Yields what it is given, and tells the progress: ``Bench.each``.
    """
    network = model.trained_network()
    trained = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    nats = np.zeros(len(text))
    network.eval()  # without dropout
    for document in each(range(text.n_documents)):
        start, end = int(text.starts[document]), int(text.ends[document])
        inputs, memory = network.inputs(text.ids[start:end]), None
        for first in range(0, end - start, PIECE):
            targets = inputs[0, first + 1 : first + PIECE + 1]
            features, left = network(inputs[:, first : first + len(targets)], memory)
            memory = detach(left)
            with torch.no_grad():
                found = network.head.log_prob_of(features[0], targets)
            nats[start + first : start + first + len(targets)] = found.double().cpu().numpy()
            if rate:
                network.zero_grad(set_to_none=True)
                torch.autograd.backward(network.head.full_loss(features[0], targets))
                torch.nn.utils.clip_grad_norm_(parameters, CLIP)
                with torch.no_grad():
                    for parameter in parameters:
                        if parameter.grad is not None:
                            parameter.sub_(parameter.grad, alpha=rate)
        network.load_state_dict(trained)
    network.zero_grad(set_to_none=True)
    return nats
