"""The output layer with a pointer: a mixture of the softmax and of copies of past words."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from lmcompare.training.cross_entropy import FullCrossEntropy, SampledCrossEntropy, slices
from lmcompare.training.softmax import Head

NONE = -1e9  # the score of a word that can't be copied
TOGETHER = 2**17  # scores computed at once, which stay in the processor's cache


class PointerHead(Head):
    """p(w) = a_0 · p_softmax(w) + Σ_{j: w_j = w} a_j, where a_0 + Σ_j a_j = 1 (Merity et al. 2017, equations 4 to 7).

    The weights a are the softmax of scores e. The features (n, d + 1 + 2 C) are those of the softmax over the words,
    then e_0, the C scores e_j, and the C ids w_j. Features of d numbers alone copy nothing.
    """

    @classmethod
    def over(cls, head: Head) -> Self:
        """Return a pointer head over the softmax of another head, with its parameters."""
        made = cls(head.types, head.table.shape[1], biased=isinstance(head.bias, torch.nn.Parameter))
        made.table, made.bias = head.table, head.bias
        return made

    @property
    def width(self) -> int:
        """The size of the features of the softmax, d."""
        return self.table.shape[1]

    def split(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the features of the softmax (n, d), e_0 (n,), the scores (n, C) and the ids (n, C)."""
        places = (features.shape[1] - self.width - 1) // 2
        f, softmax, scores, ids = features.split_with_sizes([self.width, 1, places, places], 1)
        return f, softmax[:, 0], scores, ids

    def weights(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log a_0 (n,), log a (n, C), and the ids (n, C) of int64."""
        _, softmax, scores, ids = self.split(features.float())
        log_z = torch.logaddexp(softmax, torch.logsumexp(scores, 1))
        return softmax - log_z, scores - log_z[:, None], ids.long()

    def log_probs(self, features: Tensor) -> Tensor:
        """Return the log-probabilities (n, V), in nats."""
        if features.shape[1] == self.width:
            return super().log_probs(features)
        softmax, copies, ids = self.weights(features)
        written = super().log_probs(features[:, : self.width]) + softmax[:, None]
        copied = torch.zeros_like(written).scatter_add_(1, ids, copies.exp())
        return torch.logaddexp(written, copied.log()).clamp_(max=0.0)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return (n,) nats: the log-probability of each target."""
        if features.shape[1] == self.width:
            return super().log_prob_of(features, targets)
        f, log_softmax, beside = self._shares(features.float(), targets)
        return (torch.logaddexp(super().log_prob_of(f, targets), beside) + log_softmax).clamp_(max=0.0)

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the mean -log p of the targets (n,) in nats, differentiable."""
        if features.shape[1] == self.width:
            return super().full_loss(features, targets)
        f, log_softmax, beside = self._shares(features, targets)
        loss: Tensor = FullCrossEntropy.apply(f, self.table, self.bias, targets, beside)  # type: ignore[no-untyped-call]
        return loss - log_softmax.mean()

    def sampled_loss(self, features: Tensor, targets: Tensor, words: Tensor, log_q: Tensor) -> Tensor:
        """Return the mean -log p of the targets in nats, with Z of the softmax estimated as in ``Head``."""
        if features.shape[1] == self.width:
            return super().sampled_loss(features, targets, words, log_q)
        f, log_softmax, beside = self._shares(features, targets)
        given = targets, words.to(f.device), log_q.to(f.device), self.sparse
        loss: Tensor = SampledCrossEntropy.apply(f, self.table, self.bias, *given, beside)  # type: ignore[no-untyped-call]
        return loss - log_softmax.mean()

    def _shares(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features of the softmax, log a_0, and the log of the probability of copying the target over a_0.

        log p = log a_0 + log(p_softmax + copied / a_0).
        """
        f, softmax, scores, ids = self.split(features)
        log_softmax, log_copied = _Shares.apply(softmax, scores, ids, targets)  # type: ignore[no-untyped-call]
        return f, log_softmax, log_copied - log_softmax


class _Shares(torch.autograd.Function):
    """log a_0 and log Σ_{j: w_j = target} a_j, both (n,); the second is -∞ if there is no such word.

    Written out, it reads the (n, C) scores some four times from memory; as a chain of torch's functions it would be
    twenty times.
    """

    @staticmethod
    def forward(ctx: Any, softmax: Tensor, scores: Tensor, ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two logarithms for e_0 (n,), the scores and the ids (n, C), and the targets (n,)."""
        a = torch.empty_like(scores)
        log_softmax = torch.empty_like(softmax)
        found = []
        for part in slices(len(scores), max(1, TOGETHER // max(scores.shape[1], 1))):
            shift = torch.maximum(scores[part].amax(1), softmax[part])
            torch.sub(scores[part], shift[:, None], out=a[part])
            a[part].exp_()
            own = softmax[part] - shift
            log_z = (a[part].sum(1) + own.exp()).log()
            a[part] *= (-log_z).exp()[:, None]
            log_softmax[part] = own - log_z
            row, column = (ids[part] == targets[part, None]).nonzero(as_tuple=True)
            found.append((row + part.start, column))
        rows, columns = (torch.cat(each) for each in zip(*found, strict=True))
        copied = torch.zeros_like(softmax).index_add_(0, rows, a[rows, columns])
        ctx.save_for_backward(a, log_softmax, copied, rows, columns)
        return log_softmax, copied.log()

    @staticmethod
    def backward(ctx: Any, to_softmax: Tensor, to_copied: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of e_0 and of the scores."""
        a, log_softmax, copied, rows, columns = ctx.saved_tensors
        both = to_softmax + to_copied
        slope = a * -both[:, None]
        slope[rows, columns] += a[rows, columns] * (to_copied / copied.clamp(min=1e-38))[rows]
        return to_softmax - both * log_softmax.exp(), slope, None, None
