"""How near a search comes to the best of a grid, and after how much of the grid's training time.

Every setting of a grid of a small LSTM is trained once on the corpus ``lee``. Then searches of N trials look their
figures up, with many seeds: TPE and random search over the same numbers. About two minutes on two cores.
"""

from __future__ import annotations

import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import corpora, plugins
from lmcompare.harness.sweep import proposer
from lmcompare.harness.tables import Range, SearchTable, TokensTable
from lmcompare.harness.text.reading import prepare
from lmcompare.model import Budget, Setting
from lmcompare.runfolder.tokens import TokenizedCorpus

RATES = [float(f"{rate:.3g}") for rate in np.geomspace(5e-4, 2e-1, 14)]
SIZES = [8, 12, 16, 24, 32, 48, 64, 96]
STEPS, SEEDS = 40, 100


def trained(text: TokenizedCorpus, rate: float, size: int) -> tuple[float, float]:
    """Return the bits per byte of the validation text, and the seconds of the training."""
    sizes = {"hidden": size, "width": 32, "steps": STEPS, "batch": 16, "spelling": False}
    model = plugins.build("rnn", {"learning_rate": rate, **sizes})
    began = time.perf_counter()
    budget = Budget(steps=STEPS)
    model.fit(
        text.train, text.valid, Setting(text.vocabulary, 0, budget=budget, device="cpu", threads=1, processes=1)
    )
    seconds = time.perf_counter() - began
    bits = -float(model.log_probs(text.valid).sum()) / np.log(2)
    bits += float(text.features("valid", ["overhead_bits"])["overhead_bits"].sum())
    return bits / float(text.documents_of("valid")["bytes"].sum()), seconds


def main() -> None:
    """Train the grid and print a row for each number of trials."""
    with tempfile.TemporaryDirectory() as folder:
        text = prepare(corpora.load("lee"), TokensTable.model_validate({"kind": "bpe:500"}), Path(folder))
        trained(text, RATES[0], SIZES[0])  # what is done once is not counted
        grid = {(r, s): trained(text, RATES[r], SIZES[s]) for r, s in product(range(len(RATES)), range(len(SIZES)))}
    figures = np.array([bits for bits, _ in grid.values()])
    total = sum(seconds for _, seconds in grid.values())
    print(
        f"{len(grid)} settings, {total:.0f} s of training: best {figures.min():.4f}, median {np.median(figures):.4f}"
    )
    space: dict[str, Any] = {"rate": Range(0, len(RATES) - 1), "size": Range(0, len(SIZES) - 1)}
    for trials in (10, 20, 30):
        row = [f"{trials} trials"]
        for method in ("random", "tpe"):
            gaps, shares = [], []
            for seed in range(SEEDS):
                search = proposer("rnn", space, SearchTable(method=method, trials=trials, seed=seed))
                tried = set()
                while batch := search.ask():
                    of_batch = [(values["rate"], values["size"]) for values in batch]
                    tried |= set(of_batch)
                    search.tell([grid[setting][0] for setting in of_batch])
                gaps.append(min(grid[setting][0] for setting in tried) - figures.min())
                shares.append(sum(grid[setting][1] for setting in tried) / total)
            time_share, found = np.mean(shares), np.mean(np.array(gaps) == 0)
            row.append(
                f"{method}: {np.mean(gaps):.4f} above the best in {time_share:.0%} of the time, {found:.0%} found it"
            )
        print("; ".join(row))


if __name__ == "__main__":
    main()
