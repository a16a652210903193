"""How fast the neural models train and score beside what one would write or take instead.

``python benchmarks/neural_speed.py`` reads an embedded corpus (``--corpus``) and lets the programs take turns, in one
process, ``--rounds`` times; medians of tokens a second and their ratios are printed:

- ``rnn`` of two layers of 200 beside the same net in the configuration of PyTorch's word-language-model example
  (dropout 0.2, plain SGD), written with ``nn.LSTM``;
- ``rnn-attention`` beside a decoder that goes step by step, with teacher forcing and additive attention over as many
  states, as in sequence-to-sequence tutorials (``nn.LSTMCell``, Adam, no dropout), of equal sizes;
- ``transformer`` beside GPT-2 of the ``transformers`` package (``pip install '.[bench]'``), with as many layers and
  heads, of equal width and context (AdamW);
- scoring by each of ours beside the bare forward pass: the network on the same inputs, ready as tensors, then one
  matrix product, log_softmax and the targets picked.

Both models of a pair read equally many rows of equal length in a step: 20 rows of 35 tokens as in PyTorch's example,
otherwise the default of ours. All else is left as each comes, since that is what one would use: ours train as in a
run, with their own optimiser, the sampled softmax, the part for spelling, and bfloat16 where it is measured to be
faster; the peers have a full softmax, no part for spelling, and float32. Evaluations on validation text are not
timed.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare import corpora
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.rnn_attention.plugin import RnnAttention
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.tokens import Encoded, build_vocabulary, encode, make_tokenizer
from lmcompare.training import loop
from lmcompare.training.language_model import TorchLanguageModel

STEPS = 10**6  # of our trainings, which never come to their end, nor to an evaluation
Step = Callable[[], int]  # trains one step and returns how many tokens it predicted


class WordLanguageModel(nn.Module):
    """The example's net: word vectors, two layers of LSTM, a full softmax."""

    def __init__(self, types: int, width: int = 200, layers: int = 2) -> None:
        super().__init__()
        self.vectors = nn.Embedding(types, width)
        self.recurrence = nn.LSTM(width, width, layers, dropout=0.2, batch_first=True)
        self.output = nn.Linear(width, types)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T) to the logits (B, T, V)."""
        states, _ = self.recurrence(functional.dropout(self.vectors(inputs), 0.2))
        logits: Tensor = self.output(functional.dropout(states, 0.2))
        return logits


class StepByStep(nn.Module):
    """A decoder with additive attention over its last states, one step after the other."""

    def __init__(self, types: int, width: int, hidden: int, attention: int, window: int) -> None:
        super().__init__()
        self.window, self.hidden = window, hidden
        self.vectors = nn.Embedding(types, width)
        self.cell = nn.LSTMCell(width, hidden)
        self.W, self.U = nn.Linear(hidden, attention), nn.Linear(hidden, attention, bias=False)
        self.v = nn.Linear(attention, 1, bias=False)
        self.joined, self.output = nn.Linear(2 * hidden, width), nn.Linear(width, types)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T) to the logits (B, T, V)."""
        state = cell = torch.zeros(len(inputs), self.hidden)
        states: list[Tensor] = []
        logits = []
        for step in range(inputs.shape[1]):
            state, cell = self.cell(self.vectors(inputs[:, step]), (state, cell))
            context = torch.zeros_like(state)
            if states:
                seen = torch.stack(states[-self.window :], 1)  # (B, n, H)
                scores = self.v(torch.tanh(self.W(state)[:, None] + self.U(seen)))
                context = (torch.softmax(scores, 1) * seen).sum(1)
            states.append(state)
            logits.append(self.output(torch.tanh(self.joined(torch.cat([state, context], 1)))))
        return torch.stack(logits, 1)


