"""A causal model of transformers as a network of lmcompare, and how it reads a text in windows."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Memory, Network
from lmcompare.training.softmax import Head

LOGITS_BYTES = 2**28  # bytes of the logits that are computed at once


class LogitsHead(Head):
    """The softmax over logits: the features of the network are its logits (…, V) already.

    Parameters
    ----------
    types : int
        V, the size of the vocabulary.
    embedding : Module
        The input vectors of the model, which are not a part of the head.
    """

    def __init__(self, types: int, embedding: nn.Module) -> None:
        nn.Module.__init__(self)
        self.types = types
        self._embedding = (embedding,)  # in a tuple, so that its weights are not stored twice

    @property
    def table(self) -> Tensor:  # type: ignore[override]
        """The input vectors."""
        return self._embedding[0].get_parameter("weight")

    @property
    def bias(self) -> Tensor:  # type: ignore[override]
        """No bias: that of the model, if it has one, is in the logits."""
        return self.table.new_zeros(())

    def start_from(self, counts: npt.NDArray[np.integer]) -> None:
        """Change nothing: training starts from the initialisation of the model."""

    def log_probs(self, features: Tensor) -> Tensor:
        """Return the log-probabilities (n, V) in nats and float32."""
        return torch.log_softmax(features.float(), -1)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return (n,) nats: the log-probability of each target."""
        return self.log_probs(features).gather(1, targets[:, None])[:, 0]

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the mean -log p of the targets (n,) in nats."""
        return functional.cross_entropy(features.float(), targets)


class CausalNetwork(Network):
    """A causal model of transformers over V types.

    It reads a document in windows and keeps no memory of the tokens before a window: each piece that ``forward`` is
    given is a window of its own.

    Parameters
    ----------
    model : PreTrainedModel
        The model.
    types : int
        V, the size of the vocabulary. The model may have further tokens, which it reads and which are not predicted.
    begin : int
        The id, for the model, of the token that it reads before the first token of a document.
    window : int
        The number of tokens in a window.
    """

    def __init__(self, model: Any, types: int, begin: int, window: int) -> None:
        super().__init__()
        self.model, self.begin = model, begin
        self.head = LogitsHead(types, model.get_input_embeddings())
        self.piece = window
        self.room = max(window, LOGITS_BYTES // (4 * types))
        takes = inspect.signature(model.forward).parameters
        self._keeps = "logits_to_keep" in takes
        # Asks only for the logits after the last input, the smallest possible number: all logits are gigabytes.
        self.last: dict[str, Any] = {"logits_to_keep": 1} if self._keeps else {}
        self.cache = "cache" if "cache" in takes else "past_key_values"  # depends on the version of transformers

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the logits (B, T, V) and an empty memory."""
        return self.logits(inputs), {}

    def ids(self, inputs: Tensor) -> Tensor:
        """Return the inputs as ids of the model, which has another id than V for the beginning of a document."""
        return inputs.masked_fill(inputs == self.head.types, self.begin)

    def logits(self, inputs: Tensor, first: int = 0) -> Tensor:
        """Return the logits (B, T - first, V) of the tokens after the inputs (B, T), from input ``first`` on."""
        how: dict[str, Any] = {"use_cache": False}
        if self._keeps and first:
            how["logits_to_keep"] = inputs.shape[1] - first
        logits: Tensor = self.model(input_ids=self.ids(inputs), **how).logits
        return logits[:, first - inputs.shape[1] :, : self.head.types]

    def hidden(self, inputs: Tensor) -> Sequence[Tensor]:
        """Return the hidden states (B, T, d) of the inputs: before the first layer, and after each."""
        found = self.model(input_ids=self.ids(inputs), use_cache=False, output_hidden_states=True, **self.last)
        states: Sequence[Tensor] = found.hidden_states
        return states

    def attentions(self, inputs: Tensor) -> list[Tensor]:
        """Return the attention weights (heads, T, T) of each layer for inputs (1, T); [] for a model without."""
        before = self.model.config._attn_implementation
        try:
            self.model.set_attn_implementation("eager")  # the other implementations do not return their weights
            found = self.model(input_ids=self.ids(inputs), use_cache=False, output_attentions=True).attentions
        except (AttributeError, TypeError, ValueError):  # a model without attention
            return []
        finally:
            self.model.set_attn_implementation(before)
        wanted = inputs.shape[1:] * 2
        return [each[0] for each in found or () if each is not None and each.shape[-2:] == wanted]

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the weights by name; a weight with two names, such as a tied table of vectors, comes once."""
        found = super().state_dict(*args, **kwargs)
        places: set[tuple[int, torch.Size]] = set()
        for name, value in list(found.items()):
            place = (value.data_ptr(), value.shape)
            if value.numel() and place in places:
                del found[name]
            places.add(place)
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Set the weights that ``state_dict`` returned."""
        if strict and (other := state_dict.keys() ^ self.state_dict().keys()):
            raise RuntimeError(f"these are not the weights of this model: only one of the two has {min(other)}")
        return super().load_state_dict(state_dict, strict=False, assign=assign)


