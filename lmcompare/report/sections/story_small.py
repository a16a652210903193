"""A calculation of the story in small: vectors of two made-up numbers, their products, and the softmax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lmcompare.report import numbers


@dataclass(frozen=True)
class SmallExample:
    """One vector against those of some words.

    Parameters
    ----------
    asks : str
        What the vector is, and its numbers.
    columns : tuple of str
        The headings of the words, their vectors, the sums, their exponentials and the shares.
    rows : tuple
        A word, its vector, how the sum of products comes about, its exponential and its share, as text.
    result : str
        What follows.
    """

    asks: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    result: str

    @classmethod
    def of(cls, outline: Mapping[str, Any]) -> Self:
        """Work the example of a scene out: softmax(vectors · vector)."""
        vector, words = outline["numbers"], outline["words"]
        sums = np.array([np.dot(vector, own) for own in words.values()], np.float64)
        raised = np.exp(sums)
        rows = tuple(
            (
                word,
                _tuple(own),
                f"{' + '.join(f'{_factor(a)} · {_factor(b)}' for a, b in zip(vector, own, strict=True))}"
                f" = {numbers.decimals(float(total), 0)}",
                numbers.decimals(float(power), 2),
                numbers.percent(float(power / raised.sum()), 1),
            )
            for (word, own), total, power in zip(words.items(), sums, raised, strict=True)
        )
        return cls(
            f"{outline['asks']}: {_tuple(vector)}",
            tuple(outline["columns"]),
            rows,
            outline["result"].format(first=rows[0][-1]),
        )


def _tuple(vector: list[float]) -> str:
    return f"({', '.join(numbers.decimals(value, 0) for value in vector)})"


def _factor(value: float) -> str:
    shown = numbers.decimals(value, 0)
    return f"({shown})" if value < 0 else shown