def gpt2(types: int, model: Transformer) -> nn.Module:
    """GPT-2 of the size of ours."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=types,
        n_positions=model.length,
        n_embd=model.width,
        n_layer=model.layers,
        n_head=model.heads,
        resid_pdrop=model.dropout,
        embd_pdrop=model.dropout,
        attn_pdrop=0.0,
        bos_token_id=1,
        eos_token_id=1,
        use_cache=False,
    )
    network = GPT2LMHeadModel(config)

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: Tensor) -> Tensor:
            logits: Tensor = self.network(input_ids=inputs).logits
            return logits

    return Logits()


def trainer(
    network: nn.Module, optimiser: torch.optim.Optimizer, ids: np.ndarray, batch: int, length: int, clip: float
) -> Step:
    """A plain step on random stretches of the text."""
    text, random = torch.from_numpy(ids.astype(np.int64)), np.random.default_rng(0)
    network.train()

    def step() -> int:
        starts = random.integers(0, len(text) - length - 1, batch)
        part = torch.stack([text[i : i + length + 1] for i in starts])
        loss = functional.cross_entropy(network(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimiser.step()
        return batch * length

    return step


def peer_speed(step: Step, seconds: float) -> float:
    """Tokens a second, the first step left out."""
    step()
    tokens, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        tokens += step()
    return tokens / (time.perf_counter() - started)


def our_speed(model: TorchLanguageModel, text: Encoded, threads: int, seconds: float) -> float:
    """Tokens a second of a training as in a run, the first steps left out."""
    seen: list[tuple[float, int]] = []

    class EnoughError(Exception):
        """The time is over."""

    def listen(progress: Progress) -> None:
        assert progress.tokens is not None
        seen.append((time.perf_counter(), progress.tokens))
        if seen[-1][0] - seen[0][0] > seconds:
            raise EnoughError

    loop.REPORTS = STEPS // 5  # a report every 5 steps
    setting = Setting(text.vocabulary, threads=threads, budget=Budget(steps=STEPS), progress=listen)
    with contextlib.suppress(EnoughError):
        model.fit(text, text.select([0]), setting)
    return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])


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
    parser.add_argument("--seconds", type=float, default=8.0, help="of each turn")
    parser.add_argument("--parts", nargs="+", default=["training", "scoring"], choices=["training", "scoring"])
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    text, valid = texts(given.corpus)
    types = len(text.vocabulary)
    print(f"{len(text):,} tokens of {given.corpus}, {types:,} types, {given.threads} threads")
    if "training" in given.parts:
        _training(text, types, given.threads, given.rounds, given.seconds)
    if "scoring" in given.parts:
        _scoring(text, valid, given.threads, given.rounds)


def _training(text: Encoded, types: int, threads: int, rounds: int, seconds: float) -> None:
    example = Rnn(width=200, hidden=200, layers=2, dropout=0.2, batch=20, length=35)
    attentive, former = RnnAttention(), Transformer()
    net = WordLanguageModel(types, example.width, example.layers)
    steps = StepByStep(types, attentive.width, attentive.hidden, attentive.attention, attentive.window)
    other = gpt2(types, former)
    sgd, adam = torch.optim.SGD(net.parameters(), lr=20.0), torch.optim.Adam(steps.parameters())
    adamw = torch.optim.AdamW(other.parameters(), lr=1e-3)

    def beside(
        model: Rnn | Transformer, network: nn.Module, optimiser: torch.optim.Optimizer, clip: float = 1.0
    ) -> Step:
        return trainer(network, optimiser, text.ids, model.batch, model.length, clip)

    pairs: list[tuple[str, TorchLanguageModel, str, Step]] = [
        ("rnn, 2 x 200", example, "PyTorch's example", beside(example, net, sgd, clip=0.25)),
        ("rnn-attention", attentive, "step by step", beside(attentive, steps, adam)),
        ("transformer", former, "GPT-2", beside(former, other, adamw)),
    ]
    for name, model, whose, step in pairs:
        own, peer = [], []
        for _ in range(rounds):
            own.append(our_speed(model, text, threads, seconds))
            peer.append(peer_speed(step, seconds))
        mine, theirs = statistics.median(own), statistics.median(peer)
        print(f"training, {name}: {mine:,.0f} tokens/s; {whose}: {theirs:,.0f}; {mine / theirs:.1f} times")


def _scoring(text: Encoded, valid: Encoded, threads: int, rounds: int) -> None:
    for model in (Rnn(steps=1), RnnAttention(steps=1), Transformer(steps=1), Word2VecBow(steps=1, epochs=1)):
        model.fit(text, valid.select([0]), Setting(text.vocabulary, threads=threads))
        times = [scoring(model, valid) for _ in range(rounds)]
        own, bare = (statistics.median(each) for each in zip(*times, strict=True))
        name = type(model).__name__
        print(
            f"scoring, {name}: {1e6 * own / len(valid):.0f} µs a token, {own / bare:.2f} times the bare forward pass"
        )


def texts(name: str) -> tuple[Encoded, Encoded]:
    """Return train and valid of an embedded corpus, in the words of the main job."""
    corpus, tokenizer = corpora.load(name), make_tokenizer({"kind": "word"})
    vocabulary = build_vocabulary(corpus.split("train"), tokenizer, min_count=2)
    return tuple(encode(corpus.split(which), tokenizer, vocabulary) for which in ("train", "valid"))  # type: ignore[return-value]


if __name__ == "__main__":
    main()
