"""word2vec vectors in a bag, and a softmax over their mean.

1. ``word2vec`` gives every word j a vector x_j, so that words with similar neighbours have similar vectors (Mikolov
   et al. 2013, "Distributed representations of words and phrases and their compositionality").
2. ``BagNetwork`` takes the mean m of the vectors of the last ``window`` words. It can be near the means of other
   contexts, even if the context itself was never seen:

       m = 1/n Σ_{j in bag} x_j      f = tanh(A m + a)      p(w | bag) = exp(v_w · f + b_w) / Σ_u exp(v_u · f + b_u)

3. ``Word2VecBow`` trains A, a, V and b, and with ``tune`` the x_j too, by the cross-entropy of the next word.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, Idea, LanguageModel, Setting, Traits, check_reach
from lmcompare.models.word2vec import exhibits
from lmcompare.models.word2vec.ready_vectors import Vector, ready_vectors
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

LONGEST = 10_000  # tokens of a sentence; gensim leaves out the rest
FULL: Mapping[str, Any] = {  # the options of the preset "full", for all bags of words
    "hidden": 384,
    "dropout": 0.4,
    "steps": 2000,
    "batch": 32,
    "learning_rate": 3e-3,
    "weight_decay": 0.5,
}


def step(x: Vector, u: Vector, read: Sequence[int], word: int, noise: Sequence[int], rate: float) -> None:
    """Take one step of word2vec: make a word likelier beside the words that are read, and K random words less likely.

    It is a step of gradient ascent on ``ln σ(u_word · h) + Σ_{k in noise} ln σ(-u_k · h)``, where h is the vector of
    a word nearby (skip-gram), or the mean of the vectors of all words nearby (CBOW; their number does not divide the
    gradient). ``word2vec`` takes such steps in compiled code, for every word and its neighbours.

    Parameters
    ----------
    x, u : (V, d) arrays
        The vectors of words that are read, and of words that are predicted; changed in place.
    read : sequence of int
        One word up to ``reach`` positions away, or all of them.
    word : int
        The word.
    noise : sequence of int
        K other words, drawn in proportion to count ** 0.75.
    rate : float
        The learning rate.
    """
    h = x[read].mean(axis=0)  # (d,)
    asked = [word, *noise]  # (1 + K,)
    right = np.arange(len(asked)) == 0
    error = rate * (right - 1 / (1 + np.exp(-u[asked] @ h)))  # (1 + K,)
    gradient = error @ u[asked]  # (1 + K,) x (1 + K, d) -> (d,)
    np.add.at(u, asked, np.outer(error, h))  # a word may be there twice
    np.add.at(x, read, gradient)


def word2vec(
    text: Encoded, *, width: int, skip_gram: bool, reach: int, negative: int, epochs: int, seed: int
) -> Vector:
    """Return word vectors trained on the sentences of a text, whose words include ``</s>``.

    For each word, gensim draws a reach from 1 to ``reach``, leaves out some frequent words, and lowers the learning
    rate from 0.025 to 0.0001. One worker and a fixed hash give the same vectors for the same seed.

    The other arguments are hyper-parameters of ``Word2VecBow``. Returns (V, d), zero for words that do not occur.
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


