"""A pocket copy of a network: fewer bits per number, and one output for all rare words. The page of a report runs it.

Numbers are stored in blocks that share a scale, the greatest absolute value of the block (absmax). The most frequent
words keep their rows in the tables. All other words, the rare ones, share one row, the mean of their rows weighted by
frequency, and one output, which is fitted to the validation text. The probability of this output is divided among the
rare words by their frequency in the training text, so that every distribution is over the whole vocabulary.
"""

from __future__ import annotations

import base64
import copy
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.tokens import Encoded, FloatArray, IntArray
from lmcompare.training.network import Network, read
from lmcompare.training.softmax import Head, slices

SIZE = 1_700_000  # characters of a copy; it decides how many words keep their rows
SAMPLED = 500  # words by which the size of a row is estimated
BLOCK = 32  # numbers that share a scale
BITS = 3  # bits per number
FITTED = 20_000  # tokens of the validation text to which the output of rare words is fitted
ROWS = 256  # positions whose logits are computed together
HEAD = "head.table"  # the word vectors of the softmax
READ = ("embed", "bag")  # layers of the page that look up word vectors in a table

Bytes = npt.NDArray[np.uint8]


class Pocket:
    """The copy: Python can evaluate it, and ``table`` returns it for the page.

    Parameters
    ----------
    network : Network
        A trained network with a plain softmax.
    layers : sequence of dict
        What ``Network.in_page`` returns.
    valid : Encoded
        The validation text; its vocabulary has the counts of the training text.
    whole : bool
        Whether all words keep their rows, and numbers have 8 bits.

    Raises
    ------
    LmcompareError
        If the network's output is not a plain softmax over all words.
    """

    @torch.no_grad()
    def __init__(
        self, network: Network, layers: Sequence[dict[str, Any]], valid: Encoded, *, whole: bool = False
    ) -> None:
        if type(network.head) is not Head:
            raise LmcompareError("the page can compute only a softmax over all words")
        counts = torch.as_tensor(np.asarray(valid.vocabulary.counts, np.float64)) + 1.0
        types = len(counts)
        self.layers, self.types = list(layers), types
        self.tables = {HEAD, *(layer["table"] for layer in self.layers if layer["type"] in READ)}
        self.network = copy.deepcopy(network).cpu().eval()
        order = torch.argsort(counts, descending=True, stable=True)
        bits = 8 if whole else BITS
        most = types if whole else self._affordable()
        self.kept, self.rare = order[:most].sort().values, order[most:].sort().values
        self.shares = (counts[self.rare] / counts[self.rare].sum()).log()  # (R,)
        self.packed: dict[str, dict[str, Any]] = {}
        self.row = torch.full((types + 1,), len(self.kept))  # the row of each word; rare words share one
        self.row[self.kept] = torch.arange(len(self.kept))
        self.row[types] = len(self.kept) + 1  # the beginning of a document
        for name, value in self.network.state_dict().items():
            is_table = name in self.tables
            reduced = self._reduced(value, counts) if is_table else value
            self.packed[name], restored = pack(reduced, bits)
            value.copy_(restored[self.row] if is_table else restored)
        self.vector, self.bias = self._fitted(valid)

    def _affordable(self) -> int:
        """Return how many words can keep their rows in a copy of ``SIZE`` characters."""
        values = self.network.state_dict()
        tables = [value for name, value in values.items() if name in self.tables]
        others = [value for name, value in values.items() if name not in self.tables]
        spent = sum(len(json.dumps(pack(value, BITS)[0])) for value in others)
        each = sum(len(json.dumps(pack(table[:SAMPLED], BITS)[0])) / len(table[:SAMPLED]) for table in tables)
        return int(min(self.types, max(1, (SIZE - spent) / each))) if each else self.types

    def _reduced(self, table: Tensor, counts: Tensor) -> Tensor:
        """Return the rows (K + 2, d) of the kept words, of all rare words together, and of a document's beginning."""
        others = torch.zeros(1, table.shape[1])
        if len(self.rare):
            others = (self.shares.exp() @ table[self.rare].double()).float()[None]
        return torch.cat([table[self.kept], others, table[-1:]])

    def _features(self, text: Encoded, at: IntArray) -> Iterator[tuple[IntArray, Tensor]]:
        with torch.inference_mode():
            yield from read(self.network, text, at)

    def _kept_logits(self, features: Tensor) -> Tensor:
        head = self.network.head
        logits: Tensor = functional.linear(features, head.table[self.kept], head.bias[self.kept])
        return logits

    def _fitted(self, valid: Encoded) -> tuple[Tensor, Tensor]:
        """Return the vector (d,) and the bias of the rare words' output, by logistic regression with an offset."""
        width = self.network.head.table.shape[1]
        if not len(self.rare):
            return torch.zeros(width), torch.tensor(-1e9)
        at = np.arange(min(len(valid), FITTED))
        found, offsets = torch.zeros(len(at), width), torch.zeros(len(at))
        for where, features in self._features(valid, at):
            found[where] = features.float()
            for rows in slices(len(where), ROWS):
                offsets[where[rows]] = self._kept_logits(features[rows].float()).logsumexp(-1)
        is_rare = (self.row[torch.from_numpy(valid.ids[at].astype(np.int64))] == len(self.kept)).float()
        with torch.enable_grad():
            start = self.network.head.table[int(self.rare[0])].detach().clone()
            vector, bias = start.requires_grad_(), torch.zeros((), requires_grad=True)
            optimiser = torch.optim.LBFGS([vector, bias], max_iter=50, line_search_fn="strong_wolfe")

            def loss() -> Tensor:
                optimiser.zero_grad()
                logits = found @ vector + bias - offsets
                value = functional.binary_cross_entropy_with_logits(logits, is_rare) + 1e-5 * vector.square().sum()
                value.backward()  # type: ignore[no-untyped-call]
                return value

            optimiser.step(loss)  # type: ignore[no-untyped-call]
        return vector.detach(), bias.detach()

    def log_probs(self, text: Encoded) -> FloatArray:
        """Return (N,) nats: the log-probability of every token by the copy."""
        scores = np.zeros(len(text))
        shares = torch.zeros(self.types, dtype=torch.float64)
        shares[self.rare] = self.shares
        targets = torch.from_numpy(text.ids.astype(np.int64))
        with torch.inference_mode():
            for where, features in self._features(text, np.arange(len(text))):
                for rows in slices(len(where), ROWS):
                    part, wanted = features[rows].float(), targets[torch.from_numpy(where[rows])]
                    logits = torch.cat([self._kept_logits(part), (part @ self.vector + self.bias)[:, None]], 1)
                    found = logits.double().log_softmax(-1).gather(1, self.row[wanted][:, None])[:, 0]
                    scores[where[rows]] = (found + shares[wanted]).numpy()
        return scores

    def table(self) -> dict[str, Any]:
        """Return the copy as a JSON-able table; its layers refer to its arrays by name."""
        return {
            "kind": "network",
            "layers": self.layers,
            "arrays": self.packed,
            "kept": _packed(self.kept.numpy().astype("<i4").tobytes()),
            "shares": _packed(self.shares.numpy().astype("<f4").tobytes()),
            "rare": {"vector": pack(self.vector, 32)[0], "bias": float(self.bias)},
        }


