"""How the costs of a run grow with the parameters of its networks and with the number of its cells.

``python benchmarks/scale.py parameters`` trains the transformer and the RNN in widths from 8 to 1024 for a few steps
on ``lee``, and prints what a token costs, memory and disk. ``python benchmarks/scale.py cells`` runs ``unigram`` on a
short text with 10, 100 and 1,000 seeds, and prints the seconds, those of resuming the finished run, the memory of the
run's own process, disk, and the size of the report. ``python benchmarks/scale.py models`` does the same with as many
different models: ``ngram`` of five orders with other values of k.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lmcompare

WIDTHS = (8, 32, 128, 512, 1024)
STEPS = 10
WIDE = {"transformer": ("width",), "rnn": ("width", "hidden")}


def by_parameters(threads: int) -> None:
    """Print a row for each network."""
    print("| model | width | parameters | training, µs a token | scoring, µs a token | memory, MiB | disk, MiB |")
    print("| --- |" + " ---: |" * 6)
    for plugin, names in WIDE.items():
        models = [
            {"plugin": plugin, "name": f"{plugin}-{width}", "steps": STEPS, "spelling": False}
            | dict.fromkeys(names, width)
            for width in WIDTHS
        ]
        with tempfile.TemporaryDirectory() as folder:
            options: dict[str, Any] = {"threads": threads, "device": "cpu", "live": "none", "quiet": True}
            found = lmcompare.compare("lee", models, out=folder, **options)
            results = json.loads((found.folder / "results.json").read_text(encoding="utf-8"))
            for width, row in zip(WIDTHS, results["models"], strict=True):
                cells = (
                    f"{row['parameters']:,}",
                    f"{1e6 * row['train_seconds'] / row['tokens_read']:,.1f}",
                    f"{row['microseconds_per_token']:,.1f}",
                    f"{row['peak_memory_bytes'] / 2**20:,.0f}",
                    f"{row['model_bytes'] / 2**20:,.1f}",
                )
                print(f"| {plugin} | {width} | {' | '.join(cells)} |", flush=True)


def seeds_of(number: int, place: Path) -> list[str]:
    """Return the options of a run with this many cells of one model."""
    return ["--model", "unigram", "--seed", ",".join(map(str, range(number)))]


def models_of(number: int, place: Path) -> list[str]:
    """Return the experiment of a run with this many models, which is written to ``place``."""
    file = place / f"{number}.toml"
    tables = (
        f'[[models]]\nname = "ngram-{n}"\nplugin = "ngram"\norder = {1 + n % 5}\nsmoothing = "add-k"\n'
        f"k = {0.001 * 1.01**n:.6g}\n"
        for n in range(number)
    )
    file.write_text("".join(tables), encoding="utf-8")
    return [str(file)]


def by_cells(numbers: Sequence[int], workers: int, asked: Callable[[int, Path], list[str]]) -> None:
    """Print a row for each number of cells; ``asked`` returns what a run of this many is asked for."""
    print("| cells | seconds | again, when finished | memory, MiB | disk, MiB | report, MiB |")
    print("|" + " ---: |" * 6)
    words = [f"word{n}" for n in range(200)]
    drawn = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "text.txt"
        text.write_text("\n".join(" ".join(drawn.choices(words, k=9)) for _ in range(600)), encoding="utf-8")
        for number in numbers:
            folder = Path(scratch) / str(number)
            options = ["--corpus", text, "--threads", 1, "--workers", workers, "--out", folder]
            command = [
                sys.executable,
                "-m",
                "lmcompare.cli",
                "run",
                *asked(number, Path(scratch)),
                *map(str, options),
            ]
            seconds = []
            for _ in range(2):
                began = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                seconds.append(time.perf_counter() - began)
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
            page = (folder / "report.html").stat().st_size / 2**20
            print(
                f"| {number:,} | {seconds[0]:,.1f} | {seconds[1]:,.1f} | {memory:,.0f} | {disk:,.1f} | {page:.2f} |",
                flush=True,
            )


def main() -> None:
    """Parse the command line and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("by", choices=("parameters", "cells", "models"))
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.by == "parameters":
        by_parameters(given.threads)
    else:
        by_cells(given.cells, given.workers, seeds_of if given.by == "cells" else models_of)


if __name__ == "__main__":
    main()
