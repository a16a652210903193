"""What options of the transformer are worth on little text: the tables of ``docs/recipes.md``.

``python benchmarks/recipes.py`` trains the default transformer on ``wiki-sample`` with each option, for a quarter of
the steps on two seeds: about 25 minutes on two cores. ``--steps 1000 --seeds 0 1 2`` with some options, such as
``--options 'layers = 3' 'width = 192, batch = 32'``, confirms what helps.

Figures are bits per byte of the validation text; the difference to the transformer without the option is taken seed
by seed. Two trainings run side by side with one thread each, and what this version of the code has trained is kept in
``--out``. Then the time of a step is measured, with each option between two measurements without it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import corpora, plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text.reading import prepare
from lmcompare.model import Budget, LanguageModel, Progress, Setting
from lmcompare.runfolder.tokens import TokenizedCorpus

BASE = ""  # no option
TIMED = 40  # steps whose time is measured
OnProgress = Callable[[Progress], None]
OPTIONS = (
    "convolution = 3",
    "spelling = false",
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


def train(text: TokenizedCorpus, option: str, seed: int, steps: int, progress: OnProgress) -> LanguageModel:
    """Return the transformer with an option, trained with one thread."""
    budget = Budget(steps=steps)
    setting = Setting(text.vocabulary, seed, budget=budget, device="cpu", threads=1, processes=1, progress=progress)
    return plugins.build("transformer", settings(option)).fit(text.train, text.valid, setting)


def trained(folder: str, option: str, seed: int, steps: int) -> tuple[float, float]:
    """Return the bits per byte of the validation text, and the parameters."""
    text = TokenizedCorpus(Path(folder))
    model = train(text, option, seed, steps, Setting.progress)
    bits = -float(model.log_probs(text.valid).sum()) / math.log(2)
    bits += float(text.features("valid", ["overhead_bits"])["overhead_bits"].sum())
    return bits / float(text.documents_of("valid")["bytes"].sum()), float(model.size().parameters or 0)


def step_time(text: TokenizedCorpus, option: str) -> float:
    """Return the median seconds of a training step."""
    ends: list[float] = []
    train(text, option, 0, TIMED, lambda now: ends.append(time.perf_counter()) if now.valid_loss is None else None)
    return float(np.median(np.diff(ends)))


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
    kept = given.out / f"trained-{plugins.source_digest(plugins.build('transformer', {}))}.json"  # of this code alone
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
    print("\n| option | bits per byte | saved | seed by seed | time of a step | parameters |")
    print("|---|---:|---:|---:|---:|---:|")
    text = TokenizedCorpus(tokens)
    figures = {each: np.array([done[f"{each}|{seed}|{given.steps}"] for seed in given.seeds]) for each in options}
    for option, of_seeds in sorted(figures.items(), key=lambda pair: pair[1][:, 0].mean()):
        saved = figures[BASE][:, 0] - of_seeds[:, 0]
        before, own, after = (step_time(text, each) for each in (BASE, option, BASE))
        print(
            f"| {f'`{option}`' if option else 'as it is'} | {of_seeds[:, 0].mean():.4f} | {saved.mean():+.4f}"
            f" | {', '.join(f'{each:+.4f}' for each in saved)} | {2 * own / (before + after):.2f}"
            f" | {of_seeds[0, 1] / 1e6:.2f} M |",
            flush=True,
        )


if __name__ == "__main__":
    main()
