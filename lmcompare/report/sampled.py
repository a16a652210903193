"""What was measured in a sample of a long test text, in words, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.render import numbers


def sampled_notes(results: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each size of the sample, with the intervals of the models that were measured in it."""
    found: dict[tuple[int, int], list[str]] = {}
    for row in results["models"]:
        if row["sampled"] is not None:
            low, high = row["sampled"]["top1_accuracy"]
            interval = f" ({numbers.percent(low)} to {numbers.percent(high)})" if low is not None else ""
            size = row["sampled"]["tokens"], row["test_tokens"]
            found.setdefault(size, []).append(f"{row['name']} {numbers.percent(row['top1_accuracy'])}{interval}")
    return [
        f"The ranks of tokens, and their probabilities without the sentences before, are measured in {tokens:,} of "
        f"the {of:,} test tokens, in documents drawn by a hash. Top-1 accuracy there, with 95 % intervals: "
        f"{numbers.listed(models)}."
        for (tokens, of), models in found.items()
    ]
