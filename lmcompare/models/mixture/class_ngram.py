"""The class n-gram model: guess the kind of word, then the word."""

from __future__ import annotations

from lmcompare.models.common.parameters import check_whole
from lmcompare.models.mixture.base import BlendedModel
from lmcompare.models.mixture.estimator import Recipe


class ClassNGram(BlendedModel):
    """Guesses the class of the next word from the classes of the last words, and then the word in its class.

    ``p(w | h) = p(C(w) | C(h)) · p(w | C(w))`` (Brown et al., *Class-based n-gram models of natural language*, 1992).
    The classes are found by the exchange algorithm. The n-gram of the classes is smoothed like an n-gram of words,
    with discounts fitted on valid; a word has the share of its class that it has in train, less a discount that all
    words of the class share evenly. The context never reaches back across ``</s>`` or the document's beginning.

    Parameters: ``classes``, how many for ordinary words; ``</s>``, and all that train does not hold, have one each
    besides; ``order``, the n in n-gram. ``setting.budget`` changes nothing.
    """

    def __init__(self, classes: int = 500, order: int = 6) -> None:
        super().__init__()
        check_whole("classes", classes, 1)
        check_whole("order", order, 1)
        self.classes, self.order = classes, order

    def title(self) -> str:
        """Return its name for people."""
        return f"{self.order}-gram of word classes"

    def sizes(self) -> list[int]:
        """Return the number of classes."""
        return [self.classes]

    def recipes(self) -> list[Recipe]:
        """Return the one member."""
        history = [(distance, 1) for distance in range(1, self.order)]
        return [Recipe("classes", [history], 1, [[(0, 1)]])]
