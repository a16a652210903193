"""Transformers with one thing changed, for controlled experiments: everything else is as in ``transformer``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.errors import PluginError
from lmcompare.model import LanguageModel, Setting, State
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.rnn.encoder_decoder import EncoderDecoderNetwork, RnnEncoderDecoder
from lmcompare.models.transformer.network import Block, Design, TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import BagNetwork, Word2VecBow
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.models.wordnet_bow.readable import CLASSES, Bits, Describer, digest
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Network
from lmcompare.training.softmax import ClassHead


class Constant(nn.Module):
    """One learnt vector, which every position has as its query or key."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.randn(size))

    def forward(self, x: Tensor) -> Tensor:
        """Return the vector at each position: (B, T, size), given x (B, T, d)."""
        return self.vector.expand(*x.shape[:2], -1)


class DistanceNetwork(TransformerNetwork):
    """A transformer whose queries and keys do not depend on the words.

    Each head has one query and one key for all positions. After their rotation the score of two positions depends on
    the distance between them, and on nothing else.
    """

    def __init__(self, types: int, design: Design, end: int) -> None:
        super().__init__(types, design, end)
        for layer in self.blocks:
            assert isinstance(layer, Block)
            for name in ("query", "key"):
                linear = getattr(layer.attention, name)
                setattr(layer.attention, name, Constant(linear.out_features))


@dataclass(eq=False, kw_only=True)
class AttentionByDistance(Transformer):
    """A transformer that can't choose words to look at: the weights of attention depend on the distance alone."""

    def title(self) -> str:
        """Return the display name."""
        return "Transformer that attends by distance"

    def network(self, types: int) -> TransformerNetwork:
        """Return the network."""
        return DistanceNetwork(types, self.design(), self.end)


@dataclass(eq=False, kw_only=True)
class FrozenVectors(Transformer):
    """A transformer whose word vectors are random and are not trained, neither as inputs nor in the softmax."""

    def title(self) -> str:
        """Return the display name."""
        return "Transformer with random word vectors"

    def network(self, types: int) -> TransformerNetwork:
        """Return the network with word vectors that stay as they are."""
        network = super().network(types)
        network.head.table.requires_grad_(False)
        return network


class OfPart(LanguageModel):
    """A model that is trained on a part of the training text; the vocabulary and its counts are those of all of it.

    Attributes
    ----------
    share : float
        The share of the training text.
    """

    share: float

    def title(self) -> str:
        """Return the display name."""
        return f"{super().title()} on {100 * self.share:g} % of the text"

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train on documents drawn at random, up to a share of the tokens."""
        return super().fit(part(train, self.share), valid, setting)  # type: ignore[safe-super]


@dataclass(eq=False, kw_only=True)
class PartTransformer(OfPart, Transformer):
    """A transformer that reads as many tokens as with the whole text: the same part more often.

    Parameters
    ----------
    share : float, default=0.5
        The share of the training text.
    """

    share: float = 0.5


class PartNGram(OfPart, NGram):
    """An n-gram model that counts a part of the training text."""

    def __init__(self, order: int = 5, share: float = 0.5) -> None:
        super().__init__(order=order)
        self.share = share


@dataclass(eq=False, kw_only=True)
class PartBag(OfPart, Word2VecBow):
    """A bag of word vectors on a part of the training text, with about as many parameters as a 5-gram model of it.

    It reads as many tokens as with the whole text.

    Parameters
    ----------
    share : float, default=0.5
        The share of the training text.
    """

    share: float = 0.5

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the n-grams of the part, and train a bag of that size."""
        counts = PartNGram(share=self.share).fit(train, valid, setting).size().parameters
        plain = Word2VecBow(**{k: v for k, v in self.hyperparameters().items() if k != "share"})
        try:
            widths = plain.sized(counts, len(train.vocabulary)) or {}
        except PluginError:  # even the narrowest has more
            widths = dict.fromkeys(self.widths, 1)
        self.width, self.hidden = widths["width"], widths["hidden"]
        return super().fit(train, valid, setting)

    def state(self) -> State:
        """Return the state of the bag, with its widths."""
        state = super().state()
        return State(state.arrays, {**state.values, "width": self.width, "hidden": self.hidden})

    def restore(self, state: State) -> Self:
        """Become the trained bag that has this state."""
        self.width, self.hidden = int(state.values["width"]), int(state.values["hidden"])
        return super().restore(state)