@dataclass(frozen=True)
class Windows:
    """Windows of ``length`` inputs that begin at the multiples of ``stride`` in a document.

    The inputs of a document are its beginning, input 0, and its tokens. The token at offset o is predicted from input
    o and the inputs before it in the first window that has input o, so that the visible inputs depend on o alone.
    """

    length: int
    stride: int

    def first_inputs(self, offsets: IntArray) -> IntArray:
        """Return (n,) the first input of the window in which each offset (n,) is predicted."""
        after = np.maximum(offsets - self.length + 1, 0)
        first: IntArray = -(-after // self.stride) * self.stride
        return first


@dataclass(frozen=True)
class _Piece:
    """The part of a window that is read: where it is, and which elements of ``at`` it predicts at which offsets."""

    document: int  # the position of the document's first token
    first: int  # the first input
    elements: IntArray
    offsets: IntArray

    @property
    def length(self) -> int:
        return int(self.offsets[-1]) - self.first + 1


@torch.no_grad()
def read(
    network: CausalNetwork, windows: Windows, text: Encoded, at: IntArray, batch: int, *, hidden: bool = False
) -> Iterator[tuple[IntArray, Tensor]]:
    """Yield the logits that predict the tokens at some positions of a text.

    Parameters
    ----------
    network : CausalNetwork
        The network.
    windows : Windows
        The windows.
    text : Encoded
        The text.
    at : (N,) array of int
        Positions, in any order.
    batch : int
        The greatest number of windows that are read together.
    hidden : bool
        Whether the hidden states are returned in place of the logits.

    Yields
    ------
    where : (n,) array of int
        Indices into ``at``; every index comes once.
    logits : (n, V) Tensor
        Or the hidden states (layers + 1, n, d).
    """
    pieces = _pieces(windows, text, at)
    device = network.head.table.device
    while pieces:
        width = pieces[0].length
        least = min(int(piece.offsets[0]) - piece.first for piece in pieces[:batch])
        rows = min(batch, max(1, LOGITS_BYTES // (4 * network.head.types * (width - least))))
        chosen, pieces = pieces[:rows], pieces[rows:]
        least = min(int(piece.offsets[0]) - piece.first for piece in chosen)
        inputs = np.zeros((len(chosen), width), np.int64)
        for row, piece in enumerate(chosen):
            inputs[row, : piece.length] = inputs_of(text, piece.document, piece.first, piece.length)
        there = torch.from_numpy(inputs).to(device)
        found = network.hidden(there) if hidden else [network.logits(there, least)]
        where = np.concatenate([piece.elements for piece in chosen])
        picks = np.concatenate(
            [row * (width - least) + piece.offsets - piece.first - least for row, piece in enumerate(chosen)]
        )
        wanted = torch.from_numpy(picks).to(device)
        picked = [each[:, least - width :].flatten(0, 1)[wanted] for each in found]
        yield where, torch.stack(picked) if hidden else picked[0]


def inputs_of(text: Encoded, document: int, first: int, length: int) -> IntArray:
    """Return (length,) inputs of the document that begins at position ``document``, from input ``first`` on."""
    before = document + first - 1  # the position of the token that is input ``first``
    if first:
        return text.ids[before : before + length].astype(np.int64)
    return np.append(len(text.vocabulary), text.ids[document : document + length - 1]).astype(np.int64)


def _pieces(windows: Windows, text: Encoded, at: IntArray) -> list[_Piece]:
    """Return the pieces in which the positions are predicted, the longest first."""
    if not len(at):
        return []
    documents = text.context_starts(at)
    offsets = at - documents
    firsts = windows.first_inputs(offsets)
    order = np.lexsort((offsets, firsts, documents))
    keys = np.stack([documents[order], firsts[order]])
    cuts = np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1
    pieces = [
        _Piece(int(documents[group[0]]), int(firsts[group[0]]), group, offsets[group])
        for group in np.split(order, cuts)
    ]
    return sorted(pieces, key=lambda piece: -piece.length)
