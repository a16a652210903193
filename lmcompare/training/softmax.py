"""Output layers over a large vocabulary and their losses: the full softmax, a sampled one, and one over classes.

Loss and gradient are computed together, a few rows of logits at a time, so that memory is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.training.checkpoint import derived

CHUNK_ELEMENTS = 2 * 2**20  # logits computed at once; chunks that fit in the cache are several times faster
STEP = 256  # rows and samples are padded to multiples of it, since oneDNN compiles, slowly, for each new shape


def full_cross_entropy(
    features: Tensor, table: Tensor, bias: Tensor, targets: Tensor, beside: Tensor | None = None
) -> Tensor:
    """Return the mean of -log softmax(x tableᵀ + bias)[target], without an (n, V) matrix in memory.

    Parameters
    ----------
    features : (n, d) Tensor
        x.
    table : (V or more, d) Tensor
    bias : (V,) Tensor
    targets : (n,) Tensor of int64
    beside : (n,) Tensor or None, default=None
        b: the loss is the mean of -log(softmax(…)[target] + exp b), where exp b is the part of the target's
        probability that another component of a mixture gives. None for -∞.
    """
    loss: Tensor = _Full.apply(features, table, bias, targets, beside)  # type: ignore[no-untyped-call]
    return loss


def sampled_cross_entropy(
    features: Tensor,
    table: Tensor,
    bias: Tensor,
    targets: Tensor,
    words: Tensor,
    log_q: Tensor,
    *,
    sparse: bool = False,
    beside: Tensor | None = None,
) -> Tensor:
    """Return the mean of log(exp s_t + Σ_{j in words, j ≠ t} exp(s_j - log q_j)) - s_t, with s = x tableᵀ + bias.

    Parameters
    ----------
    features, table, bias, targets, beside
        As in ``full_cross_entropy``.
    words, log_q : (S,) Tensor
        Distinct words. All targets must be among them, with a log q of 0, as ``Candidates`` draws them.
    sparse : bool, default=False
        Whether the gradient of the table is a sparse tensor.
    """
    given = features, table, bias, targets, words, log_q, sparse, beside
    loss: Tensor = _Sampled.apply(*given)  # type: ignore[no-untyped-call]
    return loss


class _Full(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, table: Tensor, bias: Tensor, targets: Tensor, beside: Tensor | None
    ) -> Tensor:
        types = len(bias)
        to_table, to_bias = torch.zeros_like(table), torch.zeros_like(bias)
        weight = table[:types].to(_kind(features))
        loss, to_features, share = _summed(features, weight, bias, targets, beside, to_table[:types], to_bias)
        ctx.save_for_backward(to_features, to_table, to_bias, share)
        ctx.kind = features.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that ``forward`` computed."""
        to_features, to_table, to_bias, share = ctx.saved_tensors
        scale = slope / len(to_features)
        to_beside = None if share is None else (share - 1.0) * scale
        return (to_features * scale).to(ctx.kind), to_table.mul_(scale), to_bias.mul_(scale), None, to_beside


