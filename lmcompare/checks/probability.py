"""Checks of next-token distributions: they are probabilities, after extreme texts too, and they were learned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmcompare.checks.asked import AGREEMENT, Asked, differences, largest, place, probability_sums, sum_tolerance
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.probe import Probe
from lmcompare.model import Traits, streamed


def _everywhere(probe: Probe) -> Asked:
    """Return the model asked after contexts of every kind, the end of a text and a long context among them."""
    short = probe.texts.contexts("sums")
    long = probe.texts.text("sums", tokens=700)
    text = probe.texts.encoded(*short.documents(), *long.documents())
    last = len(text)
    at = np.concatenate([np.arange(len(short) + 1), np.arange(last - 300, last, 29), [last]])
    return probe.ask(text, at)


@check("is-a-language-model")
def declares_a_language_model(probe: Probe) -> Finding:
    """The traits say that scores are causal and normalised."""
    traits = probe.untrained.traits
    if not isinstance(traits, Traits):
        return Finding(False, f"traits is {type(traits).__name__}, not lmcompare.Traits")
    lacking = [name for name in ("causal", "normalised") if not getattr(traits, name)]
    if lacking:
        return Finding(
            False,
            f"it declares {' and '.join(f'{n}=False' for n in lacking)}: that is not a language model, and no run "
            "ranks it",
        )
    return Finding(True, "it declares itself causal and normalised")


def row_sums(asked: Asked) -> Finding:
    """Return whether the probabilities sum to one at the positions of ``asked``."""
    tolerance = sum_tolerance(asked.rows)
    sums = probability_sums(asked.rows)
    figure, row = largest(differences(sums, np.ones_like(sums)))
    return within(
        figure,
        tolerance,
        f"the probabilities sum to {sums[row]:.6g} {place(asked.text, int(asked.at[row]))}; they may be "
        "{tolerance} from 1",
        f"{len(asked.at)} sums are within {{figure}} of 1; {{tolerance}} is allowed",
    )


def all_possible(asked: Asked) -> Finding:
    """Return whether all log-probabilities and scores of ``asked`` are finite and at most zero."""
    text = asked.text
    for what, values, where in (
        ("next_log_probs", asked.rows, asked.at),
        ("log_probs", asked.scores, np.arange(len(text))),
    ):
        bad = ~np.isfinite(values)
        if bad.any():
            first = np.argwhere(bad)[0]
            token = text.ids[first[0]] if values.ndim == 1 else first[1]
            return Finding(
                False,
                f"{what} gives {values[tuple(first)]} nats to '{text.vocabulary[int(token)]}' "
                f"{place(text, int(where[first[0]]))}: every token of the vocabulary must be possible",
            )
        figure, row = largest(values)
        tolerance = sum_tolerance(values)
        if figure > tolerance:
            return Finding(
                False,
                f"{what} gives a log-probability of {figure:.4g} nats {place(text, int(where[row]))}: it must be at"
                " most 0",
                figure,
                tolerance,
            )
    return Finding(
        True, f"{asked.rows.size + asked.scores.size:,} log-probabilities are finite and at most 0", 0.0, 0.0
    )


@check("sums-to-one")
def sums_to_one(probe: Probe) -> Finding:
    """The probabilities of all V tokens sum to one after every context."""
    return row_sums(_everywhere(probe))


@check("finite-and-at-most-zero")
def finite_and_at_most_zero(probe: Probe) -> Finding:
    """No token is impossible and none is more than certain: log-probabilities are finite and at most zero."""
    return all_possible(_everywhere(probe))


LONG = 8000  # tokens


@check("empty-document")
def empty_document(probe: Probe) -> Finding:
    """A text without tokens has no scores, and its first token a distribution, the same as in any document."""
    texts = probe.texts
    usual = probe.distributions(texts.text("empty", tokens=20), [0])
    for what, text in (("one empty document", texts.encoded([])), ("three", texts.encoded([], [], []))):
        scores = probe.scores(text)
        for _ in streamed(probe.fitted, text):
            pass  # a position of it would be an error
        if len(scores):
            return Finding(False, f"{what} gets scores, though there is no token")
        gap, _ = largest(differences(probe.distributions(text, [0]), usual))
        if gap > AGREEMENT:
            reason = f"the first token of {what} has another distribution than in other documents"
            return Finding(False, f"{reason}, by {gap:.4g} nats", gap, AGREEMENT)
    if len(probe.scores(texts.encoded())):
        return Finding(False, "a text of no documents gets scores")
    return Finding(True, "no tokens, no scores; its first token is distributed as in any document")


@check("very-long-document")
def very_long_document(probe: Probe) -> Finding:
    """A document far longer than any window gets a distribution at its end, and its past does not change."""
    text = probe.texts.text("long", tokens=LONG)
    N = len(text)
    head = probe.texts.encoded(text.ids[:300])
    asked = probe.ask(text, [150, 300, N - 1, N])
    if asked.model.traits.normalised and not (sums := row_sums(asked)).passed:
        return sums
    gap, _ = largest(differences(asked.rows[:2], probe.distributions(head, [150, 300])))
    failing = f"in a document of {N:,} tokens, the beginning has other distributions than in one of 300, by "
    return within(gap, AGREEMENT, failing + "{figure} nats", f"{N:,} tokens")


@check("out-of-range-is-refused")
def out_of_range_is_refused(probe: Probe) -> Finding:
    """A position outside the text, and a token outside the vocabulary, is an error."""
    text = probe.texts.text("range", documents=2, tokens=20)
    N, V, model = len(text), len(text.vocabulary), probe.fitted

    def after(prefix: list[int], pushed: list[int]) -> None:
        stepper = model.stepper(np.array(prefix, np.int32), text.vocabulary)
        for token in pushed:
            stepper.push(token)
        stepper.log_probs()

    calls: dict[str, Callable[[], object]] = {
        "the position -1": lambda: probe.distributions(text, [3, -1]),
        f"the position {N + 1} of {N} tokens": lambda: probe.distributions(text, [3, N + 1]),
        "the token -1, pushed": lambda: after([2], [-1]),
        f"the token {V} of {V}, pushed": lambda: after([2], [V]),
        f"the token {V} of {V} in a prefix": lambda: after([2, V], []),
    }
    for what, call in calls.items():
        try:
            call()
        except Exception:
            continue
        return Finding(
            False,
            f"{what} must be refused: call text.check_positions(at) or vocabulary.check(ids)",
        )
    return Finding(True, f"{len(calls)} wrong positions and tokens are refused")


SHARE = 0.5  # of the way from the floor down to the entropy
LUCK = 30.0  # nats over a whole text; a causal model gains so much on the chain itself with probability e^-30


@check("comes-near-the-entropy")
def comes_near_the_entropy(probe: Probe) -> Finding:
    """It goes at least half of the way from the unigram floor to the known entropy.

    It is not asked of pre-trained models.
    """
    if probe.own_vocabulary is not None:
        return Finding(True, "it is pre-trained with tokens of its own and learns nothing from the text of the kit")
    texts, text = probe.texts, probe.texts.test
    loss, floor, best = (-float(np.mean(f(text))) for f in (probe.scores, texts.floor, texts.log_probs))
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
