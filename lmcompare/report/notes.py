"""What a reader should know beside the figures: repeated text, samples, published figures, compressors, doubts."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lmcompare.analysis.leaderboard import Row
from lmcompare.analysis.repeats import MOST
from lmcompare.render import numbers
from lmcompare.render.titles import Titles, sentence, spoken, with_titles

COMPRESSORS = {
    "gzip": ("gzip", "32 kB", "It refers to repeated passages and gives frequent bytes short codes."),
    "bzip2": ("bzip2", "900 kB", "It sorts the bytes by what follows them, so that equal bytes come together."),
    "xz": ("xz", "8 MB", "It refers to repeated passages far back, and predicts bits from counts in contexts."),
    "zstd": ("zstd, level 19", "8 MB", "It refers to repeated passages, and is made for speed."),
    "ppmd": (
        "PPMd, order 8",
        "all of it",
        "An n-gram model of bytes, with contexts of up to 8 bytes.",
    ),
}


@dataclass(frozen=True)
class Compressor:
    """A compressor with its figure.

    Parameters
    ----------
    title, past, how : str
        Its name, how much of the text before it can use, and how it works.
    bits_per_byte : float
    """

    title: str
    past: str
    how: str
    bits_per_byte: float

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.title.partition(",")[0]


def best_compressor(found: Mapping[str, float]) -> Compressor | None:
    """Return the compressor of a run that needs the fewest bits; None without any."""
    return min(compressors_of(found), key=lambda each: each.bits_per_byte, default=None)


def compressors_of(found: Mapping[str, float]) -> list[Compressor]:
    """Return the compressors of a run in the order of ``COMPRESSORS``."""
    return [Compressor(*about, found[name]) for name, about in COMPRESSORS.items() if name in found]


def compressors_in_brief(compressors: list[Compressor]) -> str:
    """Return their figures in a few words."""
    return numbers.listed([f"{each.name} {numbers.decimals(each.bits_per_byte, 2)}" for each in compressors])


def published_figure(figure: float, unit: str) -> str:
    """Return a published figure, or the one of a run that is compared with it."""
    return numbers.perplexity(figure) if unit == "perplexity" else numbers.decimals(figure, 2)


def published_notes(results: Mapping[str, Any]) -> list[str]:
    """Return the notes of the published figures that are shown: each note once, with the names that it is about."""
    shown = [row for row in results["published"] if row["reason"] is None]
    notes: dict[str, list[str]] = {}
    for row in shown:
        if row["note"]:
            notes.setdefault(row["note"], []).append(row["name"])
    return [note if len(names) == len(shown) else f"{numbers.listed(names)}: {note}" for note, names in notes.items()]


def published_apart(results: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each reason why published figures are not shown."""
    reasons: dict[str, list[str]] = {}
    for row in results["published"]:
        if row["reason"] is not None:
            reasons.setdefault(row["reason"], []).append(row["name"])
    return [f"Not compared, because {reason}: {numbers.listed(names)}." for reason, names in reasons.items()]


