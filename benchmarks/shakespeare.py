"""A character-level transformer beside GPT-2 on TinyShakespeare: how good after how many seconds.

``python benchmarks/shakespeare.py tinyshakespeare.txt`` takes the first nine tenths of the text (any text) to train
and the rest to measure on. The peer is a plain GPT-2 of the ``transformers`` package (``pip install '.[bench]'``),
trained with AdamW as nanoGPT's published configuration for a processor says (Karpathy, nanoGPT: context 64, batch 12,
4 layers, 4 heads, width 128, 2,000 steps, no dropout, rate 1e-3 falling to 1e-4 by a cosine after 100 steps of
warm-up, weight decay 0.1, betas 0.9 and 0.99, clip 1). Then lmcompare's ``transformer`` of the same size trains for a
share of the peer's time. One evaluator measures all: the mean -log p of each character in the consecutive windows of
64 of the whole held-out text, each of which is read anew.

Settings of ours were chosen on the last tenth of the training part (``--choose``), never on the held-out text.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lmcompare.model import Budget, Setting
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded, Vocabulary

CONTEXT = 64
SIZE = {"width": 128, "heads": 4, "layers": 4}
OURS = {
    **SIZE,
    "window": CONTEXT,
    "convolution": 3,
    "batch": 32,
    "dropout": 0.0,
    "learning_rate": 2e-2,
    "weight_decay": 0.2,
}
LogProbs = Callable[[Tensor], Tensor]


def read(path: Path) -> tuple[np.ndarray, list[str]]:
    """Return the ids of the characters and the characters; a line's end is </s>."""
    text = path.read_text(encoding="utf-8")
    letters = sorted(set(text) - {"\n"})
    numbers = {"\n": 1, **{letter: 2 + i for i, letter in enumerate(letters)}}
    ids = np.array([numbers[letter] for letter in text], np.int32)
    return ids, ["<unk>", "</s>", *letters]


def loss(log_probs: LogProbs, ids: np.ndarray) -> float:
    """Return the mean -log p in nats over consecutive windows, each read anew."""
    count = (len(ids) - 1) // CONTEXT
    inputs = torch.from_numpy(ids[: count * CONTEXT].astype(np.int64)).view(count, CONTEXT)
    targets = torch.from_numpy(ids[1 : count * CONTEXT + 1].astype(np.int64)).view(count, CONTEXT)
    total = 0.0
    with torch.inference_mode():
        for first in range(0, count, 64):
            part = slice(first, first + 64)
            picked = log_probs(inputs[part]).gather(2, targets[part, :, None])
            total -= float(picked.double().sum())
    return total / (count * CONTEXT)


def peer(ids: np.ndarray, types: int, steps: int) -> tuple[LogProbs, float]:
    """Train GPT-2; return it and its seconds."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=types,
        n_positions=CONTEXT,
        n_embd=SIZE["width"],
        n_layer=SIZE["layers"],
        n_head=SIZE["heads"],
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=1,
        use_cache=False,
    )
    network = GPT2LMHeadModel(config).train()
    matrices = [p for p in network.parameters() if p.dim() >= 2]
    others = [p for p in network.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    text, warm = torch.from_numpy(ids.astype(np.int64)), 100
    started = time.perf_counter()
    for step in range(steps):
        done = min(max(step - warm, 0) / max(steps - warm, 1), 1.0)
        rate = 1e-3 * (step + 1) / (warm + 1) if step < warm else 1e-4 + 0.5 * (1 + math.cos(math.pi * done)) * 9e-4
        for group in optimiser.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(text) - CONTEXT - 1, (12,))
        batch = torch.stack([text[i : i + CONTEXT + 1] for i in starts])
        logits = network(input_ids=batch[:, :-1]).logits
        value = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    seconds = time.perf_counter() - started
    network.eval()
    return lambda inputs: torch.log_softmax(network(input_ids=inputs).logits, -1), seconds


def ours(ids: np.ndarray, types: list[str], budget: Budget, threads: int, **changes: object) -> LogProbs:
    """Train our transformer on windows that are read anew, as it is measured."""
    vocabulary = Vocabulary(types, np.bincount(ids, minlength=len(types)))
    cuts = [ids[i : i + CONTEXT + 1] for i in range(0, len(ids) - 1, CONTEXT)]
    split = len(cuts) - 20  # few: what is looked at on the way costs time, and the last weights are the best
    train, valid = (Encoded.from_documents(part, vocabulary) for part in (cuts[:split], cuts[split:]))
    model = Transformer(**{**OURS, "length": CONTEXT + 1, **changes})  # type: ignore[arg-type]
    model.fit(train, valid, Setting(vocabulary, threads=threads, budget=budget))
    network = model.trained_network()

    def log_probs(inputs: Tensor) -> Tensor:
        begun = torch.cat([torch.full_like(inputs[:, :1], len(vocabulary)), inputs], 1)
        features, _ = network(begun, None)
        return network.head.log_probs(features[:, 1:].flatten(0, 1)).view(*inputs.shape, -1)

    return log_probs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2000, help="of the peer")
    parser.add_argument("--shares", type=float, nargs="+", default=[1 / 7, 1.0], help="of the peer's time, for ours")
    parser.add_argument("--choose", metavar="SECONDS", type=float, help="ours alone, on the last tenth of train")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="other settings of ours")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    ids, types = read(given.text)
    train, held_out = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    changes = {key: _value(value) for key, value in (pair.split("=") for pair in given.set)}
    if given.choose is not None:
        train, held_out = train[: len(train) * 9 // 10], train[len(train) * 9 // 10 :]
        model = ours(train, types, Budget(seconds=given.choose), given.threads, **changes)
        print(f"ours {changes}: {loss(model, held_out):.4f} nats a character after {given.choose:.1f} s")
        return
    model, seconds = peer(train, len(types), given.steps)
    print(f"GPT-2 of transformers: {loss(model, held_out):.3f} nats a character after {seconds:.1f} s")
    for share in given.shares:
        budget = Budget(seconds=seconds * share)
        model = ours(train, types, budget, given.threads, **changes)
        print(f"ours: {loss(model, held_out):.3f} after {budget.seconds:.1f} s, {share:.2f} of that time")


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text, text)


if __name__ == "__main__":
    main()
