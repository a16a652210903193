"""The finding in words: one sentence, how sure it is, what would help, and what limits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lmcompare.analysis.comparison import SIGNIFICANCE, Comparison, interval_note
from lmcompare.analysis.findings import Row as FoundRow
from lmcompare.analysis.leaderboard import Rival, Row, Verdict
from lmcompare.analysis.metrics import Outlook
from lmcompare.render import numbers
from lmcompare.render.titles import Titles, sentence, spoken
from lmcompare.report.notes import best_compressor
from lmcompare.study import MORE_TEXT, TEN_TIMES

DETAILED = 3  # tied models beyond these are listed by name only
SAME_TIME = 1.1  # trainings that differ by less took about the same time
SMALL = 0.02  # a smaller relative difference is called small
TWICE_TEXT, TWICE_PARAMETERS = "Twice the text", "Twice the parameters"  # ideas of the laboratory
SAME_SCORE = 1e-6  # relative difference of perplexities with and without the sentences before


def outcome(found: Verdict | None, title: Titles) -> list[str]:
    """Return who is best and by how much, in sentences.

    ``found`` is None if no model is ranked.
    """
    if found is None:
        return ["No model of this run can be ranked."]
    figure = f"{numbers.decimals(found.best.compared, 2)} bits per byte"
    if not found.rivals:
        return [f"{sentence(title(found.best.name))} is the only ranked model: it needs {figure} for the test text."]
    return [*_lead(found, figure, title), *_seeds(found, title)]


def scope(comparison: Comparison, documents: int) -> str:
    """Return what the intervals do not cover; "" without intervals."""
    if not comparison.resamples:
        return ""
    if _of_documents(comparison):
        return "The result holds for texts of this kind: another kind of text may rank the models differently."
    return (
        f"The result holds for this text: the intervals cover other passages of {_these(documents)}, not other"
        " documents."
        " Your text may rank the models differently."
    )


def _of_documents(comparison: Comparison) -> bool:
    """Return whether whole documents are resampled."""
    return comparison.unit == "documents" or comparison.whole_documents


def _these(documents: int) -> str:
    return "this document" if documents == 1 else f"these {numbers.count(documents)} documents"


def same_time(names: Iterable[str], seconds: Mapping[str, float]) -> bool:
    """Return whether all of these models were trained for about the same time, which must be known."""
    times = [seconds.get(name, 0.0) for name in names]
    return bool(times) and 0 < max(times) <= SAME_TIME * min(times)


def reads_on(row: Row) -> bool | None:
    """Return whether a model uses what precedes a sentence; None if it is not known."""
    if not row.perplexity or not row.perplexity_reset:
        return None
    return abs(row.perplexity_reset / row.perplexity - 1) >= SAME_SCORE


def outlook(
    found: Outlook,
    title: Titles,
    ideas: Mapping[str, FoundRow],
    seconds: float | None = None,
    advice: Mapping[str, str] = {},
) -> list[tuple[str, str]]:
    """Return what would help, as pairs of a name and of a sentence on what is known about it.

    Parameters
    ----------
    found : Outlook
    title : callable
    ideas : mapping of str to Row
        What the laboratory measured of ideas, by their names.
    seconds : float, optional
        How long the best network was trained.
    advice : mapping of str to str
        What studies say of what would help, by heading.
    """
    said = []
    hint, beyond = (advice.get(about, "") for about in (MORE_TEXT, TEN_TIMES))
    if hint or beyond:
        if (twice := ideas.get(TWICE_TEXT)) is not None and twice.found and twice.amount > 0:
            hint = (
                "In an experiment of the laboratory, a transformer that was trained on all of this text needed"
                f" {numbers.bits_per_byte(twice.amount)} bits per byte less than one that was trained on half of it."
            )
        beyond = beyond or (
            "Ten times the text was not measured; --fractions 0.1,0.3,1 draws a curve from a tenth of this text up to"
            " all of it."
        )
        said.append((MORE_TEXT, f"{hint} {beyond}".strip()))
    if found.falling:
        falling = numbers.perplexity_shares({title(name): fall for name, fall in found.falling.items()})
        longer = (
            f"; --match seconds={10 * seconds:.0f} trains each network for ten times the longest time here"
            if seconds
            else ""
        )
        said.append(
            (
                "More time",
                f"In the last tenth of training, validation perplexity still fell by {falling}."
                " This is only a hint, because learning rates are lowered towards the end, which lowers the loss by"
                f" itself{longer}.",
            )
        )
    if found.risen:
        names = numbers.listed([title(name) for name in found.risen])
        said.append(("Fewer steps", f"{names} got worse on the validation text before the end of training."))
    if (wider := ideas.get(TWICE_PARAMETERS)) is not None and wider.value is not None:
        amount = numbers.bits_per_byte(wider.value)
        saved = f"gave no measurable gain ({amount} bits per byte)"
        if wider.found:
            verb = "saved" if wider.value > 0 else "cost"
            saved = f"{verb} {numbers.bits_per_byte(abs(wider.value))} bits per byte"
        said.append(
            (
                "A larger network",
                f"In an experiment of the laboratory, twice the parameters {saved} in as many steps.",
            )
        )
    return said


def limits(comparison: Comparison, results: Mapping[str, Any], rows: Sequence[Row], title: Titles) -> list[str]:
    """Return what limits the comparison: resolution, and models that are not ranked."""
    said: list[str] = []
    ranked = [row for row in rows if row.status == "ranked"]
    if ranked and not comparison.resamples:
        said.append(interval_note(comparison))
    pair = comparison.difference(ranked[1].name, ranked[0].name) if len(ranked) > 1 else None
    if pair is not None and pair.detectable > 0:
        sampled = "documents" if _of_documents(comparison) else "passages"
        said.append(
            "A test text of this size can miss small differences. A true difference of"
            f" {numbers.two_digits(pair.detectable)} bits per byte between {title(pair.second)} and"
            f" {title(pair.first)} would be found significant in four of five such samples of {sampled}, and a"
            " smaller one less often."
        )
    said += unverified(results.get("unverified", ()))
    said += _apart(rows, title)
    return said


def unverified(places: Sequence[str]) -> list[str]:
    """Return a sentence on parts of a run folder that have lost their checksums, if there are any."""
    if not places:
        return []
    return [
        f"Unverified: {numbers.listed([*places])} {'has' if len(places) == 1 else 'have'} no checksums any more, so"
        " these files may have been changed since the run wrote them."
    ]


def _lead(found: Verdict, figure: str, title: Titles) -> list[str]:
    best = sentence(title(found.best.name))
    if not found.tied:
        second = found.rivals[0]
        behind = second.row.bits / found.best.bits - 1
        small = "a small but significant difference" if behind < SMALL else "a significant difference"
        more = f"{numbers.percent(behind, 1 if behind < 0.1 else 0)} more bits than {title(found.best.name)}"
        return [
            f"{sentence(title(second.row.name))} needs {more}, {small}{_by(second)}.",
            *_in_perplexity(found.best, second.row),
        ]
    if found.tied[0].difference is None:
        return [
            f"{best} has the lowest figure, {figure}, but the test text is too short to say whether it is the best."
        ]
    tied = {title(rival.row.name): numbers.decimals(rival.row.bits, 2) for rival in found.tied}
    if len(tied) > DETAILED:
        worst = list(tied.values())[-1]
        others = f"{len(tied)} other models are not significantly worse: {numbers.listed([*tied])} (up to {worst})"
    else:
        names = numbers.listed([f"{name} ({bits})" for name, bits in tied.items()])
        others = f"{names} {'is' if len(tied) == 1 else 'are'} not significantly worse"
    share = ""
    if all(rival.row.rank_low == 1 for rival in found.tied):
        share = f"; {'either' if len(tied) == 1 else 'any of them'} may be the best"
    said = [f"{best} has the lowest figure, {figure}, but {others}{share}.", *_known_among(found.apart or (), title)]
    if alone := [title(rival.row.name) for rival in found.tied if _only_alone(rival)]:
        said.append(
            f"The difference from {numbers.listed(alone, 'or')} would be significant as a single comparison, but not"
            " after the correction for all pairs."
        )
    return said


def _known_among(apart: Sequence[tuple[Row, Row]], title: Titles) -> list[str]:
    """Return which of the models that may be the best are significantly better than others of them."""
    worse: dict[str, list[str]] = {}
    for better, other in apart:
        worse.setdefault(title(better.name), []).append(title(other.name))
    parts = [f"{better} is significantly better than {numbers.listed(others)}" for better, others in worse.items()]
    return [f"Among these, {'; '.join(parts)}."] if parts else []


def _in_perplexity(best: Row, second: Row) -> list[str]:
    """Return the difference as a share of perplexity, which is larger.

    Nothing if their tokens differ, or if they are compared on a part of the test text: perplexity is of all of it.
    """
    if best.fresh_bits_per_byte is not None:
        return []
    own, other = (row.figure("perplexity") for row in (best, second))
    if own is None or other is None or not 0 < own < other:
        return []
    share = numbers.percent(other / own - 1, 0 if other / own >= 1.01 else 1)
    return [f"In perplexity that is {share}: {numbers.perplexity(other)} instead of {numbers.perplexity(own)}."]


def _only_alone(rival: Rival) -> bool:
    d = rival.difference
    return d is not None and d.p_value < SIGNIFICANCE <= d.p_holm


def _by(rival: Rival) -> str:
    """The difference with its interval, in brackets."""
    d = rival.difference
    if d is None or d.low != d.low:
        return ""
    low, high = numbers.decimals(d.low, 3), numbers.decimals(d.high, 3)
    return f" ({numbers.decimals(d.difference, 3)} bits per byte, 95 % interval {low} to {high})"


def _seeds(found: Verdict, title: Titles) -> list[str]:
    if found.unstable is None:
        return []
    name, spread = found.unstable
    gap = found.rivals[0].row.bits - found.best.bits
    return [
        f"{sentence(title(name))} varies more from seed to seed (standard deviation {numbers.decimals(spread, 3)})"
        f" than the first two models differ ({numbers.decimals(gap, 3)}): other seeds could reverse their order."
    ]


def _apart(rows: Iterable[Row], title: Titles) -> list[str]:
    said = []
    for row in rows:
        if row.status == "adaptive":
            figure = f"{numbers.decimals(row.compared, 2)} bits per byte"
            said.append(f"{sentence(title(row.name))} ({figure}) is ranked separately, because {row.reason}.")
        elif row.status == "not ranked":
            said.append(f"{sentence(title(row.name))} is not ranked, because {row.reason}.")
    return said


def failed(cells: Sequence[Mapping[str, Any]], title: Titles) -> list[str]:
    """Return one sentence for each model and error, its seeds together."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        seeds.setdefault((cell["name"], str(cell["error"]).rstrip(".")), []).append(str(cell["seed"]))
    return [
        f"{sentence(title(name))} failed with seed{'s' if len(which) > 1 else ''} {numbers.listed(which)}: {error}."
        for (name, error), which in seeds.items()
    ]


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
    if (cheap := found.far_cheaper) is not None and found.best.processor_seconds and cheap.processor_seconds:
        times = numbers.rough(found.best.processor_seconds / cheap.processor_seconds)
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
    program = best_compressor(compressed)
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
