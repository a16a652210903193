"""What do single weights and single neurons hold? Few bits per weight, sets of words, and the order of two words."""

from __future__ import annotations

from dataclasses import replace

from lmcompare.exhibits import Curve
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, all_of, answer, contrasts, corrected, of_same_trainings
from lmcompare.lab.experiments.ideas import BASE
from lmcompare.lab.neurons.readable_units import REAL, SETS, readable_units
from lmcompare.lab.neurons.two_words import PROBED, two_words
from lmcompare.lab.quantisation import FULL, TERNARY, network_bytes, round_weights
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array

ROUNDED = (8, 4, 3, 2, TERNARY)  # bits of a weight, after training
SPARED = (3, 2, TERNARY)  # the same, if word vectors are not rounded
TRAINED = Condition(
    f"transformer {TERNARY:g} bits", "lmcompare.lab.quantisation:QuantisedTransformer", {"bits": TERNARY}
)
AFTER, WITH = "rounded", "trained"  # rounded after training, and trained with the rounding
LINES: dict[str, tuple[float, ...]] = {AFTER: ROUNDED, WITH: (TERNARY,)}
MEGABYTE = 1e6
Tests = dict[tuple[float, str], Contrast]  # by bits, and by when the weights were rounded
HARMLESS, HARMFUL, SMALL = 0.01, 0.1, 0.05  # bits per byte of the prediction


def few_bits(bench: Bench) -> Findings:
    """Return what rounding costs, after training and in training, in bits per byte of the test text."""
    whole = bench.whole
    base = whole.bits(bench.log_probs(BASE))
    _, network = next(bench.networks(BASE))
    tests: Tests = {}
    layers: dict[str, Contrast] = {}
    for bits in bench.each(ROUNDED):
        pair = (base, whole.bits(_rounded(bench, bits)))
        (tests[bits, AFTER],) = of_same_trainings({f"{bits:g} bits, {AFTER}": pair}, whole.sizes).values()
        if bits in SPARED:
            pair = (base, whole.bits(_rounded(bench, bits, words=False)))
            layers |= of_same_trainings({f"{bits:g} bits": pair}, whole.sizes)
    trained = {f"{TERNARY:g} bits, {WITH}": whole.bits(bench.log_probs(TRAINED))}
    (tests[TERNARY, WITH],) = contrasts(base, trained, whole.sizes).values()
    tests = corrected(tests)
    own = base.figure(whole.sizes)
    full = network_bytes(network, FULL) / MEGABYTE
    table = Figures(
        title="Bits per byte lost with few bits per weight",
        rows=tuple(replace(row, figure=network_bytes(network, bits) / MEGABYTE) for (bits, _), row in tests.items()),
        unit="bits per byte",
        note=(
            "Rounded: after training. Trained: with the rounding. All matrices of the transformer are rounded, the"
            " word vectors included. With b = 2 bits and more, a row has 2^b evenly spaced values from its least to"
            " its greatest weight. With 1.58 bits, log2(3), a matrix has the values -γ, 0 and γ, where γ is its mean"
            f" absolute weight (BitNet b1.58). With 32 bits per weight the transformer has {full:.3f} megabytes and"
            f" needs {numbers.bits_per_byte(own)} bits per byte."
        ),
        row_name="Bits per weight",
        figure_name="megabytes",
    )
    spared = Figures(
        title="The same when the word vectors keep 32 bits",
        rows=tuple(corrected(layers).values()),
        unit="bits per byte",
        note="Rounded after training. What is lost here is lost by rounding the matrices of the layers.",
        row_name="Bits per weight of the layers",
        figure_name="bits per byte in all",
    )
    return Findings(_verdict(tests), _claims(tests), (table, spared), (_by_bits(tests, own),))


def _rounded(bench: Bench, bits: float, *, words: bool = True) -> list[Array]:
    """Return the scores of the test text with rounded matrices, those of the word vectors if ``words``."""
    scores = []
    for model, network in bench.networks(BASE):
        round_weights(network, bits, spared=None if words else network.head)
        scores.append(model.log_probs(bench.corpus.test))
    return scores


def _verdict(tests: Tests) -> str:
    free, lost = [], []
    for how, saying in ((AFTER, "rounded after training"), (WITH, "trained with the rounding")):
        named = {f"{bits:g}": tests[bits, how] for bits in LINES[how]}
        if none := [bits for bits, test in named.items() if not test.found]:
            free.append(f"{numbers.listed(none)} bits per weight, {saying}")
        amounts = [f"{numbers.bits_per_byte(t.amount)} with {bits}" for bits, t in named.items() if t.found]
        if amounts:
            lost.append(f"{saying}, it loses {numbers.listed(amounts)}")
    return answer(
        f"No loss was found with {'; with '.join(free)}." if free else "",
        f"Bits per byte that few bits per weight cost a transformer: {'; '.join(lost)}." if lost else "",
    )


def _claims(tests: Tests) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree."""
    after = {bits: tests[bits, AFTER] for bits in ROUNDED}
    return {
        f"Rounded after training, 8 and 4 bits cost less than {HARMLESS} bits per byte each.": (
            all_of(after[bits].below(HARMLESS) for bits in (8, 4))
        ),
        f"Rounded after training, 2 bits cost more than {HARMFUL}.": after[2].above(HARMFUL),
        f"Trained with the rounding, 1.58 bits cost less than {SMALL}.": tests[TERNARY, WITH].below(SMALL),
    }


def _by_bits(tests: Tests, own: float) -> Curve:
    return Curve(
        title="Bits per byte by bits per weight",
        note=f"The transformer with 32 bits per weight needs {numbers.bits_per_byte(own)} bits per byte.",
        names=tuple(LINES),
        x=tuple(tuple(map(float, line)) for line in LINES.values()),
        y=tuple(tuple(tests[bits, name].level for bits in line) for name, line in LINES.items()),
        x_axis="bits per weight",
        y_axis="bits per byte",
    )


class Neurons(LabExperiment):
    """Weights of few bits, units that are sets of words, and the smallest networks that know an order."""

    title = "What a neuron can hold"
    question = "How few bits does a weight need, what does a neuron say, and which networks can tell an order?"
    prediction = (
        "Rounded after training, 8 and 4 bits per weight cost less than 0.01 bits per byte each, and 2 bits more than"
        " 0.1; trained with the rounding, 1.58 bits cost less than 0.05. Neurons whose sets of words can be read cost"
        " less than 0.05 bits per byte, and most of them fire on any word of their set. From the states of the"
        " transformer and the RNN a linear probe tells which of two words came first in more than 80 % of the cases,"
        " and from those of the transformer without positions less often; from a bag in 50 %."
    )
    measuring = 0.2
    conditions = (BASE, TRAINED, SETS, REAL, *(each for each in PROBED.values() if each is not BASE))

    def measure(self, bench: Bench) -> Findings:
        """Round the transformer, read the sets of words, and probe for the order of two words."""
        parts = [part(bench) for part in bench.each((few_bits, readable_units, two_words))]
        return Findings(
            verdict=" ".join(part.verdict for part in parts),
            claims={claim: held for part in parts for claim, held in part.claims.items()},
            tables=tuple(table for part in parts for table in part.tables),
            exhibits=tuple(exhibit for part in parts for exhibit in part.exhibits),
        )
