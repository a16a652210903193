"""How the time and the memory of a run grow with its text, stage by stage.

``python benchmarks/growth.py`` runs ``unigram`` and ``ngram`` on 0.02 to 20 million words, each size in a process of
its own, and prints the seconds and the peak memory of each stage, the disk, and the exponents by which they grow:
from one size to the next, the logarithm of the ratio over the logarithm of the ratio of the words. 1 is linear; above
it are the costs that will one day be too much. ``--models``, ``--words`` and ``--types`` change what is run, and
``--memory 1GB`` limits the memory of n-gram models.

The text is drawn: documents of 100 to 900 words of Zipf's law with the exponent 1.15, cut off at ``--types`` types.
Memory is the sum of the proportional set sizes (PSS) of the process and of those that it started, read five times a
second from /proc, which Linux has. Beside it is the anonymous memory, which is that without files.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

STAGES = ("preparing", "training", "scoring", "checking", "examples", "report")
MIB = 2**20


def write_text(path: Path, words: int, types: int) -> None:
    """Write documents of random words as JSON lines."""
    generator = np.random.default_rng(0)
    consonants, vowels = "bdfghklmnprstvz", "aeiou"
    syllables = [c + v + end for c in consonants for v in vowels for end in ("", "n", "r", "s")]
    names = list(itertools.islice(map("".join, _combined(syllables)), types))
    share = np.arange(1, types + 1) ** -1.15
    upto = np.cumsum(share / share.sum())
    with path.open("w", encoding="utf-8") as out:
        done = 0
        while done < words:
            size = int(generator.integers(100, 900))
            drawn = [names[i] for i in np.searchsorted(upto, generator.random(size)).clip(max=types - 1)]
            lines = []
            while drawn:
                length = int(generator.integers(5, 35))
                sentence, drawn = drawn[:length], drawn[length:]
                lines.append(" ".join(sentence).capitalize() + ".")
            out.write(json.dumps({"text": "\n".join(lines)}) + "\n")
            done += size


def _combined(syllables: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for length in itertools.count(1):
        yield from itertools.product(syllables, repeat=length)


class Watch:
    """Measures stages, one after the other: their seconds, and the most memory of the processes while they last."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak: dict[str, int] = {}
        self.anonymous: dict[str, int] = {}
        self._stage, self._since = "", time.perf_counter()
        threading.Thread(target=self._sample, daemon=True).start()

    def begin(self, stage: str) -> None:
        """End the stage before, and begin one; "" begins none."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now

    def _sample(self) -> None:
        while True:
            stage, processes = self._stage, _tree()
            if stage:
                for peak, file, field in (
                    (self.peak, "smaps_rollup", "Pss:"),
                    (self.anonymous, "status", "RssAnon:"),
                ):
                    memory = sum(_bytes(pid, file, field) for pid in processes)
                    peak[stage] = max(peak.get(stage, 0), memory)
            time.sleep(0.2)


def _tree() -> list[str]:
    """Return the ids of this process and of those that it and they have started."""
    found, todo = [], ["self"]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            todo += _read(children).split()
    return found


def _bytes(pid: str, file: str, field: str) -> int:
    for line in _read(Path(f"/proc/{pid}/{file}")).splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""


def measure(text: Path, models: Sequence[str], folder: Path, memory: str | None) -> dict[str, Any]:
    """Run models on a text; return the seconds and the peak bytes of each stage."""
    from lmcompare.harness.experiment import parse
    from lmcompare.harness.progress import Display
    from lmcompare.harness.run import run
    from lmcompare.report.write import write_report_of
    from lmcompare.runfolder.run import load_run

    watch = Watch()

    class Stages(Display):
        def event(self, cell: int, event: Mapping[str, Any]) -> None:
            stage = event.get("stage")
            if stage is not None and event.get("share") is None:
                # the start of a cell's process, and its compiled code, do not grow
                watch.begin(f"{models[cell]}: {stage}" if stage in STAGES else "")
            elif event["event"] in ("done", "failed"):
                watch.begin("")

    watch.begin("preparing")
    tables = [{"plugin": name} for name in models]
    corpus = {"source": str(text)}
    table = {"name": "growth", "corpus": corpus, "preset": "quick", "models": tables, "memory": memory}
    experiment = parse(table, "the benchmark")
    outcome = run(experiment, folder, show=Stages())
    if outcome.failures:
        raise SystemExit(f"models failed: {outcome.failures}")
    watch.begin("report")
    write_report_of(load_run(folder), folder)
    watch.begin("")
    parts = {"tokens": "tokens", "cells": "cells", "the report": "report.html"}
    disk = {part: sum(map(_size, [folder / name, *(folder / name).rglob("*")])) for part, name in parts.items()}
    return {"seconds": watch.seconds, "bytes": watch.peak, "anonymous": watch.anonymous, "disk": disk}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def table(found: Mapping[int, Mapping[str, Any]], what: str, unit: float, digits: int) -> str:
    """Return a table in Markdown: a row for each stage, the figure at each size, and the exponent between two."""
    sizes = sorted(found)
    steps = list(itertools.pairwise(sizes))
    heads = [f"{size / 1e6:g} M words" for size in sizes] + [f"exponent {a / 1e6:g} to {b / 1e6:g}" for a, b in steps]
    lines = [f"| {what} | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    key = {"seconds": "seconds", "MiB": "bytes", "anonymous MiB": "anonymous", "MiB on disk": "disk"}[what]
    for stage in found[sizes[-1]][key]:
        at = [found[size][key].get(stage, math.nan) / unit for size in sizes]
        grown = [
            math.log(later / earlier) / math.log(b / a)
            for (a, b), (earlier, later) in zip(steps, itertools.pairwise(at), strict=True)
        ]
        cells = [f"{value:,.{digits}f}" for value in at] + [f"{value:.2f}" for value in grown]
        cells = ["too short" if cell == "nan" else cell for cell in cells]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure every size in a process of its own and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--words", type=int, nargs="+", default=[20_000, 200_000, 2_000_000, 20_000_000])
    parser.add_argument("--models", default="unigram,ngram", help="with commas between them")
    parser.add_argument("--types", type=int, default=200_000)
    parser.add_argument("--memory", help="limits n-gram models, as the option of lmcompare run")
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    models = given.models.split(",")
    if given.measure:
        print(json.dumps(measure(given.measure[0], models, given.measure[1], given.memory)))
        return
    found: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for words in sorted(given.words):
            text = Path(scratch) / f"{words}.jsonl"
            write_text(text, words, given.types)
            command = [sys.executable, __file__, "--models", given.models, "--measure", text, text.with_suffix("")]
            command += ["--memory", given.memory] if given.memory else []
            done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
            found[words] = json.loads(done.stdout.splitlines()[-1])
            total, peak = sum(found[words]["seconds"].values()), max(found[words]["bytes"].values())
            print(f"{words:,} words: {total:,.1f} s, peak {peak / MIB:,.0f} MiB", flush=True)
    kinds = (("seconds", 1.0, 1), ("MiB", MIB, 0), ("anonymous MiB", MIB, 0), ("MiB on disk", MIB, 1))
    for what, unit, digits in kinds:
        print(f"\n{table(found, what, unit, digits)}")


if __name__ == "__main__":
    main()
