"""A network that can also copy: its softmax is mixed with a pointer to the words that it has read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import SHORT_WINDOW, FloatArray, Idea, LanguageModel, Setting, check_reach, check_whole
from lmcompare.models.common.over_base import PRESETS, OverBase, extended
from lmcompare.models.pointer.exhibits import Copying, exhibits, measured
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Memory, Network
from lmcompare.training.recipe import Recipe
from lmcompare.training.softmax import Head, full_cross_entropy, sampled_cross_entropy, slices

ROUNDS = 3  # rounds in which the size of the base is fitted, since the size of the pointer depends on it
NONE = -1e9  # the score of a word that can't be copied
TOGETHER = 2**17  # scores computed at once, which stay in the processor's cache


@dataclass(eq=False)
class Pointer(OverBase, TorchLanguageModel):
    """A network that may copy a word which it has read: the pointer sentinel mixture of Merity et al. (2017).

    After each word the network compares its features with its features at the last ``window`` positions. The weights
    of this attention are the probabilities of copying the word that came after each of these positions, and the
    softmax has the rest: p(w) = a_0 p_softmax(w) + Σ_{j: w_j = w} a_j. Network and pointer are trained together. In
    Merity et al., a position points to the word that was just read there. Here it points to the next word, as in
    Grave, Joulin and Usunier (2017): the word that came after a similar context.

    Parameters
    ----------
    base : str, default "rnn"
        The plug-in of the network.
    options : table, optional
        The hyper-parameters of the base.
    preset : str, optional
        The preset of the base: "quick", "default" or "full"; ``options`` come on top of it.
    attention : int, default 64
        The size of the vectors that are compared.
    window : int, default 256
        The number of last positions from which words are copied.
    """

    idea = Idea(2017, "Merity, Xiong, Bradbury and Socher", "Pointer sentinel mixture models")
    called = "a model with a pointer"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    base: str = "rnn"
    options: Mapping[str, Any] | None = None
    preset: str | None = None
    attention: int = 64
    window: int = 256

    def __post_init__(self) -> None:
        super().__init__()
        check_whole("attention", self.attention, 1, 10**7)
        check_whole("window", self.window, 1, 10**5)
        built = self.set_base()
        if not isinstance(built, TorchLanguageModel):
            raise PluginError(f"'{self.base}' can't have a pointer: choose a network of lmcompare as the base")
        self._base = built

    def title(self) -> str:
        return extended(self._base.title(), "with a pointer")

    def check_text(self, train: Encoded) -> None:
        """Refuse a text that the base refuses, and a window longer than the longest document."""
        self._base.check_text(train)
        check_reach("window", self.window, train, "document", SHORT_WINDOW)

    def network(self, types: int) -> PointerNetwork:
        """Return the untrained network.

        Raises
        ------
        PluginError
            If the base does not predict words by one softmax.
        """
        self._base.end = self.end
        inner = self._base.network(types)
        if type(inner.head) is not Head:
            raise PluginError(f"'{self.base}' has no single softmax to share with a pointer: choose another base")
        return PointerNetwork(inner, self.attention, self.window)

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the options with which base and pointer together have about this many parameters."""
        found = super().sized(parameters, types)
        for _ in range(ROUNDS):
            if found is None:
                return None
            with torch.device("meta"):
                network = Pointer(**{**self.hyperparameters(), **found}).network(types)
            whole, inner = (sum(p.numel() for p in each.parameters()) for each in (network, network.inner))
            found = super().sized(max(1, parameters - (whole - inner)), types)
        return found

    def recipe(self) -> Recipe:
        return self._base.recipe()

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        assert isinstance(network, PointerNetwork)
        self._base.prepare(network.inner, train, setting)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text when words are copied and how many bits that saves."""
        return asdict(measured(self.trained_as(PointerNetwork), valid))

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, width) word vectors of the tokens: the features are not one vector for each token."""
        return LanguageModel.context_vectors(self, text, at)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(PointerNetwork), Copying(**self.measured), text)


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
        if features.shape[1] == self.width:
            return super().log_probs(features)
        softmax, copies, ids = self.weights(features)
        written = super().log_probs(features[:, : self.width]) + softmax[:, None]
        copied = torch.zeros_like(written).scatter_add_(1, ids, copies.exp())
        return torch.logaddexp(written, copied.log()).clamp_(max=0.0)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        if features.shape[1] == self.width:
            return super().log_prob_of(features, targets)
        f, log_softmax, beside = self._shares(features.float(), targets)
        return (torch.logaddexp(super().log_prob_of(f, targets), beside) + log_softmax).clamp_(max=0.0)

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        if features.shape[1] == self.width:
            return super().full_loss(features, targets)
        f, log_softmax, beside = self._shares(features, targets)
        return full_cross_entropy(f, self.table, self.bias, targets, beside) - log_softmax.mean()

    def sampled_loss(self, features: Tensor, targets: Tensor, words: Tensor, log_q: Tensor) -> Tensor:
        if features.shape[1] == self.width:
            return super().sampled_loss(features, targets, words, log_q)
        f, log_softmax, beside = self._shares(features, targets)
        given = self.table, self.bias, targets, words.to(f.device), log_q.to(f.device)
        return sampled_cross_entropy(f, *given, sparse=self.sparse, beside=beside) - log_softmax.mean()

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


