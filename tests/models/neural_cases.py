"""Small neural models, one for every variant that computes differently."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lmcompare.model import LanguageModel
from lmcompare.models.cnn import Cnn
from lmcompare.models.feed_forward import FeedForward
from lmcompare.models.linear_attention import LinearAttention
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.encoder_decoder import RnnEncoderDecoder
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.state_space import StateSpace
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.models.wordnet_bow.plugin import WordNetBow
from lmcompare.training.language_model import TorchLanguageModel
from tests.made import made
from tests.models.wordnet_bow.tiny import write_wordnet
from tests.training.texts import fitted

SMALL: dict[str, Any] = {"steps": 8, "batch": 4, "length": 16, "precision": "float32"}

CASES: dict[str, tuple[type[TorchLanguageModel], dict[str, Any]]] = {
    "bag": (Word2VecBow, {"width": 6, "hidden": 8, "window": 4, "epochs": 1}),
    "linear-bag": (Word2VecBow, {"width": 6, "hidden": 0, "window": 4, "epochs": 1}),
    "placed-bag": (
        Word2VecBow,
        {"width": 6, "hidden": 8, "window": 4, "epochs": 1, "weights": "position"},
    ),
    "wordnet-bag": (WordNetBow, {"features": 20, "hidden": 8, "window": 4}),
    "feed-forward": (FeedForward, {"width": 8, "context": 5, "layers": 2}),
    "bengio": (FeedForward, {"style": "bengio", "width": 6, "hidden": 10, "context": 4}),
    "log-bilinear": (FeedForward, {"style": "log-bilinear", "width": 8, "context": 3}),
    "gru": (RnnAttention, {"cell": "gru", "width": 8, "hidden": 10, "attention": 5, "window": 7}),
    "lstm": (RnnAttention, {"cell": "lstm", "width": 8, "hidden": 8, "layers": 2, "attention": 5, "window": 3}),
    "multiplicative": (
        RnnAttention,
        {"width": 8, "hidden": 8, "scores": "multiplicative", "attention": 5, "window": 6},
    ),
    "plain-lstm": (Rnn, {"width": 8, "hidden": 8}),
    "plain-gru": (Rnn, {"cell": "gru", "width": 8, "hidden": 6, "layers": 2}),
    "elman": (Rnn, {"cell": "elman", "width": 8, "hidden": 6, "layers": 2}),
    "min-gru": (Rnn, {"cell": "min-gru", "width": 8, "hidden": 6, "layers": 2}),
    "qrnn": (Rnn, {"cell": "qrnn", "width": 8, "hidden": 10, "layers": 2}),
    "encoder-decoder": (RnnEncoderDecoder, {"width": 8, "hidden": 10, "attention": 5, "window": 7, "chunk": 5}),
    "overlapping-chunks": (
        RnnEncoderDecoder,
        {"cell": "gru", "width": 8, "hidden": 6, "attention": 5, "window": 4, "chunk": 6, "stride": 4},
    ),
    "cnn": (Cnn, {"width": 8, "kernel": 3, "layers": 2}),
    "state-space": (StateSpace, {"width": 8, "heads": 2, "state_size": 5, "layers": 2}),
    "state-space-feed-forward": (
        StateSpace,
        {"width": 8, "heads": 2, "state_size": 5, "expand": 1, "feed_forward": True, "layers": 2},
    ),
    "linear-attention": (LinearAttention, {"width": 8, "heads": 2, "layers": 2}),
    "rotary": (Transformer, {"width": 8, "heads": 2, "layers": 2, "window": 9}),
    "learned": (Transformer, {"width": 8, "heads": 2, "layers": 2, "window": 9, "positions": "learned"}),
    "sinusoidal": (Transformer, {"width": 8, "heads": 2, "layers": 2, "window": 9, "positions": "sinusoidal"}),
    "alibi": (Transformer, {"width": 8, "heads": 2, "layers": 2, "window": 9, "positions": "alibi"}),
    "modern": (
        Transformer,
        {
            "width": 16,
            "heads": 4,
            "layers": 2,
            "window": 9,
            "positions": "relative",
            "qk_norm": True,
        },
    ),
    "llama": (Transformer, {"style": "llama", "width": 16, "heads": 4, "layers": 2, "window": 9}),
    "convolutions": (Transformer, {"width": 8, "heads": 2, "layers": 2, "window": 9, "convolution": 3}),
    "no-positions": (Transformer, {"width": 8, "heads": 1, "layers": 2, "window": 1, "positions": "none"}),
}


def build(case: str, **changes: Any) -> TorchLanguageModel:
    """An untrained model of this case."""
    cls, parameters = CASES[case]
    place = {"wordnet": tiny_wordnet()} if cls is WordNetBow else {}
    return cls(**{**SMALL, **place, **parameters, **changes})


def tiny_wordnet() -> str:
    """The folder of a WordNet that a test wrote."""
    return str(made("wordnet", write_wordnet))


def factory(case: str) -> Callable[[], LanguageModel]:
    """A function of the case's name that makes the untrained model."""

    def make() -> LanguageModel:
        return build(case)

    make.__name__ = case
    return make


@lru_cache
def trained(case: str) -> TorchLanguageModel:
    """A trained model of this case, shared by the tests, which do not change it."""
    return fitted(build(case))
