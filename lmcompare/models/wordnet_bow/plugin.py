"""WordNet's classes in a bag: a frozen table that a person can read, and a softmax over classes and their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, LanguageModel, Setting, State, Traits, check_reach
from lmcompare.models.word2vec.plugin import FULL
from lmcompare.models.wordnet_bow.exhibits import exhibits
from lmcompare.models.wordnet_bow.readable import CLASSES, Bits, Describer, ReadableBag, chosen, table
from lmcompare.models.wordnet_bow.wordnet import digest
from lmcompare.state import taken
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Network


@dataclass(eq=False, kw_only=True)
class WordNetBow(TunableLanguageModel):
    """Words as sets of WordNet's classes in a bag of the last words, and a softmax over classes and their words.

    Each word is a row of zeros and ones, which is not trained: it says which of F features the word has. Features are
    the supersenses (lexicographer files) and hypernyms of its senses in WordNet (Miller 1995), its inflection, and,
    for words that WordNet lacks, classes of our own: function words, marks, numbers, names. As in ``word2vec-bow``,
    f = tanh(A m + a), where m is the mean of the rows of the last ``window`` inputs of the sentence. Then
    p(w | context) = p(c(w) | f) · p(w | c(w), f), where c(w) is the supersense or other class of the word.

    Of the features of the words in the training text, those with the most tokens are kept.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    features : int, default=2048
        The greatest number of features, F.
    window : int, default=3
        The number of words in the bag.
    hidden : int, default=256
        The number of units of the hidden layer; 0 for a log-linear model (f = m).
    wordnet : str, default=""
        The folder of WordNet's files; "" to look on NLTK's data path and in /usr/share/wordnet.
    dropout : float, default=0.1
        Dropout on the mean and on the hidden layer.
    """

    files: ClassVar[tuple[str, ...]] = ("wordnet",)
    widths: ClassVar[tuple[str, ...]] = ("hidden",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"steps": 240}, "full": FULL}

    features: int = 2048
    window: int = 3
    hidden: int = 256
    wordnet: str = ""
    weight_decay: float = 0.1
    candidates: int = 0

    def __post_init__(self) -> None:
        self.check_whole(1, "features", most=10**5)
        self.check_whole(1, "window", most=1000)
        self.check_whole(0, "hidden")
        self.traits = Traits(carries_state=False)
        self.names: tuple[str, ...] = ()
        super().__post_init__()

    def title(self) -> str:
        return "WordNet, bag of words"

    def digest_of(self, name: str) -> str:
        return digest(self.wordnet)

    def network(self, types: int) -> ReadableBag:
        """Return the bag and its two softmax layers, with a table that is still to be filled."""
        sizes = types, self.features, len(CLASSES), self.window, self.hidden
        return ReadableBag(*sizes, self.dropout, self.end)

    def check_text(self, train: Encoded) -> None:
        """Refuse a window longer than the longest sentence."""
        check_reach("window", self.window, train, "sentence", 64)

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Fill the table and set the classes of the words."""
        counts = np.bincount(train.ids, minlength=len(train.vocabulary))
        described = Describer(self.wordnet).vocabulary(train.vocabulary)
        self.names = chosen(described, counts, self.features)
        known = np.array([bool(word.lemma) for word in described])
        share = counts[known].sum() / max(1, counts.sum())
        self.notes = (
            *self.notes,
            f"WordNet has {known.sum():,} of {len(known):,} types, {share:.0%} of train's tokens; function words,"
            " marks and numbers have classes of our own. People made it: it knows words that are rare in the text.",
        )
        rows = self.arranged(table(described, self.names), counts, setting)
        assert isinstance(network, ReadableBag)
        network.head.classify(np.array([CLASSES.index(word.kind) for word in described]), counts)
        network.rows.zero_()[: len(rows), : len(self.names)] = torch.from_numpy(rows)

    def arranged(self, table: Bits, counts: IntArray, setting: Setting) -> Bits:
        """Return the (V, F) table as the bag reads it: here unchanged."""
        return table

    def word_vectors(self) -> FloatArray:
        """Return the (V, F) table of zeros and ones."""
        network = self.trained_as(ReadableBag)
        vectors: FloatArray = network.rows[: network.head.types].float().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, F) rows of the tokens: in a bag a word is the same in every context."""
        return LanguageModel.context_vectors(self, text, at)

    def state(self) -> State:
        """Return the weights, the table with eight numbers in a byte, and the names of the features."""
        state = super().state()
        bits = np.packbits(state.arrays["rows"], axis=1)
        return State({**state.arrays, "rows": bits}, {**state.values, "features": list(self.names)})

    def restore(self, state: State) -> Self:
        """Become the trained model that has this state; WordNet is not needed."""
        self.names = tuple(state.values["features"])
        rows = np.unpackbits(taken(state.arrays, "rows", (np.uint8,), (None, None)), axis=1, count=self.features)
        return super().restore(State({**state.arrays, "rows": rows}, state.values))

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation with numbers, words as they are read, classes after features, and nearest words."""
        return exhibits(self, self.trained_as(ReadableBag), self.names, text)
