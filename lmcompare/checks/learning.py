"""Does it learn? A Markov text of known entropy has a floor to beat and a best that nothing can beat."""

from __future__ import annotations

import numpy as np

from lmcompare.checks.kit import Finding, check
from lmcompare.checks.probe import Probe

MARGIN = 0.05  # nats per token by which the floor must be beaten
SHARE = 0.5  # of the way from the floor down to the entropy
LUCK = 30.0  # nats over a whole text; a causal model gains so much on the chain itself with probability e^-30


def _loss(probe: Probe) -> tuple[float, float, float]:
    """Nats per token on the test text: the model's, the unigram floor's and the chain's own."""
    text = probe.texts.test
    return (
        -float(np.mean(probe.scores(text))),
        -float(np.mean(probe.texts.floor(text))),
        -float(np.mean(probe.texts.log_probs(text))),
    )


NOT_ASKED = "it is pre-trained with tokens of its own and learns nothing from the text of the kit"


@check("beats-the-unigram-floor")
def beats_the_unigram_floor(probe: Probe) -> Finding:
    """On a Markov text it needs fewer nats per token than word frequencies alone; not asked of pre-trained models."""
    if probe.own_vocabulary is not None:
        return Finding(True, NOT_ASKED)
    loss, floor, _ = _loss(probe)
    passed = loss < floor - MARGIN
    said = f"{loss:.3f} nats per token, the unigram floor {floor:.3f}"
    return Finding(passed, said if passed else f"{said}: it has not learned from context", loss, floor - MARGIN)


@check("comes-near-the-entropy")
def comes_near_the_entropy(probe: Probe) -> Finding:
    """It goes at least half of the way from the unigram floor to the known entropy.

    It is not asked of pre-trained models.
    """
    if probe.own_vocabulary is not None:
        return Finding(True, NOT_ASKED)
    loss, floor, best = _loss(probe)
    bound = floor - SHARE * (floor - best)
    passed = loss <= bound
    said = f"{loss:.3f} nats per token, between the floor {floor:.3f} and the entropy {best:.3f}"
    return Finding(passed, said if passed else f"{said}: at most {bound:.3f} was expected", loss, bound)


@check("no-better-than-possible")
def no_better_than_possible(probe: Probe) -> Finding:
    """It does not beat the chain that drew the text, which only a model that sees the answers can.

    For a causal, normalised model q and the true chain p, the expectation of q(text) / p(text) is one at most, so
    that the log of the ratio exceeds t nats with a probability of at most e^-t (Markov's inequality).
    """
    text = probe.texts.test
    gain = float(np.sum(probe.scores(text)) - np.sum(probe.texts.log_probs(text)))
    passed = gain <= LUCK
    reason = (
        f"on {len(text):,} tokens it gains {gain:.4g} nats over the chain that drew them, and no causal probability "
        f"model gains {LUCK:.0f}: it sees the answers, or its numbers are not probabilities"
    )
    return Finding(passed, "it stays behind the chain that drew the text" if passed else reason, gain, LUCK)