class _Sampled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        table: Tensor,
        bias: Tensor,
        targets: Tensor,
        words: Tensor,
        log_q: Tensor,
        sparse: bool,
        beside: Tensor | None,
    ) -> Tensor:
        place = torch.full((len(bias),), -1, device=words.device)
        place[words] = torch.arange(len(words), device=words.device)
        wanted = place[targets]  # (n,), the targets' places among the words
        if bool((wanted < 0).any()):
            raise ValueError("a sample must contain all targets")
        more = -len(words) % STEP
        weight = functional.pad(table[words].to(_kind(features)), (0, 0, 0, more))
        offset = functional.pad(bias[words] - log_q, (0, more), value=-torch.inf)
        to_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        to_words = torch.zeros_like(offset)
        loss, to_features, share = _summed(features, weight, offset, wanted, beside, to_weight, to_words)
        to_weight, to_words = to_weight[: len(words)], to_words[: len(words)]
        ctx.save_for_backward(words, to_features, to_weight, to_words, share)
        ctx.kind, ctx.shape, ctx.types, ctx.sparse = features.dtype, table.shape, len(bias), sparse
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that ``forward`` computed; the gradients of words outside the sample are zero."""
        words, to_features, to_weight, to_words, share = ctx.saved_tensors
        scale = slope / len(to_features)
        to_weight.mul_(scale)
        if ctx.sparse:
            to_table = torch.sparse_coo_tensor(words[None], to_weight, ctx.shape, check_invariants=False)
        else:
            to_table = to_weight.new_zeros(ctx.shape).index_copy_(0, words, to_weight)
        to_bias = to_words.new_zeros(ctx.types).index_copy_(0, words, to_words.mul_(scale))
        to_beside = None if share is None else (share - 1.0) * scale
        return (to_features * scale).to(ctx.kind), to_table, to_bias, None, None, None, None, to_beside


def _summed(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    wanted: Tensor,
    beside: Tensor | None,
    to_weight: Tensor,
    to_offset: Tensor,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the mean of -log(softmax(x weightᵀ + offset)[wanted] + exp beside), and n times its gradients.

    Parameters
    ----------
    features : (n, d) Tensor
    weight : (S, d) Tensor
        The vectors of the words, in the data type of the matrix products.
    offset : (S,) Tensor
    wanted : (n,) Tensor of int64
        The rows of ``weight`` that are to be predicted.
    beside : (n,) Tensor or None
        None for -∞.
    to_weight, to_offset : (S, d) and (S,) Tensor
        The gradients of ``weight`` and ``offset`` are added to these tensors.

    Returns
    -------
    loss : () Tensor
    to_features : (n, d) Tensor
        The gradient of the features, in float32.
    share : (n,) Tensor or None
        The share of the softmax in the probability of each target; None without ``beside``.
    """
    n, size = len(wanted), max(1, CHUNK_ELEMENTS // len(weight))
    step = min(STEP, size)
    size -= size % step
    padded = functional.pad(features.detach().to(weight.dtype), (0, 0, 0, -n % step))
    to_features = torch.empty(features.shape, dtype=torch.float32, device=features.device)
    share = None if beside is None else torch.empty_like(beside)
    loss = torch.zeros((), dtype=torch.float64, device=features.device)
    for part in slices(n, size):
        x, own = padded[part.start : part.start + size], wanted[part, None]
        whole = torch.log_softmax((x @ weight.T).float().add_(offset), dim=1)
        log_p = whole[: len(own)]
        found = log_p.gather(1, own)[:, 0]
        slope = whole.exp_()
        slope[len(own) :] = 0.0
        slope[: len(own)].scatter_add_(1, own, torch.full_like(log_p[:, :1], -1.0))
        if beside is not None and share is not None:
            found, share[part] = _with(found, beside[part])
            slope[: len(own)] *= share[part, None]
        loss -= found.sum(dtype=torch.float64)
        to_offset += slope.sum(0)
        slope = slope.to(weight.dtype)
        to_features[part] = (slope @ weight)[: len(own)]
        to_weight += slope.T @ x
    return (loss / n).float(), to_features, share


def _with(log_p: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
    """Return log(p + exp(beside)), (n,), and its derivative with respect to log p, the share of p in the sum."""
    return torch.logaddexp(log_p, beside), torch.sigmoid(log_p - beside)


def _kind(features: Tensor) -> torch.dtype:
    """Return the data type of matrix products: that of autocast where it is enabled, else float32."""
    device = features.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32


def slices(length: int, size: int) -> list[slice]:
    """Return the slices of at most ``size`` that cover 0 … length - 1."""
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]


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


CLASS_ELEMENTS = 2**22  # logits computed at once


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
        for rows in slices(len(x), max(1, CLASS_ELEMENTS // len(self.class_bias))):
            out[rows] = self.class_log_probs(x[rows]).gather(1, kinds[rows, None])[:, 0]
        place = self._places()[targets]
        for which, (_, table, bias) in enumerate(self._classes()):
            mine = torch.nonzero(kinds == which).squeeze(1)
            for part in torch.split(mine, max(1, CLASS_ELEMENTS // max(1, len(bias)))) if len(mine) else ():
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
