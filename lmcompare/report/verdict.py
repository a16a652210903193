"""The verdict in words: who is best and how surely, what would probably help, and what limits the comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lmcompare.analysis.comparison import SIGNIFICANCE, Comparison
from lmcompare.analysis.interval_note import interval_note
from lmcompare.analysis.leaderboard import Row
from lmcompare.analysis.progress import Outlook
from lmcompare.analysis.verdict import NEAR, Rival, Verdict
from lmcompare.report import numbers
from lmcompare.report.titles import sentence

Titles = Callable[[str], str]  # from a model's name to its title, as it is said inside a sentence
DETAILED = 3  # tied models beyond these are listed by name only
NAMED = 5  # of more models than these, only the extremes are given
SAME_TIME = 1.1  # trainings that differ by less took about the same time
SMALL = 0.02  # a smaller relative difference is called small
SAME_SCORE = 1e-6  # of perplexities with and without what precedes a sentence
REPEATED = {"copy": "word for word", "near copy": "almost word for word", "passages": "in long passages"}


def outcome(found: Verdict | None, title: Titles) -> list[str]:
    """Return who is best, by how much, and what is nearly as good for less, in sentences.

    ``found`` is None if no model is ranked.
    """
    if found is None:
        return ["No model of this run can be ranked."]
    figure = f"{numbers.decimals(found.best.bits_per_byte, 2)} bits per byte"
    if not found.rivals:
        return [f"{sentence(title(found.best.name))} is the only ranked model: it needs {figure} for the test text."]
    said = [*_lead(found, figure, title), *_seeds(found, title)]
    weakest = found.rivals[-1].row
    saved = 1 - found.best.bits / weakest.bits
    if len(found.rivals) > 1 and saved >= 0.005:
        said.append(
            f"{sentence(title(found.best.name))} needs {numbers.percent(saved, 0)} fewer bits than the weakest model,"
            f" {title(weakest.name)} ({numbers.decimals(weakest.bits_per_byte, 2)})."
        )
    return [*said, *_cheaper(found, title)]


def fairness(
    read: Mapping[str, float], seconds: Mapping[str, float], title: Titles, leading: Sequence[str] = ()
) -> list[str]:
    """Return what was equal for all models, and what was not, in sentences.

    Parameters
    ----------
    read : mapping of str to float
        The number of training tokens that each model read, if these numbers differ.
    seconds : mapping of str to float
        How long the same models were trained.
    title : callable
    leading : sequence of str
        The two best models, whose times are compared in words.
    """
    said = ["All models were scored on the same test text."]
    if not read:
        return said
    (most, first), *others = _alike(read, numbers.amount, title)
    parts = [f"{numbers.listed(first)} read {most} tokens of the training text"]
    parts += [f"{numbers.listed(who)} {n}" for n, who in others]
    said.append(f"By text, no: {', '.join(parts)}.")
    if same_time(read, seconds):
        said.append(f"By time, yes: each of these was trained for about {numbers.seconds(max(seconds.values()))}.")
    elif all(name in seconds for name in read):
        times = ", ".join(f"{numbers.listed(who)} {n}" for n, who in _alike(seconds, numbers.seconds, title))
        nearly = len(leading) == 2 and same_time(leading, seconds)
        said.append(f"By time, {'nearly, for the two best' if nearly else 'no'}: {times}.")
    return said


def same_time(names: Iterable[str], seconds: Mapping[str, float]) -> bool:
    """Return whether all of these models were trained for about the same time, which must be known."""
    times = [seconds.get(name, 0.0) for name in names]
    return bool(times) and 0 < max(times) <= SAME_TIME * min(times)


def contexts(rows: Iterable[Row], title: Titles) -> list[str]:
    """Return which models forget what precedes a sentence and which read on, in a sentence; nothing if all do one."""
    forget: list[str] = []
    others: list[str] = []
    for row in rows:
        if row.perplexity and row.perplexity_reset:
            same = abs(row.perplexity_reset / row.perplexity - 1) < SAME_SCORE
            (forget if same else others).append(title(row.name))
    if not forget or not others or len(forget) + len(others) > 2 * NAMED:
        return []
    verbs = ("forgets" if len(forget) == 1 else "forget", "reads" if len(others) == 1 else "read")
    return [
        f"By context, no: {numbers.listed(forget)} {verbs[0]} what precedes a sentence, and {numbers.listed(others)}"
        f" {verbs[1]} on. The perplexity of single sentences compares all without it, though networks that were"
        " trained on running text lose more there than they need."
    ]


def _alike(
    amounts: Mapping[str, float], written: Callable[[float], str], title: Titles
) -> list[tuple[str, list[str]]]:
    """Return the amounts as they are written, each with the titles of the models that have it."""
    found: dict[str, list[str]] = {}
    for name, amount in amounts.items():
        found.setdefault(written(amount), []).append(title(name))
    return list(found.items())


def outlook(found: Outlook, title: Titles, twice: float | None = None) -> list[str]:
    """Return what more training or more text would probably change, in sentences.

    ``twice``: the bits per byte that twice the text saved a transformer in the laboratory, if it was measured.
    """
    said = []
    if found.falling:
        said.append(
            "More training: in the last tenth of training, validation perplexity still fell by"
            f" {_shares(found.falling, title)}. That is a hint only: learning rates fall towards the end, and losses"
            " with them."
        )
    if found.memorised:
        unseen = numbers.percent(found.unseen_trigrams, 0)
        measured = "this run does not measure it (--fractions does)."
        if twice is not None and twice > 0:
            measured = (
                f"in the laboratory, all of this text instead of half of it saved a transformer"
                f" {numbers.bits_per_byte(twice)} bits per byte; the next doubling may save less (--fractions)."
            )
        said.append(
            f"More training text: {measured} Two hints that it would help: on known words, the perplexity of the"
            f" training text is lower than that of new text by {_shares(found.memorised, title)}; and {unseen} of the"
            " test tokens end a sequence of three tokens that the training text does not have."
        )
    if found.risen:
        names = numbers.listed([title(name) for name in found.risen])
        said.append(f"Fewer steps: {names} got worse on the validation text before the end of training.")
    return said


def limits(comparison: Comparison, results: Mapping[str, Any], rows: Sequence[Row], title: Titles) -> list[str]:
    """Return what limits the comparison: resolution, contamination, models that are not ranked or failed."""
    said: list[str] = []
    ranked = [row for row in rows if row.status == "ranked"]
    if ranked and not comparison.resamples:
        said.append(interval_note(comparison))
    pair = comparison.difference(ranked[1].name, ranked[0].name) if len(ranked) > 1 else None
    if pair is not None and pair.detectable > 0:
        said.append(
            "A test text of this size can miss small differences: a true one of"
            f" {numbers.two_digits(pair.detectable)} bits per byte between {title(pair.second)} and"
            f" {title(pair.first)} would be found significant in four of five such samples of passages, a smaller one"
            " less often."
        )
    said += contamination(results["repeated_documents"].get("test", {}))
    said += unverified(results.get("unverified", ()))
    said += _apart(rows, title)
    said += knows_valid(rows, title)
    said += _failed(results["failed"], title)
    return said


def contamination(counts: Mapping[str, int]) -> list[str]:
    """Return a sentence on test documents that also occur in the training text, if there are any."""
    parts = [f"{numbers.count(counts[kind])} {how}" for kind, how in REPEATED.items() if counts.get(kind)]
    total = sum(counts.get(kind, 0) for kind in REPEATED)
    if not total:
        return []
    occur = "also occurs" if total == 1 else "also occur"
    return [
        f"Of {numbers.plural(counts['documents'], 'test document')}, {numbers.count(total)} {occur} in the training"
        f" text ({', '.join(parts)}): models that memorise benefit from that."
    ]


def unverified(places: Sequence[str]) -> list[str]:
    """Return a sentence on parts of a run folder that have lost their checksums, if there are any."""
    if not places:
        return []
    return [
        f"Unverified: {numbers.listed([*places])} {'has' if len(places) == 1 else 'have'} no checksums any more, so"
        " these files may have been changed since the run wrote them."
    ]


def knows_valid(rows: Iterable[Row], title: Titles) -> list[str]:
    """Return a sentence on each model that has probably read the validation text."""
    return [
        f"{sentence(title(row.name))} predicts the validation text far better than its training text (perplexity"
        f" {_perplexity(row.sampled_valid_nats)} instead of {_perplexity(row.sampled_train_nats)} on known words)."
        " Unless the validation text is much simpler, training does not do that: find out which texts its code reads"
        " before you believe its figures."
        for row in rows
        if row.knows_valid
    ]


def _perplexity(nats: float | None) -> str:
    return numbers.perplexity(None if nats is None else math.exp(nats))


def _lead(found: Verdict, figure: str, title: Titles) -> list[str]:
    best = sentence(title(found.best.name))
    if not found.tied:
        second = found.rivals[0]
        behind = second.row.bits / found.best.bits - 1
        small = "a small but significant difference" if behind < SMALL else "a significant difference"
        return [
            f"{best} predicts this text best: {figure}. {sentence(title(second.row.name))} is"
            f" {numbers.percent(behind, 1 if behind < 0.1 else 0)} behind, {small}{_by(second)}.",
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
    said = [f"{best} has the lowest figure, {figure}, but {others}{share}."]
    if alone := [title(rival.row.name) for rival in found.tied if _only_alone(rival)]:
        said.append(
            f"The difference from {numbers.listed(alone, 'or')} would be significant as a single comparison, but not"
            " after the correction for all pairs."
        )
    return said


def _in_perplexity(best: Row, second: Row) -> list[str]:
    """Return the difference as a share of perplexity, which is larger; nothing if their tokens differ."""
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


def _cheaper(found: Verdict, title: Titles) -> list[str]:
    near = numbers.percent(NEAR, 0)
    if not found.near:
        said = [f"No other model comes within {near} of it."]
    elif found.cheapest is None:
        return []
    elif found.cheapest is found.best:
        said = [
            f"No model within {near} of it trains much faster than its {numbers.seconds(found.best.train_seconds)}."
        ]
    else:
        time = numbers.seconds(found.cheapest.train_seconds)
        return [
            f"{sentence(title(found.cheapest.name))} is within {near} of the best and trains in {time} instead of"
            f" {numbers.seconds(found.best.train_seconds)}."
        ]
    if (cheap := found.far_cheaper) is not None and found.best.train_seconds and cheap.train_seconds:
        times = numbers.rough(found.best.train_seconds / cheap.train_seconds)
        behind = cheap.bits / found.best.bits - 1
        said.append(
            f"{sentence(title(cheap.name))} trains {times} times faster ({numbers.seconds(cheap.train_seconds)}) and"
            f" needs {numbers.percent(behind, 0 if behind >= 0.02 else 1)} more bits."
        )
        said += _in_perplexity(found.best, cheap)
    return said


def _apart(rows: Iterable[Row], title: Titles) -> list[str]:
    said = []
    for row in rows:
        if row.status == "adaptive":
            figure = f"{numbers.decimals(row.bits_per_byte, 2)} bits per byte"
            said.append(f"{sentence(title(row.name))} ({figure}) is ranked separately, because {row.reason}.")
        elif row.status == "not ranked":
            said.append(f"{sentence(title(row.name))} is not ranked, because {row.reason}.")
    return said


def _failed(cells: Sequence[Mapping[str, Any]], title: Titles) -> list[str]:
    """One sentence for each model and error, its seeds together."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        seeds.setdefault((cell["name"], str(cell["error"]).rstrip(".")), []).append(str(cell["seed"]))
    return [
        f"{sentence(title(name))} failed with seed{'s' if len(which) > 1 else ''} {numbers.listed(which)}: {error}."
        for (name, error), which in seeds.items()
    ]


def _shares(nats: Mapping[str, float], title: Titles) -> str:
    """Return differences of loss as shares of perplexity: "30 % (Transformer) and 11 % (RNN)"."""
    shares = [(title(name), numbers.perplexity_share(gap)) for name, gap in nats.items()]
    if len(shares) > NAMED:
        return f"{shares[-1][1]} to {shares[0][1]} ({len(shares)} models, {shares[0][0]} most)"
    return numbers.listed([f"{share} ({name})" for name, share in shares])
