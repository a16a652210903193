"""The finding of a run: one sentence with its main qualification, and at most six numbers beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.analysis.leaderboard import Row, Verdict
from lmcompare.render import numbers
from lmcompare.render.titles import sentence, spoken
from lmcompare.report import compressors
from lmcompare.report.verdict import Titles

TIMES = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}
FEW = 4  # if fewer models are tied, all are named
ALIKE = 1.15  # amounts of text that differ by less than this factor are not worth a headline


def headline(
    found: Verdict | None, read: Mapping[str, float], title: Titles, timed: bool = False, train: int = 0
) -> str:
    """Return the finding in one sentence.

    Parameters
    ----------
    found : Verdict or None
        None if no model is ranked.
    read : mapping of str to float
        The number of training tokens that each model read, if these numbers differ.
    title : callable
        Gives the title of a model.
    timed : bool
        Whether these models were trained for the same time.
    train : int
        The tokens of the training text: a model that read more of them read the text more than once.
    """
    if found is None:
        return "No model of this run can be ranked"
    best = spoken(title(found.best.name))
    if not found.rivals:
        return f"{sentence(best)} needs {_figure(found.best)} bits per byte"
    if found.tied:
        tied = [best, *(spoken(title(rival.row.name)) for rival in found.tied)]
        if found.tied[0].difference is None:
            return f"{sentence(best)} has the lowest figure, on a text too short to rank models"
        if found.apart != ():
            worse = numbers.plural(len(found.tied), "model")
            return f"{sentence(best)} has the lowest figure, and {worse} are not significantly worse"
        who = numbers.listed(tied) if len(tied) < FEW else f"the best {len(tied)} models"
        return f"This text can't tell {who} apart{_reading(found, read, title, timed, train)}"
    if found.unstable is not None:
        return f"{sentence(best)} predicts this text best, but other seeds could change that"
    return f"{sentence(best)} predicts this text best{_reading(found, read, title, timed, train)}"


def of_settings(sweep: Mapping[str, Any], best: Row, title: Titles) -> str:
    """Return the finding on the only ranked model of a run, whose settings were chosen in a sweep."""
    chosen = numbers.listed([f"{key} = {value}" for key, value in sweep["chosen"].items()])
    tried = numbers.plural(len(sweep["trials"]), "setting")
    name = sentence(spoken(title(best.name)))
    return f"{name} needs {_figure(best)} bits per byte with {chosen}, the best of {tried}"


def lead(found: Verdict | None, unigram: Row | None, title: Titles) -> list[str]:
    """Return what a reader needs beside the headline, in a few sentences with at most six numbers.

    Parameters
    ----------
    found : Verdict or None
    unigram : Row or None
        The model that knows word frequencies alone, if the run has it.
    title : callable
        Gives the title of a model.
    """
    if found is None:
        return []
    best = spoken(title(found.best.name))
    said = [f"{sentence(best)} needs {_figure(found.best)} bits per byte (fewer is better)"]
    if found.rivals:
        second = found.rivals[0].row
        more = numbers.percent(second.bits / found.best.bits - 1)
        tied = found.rivals[0] in found.tied
        behind = f"needs {more} more, which may be chance" if tied else "is significantly behind"
        said[0] += f"; {spoken(title(second.name))} {behind}"
    whole = found.best.fresh_bits_per_byte is None  # accuracies are those of all of the test text
    listed = found.best.figure("top5_accuracy") if whole else None
    if listed is not None:
        said.append(f"Of 100 test tokens, {100 * listed:.0f} are among the five most likely guesses of {best}")
    if (cheap := found.far_cheaper) is not None and found.best.train_seconds and cheap.train_seconds:
        times = numbers.rough(found.best.train_seconds / cheap.train_seconds)
        worse = cheap.bits / found.best.bits - 1
        share = numbers.percent(worse, 0 if worse >= 0.0095 else 1)
        name, other = spoken(title(cheap.name)), cheap.figure("top5_accuracy")
        if listed is not None and other is not None:
            said[-1] += f", and {100 * other:.0f} among those of {name}"
        faster = f"{sentence(name)} trains {times} times faster than {best}"
        is_said = found.rivals and found.rivals[0] in found.tied and found.rivals[0].row is cheap
        said.append(faster if is_said else f"{faster} and needs {share} more bits")
    elif unigram is not None and unigram.name not in [found.best.name, *(each.row.name for each in found.rivals[:1])]:
        said.append(f"Word frequencies alone need {_figure(unigram)}")
    return [f"{each}." for each in said]


def beside_compressor(found: Verdict | None, compressed: Mapping[str, float], title: Titles) -> str:
    """Return a sentence if the best compressor is within the interval of one of the two best models; else ""."""
    program = compressors.best(compressed)
    if found is None or program is None:
        return ""
    first = [found.best, *(rival.row for rival in found.rivals[:1])]
    within = [row for row in first if row.interval and row.interval[0] <= program.bits_per_byte <= row.interval[1]]
    if not within:
        return ""
    names = numbers.listed([spoken(title(row.name)) for row in within])
    interval, models = ("interval", "this model") if len(within) == 1 else ("intervals", "these models")
    return (
        f"The figure of the compressor {program.name} ({numbers.bits_per_byte(program.bits_per_byte)}) lies within"
        f" the {interval} of {names}; whether it differs from {models} was not tested."
    )


def _figure(row: Row) -> str:
    return numbers.decimals(row.compared, 2)


def _reading(found: Verdict, read: Mapping[str, float], title: Titles, timed: bool, train: int) -> str:
    """Return the rest of a headline on models that read different amounts of training text."""
    second = found.rivals[0].row.name
    own, other = read.get(found.best.name), read.get(second)
    if own is None or other is None:  # only a model that read more than another can have gained
        more = own is not None and own > ALIKE * min(read.values())
        return ", after unequal amounts of training" if more and not timed else ""
    same = " in about the same time" if timed else ""
    again = 0 < train <= min(own, other)
    if own > ALIKE * other:
        text, much = ("the training text ", "often") if again else ("", "much training text")
        who = spoken(title(found.best.name)) if found.tied else "it"
        return f", but {who} read {text}{_times(own / other)} {much} as {spoken(title(second))}{same}"
    if other > ALIKE * own:
        text, much = ("the training text ", "often") if again else ("", "much training text")
        return f", though {spoken(title(second))} read {text}{_times(other / own)} {much}{same}"
    return ""


def _times(ratio: float) -> str:
    """Return "twice as", "1.4 times as"."""
    whole = round(ratio)
    times = TIMES[whole] if whole in TIMES and abs(ratio / whole - 1) < 0.06 else f"{numbers.rough(ratio)} times"
    return f"{times} as"