PAST, WORDS, FILLED = OWN = ("pointer_past", "pointer_words", "pointer_filled")  # names in the memory


class PointerNetwork(Network):
    """A network over another one, the inner network, whose attention weights are probabilities of copying.

    The features f of the inner network are the input of the softmax, and the pointer compares them:
    e_ij = (W f_i) · (U f_j) / √A + b_(i - j) for the ``window`` positions before i, and e_i0 = s · f_i + c.
    """

    head: PointerHead

    def __init__(self, inner: Network, attention: int, window: int) -> None:
        super().__init__()
        self.piece, self.room, self.window = inner.piece, inner.room, window
        inner.head = PointerHead.over(inner.head)
        self.inner = inner
        # Registered a second time, its parameters would be in the state twice.
        object.__setattr__(self, "head", inner.head)
        width = inner.head.width
        self.query, self.key = (nn.Linear(width, attention, bias=False) for _ in range(2))
        self.distance = nn.Parameter(torch.zeros(window))  # b, the nearest first
        self.sentinel = nn.Linear(width, 1)
        nn.init.constant_(self.sentinel.bias, math.log(window) + 2.0)  # at first, the softmax has a weight of 7/8

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d + 1 + 2 C) that ``PointerHead`` takes, C = M + T - 1, and the memory.

        The memory is that of the inner network; ``pointer_past`` (B, M, d), the last M features, at most ``window``,
        of which ``pointer_filled`` (B,) are valid; and ``pointer_words`` (B, M), the inputs at their positions. Each
        of them points to the word that came after it. At the beginning M is 1, and that position is not valid.
        """
        features, left = self.inner(inputs, _below(memory))
        if memory is None:
            past, words = torch.zeros_like(features[:, :1]), torch.zeros_like(inputs[:, :1])
            filled = torch.zeros_like(inputs[:, 0])
        else:
            past, words, filled = memory[PAST].to(features.dtype), memory[WORDS], memory[FILLED]
        known = torch.cat([past, features], 1)  # (B, M + T, d)
        read = torch.cat([words, inputs], 1)  # (B, M + T)
        scores = self._scores(features, known[:, :-1], filled)
        # The beginning of a document is not a word, but no visible position comes before it.
        ids = read[:, None, 1:].clamp(max=self.head.types - 1).float().expand_as(scores)
        left[PAST] = known[:, -self.window :].float()
        left[WORDS] = read[:, -self.window :]
        left[FILLED] = (filled + inputs.shape[1]).clamp(max=self.window)
        return torch.cat([features.float(), self.sentinel(features).float(), scores, ids], 2), left

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor | None:
        """Return the words that the inner network reads: past words are copied by their ids."""
        return self.inner.words_read(inputs, _below(memory))

    def _scores(self, features: Tensor, before: Tensor, filled: Tensor) -> Tensor:
        """Return the scores (B, T, C) of features (B, T, d) with those at the C positions ``before`` (B, C, d)."""
        place = torch.arange(before.shape[1], device=features.device)
        remembered = before.shape[1] - features.shape[1] + 1  # M
        back = remembered + torch.arange(features.shape[1], device=features.device)[:, None] - place  # (T, C)
        near = (back >= 1) & (back <= self.window)
        bias = torch.where(near, self.distance[(back - 1).clamp(0, self.window - 1)], NONE)
        query = self.query(features) / math.sqrt(self.query.out_features)
        scores = (query @ self.key(before).transpose(1, 2)).float() + bias  # (B, T, C)
        there = place >= remembered - filled[:, None]  # (B, C)
        return scores if bool(there.all()) else torch.where(there[:, None], scores, NONE)

    def in_page(self) -> list[dict[str, Any]]:
        raise LmcompareError("the page can't copy words yet")


def _below(memory: Memory | None) -> Memory | None:
    """Return the memory of the inner network."""
    return None if memory is None else {name: value for name, value in memory.items() if name not in OWN}
