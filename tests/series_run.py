"""A small run on series, made once for the tests that read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lmcompare.harness.experiment import parse
from lmcompare.harness.run import run
from lmcompare.report.write import write_reports
from tests.made import made

LENGTH, SEASON, HORIZON = 200, 8, 4


def write_table(path: Path) -> None:
    """Write two noisy cycles, one with a missing value in its test part, as a wide table of months."""
    generator, at = np.random.default_rng(5), np.arange(LENGTH)
    one = 3 * np.sin(2 * np.pi * at / SEASON) + 0.3 * generator.standard_normal(LENGTH)
    other = 50 + 10 * np.cos(2 * np.pi * at / SEASON) + generator.standard_normal(LENGTH)
    rows = [
        f"{2000 + month // 12}-{month % 12 + 1:02}-01,{a:.4f},{'' if month == LENGTH - 9 else f'{b:.4f}'}"
        for month, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True))
    ]
    path.write_text("time,one,other\n" + "\n".join(rows) + "\n")


def experiment(table: Path, **changes: object) -> dict[str, object]:
    """Return the table of the experiment."""
    forecast = {
        "horizon": HORIZON,
        "origins": 4,
        "paths": 60,
        "season": SEASON,
        "against": ["seasonal-naive", "drift"],
    }
    small = {"width": 8, "heads": 2, "window": 16, "steps": 12, "batch": 2, "length": 16}
    return {
        "name": "cycles",
        "threads": 1,
        "live": "none",
        "corpus": {"source": f"series:{table}"},
        "tokens": {"kind": "bins", "bins": 12},
        "forecast": forecast,
        "models": [{"plugin": "unigram"}, {"plugin": "ngram", "order": 3}, {"plugin": "transformer", **small}],
        **changes,
    }


def series_run() -> Path:
    """Return the folder of a run with its report; nobody may change it."""
    return made("series", _write) / "run"


def _write(place: Path) -> None:
    write_table(place / "table.csv")
    outcome = run(parse(experiment(place / "table.csv"), "the test"), place / "run")
    assert not outcome.failures
    write_reports(place / "run")
