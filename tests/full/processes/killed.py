"""A run killed again and again, at random instants, and the same run left alone: are they the same to the bit?

``python -m tests.full.processes.killed 100`` kills a run of a plug-in without torch a hundred times, and
``python -m tests.full.processes.killed 5 rnn`` one in which a net is trained, five times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.small import write_text

# What tells times or places, or holds digests of what does
ITS_OWN = {
    *("cost.json", "curve.csv", "trained.json", "checksums.json", "manifest.json"),
    *("results.json", "results.csv", "report.html", "report.md", ".lock"),
}
NET = ("width=16", "hidden=16", "batch=4", "length=16", "steps=400")


def command(model: str, place: Path, out: str) -> list[str]:
    """The command that runs the model on the text of ``place``."""
    settings = [part for each in NET for part in ("--set", f"{model}.{each}")] if model == "rnn" else []
    return [
        *(sys.executable, "-m", "lmcompare.cli", "run", "--corpus", str(place / "text.txt"), "--documents", "line"),
        *("--model", model, "--threads", "1", "--device", "cpu", "--quiet", "--out", str(place / out), *settings),
    ]


def finish(model: str, place: Path, out: str) -> float:
    """Run to the end; return the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(command(model, place, out), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - began


def kill_after(seconds: float, model: str, place: Path, out: str) -> bool:
    """Start the run and kill it after the given seconds; return whether it still ran."""
    with subprocess.Popen(
        command(model, place, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            return True
    assert process.returncode == 0, process.returncode
    return False


def stored(folder: Path) -> dict[str, bytes]:
    """What a run folder holds, by name, without what tells times."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in ITS_OWN)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if "charts" not in p.parts}


def trial(model: str, kills: int, seed: int = 0) -> int:
    """Kill a run several times, finish it, and compare it with one left alone; return how many kills hit.

    A kill that comes after the end begins the run anew in another folder. A run that goes on is shorter than a whole
    one, so that early kills reach its end.
    """
    chance, hits, folders = random.Random(seed), 0, 1
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        write_text(place)
        whole = finish(model, place, "alone")
        expected = stored(place / "alone")
        while hits < kills:
            out = f"killed-{folders}"
            is_new, began = not (place / out).exists(), time.perf_counter()
            if kill_after(chance.uniform(0.05, 0.9) * whole, model, place, out):
                hits += 1
            else:
                folders += 1
                if is_new:  # the first run may have been slower, as it read everything from the disk
                    whole = time.perf_counter() - began
                check(stored(place / out), expected)
        finish(model, place, f"killed-{folders}")
        check(stored(place / f"killed-{folders}"), expected)
    return hits


def check(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Raise ``AssertionError`` with the names of the files that differ."""
    names = differing(found, expected)
    assert not names, names


def differing(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """The names of the files that only one of two run folders has, or whose contents differ."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


if __name__ == "__main__":
    times, which = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "ngram"
    print(f"killed {trial(which, times)} times, and the same to the bit")
