"""What options of the transformer are worth on little text: the tables of ``docs/recipes.md``.

``python benchmarks/recipes.py`` trains the default transformer on ``wiki-sample`` with each option, for a quarter of
the steps on two seeds: about 20 minutes on two cores. ``--steps 1000 --seeds 0 1 2`` with some ``--names``, or with
hyper-parameters such as ``'{"width": 192, "batch": 32}'`` in their place, confirms what helps.

Figures are bits per byte of the validation text; the difference to the transformer without the option is taken seed
by seed. Two trainings run side by side with one thread each, and what has been trained is kept in ``--out``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from lmcompare import corpora, plugins
from lmcompare.harness.prepare import prepare
from lmcompare.harness.tokens_table import TokensTable
from lmcompare.model import Budget, Setting
from lmcompare.runfolder.tokens import TokenizedCorpus

BASE = "as it is"
RECIPES: dict[str, dict[str, Any]] = {
    BASE: {},
    "values of words": {"word_values": True},
    "gates": {"gates": True},
    "sinks": {"sinks": True},
    "exclusive": {"exclusive": True},
    "near layers": {"local": 16},
    "convolutions": {"convolution": 3},
    "no spelling": {"spelling": False},
    "4 experts": {"experts": 4},
    "8 experts": {"experts": 8},
    "further, 0.1": {"further": 0.1},
    "further, 0.3": {"further": 0.3},
    "SwiGLU": {"activation": "swiglu"},
    "squared ReLU": {"activation": "relu2"},
    "Llama's style": {"style": "llama"},
    "8 heads": {"heads": 8},
    "2 heads": {"heads": 2},
    "3 layers": {"layers": 3},
    "twice the weight decay": {"weight_decay": 2.0},
    "no dropout": {"dropout": 0.0},
    "twice the dropout": {"dropout": 0.3},
    "AdamW": {"optimiser": "adamw", "learning_rate": 2e-3},
}


def trained(folder: str, name: str, seed: int, steps: int) -> tuple[float, float, float]:
    """Return the bits per byte of the validation text, the seconds of the training, and the parameters."""
    text = TokenizedCorpus(Path(folder))
    model = plugins.build("transformer", RECIPES[name] if name in RECIPES else json.loads(name))
    setting = Setting(text.vocabulary, seed, budget=Budget(steps=steps), device="cpu", threads=1, processes=1)
    began = time.perf_counter()
    model.fit(text.train, text.valid, setting)
    seconds = time.perf_counter() - began
    bits = -float(model.log_probs(text.valid).sum()) / math.log(2)
    bits += float(text.features("valid", ["overhead_bits"])["overhead_bits"].sum())
    return bits / float(text.documents_of("valid")["bytes"].sum()), seconds, float(model.size().parameters or 0)


def main() -> None:
    """Train what is asked for and print a row for each option."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--names", nargs="+", default=list(RECIPES), metavar="NAME")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--out", type=Path, default=Path("reports/recipes"), metavar="FOLDER")
    options = parser.parse_args()
    words = TokensTable.model_validate({"kind": "word", "min_count": 2})
    tokens = prepare(corpora.load("wiki-sample"), words, options.out / "tokens").path
    kept = options.out / "trained.json"
    done: dict[str, list[float]] = json.loads(kept.read_text()) if kept.exists() else {}
    names = list(dict.fromkeys([BASE, *options.names]))
    wanted = {f"{name}|{seed}|{options.steps}": (name, seed) for name, seed in product(names, options.seeds)}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        asked = {
            key: pool.submit(trained, str(tokens), name, seed, options.steps)
            for key, (name, seed) in wanted.items()
            if key not in done
        }
        for key, found in asked.items():
            done[key] = list(found.result())
            kept.write_text(json.dumps(done, indent=1))
            print(key, f"{done[key][0]:.4f}", flush=True)
    print("\n| option | bits per byte | saved | 95 % interval | time | parameters |\n|---|---:|---:|---:|---:|---:|")
    figures = {n: np.array([done[f"{n}|{seed}|{options.steps}"] for seed in options.seeds]) for n in names}
    for name, of_seeds in sorted(figures.items(), key=lambda pair: pair[1][:, 0].mean()):
        print(row(name, of_seeds, figures[BASE]))


def row(name: str, found: np.ndarray[Any, Any], base: np.ndarray[Any, Any]) -> str:
    """Return a row of the table, of (seeds, 3) figures of an option and of the transformer without it."""
    bits, seconds, parameters = found.mean(axis=0)
    saved = base[:, 0] - found[:, 0]
    ratio = seconds / base[:, 1].mean()
    return (
        f"| {name} | {bits:.4f} | {saved.mean():+.4f} | {interval(saved)} | {ratio:.2f} | {parameters / 1e6:.2f} M |"
    )


def interval(saved: Sequence[float] | np.ndarray[Any, Any]) -> str:
    """Return the 95 % interval of the mean over seeds, by Student's t."""
    half = float(stats.t.ppf(0.975, len(saved) - 1) * np.std(saved, ddof=1) / math.sqrt(len(saved)))
    return f"{np.mean(saved) - half:+.4f} to {np.mean(saved) + half:+.4f}"


if __name__ == "__main__":
    main()
