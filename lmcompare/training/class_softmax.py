"""An output layer of two softmaxes: one over classes of words, and one over the words of each class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lmcompare.errors import LmcompareError
from lmcompare.training.cross_entropy import full_cross_entropy, slices
from lmcompare.training.softmax import Head

ELEMENTS = 2**22  # logits computed at once


class ClassHead(Head):
    """p(w | f) = p(c(w) | f) · p(w | c(w), f), where c(w) is the one class to which a word belongs.

    p(c | f) is the softmax of f · class_table[c] + class_bias[c] over the K classes that have words; p(w | c, f) is
    the softmax of f · table[w] + bias[w] over the words of the class (Goodman 2001, "Classes for fast maximum entropy
    training"). For a target, the logits of the classes and of the words of one class are computed, and not those of
    the whole vocabulary, so training needs no sample of the words.

    Parameters
    ----------
    types : int
        V, the size of the vocabulary.
    width : int
        d, the size of the features.
    classes : int
        The number of classes; classes without words get no probability.
    """

    samples = can_be_taught = False
    class_of: Tensor  # (V,)

    def __init__(self, types: int, width: int, classes: int) -> None:
        super().__init__(types, width)
        self.class_table = nn.Parameter(torch.randn(classes, width).div_(width**0.5))
        self.class_bias = nn.Parameter(torch.zeros(classes))
        self.register_buffer("class_of", torch.zeros(types, dtype=torch.int64))

    @torch.no_grad()
    def classify(self, class_of: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> None:
        """Set the class of each word, and the bias of the classes to the log of their add-one smoothed counts.

        ``class_of`` and the training counts are (V,).
        """
        self.class_of.copy_(torch.from_numpy(np.asarray(class_of, np.int64)))
        weights = np.asarray(counts, np.float64) + 1.0
        sums = np.bincount(class_of, weights, minlength=len(self.class_bias))
        self.class_bias.copy_(torch.from_numpy(np.log(np.maximum(sums, 1.0) / weights.sum())))

    def class_log_probs(self, features: Tensor) -> Tensor:
        """Return (n, K) nats: the log-probabilities of the classes, for features (n, d)."""
        return torch.log_softmax(features.float() @ self.class_table.T + self._possible_bias(), dim=1)

    def log_probs(self, features: Tensor) -> Tensor:
        x = features.float()
        out, of_class = torch.empty(len(x), self.types, device=x.device), self.class_log_probs(x)
        for which, (words, table, bias) in enumerate(self._classes()):
            if len(words):
                out[:, words] = torch.log_softmax(x @ table.T + bias, dim=1) + of_class[:, which : which + 1]
        return out.clamp_(max=0.0)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        x, kinds = features.float(), self.class_of[targets]
        out = torch.empty(len(targets), device=features.device)
        for rows in slices(len(x), max(1, ELEMENTS // len(self.class_bias))):
            out[rows] = self.class_log_probs(x[rows]).gather(1, kinds[rows, None])[:, 0]
        place = self._places()[targets]
        for which, (_, table, bias) in enumerate(self._classes()):
            mine = torch.nonzero(kinds == which).squeeze(1)
            for part in torch.split(mine, max(1, ELEMENTS // max(1, len(bias)))) if len(mine) else ():
                found = torch.log_softmax(x[part] @ table.T + bias, dim=1)
                out[part] += found.gather(1, place[part, None])[:, 0]
        return out.clamp_(max=0.0)

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        kinds, place = self.class_of[targets], self._places()[targets]
        loss = full_cross_entropy(features, self.class_table, self._possible_bias(), kinds)
        for which, (_, table, bias) in enumerate(self._classes()):
            mine = torch.nonzero(kinds == which).squeeze(1)
            if len(mine):
                own = full_cross_entropy(features[mine], table, bias, place[mine])
                loss = loss + own * (len(mine) / len(targets))
        return loss

    def sampled_loss(self, features: Tensor, targets: Tensor, words: Tensor, log_q: Tensor) -> Tensor:
        """Return ``full_loss``: the sample of words is not needed."""
        return self.full_loss(features, targets)

    def beyond_target(self, features: Tensor, targets: Tensor, words: Tensor, shares: Tensor) -> Tensor:
        """Raise ``LmcompareError``: words of different classes have no common softmax sum."""
        raise LmcompareError(
            "a network with a softmax over classes can't learn from a teacher: choose another network as the base"
        )

    def _possible_bias(self) -> Tensor:
        empty = torch.bincount(self.class_of, minlength=len(self.class_bias)) == 0
        return self.class_bias.masked_fill(empty, -torch.inf)

    def _order(self) -> Tensor:
        """Return (V,) the words sorted by class."""
        return torch.argsort(self.class_of, stable=True)

    def _places(self) -> Tensor:
        """Return (V,) the place of each word among the words of its class."""
        sizes = torch.bincount(self.class_of, minlength=len(self.class_bias))
        order = self._order()
        places = torch.empty_like(order)
        places[order] = torch.arange(self.types, device=order.device)
        return places - (sizes.cumsum(0) - sizes)[self.class_of]

    def _classes(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield the words of each class, with their rows of the table and of the bias."""
        order = self._order()
        sizes = torch.bincount(self.class_of, minlength=len(self.class_bias)).tolist()
        return zip(*(torch.split(each, sizes) for each in (order, self.table[order], self.bias[order])), strict=True)
