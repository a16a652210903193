"""The output layer over a large vocabulary: the full softmax in bounded memory, and a sampled one for training."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.training.cross_entropy import full_cross_entropy, sampled_cross_entropy, slices
from lmcompare.training.seeds import derived

IGNORED = -1  # the target of padding
ROWS = 512  # positions whose logits are computed together
WHOLE_ROWS = 192  # the same, if all logits are kept: they are read several times and should stay in the cache
PIECE_ELEMENTS = 2**19  # logits computed at once on a CPU, so that they are in the cache when they are added


class Head(nn.Module):
    """log p(w | features) = features · table[w] + bias[w] - log Z.

    The table (V + 1, d) also has the input vectors (``embed``; Press and Wolf 2017). Row V is the beginning of a
    document, which is never predicted. The bias is (V,).

    Parameters
    ----------
    types : int
        V, the size of the vocabulary.
    width : int
        d, the size of the vectors.
    biased : bool, default=True
        Whether there is a bias; otherwise ``bias`` is zero and not stored.

    Attributes
    ----------
    samples : bool
        Whether ``sampled_loss`` reads the vectors of the sample alone.
    can_be_taught : bool
        Whether it has ``beyond_target``, so that a network can learn from the distributions of another model.
    sparse : bool
        Whether the gradient of ``sampled_loss`` with respect to the table is sparse.
    """

    samples: bool = True
    sparse: bool = False
    can_be_taught: bool = True
    bias: Tensor

    def __init__(self, types: int, width: int, *, biased: bool = True) -> None:
        super().__init__()
        self.types = types
        self.table = nn.Parameter(torch.randn(types + 1, width).div_(math.sqrt(width)))
        if biased:
            self.bias = nn.Parameter(torch.zeros(types))
        else:
            self.register_buffer("bias", torch.zeros(types), persistent=False)

    @torch.no_grad()
    def start_from(self, counts: npt.NDArray[np.integer]) -> None:
        """Set the bias to the log of the add-one smoothed training counts (V,): training starts at the unigram model.

        A head without a bias is not changed.
        """
        if not isinstance(self.bias, nn.Parameter):
            return
        smoothed = torch.as_tensor(np.asarray(counts, np.float64) + 1.0)
        self.bias.copy_((smoothed / smoothed.sum()).log())

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the (…, d) vectors of input ids, V included; their gradient is sparse, as a dense one is slow."""
        return functional.embedding(inputs, self.table, sparse=True)

    def log_probs(self, features: Tensor) -> Tensor:
        """Return the log-probabilities (n, V), in nats and float32, for features (n, d)."""
        out = torch.empty(len(features), self.types, device=features.device)
        for rows in slices(len(features), WHOLE_ROWS):
            log_z = _LogSum()
            for words, logits in self._logits(features[rows]):
                out[rows, words] = logits.T
                log_z.add(logits)
            out[rows] -= log_z.value()[:, None]
        return out.clamp_(max=0.0)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return (n,) nats: the log-probability of each target by the full softmax, in bounded memory."""
        out = torch.empty(len(targets), device=features.device)
        for rows in slices(len(targets), ROWS):
            x, wanted = features[rows].float(), targets[rows]
            log_z = _LogSum()
            for _, logits in self._logits(x):
                log_z.add(logits)
            out[rows] = (x * self.table[wanted]).sum(1) + self.bias[wanted] - log_z.value()
        return out.clamp_(max=0.0)  # rounding can make it positive

    def _logits(self, features: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield words and their logits (W, n) for features (n, d), a piece of the vocabulary at a time.

        With words as rows, the libraries of some CPUs multiply twice as fast as with positions as rows.
        """
        x = features.float().T
        size = self.types
        if x.device.type == "cpu":
            size = max(1, PIECE_ELEMENTS // max(1, x.shape[1]))
        for words in slices(self.types, size):
            yield words, torch.addmm(self.bias[words, None], self.table[words], x)

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the mean -log p of the targets (n,) in nats, differentiable."""
        return full_cross_entropy(features, self.table, self.bias, targets)

    def sampled_loss(self, features: Tensor, targets: Tensor, words: Tensor, log_q: Tensor) -> Tensor:
        """Return the mean -log p of the targets in nats, differentiable, with Z estimated from a sample of the words.

        Z ≈ exp s_t + Σ_{j in sample, j ≠ t} exp(s_j - log q_j): each sampled word represents the 1/q_j words from
        which it was drawn, so that the estimate has the mean Z (Bengio and Senécal 2008; the log-Q correction).

        Parameters
        ----------
        features : (n, d) Tensor
            The features.
        targets : (n,) Tensor of int64
            The words to predict.
        words, log_q : (S,) Tensor
            The sample that ``Candidates`` drew, which contains all targets, and the log of its probabilities.

        Raises
        ------
        ValueError
            If a target is not in the sample.
        """
        words, log_q = words.to(features.device), log_q.to(features.device)
        return sampled_cross_entropy(features, self.table, self.bias, targets, words, log_q, sparse=self.sparse)

    def beyond_target(self, features: Tensor, targets: Tensor, words: Tensor, shares: Tensor) -> Tensor:
        """Return the term to add to the loss so that the network learns a distribution instead of the target alone.

        The cross-entropy with a distribution that gives the word k the probability a_k, and the remaining probability
        to the target t, is ``-log p(t) + Σ_k a_k (s_t - s_k)`` with the logits s, since the softmax's sum cancels.

        Parameters
        ----------
        features : (n, d) Tensor
        targets : (n,) Tensor of int64
        words : (n, K) Tensor of int64
            The words of the distribution.
        shares : (n, K) Tensor
            Their probabilities, which sum to at most 1.
        """
        x = features.float()
        own = (x * self.table[targets]).sum(1) + self.bias[targets]  # (n,)
        others = torch.einsum("nd,nkd->nk", x, self.table[words]) + self.bias[words]  # (n, K)
        return (shares * (own[:, None] - others)).sum(1).mean()


class _LogSum:
    """log Σ exp of each column of logits, whose rows are added a piece at a time.

    All pieces are shifted by the greatest logits of the first one, which saves the search for the maximum that
    torch's ``logsumexp`` makes in every piece; if a later logit overflows, the shift is raised.
    """

    def __init__(self) -> None:
        self._shift: Tensor | None = None  # (n,)
        self._sum: Tensor  # (n,), of exp(logit - shift)

    def add(self, logits: Tensor) -> None:
        """Add a piece of the logits, (W, n), and overwrite it."""
        if self._shift is None:
            self._shift = logits.amax(0)
            self._sum = torch.zeros_like(self._shift)
        logits -= self._shift
        part = logits.exp().sum(0)
        if not bool(part.isfinite().all()):
            rise = logits.amax(0).clamp_(min=0.0)
            self._shift, self._sum = self._shift + rise, self._sum * (-rise).exp()
            part = (logits - rise).exp().sum(0)
        self._sum += part

    def value(self) -> Tensor:
        """Return log Σ exp of each column, (n,), in nats."""
        assert self._shift is not None
        return self._sum.log() + self._shift


class Candidates:
    """Draws the negative samples of a sampled softmax: S distinct words, word j with the known probability q_j.

    The words that a step predicts are always in the sample (q = 1). The words that a network predicts too often are
    words of the texts being read, which a sample of all words would rarely contain; without them, long trainings
    diverge. For other words q_j is proportional to their count, and 1 for frequent words: if rare words were drawn
    more often than they occur, Adam's steps of constant length would push them down more often than up. Systematic
    sampling over a random order makes S constant and q_j exact (Madow 1949).

    Parameters
    ----------
    counts : (V,) array of int
        The training counts.
    size : int
        S, the number of words to draw.
    """

    def __init__(self, counts: npt.NDArray[np.integer], size: int) -> None:
        weight = torch.as_tensor(np.asarray(counts, np.float64)) + 1.0
        self.size = min(size, len(weight))
        self.probability = _inclusion(weight, self.size)
        self.random = torch.Generator()

    def draw(self, seed: int, step: int, targets: npt.NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Return the words of a step (S' ≥ S,) and their log q (S',), the same in every process and after a restart.

        ``targets`` are the words that the step predicts, of any shape, with ``IGNORED`` for padding.
        """
        self.random.manual_seed(derived(seed, step))
        order = torch.randperm(len(self.probability), generator=self.random)
        edges = torch.cumsum(self.probability[order], 0)
        marks = torch.arange(self.size, dtype=torch.float64)
        marks += torch.rand((), dtype=torch.float64, generator=self.random)
        hits = torch.searchsorted(edges, marks, right=True).clamp_(max=len(order) - 1)
        own = torch.from_numpy(np.unique(targets[targets != IGNORED]).astype(np.int64))
        drawn = order[hits]
        others = drawn[~torch.isin(drawn, own)]
        log_q = torch.cat([torch.zeros(len(own)), self.probability[others].log().float()])
        return torch.cat([own, others]), log_q


def _inclusion(weight: Tensor, size: int) -> Tensor:
    """Return min(1, c · weight) with c such that the sum is ``size``."""
    certain = torch.zeros(len(weight), dtype=torch.bool)
    while True:
        rest = size - int(certain.sum())
        scale = rest / weight[~certain].sum().clamp_min(1e-300)
        probability = torch.where(certain, 1.0, weight * scale)
        more = (probability >= 1.0) & ~certain
        if not bool(more.any()):
            return probability
        certain |= more
