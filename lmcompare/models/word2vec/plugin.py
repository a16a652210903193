"""Word vectors in a bag: word2vec, then a softmax over the mean of the last words' vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, LanguageModel, Setting, Traits
from lmcompare.models.word2vec import similar_contexts
from lmcompare.models.word2vec.ready_vectors import ready_vectors
from lmcompare.models.word2vec.similar_contexts import Account
from lmcompare.models.word2vec.skip_gram import word2vec
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.training.dropout import dropout
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Memory, Network
from lmcompare.training.recipe import Recipe
from lmcompare.training.softmax import Head

WEIGHTS = ("uniform", "decay", "position")


class Word2VecBow(TorchLanguageModel):
    """word2vec vectors (Mikolov et al. 2013) in a bag of the last words, and a softmax layer that guesses the next.

    p(w | context) = softmax(V f + b), f = tanh(A m + a), m = the mean of the vectors of the last ``window`` inputs.
    The mean has uniform weights, so the order inside the window cannot matter, unless ``weights`` says so: "decay", a
    word k places back weighs r^k, with a learned r; "position", each place has a learned vector that the word's is
    multiplied with, number by number (Mnih and Kavukcuoglu 2013). These are no longer bags. The window counts every
    token, ``</s>`` included. Without ``across`` the bag is emptied at ``</s>``, which stays in it as the mark of a
    beginning, and a document begins like a sentence; with it, the bag reaches back over sentence ends, and the
    beginning of a document is an input of its own.

    Parameters: ``width``, of the word vectors; ``skip_gram``, skip-gram if true, CBOW if false; ``reach``, how many
    words to each side word2vec looks at; ``negative``, its negative samples; ``epochs``, of word2vec over train;
    ``window``, words in the bag; ``hidden``, the units of f, 0 for a log-linear model (f = m); ``tune``, whether the
    vectors are trained on with the softmax, or stay as word2vec made them; ``vectors``, a file of vectors that others
    trained, ``width`` numbers each, in place of word2vec's: the model then has read other text, and says so. The
    others are those of ``Recipe``.
    """

    files: ClassVar[tuple[str, ...]] = ("vectors",)

    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"steps": 240},
        "full": {
            "width": 256,
            "epochs": 10,
            "hidden": 384,
            "dropout": 0.4,
            "steps": 2000,
            "batch": 32,
            "learning_rate": 3e-3,
            "weight_decay": 0.5,
        },
    }

    def __init__(
        self,
        width: int = 128,
        skip_gram: bool = True,
        reach: int = 5,
        negative: int = 5,
        epochs: int = 5,
        window: int = 3,
        across: bool = False,
        hidden: int = 256,
        tune: bool = True,
        weights: str = "uniform",
        dropout: float = 0.1,
        steps: int = 1000,
        batch: int = 16,
        length: int = 64,
        learning_rate: float = 1e-2,
        weight_decay: float = 0.1,
        candidates: int = 512,
        full_share: float = 0.0,
        patience: int = 0,
        precision: str = "auto",
        vectors: str | None = None,
    ) -> None:
        super().__init__()
        self.traits = Traits(carries_state=across, pretrained=vectors is not None)
        self.vectors = vectors
        if min(width, window, reach, negative, epochs) < 1 or hidden < 0:
            raise LmcompareError(
                "width, window, reach, negative and epochs must be at least 1, and hidden at least 0"
            )
        if weights not in WEIGHTS:
            raise LmcompareError(f"weights is one of {', '.join(WEIGHTS)}, not '{weights}'")
        self.weights = weights
        self.width, self.skip_gram, self.reach, self.negative, self.epochs = width, skip_gram, reach, negative, epochs
        self.window, self.across, self.hidden, self.tune, self.dropout = window, across, hidden, tune, dropout
        self.steps, self.batch, self.length, self.learning_rate = steps, batch, length, learning_rate
        self.weight_decay, self.precision = weight_decay, precision
        self.candidates, self.full_share = candidates, full_share
        self.patience = patience
        self.check_settings()

    def title(self) -> str:
        """Return its name for people."""
        return "word2vec, bag of words" if self.weights == "uniform" else "word2vec, weighted window"

    def summary(self) -> str:
        """Return what it is: no bag where the words are weighted by their place."""
        if self.weights == "uniform":
            return super().summary()
        return (
            "word2vec vectors (Mikolov et al. 2013) of the last words, weighted by their place"
            f" (weights = {self.weights}) and so no longer a bag, and a softmax layer that guesses the next."
        )

    def network(self, types: int) -> BagNetwork:
        """Return the bag and its softmax layer, with random vectors."""
        return BagNetwork(
            *(types, self.width, self.window, self.hidden, self.dropout),
            across=self.across,
            tune=self.tune,
            weights=self.weights,
        )

    def recipe(self) -> Recipe:
        """Return how the softmax layer is trained."""
        return Recipe.of(self.hyperparameters())

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Count what likeness foresees on valid."""
        return asdict(similar_contexts.account(self, train, valid, setting.seed))

    def account(self) -> Account:
        """Return what was counted on valid when it was trained: words foreseen by likeness."""
        return Account.from_json(self.measured)

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Train word2vec on train, or read the vectors given, and put them into the network."""
        if self.vectors is not None:
            vectors, found = ready_vectors(Path(self.vectors), train.vocabulary, self.width)
            tokens = found[train.ids].mean() if len(train) else 0.0
            said = (
                f"Began with the vectors of {Path(self.vectors).name}, which have read other text: {found.sum():,} of"
                f" {len(found):,} types ({tokens:.0%} of train's tokens) have one there, the others began at zero."
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

    def word_vectors(self) -> FloatArray | None:
        """(V, width) the vectors in the bag: word2vec's, trained on if ``tune``."""
        network = self._ready()
        vectors: FloatArray = network.get_parameter("vectors")[: network.head.types].detach().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """(n, width) the vectors of the tokens themselves: in a bag a word is the same whatever stands before it."""
        return LanguageModel.context_vectors(self, text, at)

    def bags(self, windows: IntArray) -> FloatArray:
        """(n, d) the mean vectors of (n, window) inputs, V for the document's beginning, -1 where there is none."""
        network = self._ready()
        assert isinstance(network, BagNetwork)
        inputs = torch.from_numpy(windows).to(network.vectors.device)
        memory = {"words": inputs[:, :-1].clamp(min=0), "filled": (inputs[:, :-1] >= 0).sum(1)}
        with torch.inference_mode():
            means: FloatArray = network.bag(inputs[:, -1:], memory)[0][:, 0].cpu().numpy()
        return means

    def place_weights(self) -> FloatArray:
        """(window,) how much the input that many places before the last one weighs: for "position" the root mean
        square of its vector, for "decay" r^k, for "uniform" 1.
        """
        network = self._ready()
        assert isinstance(network, BagNetwork)
        with torch.no_grad():
            squares = [network.weight(back).square().mean() for back in range(self.window)]
        weights: FloatArray = torch.stack(squares).sqrt().cpu().numpy()
        return weights

    def scores(self, text: Encoded, at: int, target: int) -> tuple[float, float, float]:
        """Return what stands behind p(target) at a position: its score v·f + b, ‖m‖, and log Z."""
        network = self._ready()
        assert isinstance(network, BagNetwork)
        start = int(text.context_starts(np.array([at]))[0])
        inputs = network.inputs(text.ids[start:at])
        with torch.no_grad():
            mean = network.bag(inputs, None)[0][0, -1]
            features = network(inputs, None)[0][0, -1]
            logits = network.head.bias + network.head.table[: network.head.types] @ features
        return float(logits[target]), float(mean.norm()), float(logits.logsumexp(0))

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation with numbers, a test of the order, nearest words, and a map."""
        from lmcompare.models.word2vec.exhibits import exhibits

        return exhibits(self, text)


class BagNetwork(Network):
    """The mean of the last ``window`` inputs' vectors, a hidden layer, a softmax."""

    def __init__(
        self,
        types: int,
        width: int,
        window: int,
        hidden: int,
        dropout: float,
        *,
        across: bool,
        tune: bool,
        weights: str,
    ) -> None:
        super().__init__()
        self.window, self.across, self.dropout = window, across, dropout
        self.vectors = nn.Parameter(torch.randn(types + 1, width), requires_grad=tune)
        self.layer = nn.Linear(width, hidden) if hidden else None
        self.head = Head(types, hidden or width)
        # one dimension each, so that they do not decay
        self.decay = nn.Parameter(torch.ones(1)) if weights == "decay" else None
        self.places = nn.Parameter(torch.ones(window * width)) if weights == "position" else None

    def weight(self, back: int) -> Tensor:
        """(1,) or (d,): what the vector of the input ``back`` places before the last one is multiplied with."""
        if self.decay is not None:
            return torch.sigmoid(self.decay) ** back
        if self.places is not None:
            return self.places.view(self.window, -1)[back]
        return self.vectors.new_ones(1)

    def bag(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the mean vector (B, T, d) of the window that ends at each input, and the memory.

        It is a weighted mean by the weights of the places, or for "position" the plain one of the weighted vectors.

        Memory: ``words`` (B, window - 1), the last inputs; ``filled`` (B,), how many of them are there.
        """
        rows, length = inputs.shape
        kept = self.window - 1
        if memory is None:
            memory = {"words": inputs.new_zeros(rows, kept), "filled": inputs.new_zeros(rows)}
        words = torch.cat([memory["words"], inputs], 1)  # (B, W - 1 + T)
        if not self.across:
            words = torch.where(words == self.head.types, Vocabulary.end, words)
        place = torch.arange(kept + length, device=inputs.device)
        there = place[None] >= kept - memory["filled"][:, None]  # (B, W - 1 + T)
        sentence = torch.zeros_like(words) if self.across else (words == Vocabulary.end).cumsum(1)
        vectors = functional.embedding(words, self.vectors)
        total = vectors.new_zeros(rows, length, vectors.shape[-1])
        count = vectors.new_zeros(rows, length, 1)
        for back in range(self.window):
            here = slice(kept - back, kept - back + length)
            used = (there[:, here] & (sentence[:, here] == sentence[:, kept:]))[..., None]
            weight = self.weight(back)
            total = total + vectors[:, here] * used * weight
            count = count + (used * weight if self.decay is not None else used)
        left = {"words": words[:, length:], "filled": (memory["filled"] + length).clamp(max=kept)}
        return total / count, left

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, hidden) and the memory of ``bag``."""
        features, left = self.bag(inputs, memory)
        features = dropout(features, self.dropout, self.training)
        if self.layer is not None:
            features = dropout(torch.tanh(self.layer(features)), self.dropout, self.training)
        return features, left
