"""How long the main job takes: ``python benchmarks/budget.py quick default``. Runs in a temporary folder."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "lmcompare.cli"]


def main(presets: list[str]) -> None:
    """Time ``--help`` (median of nine) and each preset (once, everything included)."""
    times = []
    for _ in range(9):
        started = time.perf_counter()
        subprocess.run([*COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    print(f"lmcompare --help: {statistics.median(times):.2f} s")
    for preset in presets:
        with tempfile.TemporaryDirectory() as scratch:
            started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [*COMMAND, "run", "--preset", preset, "--out", scratch, "--quiet"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            rows = json.loads((Path(scratch) / "results.json").read_text())["models"]
            costs = [json.loads(path.read_text()) for path in Path(scratch).glob("cells/*/*/cost.json")]
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        checks = sum(cost["check_seconds"] for cost in costs)
        print(f"{preset}: {wall:.0f} s wall, {cpu:.0f} s CPU; truth checks {checks:.1f} s ({checks / wall:.1%})")
        for row in rows:
            speed = f"train {row['train_seconds']:6.1f} s  {row['microseconds_per_token']:8.1f} µs/token"
            memory = f"{row['peak_memory_bytes'] / 2**20:6.0f} MiB"
            print(f"  {row['name']:<14} {speed}  {memory}  {row['bits_per_byte']:.3f} bits per byte")


if __name__ == "__main__":
    main(sys.argv[1:] or ["quick"])
