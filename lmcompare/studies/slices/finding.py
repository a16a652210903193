"""The finding of the slices in one sentence: which models are significantly better than a baseline, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lmcompare.analysis.comparison import SIGNIFICANCE
from lmcompare.analysis.slice_differences import Divided, Unit, p_values
from lmcompare.render import numbers
from lmcompare.render.titles import sentence
from lmcompare.report.data import Model, ReportData
from lmcompare.runfolder.parquet import Array

TITLE = "Where each model is good"
PLANNED: Mapping[Unit, str] = {"token": "context_order", "word": "word_train_count"}  # what the heading is about
ENDS_PHRASE = "seen_order"  # the division by the phrase that a token ends
LEAST = 1e-5  # bits: smaller differences are rounding in different programs


def title(data: ReportData, found: Sequence[Divided], own: Model, unit: Unit) -> str:
    """Return the finding of one planned question: which models are significantly better than the baseline, and where.

    The question is how much of the phrase before a token is known; of words, how often they occur in the training
    text. The correction is for all models and groups of it.
    """
    asked = PLANNED[unit]
    one = next((one for one in found if one.name == asked), None)
    if one is None or len(one.models) < 2 or np.isnan(one.reach).all():
        return TITLE
    p = p_values(data.run, one.models, unit, asked, own.name)
    saved = one.saved(one.models.index(own.name))
    better = (saved > LEAST) & (p < SIGNIFICANCE)  # (M, L)
    named = {name: data.spoken(name) for name in one.models}
    return finding(one, better, own.name, named, [other for other in found if other is not one])


def finding(one: Divided, better: Array, own: str, named: dict[str, str], others: Sequence[Divided] = ()) -> str:
    """Return in one sentence in which groups which models are better than the baseline ``own``.

    Parameters
    ----------
    better : bool array of shape (M, L)
        Whether a model is significantly better in a group.
    named : dict of str to str
        What the models are called within a sentence.
    others : sequence of Divided
        The other divisions that the page shows: groups of them in which the baseline is better are an exception.
    """
    groups = [tuple(int(g) for g in np.flatnonzero(line)) for line in better]
    most = max(groups, key=lambda won: (len(won), one.share[list(won)].sum()))
    anywhere = (
        " after new phrases and after known ones" if one.counted == "tokens" else " on rare and on frequent words"
    )
    if not most:
        nowhere = anywhere.replace(" and ", " or ")
        return f"No model is significantly better than {named[own]}{nowhere}"
    winners = [name for name, won in zip(one.models, groups, strict=True) if won == most]
    who = [named[name] for name in winners]
    said = sentence(numbers.listed(who)) if len(who) < 4 else f"{len(who)} models"
    verb = "beats" if len(who) == 1 else "beat"
    if len(most) == better.shape[1]:
        behind = _behind(others, own, winners)
        if [other.name for other, _ in behind] == [ENDS_PHRASE]:
            ((other, worse),) = behind
            at = np.flatnonzero(worse.any(axis=0)).tolist()
            everyone = "it" if len(who) == 1 else "them"
            whom = everyone if worse[:, at].all() else "some of them"
            span = _span(other, at)
            phrases = f"known phrases of {span} token{'' if span == 'at most 1' else 's'}"
            exception = f"{named[own]} is ahead of {whom} only on tokens that end {phrases}"
            return f"{said} {verb} {named[own]}{anywhere}; {exception}"
        return f"{said} {verb} {named[own]}{', but not in every group below' if behind else anywhere}"
    rest = tuple(int(g) for g in np.flatnonzero(~better.any(axis=0)))
    return f"{said} {verb} {named[own]} {_where(one, most)}{_nobody(one, most, rest)}"


def _behind(others: Sequence[Divided], own: str, winners: Sequence[str]) -> list[tuple[Divided, Array]]:
    """Return the divisions with a group in which the baseline is clearly better than one of the W winners.

    With each comes a bool array (W, L): in which groups it is better than which winner.
    """
    found = []
    for one in others:
        base, rows = one.models.index(own), [one.models.index(name) for name in winners]
        worse = (one.clear(base) & (one.saved(base) < 0))[rows]
        if worse.any():
            found.append((one, worse))
    return found


def _where(one: Divided, groups: Sequence[int]) -> str:
    """Return groups of the planned question in words."""
    if list(groups) == [0] and one.labels[0] in ("0", "1"):
        return "after new phrases" if one.counted == "tokens" else "on words that hardly occur in the training text"
    span = _span(one, groups)
    if one.counted == "words":
        often = span.replace("1", "once") if span in ("1", "at most 1") else f"{span} times"
        return f"on words that occur {often} in the training text"
    return f"after known phrases of {span} tokens"


def _span(one: Divided, groups: Sequence[int]) -> str:
    """Return groups by numbers in words: "at most 3", "4 or more", "1–2 and 5"."""
    if len(groups) == len(one.labels):
        return "any number of"
    if _is_start(groups):
        return f"at most {one.labels[groups[-1]].split('–')[-1]}"
    return numbers.listed([_range(one.labels, run) for run in numbers.runs(groups)])


def _range(labels: Sequence[str], groups: Sequence[int]) -> str:
    """Return a run of successive groups as one range."""
    first, last = labels[groups[0]], labels[groups[-1]]
    if groups[-1] == len(labels) - 1:
        return first if first.startswith("over ") else f"{first.split('–')[0]} or more"
    return first if first == last else f"{first.split('–')[0]}–{last.split('–')[-1]}"


def _nobody(one: Divided, won: Sequence[int], rest: Sequence[int]) -> str:
    """Return in which groups no model is better; in a few words if these are all groups beyond the ``won`` ones."""
    if not rest:
        return ""
    if len(won) + len(rest) < len(one.labels) or not (_is_start(won) or _is_start(rest)):
        return f"; {_where(one, rest)} no model does"
    if one.counted == "words":
        return f"; on {'more' if _is_start(won) else 'less'} frequent ones no model does"
    beyond = "known" if list(won) == [0] else "longer" if _is_start(won) else "shorter"
    return f"; after {beyond} ones no model does"


def _is_start(groups: Sequence[int]) -> bool:
    return list(groups) == list(range(len(groups)))
