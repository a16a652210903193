"""How the neural models learn under their presets: ``python benchmarks/presets.py quick default``.

Each preset is run with seed 0 on its own corpus into ``reports/presets-NAME`` (or ``--out FOLDER``/NAME), where a run
that was cut off goes on, and the learning curves on valid are printed as the tables of ``docs/presets.md``. The
tables have nothing of test, by which presets must not be chosen.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from lmcompare import plugins

MODELS = (
    *("word2vec-bow", "feed-forward", "rnn", "rnn-attention", "rnn-encoder-decoder"),
    *("cnn", "state-space", "linear-attention", "transformer"),
)


def main() -> None:
    """Run the presets that are asked for and print their tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("presets", nargs="*", default=["quick"], metavar="PRESET", help="quick, default, full")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="FOLDER", help="where the runs go")
    options = parser.parse_args()
    for preset in options.presets:
        folder = options.out / f"presets-{preset}"
        command = [sys.executable, "-m", "lmcompare.cli", "run", "--preset", preset, "--seed", "0"]
        subprocess.run([*command, "--model", ",".join(MODELS), "--out", str(folder)], check=True, stdout=sys.stderr)
        print(f"\n## `{preset}`\n\n{settings(preset)}\n\n{curves(folder)}")


def settings(preset: str) -> str:
    """Return a table of what the preset changes in each model."""
    lines = ["| model | settings |", "|---|---|"]
    for name in MODELS:
        cls = plugins.resolve(name)
        changed = cls.presets.get(preset, {})
        lines.append(
            f"| `{name}` | {', '.join(f'`{k} = {json.dumps(v)}`' for k, v in changed.items()) or 'as it is'} |"
        )
    return "\n".join(lines)


def curves(folder: Path) -> str:
    """Return a table of what a run measured on valid: nats a token at each look, and perplexity of all of it."""
    rows = [(name, folder / "cells" / name / "0") for name in MODELS]
    shares = range(1, 9)
    lines = [
        "| model | parameters | training, s | " + " | ".join(f"{n}/8" for n in shares) + " | perplexity |",
        "|---|---:|---:|" + "---:|" * (len(shares) + 1),
    ]
    for name, cell in rows:
        cost = json.loads((cell / "cost.json").read_text(encoding="utf-8"))
        looks = pd.read_csv(cell / "curve.csv")["valid_loss"].dropna()
        figures: list[Any] = [f"{cost['parameters'] / 1e6:.1f} M", f"{cost['train_seconds']:.0f}"]
        figures += [f"{loss:.3f}" for loss in looks]
        scores = pd.read_parquet(cell / "scores.parquet", columns=["split", "log_prob"])
        figures.append(f"{math.exp(-scores.loc[scores['split'] == 'valid', 'log_prob'].mean()):.1f}")
        lines.append(f"| `{name}` | " + " | ".join(figures) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
