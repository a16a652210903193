"""word2vec vectors in a bag: a softmax over the mean of the vectors of the last words."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, Idea, LanguageModel, Setting, Traits, check_reach
from lmcompare.models.word2vec import similar_contexts
from lmcompare.models.word2vec.exhibits import exhibits
from lmcompare.models.word2vec.network import WEIGHTS, BagNetwork
from lmcompare.models.word2vec.ready_vectors import Vector, ready_vectors
from lmcompare.models.word2vec.similar_contexts import Account, Example
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Network

LONGEST = 10_000  # tokens of a sentence; gensim leaves out the rest
FULL: Mapping[str, Any] = {  # the options of the preset "full", for all bags of words
    "hidden": 384,
    "dropout": 0.4,
    "steps": 2000,
    "batch": 32,
    "learning_rate": 3e-3,
    "weight_decay": 0.5,
}


@dataclass(eq=False, kw_only=True)
class Word2VecBow(TunableLanguageModel):
    """word2vec vectors (Mikolov et al. 2013) in a bag of the last words, and a softmax layer that predicts the next.

    p(w | context) = softmax(V f + b), f = tanh(A m + a), where m is the mean of the vectors of the last ``window``
    inputs. With uniform weights the order inside the window has no effect; other ``weights`` make it matter, and the
    model is then not a bag. The window counts every token, ``</s>`` included. Without ``across`` the bag is emptied
    at ``</s>``, which stays in it as the mark of a beginning, and a document begins like a sentence; with ``across``
    the bag reaches back over sentence ends, and the beginning of a document is an input of its own.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    width : int, default=128
        The size of the word vectors.
    skip_gram : bool, default=True
        Skip-gram if true, CBOW if false.
    reach : int, default=5
        How many words on each side word2vec looks at.
    negative : int, default=5
        The number of negative samples of word2vec.
    epochs : int, default=5
        The number of epochs of word2vec over the training text.
    window : int, default=3
        The number of words in the bag.
    across : bool, default=False
        Whether the bag reaches back over sentence ends.
    hidden : int, default=256
        The number of units of the hidden layer; 0 for a log-linear model (f = m).
    tune : bool, default=True
        Whether the vectors are trained further with the softmax, or stay as word2vec made them.
    weights : {"uniform", "decay", "position"}, default="uniform"
        The weights of the mean: "decay" gives a word k positions back the weight r^k with a learned r; "position"
        multiplies it, number by number, with a learned vector of its position (Mnih and Kavukcuoglu 2013).
    vectors : str or None, default=None
        A file of pre-trained vectors of ``width`` numbers, from word2vec, GloVe or fastText, which replace word2vec's
        own. The model then has read other text and is marked as pre-trained.
    dropout : float, default=0.1
        Dropout on the mean and on the hidden layer.
    """

    idea = Idea(
        2013,
        "Mikolov, Chen, Corrado and Dean",
        "Efficient estimation of word representations in vector space",
    )
    files: ClassVar[tuple[str, ...]] = ("vectors",)
    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 240},
        "full": {"width": 256, "epochs": 10, **FULL},
    }

    width: int = 128
    skip_gram: bool = True
    reach: int = 5
    negative: int = 5
    epochs: int = 5
    window: int = 3
    across: bool = False
    hidden: int = 256
    tune: bool = True
    weights: str = "uniform"
    vectors: str | None = None
    weight_decay: float = 0.1
    candidates: int = 512

    def __post_init__(self) -> None:
        self.check_whole(1, "width")
        self.check_whole(1, "window", "reach", "negative", most=1000)
        self.check_whole(1, "epochs", most=10**9)
        self.check_whole(0, "hidden")
        self.check_choice("weights", WEIGHTS)
        self.traits = Traits(carries_state=self.across, pretrained=self.vectors is not None)
        super().__post_init__()

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the hyper-parameters with about this many parameters; a file of vectors decides the width."""
        if self.vectors is not None:
            return None
        return super().sized(parameters, types)

    def title(self) -> str:
        return "word2vec, bag of words" if self.weights == "uniform" else "word2vec, weighted window"

    def summary(self) -> str:
        """Return the summary; with weights by position it says that this is not a bag."""
        if self.weights == "uniform":
            return super().summary()
        return (
            "word2vec vectors (Mikolov et al. 2013) of the last words, weighted by their position"
            f" (weights = {self.weights}) and so no longer a bag, and a softmax layer that predicts the next."
        )

    def network(self, types: int) -> BagNetwork:
        return BagNetwork(
            *(types, self.width, self.window, self.hidden, self.dropout),
            across=self.across,
            tune=self.tune,
            weights=self.weights,
            end=self.end,
        )

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Count words of the validation text that the model predicts from similar contexts."""
        return asdict(similar_contexts.account(self, self.trained_as(BagNetwork), train, valid, setting.seed))

    def account(self) -> Account:
        """Return the result of ``measure``: words predicted from similar contexts."""
        examples = [Example(**one) for one in self.measured.get("examples", ())]
        return Account(**{**self.measured, "examples": examples})

    def check_text(self, train: Encoded) -> None:
        """Refuse a window longer than the longest sentence or, across sentences, document."""
        check_reach("window", self.window, train, "document" if self.across else "sentence", 64)

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Train word2vec on the training text, or read the given vectors, and set them in the network."""
        if self.vectors is not None:
            vectors, found, composed = ready_vectors(Path(self.vectors), train.vocabulary, self.width)
            tokens = found[train.ids].mean() if len(train) else 0.0
            made = f", {composed.sum():,} others have one made of character n-grams" if composed.any() else ""
            said = (
                f"Began with the vectors of {Path(self.vectors).name}, which have read other text: {found.sum():,} of"
                f" {len(found):,} types ({tokens:.0%} of train's tokens) have a vector there{made}; others began at"
                " zero."
            )
            self.notes = (*self.notes, said)
        else:
            vectors = word2vec(
                train,
                width=self.width,
                skip_gram=self.skip_gram,
                reach=self.reach,
                negative=self.negative,
                epochs=self.epochs,
                seed=setting.seed,
            )
        with torch.no_grad():
            network.get_parameter("vectors").zero_()[: len(vectors)].copy_(torch.from_numpy(vectors))

    def tokens_before(self, train: Encoded) -> int:
        """Return the number of tokens that word2vec reads for the vectors with which the training in steps begins."""
        return 0 if self.vectors is not None else self.epochs * len(train)

    def word_vectors(self) -> FloatArray:
        network = self.trained_as(BagNetwork)
        vectors: FloatArray = network.vectors[: network.head.types].detach().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, width) vectors of the tokens: in a bag a word has the same vector in every context."""
        return LanguageModel.context_vectors(self, text, at)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        origin = "word2vec's" if self.vectors is None else "pre-trained"
        if self.tune:
            origin += ", trained further with the softmax"
        return exhibits(self, self.trained_as(BagNetwork), origin, self.account(), text)


def word2vec(
    text: Encoded, *, width: int, skip_gram: bool, reach: int, negative: int, epochs: int, seed: int
) -> Vector:
    """Return word vectors trained on the sentences of a text, whose words include ``</s>``.

    Skip-gram or CBOW with negative sampling (Mikolov et al. 2013, "Distributed representations of words and phrases
    and their compositionality"). gensim promises the same vectors for the same seed only with one worker and a hash
    that is the same in every process.

    Parameters
    ----------
    text : Encoded
        The training text.
    width : int
        The size of the vectors.
    skip_gram : bool
        Skip-gram if true, CBOW if false.
    reach : int
        How many words on each side of a word are its context.
    negative : int
        The number of negative samples.
    epochs : int
        The number of epochs over the text.
    seed : int
        The seed.

    Returns
    -------
    (V, width) array of float32
        Zero for words that do not occur in the text.
    """
    from gensim.models import Word2Vec

    names = [str(i) for i in range(len(text.vocabulary))]
    begins = text.sentence_starts()
    spans = zip(begins, np.append(begins[1:], len(text)), strict=True)
    starts = np.concatenate([np.arange(a, b, LONGEST) for a, b in spans])
    ends = np.append(starts[1:], len(text))
    sentences = [[names[i] for i in text.ids[a:b]] for a, b in zip(starts, ends, strict=True)]
    model = Word2Vec(
        sentences,
        vector_size=width,
        sg=int(skip_gram),
        window=reach,
        negative=negative,
        epochs=epochs,
        min_count=1,
        workers=1,
        seed=seed % (2**32 - 1) + 1,  # gensim refuses the seed 0, and numpy 2³²
        hashfxn=lambda name: zlib.crc32(name.encode()),
    )
    vectors = np.zeros((len(names), width), np.float32)
    vectors[[int(name) for name in model.wv.index_to_key]] = model.wv.vectors
    return vectors