def pack(values: Tensor, bits: int) -> tuple[dict[str, Any], Tensor]:
    """Return numbers packed for the page, and the numbers that the page unpacks from them.

    Each block of ``BLOCK`` numbers has a scale in float16, and each number is a byte of few different values, which
    gzip stores in few bits. Vectors keep float32.
    """
    flat = values.detach().float().flatten().numpy()
    about: dict[str, Any] = {"shape": list(values.shape)}
    if values.dim() < 2 or bits == 32:
        return {**about, "bits": 32, "data": _packed(flat.astype("<f4").tobytes())}, values.detach().float()
    most = 2 ** (bits - 1) - 1
    blocks = np.pad(flat, (0, -len(flat) % BLOCK)).reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(axis=1) / most).astype(np.float16)
    by = np.where(scales > 0, scales, np.float16(1)).astype(np.float32)[:, None]
    whole = np.clip(np.rint(blocks / by), -most, most)
    restored = (whole * scales.astype(np.float32)[:, None]).ravel()[: len(flat)].reshape(values.shape)
    raw = (whole.ravel() + most).astype(np.uint8)[: len(flat)]  # from 0 to 2 * most
    packed = {
        **about,
        "bits": bits,
        "data": _packed(raw.tobytes()),
        "scales": _packed(scales.astype("<f2").tobytes()),
    }
    return packed, torch.from_numpy(restored.astype(np.float32))


def _packed(raw: bytes) -> str:
    """Return bytes in base64, compressed by gzip with Huffman coding alone, since no strings of bytes repeat."""
    coder = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return base64.b64encode(coder.compress(raw) + coder.flush()).decode()
