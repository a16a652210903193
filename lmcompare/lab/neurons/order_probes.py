"""Which of two words came first: what the states, single units and single heads of a trained network tell of it.

Two frequent words are put into passages at two places, once in each order. The two texts have the same bag of words,
so that nothing but their order tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.lab.sample import Sample
from lmcompare.models.rnn.network import Recurrence
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.runfolder.parquet import Array
from lmcompare.tokens import IntArray, Vocabulary
from lmcompare.training.network import Network

LENGTH = 16  # tokens of a passage
PLACES = ((3, 2), (6, 4), (12, 8))  # of the earlier and of the later word, counted from the end; the last word is 1
ROWS = 256  # passages that are read at a time


@dataclass(frozen=True)
class Passages:
    """Passages of the test text into which pairs of words are put.

    Parameters
    ----------
    sample : Sample
        The positions at which the n passages end.
    words : array of int, shape (n, LENGTH)
        Their tokens.
    pairs : sequence of (int, int)
        The words that are put into them.
    """

    sample: Sample
    words: IntArray
    pairs: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, whole: Sample, vocabulary: Vocabulary, passages: int, pairs: int) -> Passages:
        """Draw passages within documents, and take pairs of frequent words of about the same frequency."""
        inside = whole.at - whole.text.context_starts(whole.at) >= LENGTH
        sample = whole.chosen(np.flatnonzero(inside), passages)
        words = np.array([context[-LENGTH:] for context in sample.contexts(LENGTH)], np.int64).reshape(-1, LENGTH)
        frequent = [
            word
            for word in np.argsort(-vocabulary.counts, kind="stable").tolist()
            if vocabulary.tokens[word].isalpha() and word not in (vocabulary.end, vocabulary.unknown)
        ]
        return cls(sample, words, list(zip(frequent[0 : 2 * pairs : 2], frequent[1 : 2 * pairs : 2], strict=False)))

    def filled(self, pair: tuple[int, int], places: tuple[int, int]) -> IntArray:
        """Return (2 n, LENGTH): the passages with the first word of a pair before the second, and then exchanged."""
        in_order, exchanged = self.words.copy(), self.words.copy()
        earlier, later = (LENGTH - place for place in places)
        in_order[:, earlier], in_order[:, later] = pair
        exchanged[:, later], exchanged[:, earlier] = pair
        return np.concatenate([in_order, exchanged])


@torch.inference_mode()
def last_states(network: Network, texts: IntArray) -> Array:
    """Return (N, d): the state of a network after the last word of each text (N, T).

    For an RNN the states of its last layer, for a transformer the outputs of all heads and the features from which
    the softmax predicts, else the features.
    """
    found = []
    for inputs in _batches(network, texts):
        if isinstance(network, TransformerNetwork):
            features, _, maps = network.attend(inputs, None, maps=True)
            made = torch.cat([features[:, -1], *(each.mixed[:, :, -1].flatten(1) for each in maps)], 1)
        elif isinstance(network, Recurrence):
            made = network.states(inputs, None)[0][:, -1]
        else:
            made = network(inputs, None)[0][:, -1]
        found.append(made.float().cpu().numpy())
    return np.concatenate(found)


def told(network: Network, passages: Passages, places: tuple[int, int]) -> Array:
    """Return (2, n): how often a network's state tells in each of n passages which of two words came first.

    The shares are over both orders and all pairs: first those of a linear probe of the whole state, then those of the
    one number of the state that told it best in other passages. Probes are trained on half of the passages and tested
    on the other half, and the other way round; a document is in one half, if there are several. For each pair of
    words there is a probe of its own.
    """
    half = passages.sample.text.document_of(passages.sample.at) % 2
    if len(np.unique(half)) < 2:
        half = np.arange(len(half)) % 2
    right = np.zeros((2, len(half)))
    truth = np.repeat([True, False], len(half))
    for pair in passages.pairs:
        states = last_states(network, passages.filled(pair, places)).astype(np.float64)
        for part in (0, 1):
            train, asked = np.tile(half != part, 2), np.tile(half == part, 2)
            for row, guess in zip(right, (_probed, _best_unit), strict=True):
                correct = guess(states[train], truth[train], states[asked]) == truth[asked]
                row[half == part] += correct.reshape(2, -1).mean(axis=0)
    return right / len(passages.pairs)


def _probed(states: Array, truth: Array, others: Array) -> Array:
    """Ridge regression (Hoerl and Kennard 1970) of standardised states, its penalty chosen by cross-validation."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 5, 7)))
    return np.asarray(probe.fit(states, truth).predict(others))


def _best_unit(states: Array, truth: Array, others: Array) -> Array:
    """Return what the best single number says, with the threshold half-way between its means in the two orders."""
    one, other = states[truth].mean(axis=0), states[~truth].mean(axis=0)
    middle, above = (one + other) / 2, one > other
    best = int((((states > middle) == above) == truth[:, None]).mean(axis=0).argmax())
    return np.asarray((others[:, best] > middle[best]) == above[best])


@torch.inference_mode()
def later_shares(network: TransformerNetwork, passages: Passages, places: tuple[int, int]) -> Array:
    """Return (layers, heads): how often the last word attends more to the later of the two words than to the earlier.

    A head that goes by the words alone does so in one of the two orders, and so in half of the texts.
    """
    earlier, later = (LENGTH - place + 1 for place in places)  # the first input is the document's beginning
    found = []
    for pair in passages.pairs:
        for inputs in _batches(network, passages.filled(pair, places)):
            weights = torch.stack([maps.weights[:, :, -1] for maps in network.attend(inputs, None, maps=True)[2]])
            more, less = weights[..., later], weights[..., earlier]
            found.append(((more > less).double() + (more == less).double() / 2).cpu().numpy())
    return np.asarray(np.concatenate(found, axis=1).mean(axis=1))


def _batches(network: Network, texts: IntArray) -> Iterator[torch.Tensor]:
    """Yield the inputs (B, T + 1) of texts, each a document of its own."""
    device = network.head.table.device
    begun = np.insert(texts, 0, network.head.types, axis=1)
    for first in range(0, len(begun), ROWS):
        yield torch.from_numpy(begun[first : first + ROWS]).to(device)
