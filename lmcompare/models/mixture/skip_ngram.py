"""The skip n-gram model: n-grams whose contexts leave words out."""

from __future__ import annotations

from collections.abc import Iterator

from lmcompare.models.common.parameters import check_whole
from lmcompare.models.mixture.base import BlendedModel
from lmcompare.models.mixture.estimator import Recipe
from lmcompare.models.mixture.features import WORDS


class SkipNGram(BlendedModel):
    """Guesses the next word from the last words, of which some in a row are left out.

    A long context is rarely seen again word for word; with a gap it may be. The model mixes the n-gram model with all
    those whose contexts of the last n - 1 words have one gap (Goodman, *A bit of progress in language modeling*,
    2001, section 4), each smoothed with discounts fitted on valid, and with weights that depend on how often train
    saw the contexts. The context never reaches back across ``</s>`` or the document's beginning.

    Parameter: ``order``, the n in n-gram; below 3 there is nothing to leave out. ``setting.budget`` changes nothing.
    """

    def __init__(self, order: int = 5) -> None:
        super().__init__()
        check_whole("order", order, 1)
        self.order = order

    def title(self) -> str:
        """Return its name for people."""
        return f"Skip {self.order}-gram"

    def sizes(self) -> list[int]:
        """Return no clustering."""
        return []

    def recipes(self) -> list[Recipe]:
        """Return one member for each gap, and the one without first."""
        return [Recipe(_named(kept), [[(distance, WORDS) for distance in kept]]) for kept in gapped(self.order)]


def gapped(order: int) -> Iterator[list[int]]:
    """Yield the distances that are kept: all from 1 to n - 1, then those with one gap that ends before n - 1."""
    yield list(range(1, order))
    for before in range(order - 2):
        for after in range(before + 2, order):
            yield [*range(1, before + 1), *range(after, order)]


def _named(kept: list[int]) -> str:
    last = max(kept, default=0)
    words = ["·" if distance in kept else "_" for distance in range(last, 0, -1)]
    return " ".join([*words, "w"])