@dataclass(eq=False, kw_only=True)
class HalfParameters(Transformer):
    """A transformer that is so narrow that it has half of the parameters."""

    def title(self) -> str:
        """Return the display name."""
        return "Transformer with half of the parameters"

    def network(self, types: int) -> TransformerNetwork:
        """Return a narrower network."""
        with torch.device("meta"):
            whole = sum(parameter.numel() for parameter in super().network(types).parameters())
        plain = Transformer(**self.hyperparameters())
        narrow = replace(plain, **(plain.sized(whole // 2, types) or {}))
        narrow.end = self.end
        return narrow.network(types)


class LimitedOrderNetwork(TransformerNetwork):
    """A transformer that knows the order of the last words only.

    Its keys and values, in every layer, are made of the word vectors alone: in an ordinary transformer those of the
    second layer contain what precedes each position, and so the order. A learnt number is added to the score of each
    distance (relative positions; 0 is the position itself), the same for all distances from ``known`` on. So a
    position knows the last ``known`` words in order, and of the others the set, each with its number of occurrences.
    """

    def __init__(self, types: int, design: Design, end: int, known: int) -> None:
        super().__init__(types, design, end)
        self.known = known

    def source(self, embedded: Tensor) -> Tensor:
        """Return the word vectors, for the keys and values of every layer."""
        return embedded

    def bias(self, distance: Tensor) -> Tensor | None:
        """Return the numbers that are added to the scores at these distances: all far ones have the same."""
        far = self.known if self.known > 1 else 0  # the query says which word is the last one
        return super().bias(distance.clamp(max=far))


@dataclass(eq=False, kw_only=True)
class LimitedOrder(Transformer):
    """A transformer that knows the order of the last words, and of the others only which they are.

    See ``LimitedOrderNetwork``. Position encodings other than "relative" would tell it more.

    Parameters
    ----------
    known : int, default=1
        How many words back it knows the order.
    """

    positions: str = "relative"
    known: int = 1

    def __post_init__(self) -> None:
        self.check_choice("positions", ("relative",))
        self.check_whole(1, "known")
        super().__post_init__()

    def title(self) -> str:
        """Return the display name."""
        return f"Transformer that knows the order of {self.known} word{'s' if self.known > 1 else ''}"

    def network(self, types: int) -> TransformerNetwork:
        """Return the network."""
        return LimitedOrderNetwork(types, self.design(), self.end, self.known)


@dataclass(eq=False, kw_only=True)
class TextbookEncoderDecoder(RnnEncoderDecoder):
    """An encoder-decoder that is used as for translation: the encoder reads the chunk that the decoder predicts.

    With two languages that is right: the encoder reads one of them and the decoder writes the other. With one text it
    is the mistake of many examples: the network copies what it has read.
    """

    window: int = 17
    chunk: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        self.traits = replace(self.traits, causal=False)

    def title(self) -> str:
        """Return the display name."""
        return "Encoder-decoder that reads its chunk"

    def network(self, types: int) -> EncoderDecoderNetwork:
        """Return the network, whose encoder also reads the inputs of the chunk."""
        network = super().network(types)
        network.ahead = self.chunk
        return network


def part(text: Encoded, share: float) -> Encoded:
    """Return documents of a text in random order, always the same one, up to a share of its tokens.

    A smaller part is contained in a greater one. The last document is cut after the sentence with which the share is
    reached.
    """
    wanted = math.ceil(share * len(text))
    taken: list[IntArray] = []
    for document in np.random.default_rng(0).permutation(len(text.starts)):
        begin, end = int(text.starts[document]), int(text.ends[document])
        if end - begin > wanted:
            ends = np.append(text.sentence_starts(), len(text))
            end = min(end, int(ends[np.searchsorted(ends, begin + wanted)]))
        taken.append(text.ids[begin:end])
        wanted -= end - begin
        if wanted <= 0:
            break
    return Encoded.from_documents(taken, text.vocabulary)


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
