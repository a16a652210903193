"""What a busy machine does to training: ``python benchmarks/neural_busy.py``.

Each model trains ``--steps`` steps on an embedded corpus in a process of its own, alone and beside ``--busy``
programs that do nothing but count: once with the variables that a cell of a run gets at that moment, whose threads
sleep while they wait, and once with those that torch comes with, whose threads spin. Printed are milliseconds a step
and how many times longer a step takes beside the others, to be held against what a fair share of the cores would make
of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

from neural_speed import texts

from lmcompare.harness.environment import thread_variables
from lmcompare.model import Progress, Setting
from lmcompare.plugins import build
from lmcompare.training.loop import REPORTS

MODELS = ("word2vec-bow", "rnn", "rnn-attention", "transformer")


def main() -> None:
    """Measure and print, or train as one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--busy", type=int, default=1, help="programs beside it")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--corpus", default="wiki-sample")
    parser.add_argument("--train", choices=MODELS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not 10 <= given.steps <= REPORTS:
        parser.error(f"--steps is from 10 to {REPORTS}: the first are left out, and each must report")
    if given.train:
        print(json.dumps(step_seconds(given.train, given.corpus, given.threads, given.steps)))
        return
    cores = os.cpu_count() or 1
    fair = min(given.threads, cores) / (cores * given.threads / (given.threads + given.busy))
    print(f"{given.threads} threads on {cores} cores beside {given.busy} busy program(s): a fair share is {fair:.1f}")
    for model in given.models:
        for name, waiting in (("as in a run", True), ("spinning threads", False)):
            alone = measured(model, given, waiting)
            with busy(given.busy):
                beside = measured(model, given, waiting)
            print(
                f"{model}, {name}: {1e3 * alone:.0f} ms a step alone, {1e3 * beside:.0f} beside others,"
                f" {beside / alone:.1f} times",
                flush=True,
            )


def measured(model: str, given: argparse.Namespace, waiting: bool) -> float:
    """Return the median seconds of a step of a model that trains in a process of its own."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_"))}
    if waiting:
        variables |= thread_variables(given.threads)
    command = [sys.executable, __file__, "--train", model, "--threads", str(given.threads)]
    command += ["--steps", str(given.steps), "--corpus", given.corpus]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables)
    return float(json.loads(found.stdout))


def step_seconds(name: str, corpus_name: str, threads: int, steps: int) -> float:
    """Train, and return the median seconds of a step; the first ones are left out."""
    train, valid = texts(corpus_name)
    times: list[float] = []

    def listen(progress: Progress) -> None:
        if progress.valid_loss is None:
            times.append(time.perf_counter())

    options = {"epochs": 1} if name == "word2vec-bow" else {}
    setting = Setting(train.vocabulary, threads=threads, progress=listen)
    build(name, {"steps": steps, **options}).fit(train, valid.select([0]), setting)
    return statistics.median(b - a for a, b in pairwise(times[5:]))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Run ``count`` programs that only count, until the block ends."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


if __name__ == "__main__":
    main()
