"""Measures when a trained network copies, and how many bits that saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.models.common.sentences import LONGEST
from lmcompare.models.pointer.network import PointerNetwork
from lmcompare.tokens import Encoded, FloatArray, IntArray, excerpt
from lmcompare.training.reading import read

EXCERPT = 16_384  # tokens of the validation text


@dataclass(frozen=True)
class Copying:
    """Measurements on the validation text, for words that can be copied, and for others.

    JSON-able.

    Parameters
    ----------
    tokens : sequence of int, default=()
        How many words can be copied, and how many can't.
    copied : sequence of float, default=()
        The mean probability that a word is copied, whichever it is.
    saved : sequence of float, default=()
        The mean bits that the mixture saves, compared with its own softmax alone.
    passage : sequence of int, default=()
        The ids of a passage in which copying saves much.
    """

    tokens: Sequence[int] = ()
    copied: Sequence[float] = ()
    saved: Sequence[float] = ()
    passage: Sequence[int] = ()


@dataclass(frozen=True)
class Mixed:
    """The parts of the mixture at N positions of a text.

    Parameters
    ----------
    copied : (N,) array
        The probability that a word is copied.
    own : (N,) array
        The probability of copying the word that came.
    softmax : (N,) array
        The probability of the word that came by the softmax.
    """

    copied: FloatArray
    own: FloatArray
    softmax: FloatArray

    @property
    def saved(self) -> FloatArray:
        """The bits that the mixture saves, compared with the softmax alone, (N,)."""
        return np.log2((1 - self.copied) + self.own / self.softmax)


@torch.no_grad()
def mixed(network: PointerNetwork, text: Encoded) -> Mixed:
    """Return the parts of the mixture at each position of a text."""
    copied, own, softmax = np.zeros((3, len(text)))
    for where, features in read(network, text, np.arange(len(text))):
        _, copies, ids = network.head.weights(features)
        f = features[:, : network.head.width]
        targets = torch.from_numpy(text.ids[where].astype(np.int64)).to(f.device)
        copied[where] = copies.exp().sum(1).double().cpu().numpy()
        own[where] = (copies.exp() * (ids == targets[:, None])).sum(1).double().cpu().numpy()
        softmax[where] = network.head.log_prob_of(f, targets).double().exp().cpu().numpy()
    return Mixed(copied.clip(0, 1), own, softmax.clip(min=1e-300))


def measured(network: PointerNetwork, valid: Encoded) -> Copying:
    """Measure the copying in an excerpt of the validation text."""
    text = excerpt(valid, EXCERPT)
    if not len(text):
        return Copying()
    found = mixed(network, text)
    there = found.own > 0
    kinds = [there, ~there]
    return Copying(
        tokens=[int(kind.sum()) for kind in kinds],
        copied=[float(found.copied[kind].mean()) if kind.any() else 0.0 for kind in kinds],
        saved=[float(found.saved[kind].mean()) if kind.any() else 0.0 for kind in kinds],
        passage=[int(each) for each in _passage(network, text)],
    )


def _passage(network: PointerNetwork, text: Encoded) -> IntArray:
    """Return the passage of ``LONGEST`` words in which copying from the passage itself saves most."""
    documents = [ids[k : k + LONGEST] for ids in text.documents() for k in range(0, len(ids), LONGEST // 2)]
    pieces = Encoded.from_documents([ids for ids in documents if len(ids) == LONGEST], text.vocabulary)
    if not len(pieces):
        return np.zeros(0, np.int64)
    special = np.isin(pieces.ids, text.vocabulary.special)
    saved = np.where(special, 0.0, mixed(network, pieces).saved).reshape(-1, LONGEST)
    chosen = int(saved.sum(1).argmax())
    return pieces.ids[chosen * LONGEST : (chosen + 1) * LONGEST]