def sampled_notes(results: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each size of the sample, with the intervals of the models that were measured in it."""
    found: dict[tuple[int, int], list[str]] = {}
    for row in results["models"]:
        if row["sampled"] is not None:
            low, high = row["sampled"]["top1_accuracy"]
            interval = f" ({numbers.percent(low)} to {numbers.percent(high)})" if low is not None else ""
            size = row["sampled"]["tokens"], row["test_tokens"]
            found.setdefault(size, []).append(f"{row['name']} {numbers.percent(row['top1_accuracy'])}{interval}")
    return [
        f"The ranks of tokens, and their probabilities without the sentences before, are measured in {tokens:,} of "
        f"the {of:,} test tokens, in documents drawn by a hash. Top-1 accuracy there, with 95 % intervals: "
        f"{numbers.listed(models)}."
        for (tokens, of), models in found.items()
    ]


REPEATED = "is also training or validation text"
LEAST = 0.0005  # of the test text: less is shown as 0.0 %
MUCH = 0.1  # of the test text: with more, the title begins with it


def with_repeated(title: str, results: Mapping[str, Any]) -> str:
    """Return the title of a run with how much of the test text was left out, if any of it was."""
    found = results["repeated_text"]["test"]
    if found["share"] > MOST:
        return f"No ranking: {_share(found)} of the test text {REPEATED}"
    if not found["left_out"]:
        return title
    if found["share"] < MUCH:
        return f"{title}, without the {_share(found)} of the test text that {REPEATED}"
    rest = title[:1].lower() + title[1:] if title.startswith(("The ", "This ", "No ")) else title
    return f"{_share(found)} of the test text {REPEATED}; on the rest, {rest}"


def repeated_note(results: Mapping[str, Any], rows: Sequence[Row], title: Titles) -> list[str]:
    """Return how much of the test text also occurs in earlier text, and what it changes; nothing if nothing does."""
    found = results["repeated_text"]["test"]
    if found["share"] < LEAST:
        return []
    said = (
        f"{_share(found)} of the test text, in {numbers.count(found['documents'])} of"
        f" {numbers.plural(found['of'], 'document')}, also occurs in the training or validation text"
    )
    why = "a model that memorises its training text knows such text"
    if found["share"] > MOST:
        return [f"{said}, so no model is ranked: {why}."]
    if not found["left_out"]:
        return [f"{said}: too little to change a rank."]
    ranked = [row for row in rows if row.status == "ranked"]
    if not ranked:
        return [f"{said}. Figures are those of the rest, since {why}."]
    with_it = min(ranked, key=lambda row: math.inf if row.bits_per_byte is None else row.bits_per_byte)
    whose = "" if with_it is ranked[0] else f" that of {spoken(title(with_it.name))},"
    changed = f"With it, the lowest figure is{whose} {numbers.bits_per_byte(with_it.bits_per_byte)} bits per byte"
    if len(ranked) == 1:
        return [f"{said}. The figure is that of the rest, since {why}. {changed.replace('lowest ', '')}."]
    same = ", of the same model" if with_it is ranked[0] else ""
    return [f"{said}. The models are compared without it, since {why}. {changed}{same}."]


def of_all_of_it(results: Mapping[str, Any]) -> list[str]:
    """Return which figures of a page are not without the repeated text; nothing if none is left out."""
    if not results["repeated_text"]["test"]["left_out"]:
        return []
    return [
        "Figures by amount of text, by group of tokens and by token are those of all of the test text, the repeated"
        " part included."
    ]


def _share(found: Mapping[str, Any]) -> str:
    return numbers.percent(found["share"], 1 if found["share"] < MUCH else 0)


FAR_BELOW = 0.5  # of the figure of the best file compressor
NEARER = 0.1  # of the usual figure: how much better a model knows the validation text than other models do
BYTE = 8  # bits
UNKNOWN = 0.5  # of the test tokens
TOO_MUCH = 0.05  # of the validation or the test text: figures of the two can't be compared any more


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
    if max(repeated.values()) < TOO_MUCH:  # otherwise a model that memorises gains on one of the two texts
        known += prefers_valid(rows, doubted, title)
    elif repeated["valid"] >= TOO_MUCH:
        share = numbers.percent(repeated["valid"], 0)
        known.append(
            f"{share} of the validation text also occurs in the training text. Usually this means that models have"
            " chosen badly what they choose on it: when to stop, discounts, and the weights of mixtures and caches."
        )
    return [*below_compressors(rows, compressed, title), *known, *(of_unknown_words(rows) or above_bytes(rows))]


def below_compressors(rows: Iterable[Row], compressed: Mapping[str, float], title: Titles) -> list[str]:
    """Return a sentence on models that need far fewer bits than every file compressor."""
    program = best_compressor(compressed)
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
