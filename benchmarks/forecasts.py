"""Whether the forecasts of more text come true.

``python benchmarks/forecasts.py`` divides a corpus twenty times at random into training, validation and test text,
and trains models on eight nested shares of each training text. A power law is fitted to the points of the shares up
to 0.3, as the report does. Printed is how many of the points of the larger shares lie in its 80 % bands, how wide the
bands are, and how far the forecasts are off, by model and share. A band that promises four of five should hold that
many on average.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lmcompare import corpora
from lmcompare.analysis import load_run
from lmcompare.analysis.metrics import split_bytes, sums
from lmcompare.harness import experiment
from lmcompare.harness.progress import Display
from lmcompare.harness.run import NO_EXAMPLES, run
from lmcompare.studies.growth.power_law import fitted

SHARES = (0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.55, 1.0)
UP_TO = 0.3


def measured(texts: Sequence[str], models: Sequence[str], preset: str) -> tuple[list[int], dict[str, list[float]]]:
    """Return the words of each share, and by model the bits per byte there, with documents in the order given."""
    words = np.cumsum([len(text.split()) for text in texts])
    test, valid = np.searchsorted(words, words[-1] * np.array([0.1, 0.2]))
    train = list(texts[valid:])
    total = sum(len(text.split()) for text in train)
    amounts, figures = [], {name: list[float]() for name in models}
    for share in SHARES:
        part, held = [], 0.0
        for text in train:
            own = text.split(" ")
            part.append(" ".join(own[: max(1, round(share * total - held))]))
            held += len(part[-1].split())
            if held >= share * total:
                break
        given = {"train": part, "valid": list(texts[test:valid]), "test": list(texts[:test])}
        plan = experiment.shipped("default").replace(
            "the benchmark",
            preset=preset,
            models=[{"plugin": name} for name in models],
            examples=NO_EXAMPLES,
            live="none",
        )
        with tempfile.TemporaryDirectory() as place:
            outcome = run(plan, Path(place, "run"), corpus=corpora.load(given), show=Display())
            assert not outcome.failures, outcome.failures
            done = load_run(Path(place, "run"))
            amounts.append(done.corpus.splits["train"].words)
            for model in done.scored:
                figures[model.name].append(
                    float(sums(done, "test")[model.name].bits.mean() / split_bytes(done, model))
                )
    return amounts, figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Whether the forecasts of more text come true.")
    parser.add_argument("--corpus", default="wiki-sample")
    parser.add_argument("--models", default="unigram,ngram")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--splits", type=int, default=20)
    given = parser.parse_args()
    corpus = corpora.load(given.corpus)
    texts = [document.text for split in ("train", "valid", "test") for document in corpus.split(split)]
    names = given.models.split(",")
    inside: dict[tuple[str, float], list[bool]] = {}
    widths: dict[tuple[str, float], list[float]] = {}
    errors: dict[tuple[str, float], list[float]] = {}
    none = dict.fromkeys(names, 0)
    for split in range(given.splits):
        order = np.random.default_rng(split).permutation(len(texts))
        words, figures = measured([texts[n] for n in order], names, given.preset)
        fit = np.array(SHARES) <= UP_TO
        amounts = np.array(words, np.float64)
        for name, found in figures.items():
            print(split, name, *(f"{figure:.4f}" for figure in found), flush=True)
            law = fitted(amounts[fit], np.array(found)[fit])
            if law is None:
                none[name] += 1
                continue
            forecast, low, high = law.forecast(amounts[~fit])
            rows = zip(np.array(SHARES)[~fit], np.array(found)[~fit], forecast, low, high, strict=True)
            for share, figure, said, below, above in rows:
                key = name, float(share)
                inside.setdefault(key, []).append(bool(below <= figure <= above))
                widths.setdefault(key, []).append(float(above - below))
                errors.setdefault(key, []).append(float(said - figure))
    for key, held in inside.items():
        print(
            f"{key[0]} at {key[1]:g}: {100 * np.mean(held):.0f} % of {len(held)} in the band, which is"
            f" {np.median(widths[key]):.3f} bits per byte wide; error {np.mean(errors[key]):+.3f}, absolute"
            f" {np.mean(np.abs(errors[key])):.3f}; {none[key[0]]} without a law"
        )
    of_all = [each for held in inside.values() for each in held]
    print(f"all: {100 * np.mean(of_all):.0f} % of {len(of_all)}")


if __name__ == "__main__":
    main()
