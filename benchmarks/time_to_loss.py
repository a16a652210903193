"""After how many seconds neural models are as good as their peers are in the end.

``python benchmarks/time_to_loss.py out.jsonl`` trains two peers on the words of an embedded corpus, each with three
learning rates:

- the network of PyTorch's word-language-model example (two layers of 200, dropout 0.2) as the example trains it:
  plain SGD on 20 rows of 35 tokens, clipped at 0.25, the rate divided by 4 after an epoch without a lower validation
  loss;
- GPT-2 of the ``transformers`` package (``pip install '.[bench]'``), of the size of ``transformer``, with AdamW and a
  rate that rises during 100 steps and falls to a tenth by a cosine.

A peer's final loss is its lowest validation loss after an epoch, and the lowest of the three is the mark. The models
of lmcompare, ``rnn`` and ``transformer``, train with half, once and twice their default learning rate: for 1/64 of
the peer's seconds, then anew for 1/32, and so on until the mark is reached. All losses are the mean nats of all
validation tokens, with the full vocabulary. The seconds of ours contain the evaluations on the validation text, those
of the peers don't.

Each training is added to the file when it ends, and those that stand in it are not repeated.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from neural_speed import texts
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.model import Budget, Setting
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded

SHARES = [2.0**-k for k in range(6, -1, -1)]  # of the peer's seconds
TIMES_RATE = (0.5, 1.0, 2.0)  # the default learning rate of ours
ROWS = 10  # in which the example reads the validation text
States = tuple[Tensor, Tensor]


class Example(nn.Module):
    """The network of the example: word vectors, two layers of LSTM, a full softmax."""

    def __init__(self, types: int, model: Rnn) -> None:
        super().__init__()
        self.vectors = nn.Embedding(types, model.width)
        self.recurrence = nn.LSTM(model.width, model.hidden, model.layers, dropout=0.2, batch_first=True)
        self.output = nn.Linear(model.hidden, types)
        for table in (self.vectors.weight, self.output.weight):
            nn.init.uniform_(table, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)

    def forward(self, inputs: Tensor, before: States | None) -> tuple[Tensor, States]:
        """(B, T) to the logits (B, T, V), and the states after them."""
        vectors = functional.dropout(self.vectors(inputs), 0.2, self.training)
        states, after = self.recurrence(vectors, before)
        return self.output(functional.dropout(states, 0.2, self.training)), after


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


def in_rows(ids: np.ndarray, rows: int) -> Tensor:
    """Return (rows, T): the text in as many stretches of equal length."""
    length = len(ids) // rows
    return torch.from_numpy(ids[: rows * length].astype(np.int64)).view(rows, length)


def train_example(model: Rnn, text: Encoded, valid: Encoded, rate: float, epochs: int) -> dict[str, float]:
    """Train the example's network; return its seconds, tokens and lowest validation loss."""
    network = Example(len(text.vocabulary), model)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    rows, best, taken, seconds, tokens = in_rows(text.ids, model.batch), math.inf, 0.0, 0.0, 0
    for _ in range(epochs):
        network.train()
        started, states = time.perf_counter(), None
        for first in range(0, rows.shape[1] - 1, model.length):
            part = rows[:, first : first + model.length + 1]
            logits, states = network(part[:, :-1], states)
            states = (states[0].detach(), states[1].detach())
            optimiser.zero_grad()
            functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 0.25)
            optimiser.step()
            tokens += part[:, 1:].numel()
        seconds += time.perf_counter() - started
        loss = loss_of_example(network, valid)
        if loss < best:
            best, taken = loss, seconds
        else:
            optimiser.param_groups[0]["lr"] /= 4
    return {"loss": best, "seconds": taken, "tokens_per_second": tokens / seconds}


def loss_of_example(network: Example, valid: Encoded) -> float:
    """Return the mean nats of a token; the states go on from each stretch to the next."""
    network.eval()
    rows, states, total = in_rows(valid.ids, ROWS), None, 0.0
    with torch.inference_mode():
        for first in range(0, rows.shape[1] - 1, 100):
            part = rows[:, first : first + 101]
            logits, states = network(part[:, :-1], states)
            total += float(functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten(), reduction="sum"))
    return total / (rows.numel() - ROWS)


