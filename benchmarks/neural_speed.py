"""How fast the neural models score beside the bare forward pass: ``python benchmarks/neural_speed.py``.

The bare forward pass is the network on the same inputs, ready as tensors, then one matrix product, log_softmax and
the targets picked. Both take turns on the validation text of an embedded corpus (``--corpus``), ``--rounds`` times;
medians and their ratio are printed. ``time_to_loss.py`` measures training.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor
from torch.nn import functional

from lmcompare import corpora
from lmcompare.model import Setting
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.tokens import Encoded, build_vocabulary, encode, make_tokenizer
from lmcompare.training.language_model import TorchLanguageModel


def scoring(model: TorchLanguageModel, text: Encoded) -> tuple[float, float]:
    """Seconds of log_probs, and of the bare forward pass over the same inputs in the same shapes."""
    network = model.trained_network()
    types, table, bias = network.head.types, network.head.table, network.head.bias
    shapes: list[tuple[Tensor, bool]] = []
    forward = network.forward

    def noted(inputs: Tensor, memory: object) -> object:
        shapes.append((inputs, memory is None))
        return forward(inputs, memory)  # type: ignore[arg-type]

    network.forward = noted  # type: ignore[method-assign, assignment]
    model.log_probs(text)
    del network.forward
    started = time.perf_counter()
    model.log_probs(text)
    ours = time.perf_counter() - started
    bare, memory = 0.0, None
    with torch.inference_mode():
        for inputs, begins in shapes:
            started = time.perf_counter()
            memory = None if begins or memory is None else {k: v[: len(inputs)] for k, v in memory.items()}
            features, memory = network(inputs, memory)
            for x in features.flatten(0, 1).split(512):
                log_probs = torch.log_softmax(functional.linear(x, table[:types], bias), 1)
                log_probs.gather(1, torch.zeros(len(x), 1, dtype=torch.long))
            bare += time.perf_counter() - started
    assert max(inputs.shape[1] for inputs, _ in shapes) <= network.piece
    return ours, bare


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="wiki-sample")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    text, valid = texts(given.corpus)
    for model in (Rnn(steps=1), RnnAttention(steps=1), Transformer(steps=1), Word2VecBow(steps=1, epochs=1)):
        model.fit(text, valid.select([0]), Setting(text.vocabulary, threads=given.threads))
        times = [scoring(model, valid) for _ in range(given.rounds)]
        own, bare = (statistics.median(each) for each in zip(*times, strict=True))
        name = type(model).__name__
        print(f"{name}: {1e6 * own / len(valid):.0f} µs a token, {own / bare:.2f} times the bare forward pass")


def texts(name: str) -> tuple[Encoded, Encoded]:
    """Return train and valid of an embedded corpus, in the words of the main job."""
    corpus, tokenizer = corpora.load(name), make_tokenizer({"kind": "word"})
    vocabulary = build_vocabulary(corpus.split("train"), tokenizer, min_count=2)
    return tuple(encode(corpus.split(which), tokenizer, vocabulary) for which in ("train", "valid"))  # type: ignore[return-value]


if __name__ == "__main__":
    main()
