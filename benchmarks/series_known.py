"""Densities and bands on series whose entropy rate is known: an autoregressive process and a noisy sine.

``python benchmarks/series_known.py`` simulates 60,000 steps of each, trains an n-gram model and an LSTM, and prints
their nats per step beside the entropy rate, and beside what the true density gets on the same test steps; and how
often the bands of their forecasts hold.

- AR(2): x(t) = 1.2 x(t-1) - 0.6 x(t-2) + e(t) with e of variance one: 0.5 ln(2 π e) = 1.4189 nats per step.
- Sine: x(t) = 2 sin(2 π t / 24) + 0.5 e(t): 0.5 ln(2 π e 0.25) = 0.7258 nats per step.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lmcompare.analysis.forecasts import accuracies
from lmcompare.harness.experiment import parse
from lmcompare.harness.run import run
from lmcompare.runfolder.run import load_run

Floats = npt.NDArray[np.float64]
SEASON = 24
LSTM = {"plugin": "rnn", "width": 32, "hidden": 64, "steps": 600, "batch": 32, "length": 64, "learning_rate": 0.01}
LSTM["spelling"] = False  # as the figures of docs/series.md were measured


def simulated(kind: str, length: int, seed: int) -> tuple[Floats, Floats]:
    """Return values, and minus the log-density that the true process gives each."""
    noise = np.random.default_rng(seed).standard_normal(length + 500)
    if kind == "ar2":
        values = np.zeros(length + 500)
        for at in range(2, len(values)):
            values[at] = 1.2 * values[at - 1] - 0.6 * values[at - 2] + noise[at]
        return values[500:], 0.5 * np.log(2 * np.pi) + noise[500:] ** 2 / 2
    steps = np.arange(length)
    values = 2 * np.sin(2 * np.pi * steps / SEASON) + 0.5 * noise[:length]
    return values, 0.5 * np.log(2 * np.pi * 0.25) + noise[:length] ** 2 / 2


def main() -> None:
    """Simulate, train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=60_000)
    parser.add_argument("--bins", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for kind, rate in (("ar2", 0.5 * np.log(2 * np.pi * np.e)), ("sine", 0.5 * np.log(2 * np.pi * np.e * 0.25))):
        values, truth = simulated(kind, given.length, given.seed)
        season = SEASON if kind == "sine" else 1
        with tempfile.TemporaryDirectory() as place:
            table = Path(place) / f"{kind}.csv"
            table.write_text("value\n" + "\n".join(f"{value:.6f}" for value in values.tolist()) + "\n")
            experiment = {
                "name": kind,
                "threads": 1,
                "live": "none",
                "corpus": {"source": f"series:{table}#value"},
                "tokens": {"kind": "bins", "bins": given.bins},
                "forecast": {"horizon": SEASON, "season": season, "origins": 40, "against": []},
                "models": [{"plugin": "ngram", "order": 3}, LSTM],
            }
            run(parse(experiment, "the benchmark"), Path(place) / "run")
            test = truth[round(0.8 * given.length) :]
            print(f"{kind}: entropy rate {rate:.4f}, the true density on these {len(test):,} steps {test.mean():.4f}")
            for one in accuracies(load_run(Path(place) / "run")):
                nats = one.nats.value if one.nats is not None else float("nan")
                held = ", ".join(f"{percent} % {each.value:.0%}" for percent, each in one.coverage.items())
                above = f"{nats - rate:+.4f}, {nats - test.mean():+.4f}"
                print(f"  {one.method.title}: {nats:.4f} ({above}); bands hold {held}")


if __name__ == "__main__":
    main()
