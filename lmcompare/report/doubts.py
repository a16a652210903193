"""Reasons to doubt the figures of a run, each with what it usually means: they stand beside the title."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from lmcompare.analysis.leaderboard import Row
from lmcompare.render import numbers
from lmcompare.render.titles import sentence, with_titles
from lmcompare.report import compressors
from lmcompare.report.verdict import Titles

FAR_BELOW = 0.5  # of the figure of the best file compressor
NEARER = 0.1  # of the usual figure: how much better a model knows the validation text than other models do
BYTE = 8  # bits
UNKNOWN = 0.5  # of the test tokens
REPEATED = 0.05  # of the validation or the test text: figures of the two can't be compared any more


def doubts(
    rows: Sequence[Row], results: Mapping[str, Any], compressed: Mapping[str, float], title: Titles
) -> list[str]:
    """Return the reasons for doubt about models that are ranked or scored, one sentence or two for each.

    Parameters
    ----------
    rows : sequence of Row
    results : mapping
        The content of results.json: what studies doubt, and how much of the held-out text is repeated.
    compressed : mapping of str to float
        The bits per byte of file compressors on the test text; empty where models are compared on a part of it.
    title : callable
        Gives the title of a model.
    """
    names = [row.name for row in rows]
    doubted = {each["model"]: each["said"] for each in results["doubts"] if each["model"] in names}
    known = [sentence(with_titles(said, names, title)) for said in doubted.values()]
    repeated = {split: found["share"] for split, found in results["repeated_text"].items()}
    if max(repeated.values()) < REPEATED:  # otherwise a model that memorises gains on one of the two texts
        known += prefers_valid(rows, doubted, title)
    elif repeated["valid"] >= REPEATED:
        share = numbers.percent(repeated["valid"], 0)
        known.append(
            f"{share} of the validation text also occurs in the training text. Usually this means that models have"
            " chosen badly what they choose on it: when to stop, discounts, and the weights of mixtures and caches."
        )
    return [*below_compressors(rows, compressed, title), *known, *(of_unknown_words(rows) or above_bytes(rows))]


def below_compressors(rows: Iterable[Row], compressed: Mapping[str, float], title: Titles) -> list[str]:
    """Return a sentence on models that need far fewer bits than every file compressor."""
    program = compressors.best(compressed)
    limit = 0.0 if program is None else FAR_BELOW * program.bits_per_byte
    low = [row for row in rows if row.compared is not None and row.compared < limit]
    if program is None or not low:
        return []
    names = numbers.listed([title(row.name) for row in low])
    need, code = ("needs", "its code or tokenizer") if len(low) == 1 else ("need", "their code or tokenizer")
    return [
        f"{sentence(names)} {need} less than half of the bits of the best file compressor, {program.name}"
        f" ({numbers.bits_per_byte(program.bits_per_byte)} bits per byte). Usually this means that {code} has read"
        " the test text, or text that contains it."
    ]


def prefers_valid(rows: Sequence[Row], doubted: Container[str], title: Titles) -> list[str]:
    """Return a sentence on each model that is much better on the validation text than other models on the same texts.

    Bits per byte of the test text less those of the validation text, compared with the median of the others: how hard
    the two texts are cancels out. Of the 25 models of a hundred years, the difference is −3 to 4 % of that figure.
    """
    figures = {
        row.name: (row.bits_per_byte, row.bits_per_byte - row.valid_bits_per_byte)
        for row in rows
        if row.bits_per_byte is not None and row.valid_bits_per_byte is not None
    }
    said = []
    for row in rows:
        others = [pair for name, pair in figures.items() if name != row.name]
        if row.name not in figures or row.name in doubted or not others:
            continue
        usual, gap = (median(column) for column in zip(*others, strict=True))
        better = figures[row.name][1] - gap
        if better > NEARER * usual:
            said.append(
                f"{sentence(title(row.name))} predicts the validation text better than the other models suggest, by"
                f" {numbers.bits_per_byte(better)} bits per byte, and the test text not. Usually this means that its"
                " code has trained on the validation text."
            )
    return said


def above_bytes(rows: Iterable[Row]) -> list[str]:
    """Return a sentence if no model needs fewer bits than the bytes of the test text have."""
    figures = [row.compared for row in rows if row.compared is not None]
    if not figures or min(figures) <= BYTE:
        return []
    return [
        f"Every model needs more bits than the bytes of the test text have ({BYTE}). Usually this means that training"
        " and test text are of different formats or languages, or very short."
    ]


def of_unknown_words(rows: Iterable[Row]) -> list[str]:
    """Return a sentence if most tokens of the test text are unknown words."""
    shares = [row.unknown_share for row in rows if row.unknown_share is not None and row.unknown_share > UNKNOWN]
    if not shares:
        return []
    return [
        f"{numbers.percent(max(shares), 0)} of the test tokens are words that the training text does not have."
        " Usually this means that the two are of different languages or kinds."
    ]
