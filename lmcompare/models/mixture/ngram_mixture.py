"""The n-gram mixture: words, classes and gaps together, weighted by what train has seen of the context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lmcompare.errors import PluginError
from lmcompare.models.common.parameters import check_whole
from lmcompare.models.mixture.base import BlendedModel
from lmcompare.models.mixture.estimator import Recipe
from lmcompare.models.mixture.features import WORDS, Feature


class NGramMixture(BlendedModel):
    """Guesses the next word by n-grams of words, of classes and with gaps, whose weights depend on the context.

    Four kinds of step lead from a long context to a shorter one: the farthest word is left out, or it is first
    replaced by its class in a fine clustering, then by that in a coarse one (Bilmes and Kirchhoff, *Factored language
    models and generalized parallel backoff*, 2003), or a near word is missing from the start. One member predicts
    words by words; one words by words and classes; and for each clustering, one predicts the class of the word by
    four such chains and then the word in its class by two, ``p(C | h) p(w | C, h)`` (Goodman, *A bit of progress in
    language modeling*, 2001). Weights are a softmax of the log counts of contexts, among the chains of a mixture of
    all of them, among members of the first chain of each; they are fitted on valid, as are all discounts. The
    context never reaches back across ``</s>`` or the document's beginning.

    Parameters: ``classes``, the number of classes in each clustering, rising; the first and the last are also what
    contexts are told; ``order``, the n in n-gram, 2 or more. ``setting.budget`` changes nothing.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"classes": [100]},
        "full": {"classes": [30, 60, 125, 250, 500, 1000]},
    }

    def __init__(self, classes: Sequence[int] = (50, 500), order: int = 5) -> None:
        super().__init__()
        if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
            raise PluginError(f"classes is one whole number or more, as in [50, 500], not {classes!r}")
        for size in classes:
            check_whole("each of classes", size, 1)
        if sorted(set(classes)) != list(classes):
            raise PluginError(f"the numbers of classes rise, as in [50, 500], not {list(classes)!r}")
        check_whole("order", order, 2)
        self.classes, self.order = list(classes), order

    def title(self) -> str:
        """Return its name for people."""
        return f"{self.order}-gram mixture"

    def sizes(self) -> list[int]:
        """Return the number of classes in each clustering."""
        return self.classes

    def recipes(self) -> list[Recipe]:
        """Return the members: words, words and classes, and each clustering's."""
        c, f, w = 1, len(self.classes), WORDS  # the coarse map, the fine one, that of the words
        words = [[(d, w) for d in range(1, self.order)]]
        mixed = [[(1, c), (1, f), (1, w), (2, c), (2, f), (2, w), (3, c), (3, f)]]
        to_class = [
            [(1, c), (1, f), (1, w), (2, c), (2, f), (2, w), (3, f), (3, w)],
            [(1, f), (1, w), (3, f), (3, w), (4, f)],
            [(d, c) for d in range(1, self.order + 1)],
            [(2, f), (2, w), (3, f), (3, w)],
        ]
        to_word = [
            [(1, c), (1, f), (1, w), (2, f), (2, w)],
            [(2, c), (2, f), (2, w), (3, f), (3, w)],
        ]
        recipes = [Recipe("words", self._kept(words)), Recipe("words and classes", self._kept(mixed))]
        for own, size in enumerate(self.classes, 1):
            within = [[(0, own), *chain] for chain in self._kept(to_word)]
            recipes.append(Recipe(f"{size} classes, then words", self._kept(to_class), own, within))
        return recipes

    def _kept(self, chains: Sequence[Sequence[Feature]]) -> list[list[Feature]]:
        """Return the chains without what the order does not reach and without what is told twice, each chain once."""
        kept = []
        for chain in chains:
            short = list(dict.fromkeys(f for f in chain if f[0] < self.order))
            if short and short not in kept:
                kept.append(short)
        return kept