class BagNetwork(Network):
    """The mean of the vectors of the last ``window`` inputs, a hidden layer of H units and a softmax."""

    def __init__(
        self, types: int, width: int, window: int, hidden: int, dropout: float, *, tune: bool, weights: str, end: int
    ) -> None:
        super().__init__()
        self.window, self.dropout, self.end = window, dropout, end
        self.vectors = nn.Parameter(torch.randn(types + 1, width), requires_grad=tune)  # (V + 1, d)
        self.layer = nn.Linear(width, hidden) if hidden else None
        self.head = Head(types, hidden or width)
        # Vectors of one dimension do not decay.
        self.places = nn.Parameter(torch.ones(window * width)) if weights == "position" else None

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def embedded(self, words: Tensor) -> Tensor:
        """Return the (…, d) vectors of inputs."""
        return functional.embedding(words, self.vectors)

    def weight(self, back: int) -> Tensor:
        """Return (1,) or (d,): the factor of the vector of the input ``back`` positions before the last one."""
        if self.places is not None:
            return self.places.view(self.window, -1)[back]
        return self.head.bias.new_ones(1)

    def bag(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the mean vector (B, T, d) of the window that ends at each input, and the memory.

        The bag is emptied at ``</s>``, which stays in it as the mark of a beginning. The memory is ``words``
        (B, W - 1), the last inputs, of which the last ``filled`` (B,) are valid.
        """
        rows, length = inputs.shape
        kept = self.window - 1
        if memory is None:
            memory = {"words": inputs.new_zeros(rows, kept), "filled": inputs.new_zeros(rows)}
        words = torch.cat([memory["words"], inputs], 1)  # (B, W - 1 + T)
        words = torch.where(words == self.head.types, self.end, words)
        place = torch.arange(kept + length, device=inputs.device)
        there = place[None] >= kept - memory["filled"][:, None]  # (B, W - 1 + T)
        sentence = (words == self.end).cumsum(1)  # (B, W - 1 + T)
        vectors = self.embedded(words)  # (B, W - 1 + T, d)
        total = vectors.new_zeros(rows, length, vectors.shape[-1])
        count = vectors.new_zeros(rows, length, 1)
        for back in range(self.window):
            here = slice(kept - back, kept - back + length)
            used = (there[:, here] & (sentence[:, here] == sentence[:, kept:]))[..., None]  # (B, T, 1)
            total = total + vectors[:, here] * used * self.weight(back)
            count = count + used
        left = {"words": words[:, length:], "filled": (memory["filled"] + length).clamp(max=kept)}
        return total / count, left

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, H) and the memory of ``bag``."""
        features, left = self.bag(inputs, memory)
        features = dropout(features, self.dropout, self.training)
        if self.layer is not None:
            features = dropout(torch.tanh(self.layer(features)), self.dropout, self.training)
        return features, left

    def in_page(self) -> list[dict[str, Any]]:
        weights = [self.weight(back).detach().flatten().tolist() for back in range(self.window)]
        bag = {"type": "bag", "table": "vectors", "window": self.window, "end": self.end, "weights": weights}
        return [bag, *([] if self.layer is None else [{"type": "linear", "name": "layer"}, {"type": "tanh"}])]


@dataclass(eq=False, kw_only=True)
class Word2VecBow(TunableLanguageModel):
    """word2vec vectors (Mikolov et al. 2013) in a bag of the last words, and a softmax layer that predicts the next.

    p(w | context) = softmax(V f + b), f = tanh(A m + a), where m is the mean of the vectors of the last ``window``
    inputs. With uniform weights the order inside the window has no effect; with weights by position it matters, and
    the model is then not a bag. The window counts every token, ``</s>`` included. The bag is emptied at ``</s>``,
    which stays in it as the mark of a beginning, and a document begins like a sentence.

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
    hidden : int, default=256
        The number of units of the hidden layer; 0 for a log-linear model (f = m).
    tune : bool, default=True
        Whether the vectors are trained further with the softmax, or stay as word2vec made them.
    weights : {"uniform", "position"}, default="uniform"
        The weights of the mean: "position" multiplies the vector of a word, number by number, with a learned vector
        of its position (Mnih and Kavukcuoglu 2013).
    vectors : str or None, default=None
        A file of pre-trained vectors of ``width`` numbers, from word2vec, GloVe or fastText (``.vec``), which replace
        word2vec's own. The model then has read other text and is marked as pre-trained.
    dropout : float, default=0.1
        Dropout on the mean and on the hidden layer.
    """

    idea = Idea(
        2013, "Mikolov, Chen, Corrado and Dean", "Efficient estimation of word representations in vector space"
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
        self.check_choice("weights", ("uniform", "position"))
        self.traits = Traits(carries_state=False, pretrained=self.vectors is not None)
        super().__post_init__()

    def network(self, types: int) -> BagNetwork:
        sizes = types, self.width, self.window, self.hidden, self.dropout
        return BagNetwork(*sizes, tune=self.tune, weights=self.weights, end=self.end)

    def check_text(self, train: Encoded) -> None:
        """Refuse a window longer than the longest sentence."""
        check_reach("window", self.window, train, "sentence", 64)

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Train word2vec on the training text, or read the given vectors, and set them in the network."""
        if self.vectors is not None:
            vectors, found = ready_vectors(Path(self.vectors), train.vocabulary, self.width)
            self.notes = (*self.notes, exhibits.of_ready_vectors(self.vectors, train, found))
        else:
            given = {name: getattr(self, name) for name in ("width", "skip_gram", "reach", "negative", "epochs")}
            vectors = word2vec(train, **given, seed=setting.seed)
        with torch.no_grad():
            network.get_parameter("vectors").zero_()[: len(vectors)].copy_(torch.from_numpy(vectors))

    def tokens_before(self, train: Encoded) -> int:
        """Return the number of tokens that word2vec reads for the vectors with which the training in steps begins."""
        return 0 if self.vectors is not None else self.epochs * len(train)

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the hyper-parameters with about this many parameters; a file of vectors decides the width."""
        return None if self.vectors is not None else super().sized(parameters, types)

    def word_vectors(self) -> FloatArray:
        network = self.trained_as(BagNetwork)
        vectors: FloatArray = network.vectors[: network.head.types].detach().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, d) vectors of the tokens: in a bag a word has the same vector in every context."""
        return LanguageModel.context_vectors(self, text, at)

    def title(self) -> str:
        return "word2vec, bag of words" if self.weights == "uniform" else "word2vec, weighted window"

    def summary(self) -> str:
        return super().summary() if self.weights == "uniform" else exhibits.OF_WEIGHTS

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Count words of the validation text that the model predicts from similar contexts."""
        return asdict(exhibits.account(self, self.trained_as(BagNetwork), train, valid, setting.seed))

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        origin = "word2vec's" if self.vectors is None else "pre-trained"
        if self.tune:
            origin += ", trained further with the softmax"
        return exhibits.exhibits(self, self.trained_as(BagNetwork), origin, exhibits.stored(self.measured), text)
