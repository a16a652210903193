"""What options of the transformer are worth on little text: the tables of ``docs/recipes.md``.

``python benchmarks/recipes.py`` trains the default transformer on ``wiki-sample`` with each option, for a quarter of
the steps on two seeds: about 35 minutes on two cores. ``--steps 1000 --seeds 0 1 2`` with some options, such as
``--options 'gates = true' 'width = 192, batch = 32'``, confirms what helps.

Figures are bits per byte of the validation text; the difference to the transformer without the option is taken seed
by seed. Two trainings run side by side with one thread each, and what has been trained is kept in ``--out``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from lmcompare import corpora, plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.prepare import prepare
from lmcompare.harness.tokens_table import TokensTable
from lmcompare.model import Budget, Setting
from lmcompare.runfolder.tokens import TokenizedCorpus

BASE = ""  # no option
OPTIONS = (
    "word_values = true",
    "gates = true",
    "sinks = true",
    "exclusive = true",
    "local = 16",
    "convolution = 3",
    "spelling = false",
    "experts = 4",
    "further = 0.1",
    "further = 0.3",
    "activation = 'swiglu'",
    "activation = 'relu2'",
    "style = 'llama'",
    "heads = 8",
    "heads = 2",
    "layers = 3",
    "weight_decay = 2.0",
    "dropout = 0.0",
    "dropout = 0.3",
    "optimiser = 'adamw', learning_rate = 2e-3",
)


def settings(option: str) -> dict[str, Any]:
    """Return the hyper-parameters that an option sets, written as in an inline table of TOML."""
    return tomllib.loads(f"x = {{ {option} }}")["x"]  # type: ignore[no-any-return]


def known(option: str) -> str:
    """Return an option of the command line if the transformer has it."""
    try:
        plugins.build("transformer", settings(option))
    except (LmcompareError, tomllib.TOMLDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{option!r} is no option: {error}") from None
    return option


def trained(folder: str, option: str, seed: int, steps: int) -> tuple[float, float, float]:
    """Return the bits per byte of the validation text, the seconds of the training, and the parameters."""
    text = TokenizedCorpus(Path(folder))
    model = plugins.build("transformer", settings(option))
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
    parser.add_argument("--options", type=known, nargs="+", default=OPTIONS, metavar="OPTION")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--out", type=Path, default=Path("reports/recipes"), metavar="FOLDER")
    given = parser.parse_args()
    words = TokensTable.model_validate({"kind": "word", "min_count": 2})
    tokens = prepare(corpora.load("wiki-sample"), words, given.out / "tokens").path
    kept = given.out / "trained.json"
    done: dict[str, list[float]] = json.loads(kept.read_text()) if kept.exists() else {}
    options = list(dict.fromkeys([BASE, *given.options]))
    wanted = {f"{option}|{seed}|{given.steps}": (option, seed) for option, seed in product(options, given.seeds)}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        asked = {
            key: pool.submit(trained, str(tokens), option, seed, given.steps)
            for key, (option, seed) in wanted.items()
            if key not in done
        }
        for key, found in asked.items():
            done[key] = list(found.result())
            kept.write_text(json.dumps(done, indent=1))
            print(key, f"{done[key][0]:.4f}", flush=True)
    print("\n| option | bits per byte | saved | 95 % interval | time | parameters |\n|---|---:|---:|---:|---:|---:|")
    figures = {each: np.array([done[f"{each}|{seed}|{given.steps}"] for seed in given.seeds]) for each in options}
    for option, of_seeds in sorted(figures.items(), key=lambda pair: pair[1][:, 0].mean()):
        print(row(f"`{option}`" if option else "as it is", of_seeds, figures[BASE]))


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