def train_gpt2(model: Transformer, text: Encoded, valid: Encoded, rate: float, epochs: int) -> dict[str, float]:
    """Train GPT-2; return its seconds, tokens and lowest validation loss."""
    network, ids = gpt2(len(text.vocabulary), model), torch.from_numpy(text.ids.astype(np.int64))
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.1, betas=(0.9, 0.99))
    steps = len(ids) // (model.batch * model.length)
    best, taken, seconds, done = math.inf, 0.0, 0.0, 0
    for _ in range(epochs):
        network.train()
        started = time.perf_counter()
        for _ in range(steps):
            falling = 0.55 + 0.45 * math.cos(math.pi * done / (epochs * steps))
            optimiser.param_groups[0]["lr"] = rate * min(falling, (done + 1) / 100)
            starts = torch.randint(len(ids) - model.length - 1, (model.batch,))
            part = torch.stack([ids[i : i + model.length + 1] for i in starts])
            logits = network(part[:, :-1])
            optimiser.zero_grad()
            functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            done += 1
        seconds += time.perf_counter() - started
        loss = loss_of_gpt2(network, valid, model.length)
        if loss < best:
            best, taken = loss, seconds
    return {"loss": best, "seconds": taken, "tokens_per_second": done * model.batch * model.length / seconds}


def loss_of_gpt2(network: nn.Module, valid: Encoded, length: int) -> float:
    """Return the mean nats of a token; each one but the first has at least half a window before it."""
    network.eval()
    ids, total, scored = torch.from_numpy(valid.ids.astype(np.int64)), 0.0, 1
    with torch.inference_mode():
        while scored < len(ids):
            first = max(0, scored - length // 2)
            part = ids[first : first + length + 1]
            logits = network(part[None, :-1])[0]
            new = scored - first - 1
            total += float(functional.cross_entropy(logits[new:], part[new + 1 :], reduction="sum"))
            scored = first + len(part)
    return total / (len(ids) - 1)


def train_ours(
    model: Rnn | Transformer, text: Encoded, valid: Encoded, seconds: float, threads: int
) -> dict[str, float]:
    """Train one of ours for some seconds."""
    read = [0]
    setting = Setting(
        text.vocabulary,
        threads=threads,
        budget=Budget(seconds=seconds),
        progress=lambda progress: read.append(progress.tokens or 0),
    )
    started = time.perf_counter()
    model.fit(text, valid, setting)
    taken = time.perf_counter() - started
    loss = -float(np.mean(model.log_probs(valid)))
    return {"loss": loss, "seconds": taken, "tokens_per_second": max(read) / taken}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a file of JSON lines with the trainings that are done")
    parser.add_argument("--corpus", default="wiki-sample")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6, help="of the peers")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    text, valid = texts(given.corpus)
    lines = given.out.read_text(encoding="utf-8").splitlines() if given.out.exists() else []
    known: dict[str, dict[str, float]] = {line["name"]: line for line in map(json.loads, lines)}

    def trained(name: str, train: Callable[[], dict[str, float]]) -> dict[str, float]:
        name += f", {given.corpus}, {given.epochs} epochs, {given.threads} threads"
        if name not in known:
            torch.manual_seed(0)
            known[name] = train()
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": name, **known[name]}) + "\n")
        found = known[name]
        print(
            f"{name}: {found['loss']:.4f} nats a token after {found['seconds']:.0f} s,"
            f" {found['tokens_per_second']:,.0f} tokens/s",
            flush=True,
        )
        return found

    pairs: list[tuple[str, Any, Callable[..., dict[str, float]], tuple[float, ...], Callable[[float], Any]]] = [
        ("PyTorch's example", _rnn(1.0), train_example, (5.0, 10.0, 20.0), _rnn),
        ("GPT-2", Transformer(), train_gpt2, (3e-4, 1e-3, 3e-3), _transformer),
    ]
    for peer, size, train, rates, ours in pairs:
        ends = [
            trained(f"{peer}, rate {rate:g}", partial(train, size, text, valid, rate, given.epochs)) for rate in rates
        ]
        mark = min(ends, key=lambda end: end["loss"])
        for times in TIMES_RATE:
            for share in SHARES:
                model = ours(times)
                name = f"{type(model).__name__}, {times:g} times its rate, {share:g} of the time"
                train_it = partial(train_ours, model, text, valid, share * mark["seconds"], given.threads)
                if trained(name, train_it)["loss"] <= mark["loss"]:
                    break
            else:
                print(f"{type(model).__name__}, {times:g} times its rate, does not reach {peer} in its time")


def _rnn(times: float) -> Rnn:
    model = Rnn(width=200, hidden=200, layers=2, dropout=0.2, batch=20, length=35)
    model.learning_rate *= times
    return model


def _transformer(times: float) -> Transformer:
    model = Transformer()
    model.learning_rate *= times
    return model


if __name__ == "__main__":
    main()
