"""Draws the orders that matched along a passage and each token's back-off to the unigram."""

from __future__ import annotations

from lmcompare.exhibits import BackoffTrace
from lmcompare.report import numbers
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible


def render(exhibit: BackoffTrace) -> Rendering:
    """Draw the passage, coloured by the order that matched, and a table: a row for each token, a column an order."""
    orders = max((len(step.probabilities) for step in exhibit.steps), default=0)
    html = fill("kinds/backoff", exhibit=exhibit, orders=orders)
    rows = (
        (
            plain(visible(step.token)),
            plain(step.contexts[step.matched - 1]) if 0 < step.matched <= len(step.contexts) else "",
            str(step.matched),
            numbers.probability(step.probabilities[-1] if step.probabilities else None),
        )
        for step in exhibit.steps
    )
    markdown = table(("token", "longest context found", "order", "probability"), rows, 2)
    return Rendering(html, reading(exhibit), markdown)


def reading(exhibit: BackoffTrace) -> str:
    """Return a sentence on how often the longest order and how often only the unigram matched."""
    steps = exhibit.steps
    if not steps:
        return "It has no tokens."
    longest = max(step.matched for step in steps)
    full = sum(step.matched == longest for step in steps)
    alone = sum(step.matched <= 1 for step in steps)
    mean = sum(step.matched for step in steps) / len(steps)
    were = "was" if full == 1 else "were"
    return (
        f"Of {numbers.plural(len(steps), 'token')}, {full} {were} found with order {longest}, the longest that "
        f"matched, and {alone} with nothing but the unigram; the mean order is {mean:.1f}."
    )
