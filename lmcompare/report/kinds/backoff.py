"""Draws the orders that matched along a passage and each token's back-off to the unigram."""

from __future__ import annotations

from lmcompare.exhibits import BackoffTrace
from lmcompare.report import numbers
from lmcompare.report.kinds import Rendering
from lmcompare.report.templating import fill


def render(exhibit: BackoffTrace) -> Rendering:
    """Draw the passage, coloured by the order that matched, and a table: a row for each token, a column an order."""
    orders = max((len(step.probabilities) for step in exhibit.steps), default=0)
    html = fill("kinds/backoff", exhibit=exhibit, orders=orders)
    return Rendering(html, reading(exhibit))


def reading(exhibit: BackoffTrace) -> str:
    """Return a sentence on how often the highest order that matched and how often only the unigram matched."""
    steps = exhibit.steps
    if not steps:
        return "It has no tokens."
    longest = max(step.matched for step in steps)
    full = sum(step.matched == longest for step in steps)
    alone = sum(step.matched <= 1 for step in steps)
    mean = sum(step.matched for step in steps) / len(steps)
    were = "was" if full == 1 else "were"
    return (
        f"Of {numbers.plural(len(steps), 'token')}, {full} {were} found after"
        f" {numbers.plural(longest - 1, 'token')} of context (order {longest}, the highest that matched) and {alone}"
        f" after none (order 1, the unigram); the mean order is {mean:.1f}."
    )
