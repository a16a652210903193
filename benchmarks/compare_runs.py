"""Compare the figures of two run folders, model by model: do two versions of the program compute the same?

    python benchmarks/compare_runs.py runs/before runs/after

Reads every key of ``results.json`` of both, and the findings of a laboratory. Times, memory and what depends on them
are left out. Every other figure must be equal to the last bit, or within a relative ``--tolerance``. Prints what
differs, and exits with 1 if anything does or a model is missing.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COSTS = {
    *("train_seconds", "microseconds_per_token", "microseconds_per_list", "peak_memory_bytes"),
    *("measure_seconds", "seconds", "compute"),  # the study "compute" is about times
}
LABELS = {"schema_version", "experiment"}


def figures(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value with their places, costs left out."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in COSTS:
                yield from figures(part, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from figures(part, f"{place}[{index}]")
    else:
        yield place, value


def tables(folder: Path) -> dict[str, Any]:
    """Return what a folder has by name: its models, the differences of their pairs, other results, and findings."""
    found: dict[str, Any] = {}
    if (folder / "results.json").exists():
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        found = {f"model {row['name']}": row for row in results.pop("models")}
        found |= {f"{row['first']} and {row['second']}": row for row in results.pop("differences")}
        found |= {key: {"": value} for key, value in results.items() if key not in LABELS}
    for path in sorted((folder / "findings").glob("*.json")):
        found[f"finding {path.stem}"] = json.loads(path.read_text(encoding="utf-8"))
    return found


def differ(before: Any, after: Any, tolerance: float) -> bool:
    """Return whether two leaves differ by more than a relative ``tolerance``."""
    if isinstance(before, float) and isinstance(after, float):
        return not math.isclose(before, after, rel_tol=tolerance, abs_tol=0.0)
    return bool(before != after)


def main() -> int:
    """Compare the two folders of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="largest relative difference that is no difference"
    )
    parser.add_argument("--model", action="append", help="compare these models only")
    given = parser.parse_args()
    before, after = tables(given.before), tables(given.after)
    wanted = {f"model {name}" for name in given.model or ()} or set(before)  # with --model, no pairs
    equal, wrong = 0, 0
    for name in sorted(wanted & set(before)):
        if name not in after:
            wrong += 1
            print(f"{name}: missing from {given.after}")
            continue
        others = dict(figures(after[name]))
        for place, value in figures(before[name]):
            if place not in others:
                print(f"{name}: {place} has gone (it was {value!r})")
                wrong += 1
            elif differ(value, others[place], given.tolerance):
                print(f"{name}: {place} was {value!r}, is {others[place]!r}")
                wrong += 1
            else:
                equal += 1
    print(f"{equal:,} figures are equal, {wrong:,} differ.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
