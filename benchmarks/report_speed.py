"""How long the report of a stored run takes, part by part, and how much memory.

``python benchmarks/report_speed.py --tokens 1000000 10000000`` writes a run folder for each number of test tokens
(``sampled_run.py``) into a temporary folder, or ``--folder``, where they are kept, and builds the report of each with
``lmcompare report`` in a process of its own, ``--rounds`` times. ``--run reports/default`` times the report of a run
that is there instead; it is written anew.

Printed are seconds of wall clock from the process's start to its end, and by part (what a part calls of other parts
is theirs); the peak of resident memory; the size of ``report.html``; and which of torch and gensim were imported.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
UNWANTED = ("torch", "gensim")
# (module, function): what it is called here
PARTS = {
    ("lmcompare.runfolder.guards", "damage"): "checksums",
    ("lmcompare.runfolder.run", "load_run"): "loading",
    ("lmcompare.analysis.metrics", "sums"): "sums of the scores",
    ("lmcompare.analysis.comparison", "compare_models"): "comparison and intervals",
    ("lmcompare.analysis.results", "_results"): "figures of each model",
    ("lmcompare.studies.slices.slices", "slices"): "slices",
    ("lmcompare.studies.mixtures.mixture", "mixtures"): "mixtures",
    ("lmcompare.studies.mixtures.mixture", "wins"): "wins",
    ("lmcompare.report.passages", "chosen"): "passages of the reader",
    ("lmcompare.report.page", "Report"): "sections but for these",
    ("lmcompare.report.page", "whole_page"): "the page",
    ("lmcompare.runfolder.files", "write_text"): "writing",
}


def timed(folder: Path) -> None:
    """Build the report of a run folder as the command line does; print seconds by part and what was imported."""
    began = time.perf_counter()
    from lmcompare.cli.entry import command

    spent: dict[str, float] = {"starting": 0.0}
    within: list[float] = []  # of each part that has begun: the seconds of the parts that it called

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            within.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                took = time.perf_counter() - started
                spent[name] = spent.get(name, 0.0) + took - within.pop()
                if within:
                    within[-1] += took

        return call

    for module, _ in PARTS:
        importlib.import_module(module)
    for (module, function), name in PARTS.items():
        before = getattr(sys.modules[module], function)
        after = wrapped(before, name)
        for each in [m for key, m in sys.modules.items() if key.startswith("lmcompare")]:
            for key, value in vars(each).copy().items():
                if value is before:
                    setattr(each, key, after)
    spent["starting"] = time.perf_counter() - began
    sys.argv = ["lmcompare", "report", str(folder)]
    try:
        command()
    except SystemExit as end:
        if end.code:
            raise
    print(json.dumps({"spent": spent, "imported": [name for name in UNWANTED if name in sys.modules]}))


def measure(folder: Path) -> None:
    """Build the report in a process of its own and print what it cost."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, __file__, "--timed", str(folder)], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the report of {folder} ended with {process.returncode}")
        out.seek(0)
        found = json.loads(out.read().decode().splitlines()[-1])
    cpu = usage.ru_utime + usage.ru_stime
    size = (folder / "report.html").stat().st_size
    print(
        f"  {wall:6.1f} s wall, {cpu:.1f} s CPU, peak {usage.ru_maxrss / 1024:,.0f} MiB, page {size / 2**20:.1f} MiB"
    )
    for name, seconds in sorted(found["spent"].items(), key=lambda part: -part[1]):
        print(f"  {seconds:6.1f} s {name}")
    print(f"  {wall - sum(found['spent'].values()):6.1f} s all else")
    print(f"  imported: {', '.join(found['imported']) or 'neither torch nor gensim'}", flush=True)


def main() -> None:
    """Parse the command line, write the folders and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[1_000_000, 10_000_000], help="of test")
    parser.add_argument("--valid-tokens", type=int, help="default: a tenth of test's")
    parser.add_argument("--documents", type=int, help="of test (default: one for a thousand tokens)")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the run folders are kept (default: nowhere)")
    parser.add_argument("--run", type=Path, action="append", help="time the report of this run instead")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--timed", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.timed:
        timed(given.timed)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folders = given.run or [(given.folder or Path(scratch)) / f"{n}-{given.models}" for n in given.tokens]
        for folder, tokens in zip(folders, given.tokens if not given.run else folders, strict=True):
            if not (folder / "manifest.json").is_file():
                write = [
                    sys.executable,
                    HERE / "sampled_run.py",
                    folder,
                    "--tokens",
                    tokens,
                    "--models",
                    given.models,
                ]
                write += ["--documents", given.documents or tokens // 1_000]
                write += ["--valid-tokens", given.valid_tokens or tokens // 10]
                subprocess.run(list(map(str, write)), check=True)
            print(folder, flush=True)
            for _ in range(given.rounds):
                measure(folder)


if __name__ == "__main__":
    main()
