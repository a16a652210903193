"""The network of wordnet-bow: a bag of rows of zeros and ones, and a softmax over classes and their words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lmcompare.models.word2vec.network import BagNetwork
from lmcompare.training.class_softmax import ClassHead


class ReadableBag(BagNetwork):
    """``BagNetwork`` with a table of F features that is not trained, and K classes of words in the softmax.

    Attributes
    ----------
    rows : (V + 1, F) Tensor of uint8
        1 for a feature that a word has; the last row is not read.
    """

    head: ClassHead
    rows: Tensor

    def __init__(
        self, types: int, features: int, classes: int, window: int, hidden: int, dropout: float, end: int
    ) -> None:
        sizes = types, features, window, hidden, dropout
        with torch.device("meta"):  # vectors and softmax, which are replaced, take no memory
            super().__init__(*sizes, across=False, tune=False, weights="uniform", end=end)
        del self.vectors
        self.layer = nn.Linear(features, hidden) if hidden else None
        self.register_buffer("rows", torch.zeros(types + 1, features, dtype=torch.uint8))
        self.head = ClassHead(types, hidden or features, classes)

    def embedded(self, words: Tensor) -> Tensor:
        """Return the (…, F) rows of inputs."""
        return self.rows[words].float()
