"""A calculation of the story in small: vectors of two made-up numbers, their products, and the softmax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lmcompare.render import numbers


@dataclass(frozen=True)
class SmallExample:
    """One vector against those of some words.

    Parameters
    ----------
    key : str
        Its name, in its id on the page.
    asks : str
        What the vector is, and its numbers.
    columns : tuple of str
        The headings of the words, their vectors, the sums, their exponentials and the shares, and perhaps of values
        and what is mixed of them.
    rows : tuple
        A word, its vector, how the sum of products comes about, and the others, as text.
    result : str
        What follows.
    """

    key: str
    asks: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    result: str

    @classmethod
    def of(cls, outline: Mapping[str, Any]) -> Self:
        """Work the example of a scene out: softmax(vectors · vector), and the mix of values, if there are any."""
        vector, words = outline["numbers"], outline["words"]
        values = np.array(list(outline.get("values", {}).values()), np.float64)
        sums = np.array([np.dot(vector, own) for own in words.values()], np.float64)
        raised = np.exp(sums)
        shares = raised / raised.sum()
        mixed = shares[:, None] * values if len(values) else values
        rows = tuple(
            (
                word,
                _tuple(own),
                f"{' + '.join(f'{_factor(a)} · {_factor(b)}' for a, b in zip(vector, own, strict=True))}"
                f" = {numbers.decimals(float(total), 0)}",
                numbers.decimals(float(power), 2),
                numbers.percent(float(shares[at]), 1),
                *((_tuple(values[at]), _tuple(mixed[at], 2)) if len(values) else ()),
            )
            for at, ((word, own), total, power) in enumerate(zip(words.items(), sums, raised, strict=True))
        )
        mix = _tuple(mixed.sum(axis=0), 2) if len(values) else ""
        asks = f"{outline['asks']}: {_tuple(vector)}"
        return cls(outline["key"], asks, tuple(outline["columns"]), rows, outline["result"].format(mix=mix))


def _tuple(vector: Iterable[float], places: int = 0) -> str:
    return f"({', '.join(numbers.decimals(float(value), places) for value in vector)})"


def _factor(value: float) -> str:
    shown = numbers.decimals(value, 0)
    return f"({shown})" if value < 0 else shown
