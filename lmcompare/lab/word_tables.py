"""The bags of words of the experiment on WordNet, each with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lmcompare.model import Setting
from lmcompare.models.word2vec.plugin import BagNetwork, Word2VecBow
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.models.wordnet_bow.readable import CLASSES, Bits, Describer, digest
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Network
from lmcompare.training.softmax import ClassHead

BAND = 100  # words of about the same frequency


@dataclass(eq=False, kw_only=True)
class PermutedRows(WordNetBow):
    """A bag of WordNet's classes in which each word has the classes of another word of about its frequency.

    The table has the same rows, and words are told apart as well as before, but words that are alike in meaning have
    nothing in common. The classes of the words that are predicted stay right.
    """

    def title(self) -> str:
        """Return the display name."""
        return "WordNet, bag of words, rows permuted"

    def arranged(self, table: Bits, counts: IntArray, setting: Setting) -> Bits:
        """Return the rows permuted within bands of ``BAND`` words; those of ``</s>`` and ``<unk>`` stay."""
        random = np.random.default_rng([setting.seed, 41])
        order = np.argsort(-counts, kind="stable")
        order = order[~np.isin(order, setting.vocabulary.special)]
        permuted = table.copy()
        for band in np.array_split(order, max(1, len(order) // BAND)):
            permuted[band] = table[random.permutation(band)]
        return permuted


@dataclass(eq=False, kw_only=True)
class ClassedBag(Word2VecBow):
    """A bag of word vectors with the output of ``wordnet-bow``: a softmax over classes, and one over their words.

    Parameters
    ----------
    wordnet : str, default=""
        As in ``WordNetBow``.
    """

    files: ClassVar[tuple[str, ...]] = ("vectors", "wordnet")

    wordnet: str = ""

    def title(self) -> str:
        """Return the display name."""
        return f"word2vec, bag of words, {'' if self.tune else 'fixed vectors, '}class output"

    def digest_of(self, name: str) -> str:
        """Return the digest of WordNet's files, or of the file of vectors."""
        return digest(self.wordnet) if name == "wordnet" else super().digest_of(name)

    def network(self, types: int) -> BagNetwork:
        """Return the bag with a softmax over classes and their words."""
        network = super().network(types)
        network.head = ClassHead(types, self.hidden or self.width, len(CLASSES))
        return network

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Train word2vec, and set the classes of the words."""
        super().prepare(network, train, setting)
        kinds = [CLASSES.index(word.kind) for word in Describer(self.wordnet).vocabulary(train.vocabulary)]
        assert isinstance(network.head, ClassHead)
        network.head.classify(np.array(kinds), np.bincount(train.ids, minlength=len(kinds)))
