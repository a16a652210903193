"""What do single weights and single neurons hold? Few bits per weight, sets of words, and the order of two words."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import Condition, Findings, LabExperiment
from lmcompare.lab.experiments.ideas import BASE
from lmcompare.lab.neurons.few_bits import TRAINED, few_bits
from lmcompare.lab.neurons.readable_units import REAL, SETS, readable_units
from lmcompare.lab.neurons.two_words import PROBED, two_words


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

    def conditions(self) -> Sequence[Condition]:
        """Return the transformer, that of 1.58 bits, sets of words with ternary and real weights, RNN and bag."""
        return (BASE, TRAINED, SETS, REAL, *(each for each in PROBED.values() if each is not BASE))

    def measure(self, bench: Bench) -> Findings:
        """Round the transformer, read the sets of words, and probe for the order of two words."""
        parts = [part(bench) for part in bench.each((few_bits, readable_units, two_words))]
        return Findings(
            verdict=" ".join(part.verdict for part in parts),
            claims={claim: held for part in parts for claim, held in part.claims.items()},
            tables=tuple(table for part in parts for table in part.tables),
            exhibits=tuple(exhibit for part in parts for exhibit in part.exhibits),
        )
