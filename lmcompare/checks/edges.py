"""Checks of extreme texts: no token, one token, very many tokens, and words that the training text does not have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmcompare.checks.asked import Asked
from lmcompare.checks.kit import Finding, check, within
from lmcompare.checks.measure import AGREEMENT, differences, largest, place
from lmcompare.checks.probability import row_sums
from lmcompare.checks.probe import Probe
from lmcompare.model import streamed

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


@check("one-token-document")
def one_token_document(probe: Probe) -> Finding:
    """A document of one token, whichever it is, is scored by the distribution of first tokens.

    To a model that learns from earlier documents each document has a distribution of its own.
    """
    V = len(probe.texts.vocabulary)
    text = probe.texts.encoded(*([token] for token in range(V)))
    if probe.untrained.traits.adaptive:
        first = probe.distributions(text, list(range(V)))[np.arange(V), np.arange(V)]
    else:
        first = probe.distributions(text, [0])[0]
    figure, row = largest(differences(probe.scores(text), first))
    failing = f"'{text.vocabulary[row]}' as the only token of a document is {{figure}} nats off"
    return within(figure, AGREEMENT, failing, f"{V} documents of one token")


@check("very-long-document")
def very_long_document(probe: Probe) -> Finding:
    """A document far longer than any window gets a distribution at its end, and its past does not change."""
    text = probe.texts.text("long", tokens=LONG)
    N = len(text)
    head = probe.texts.encoded(text.ids[:300])
    asked = probe.ask(text, [150, 300, N - 1, N])
    sums = _sums(asked)
    if not sums.passed:
        return sums
    gap, _ = largest(differences(asked.rows[:2], probe.distributions(head, [150, 300])))
    failing = f"in a document of {N:,} tokens, the beginning has other distributions than in one of 300, by "
    return within(gap, AGREEMENT, failing + "{figure} nats", f"{N:,} tokens")


@check("unseen-tokens")
def unseen_tokens(probe: Probe) -> Finding:
    """Unknown words only, blank lines only and types that train does not hold are text like any other."""
    texts = probe.texts
    never, unknown, end = texts.never, texts.unknown, texts.vocabulary.end
    text = texts.encoded([unknown] * 70, [end] * 70, [never] * 70, [unknown, end, never, end] * 10)
    scores = probe.scores(text)
    if not np.isfinite(scores).all():
        at = int(np.flatnonzero(~np.isfinite(scores))[0])
        token = text.vocabulary[int(text.ids[at])]
        return Finding(False, f"the score of '{token}' is {scores[at]} {place(text, at)}")
    sums = _sums(probe.ask(text, range(0, len(text) + 1, 5)))
    return Finding(True, f"{len(text)} such tokens") if sums.passed else sums


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


def _sums(asked: Asked) -> Finding:
    """Return whether the probabilities sum to one, for a model that declares ``normalised=True``."""
    return row_sums(asked) if asked.model.traits.normalised else Finding(True)
