"""Where each model is good: what it saves against a baseline, by kind of token or word and by kind of document."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from markupsafe import Markup

from lmcompare.analysis.comparison import SIGNIFICANCE
from lmcompare.render import numbers
from lmcompare.render.markdown import plain
from lmcompare.render.prose import Inline
from lmcompare.render.templating import fill
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.passages import MOST_BITS
from lmcompare.runfolder.files import Array
from lmcompare.studies.slices.differences import Divided, Unit, divided, p_values
from lmcompare.studies.slices.slices import MOST_KEYS, by_document, metadata_keys, token_places
from lmcompare.studies.slices.tables import RARE
from lmcompare.studies.slices.words import spent, word_places

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


SHOWN_OPEN = 2  # further questions are folded; the heading is about the first ones
DOCUMENTS = 40  # documents in the table
BASELINES = 12  # the most models that can be chosen as the baseline
MOST_TITLED = 10  # with more models, only one baseline has a finding: 12 findings take 14 s for 30 models
DIGITS = 5  # significant digits of the figures in the page
EXAMPLES = 16  # tokens of a group that a click on it can open
STRONG = 0.95  # this share of a usual model's differences is below the full colour
UNKNOWN = "unknown"
ASKED = {  # by the end of a slice's name, the question that it answers
    "word_class": "What kind of word is it?",
    "word_kind": "What kind of word is it?",
    "train_count": "How often does the {unit} occur in the training text?",
    "context_order": "How long is the known phrase before the {unit}, in {unit}s?",
    "seen_order": "How long is the known phrase that ends with the {unit}, in {unit}s?",
    "position_in_sentence": "Where in the sentence is it?",
    "position_in_document": "Where in the document is it?",
    "repeated": "Has the document mentioned it before? (known {unit}s)",
    "repeated_rare": f"Has the document mentioned it before? ({{unit}}s that occur 1 to {RARE} times in training)",
}
CAVEATS = {
    "context_order": "A phrase is known if it occurs in the training text.",
    "seen_order": (
        "The {unit} that came is part of this phrase, so it decides the group. Long phrases favour models that expect"
        " known phrases; short ones favour models that spread their probability over many {unit}s."
    ),
}


@dataclass(frozen=True)
class Cell:
    """What a model saves in a group: ``strength`` is the amount of colour from 0 to 1, ``note`` says it in words."""

    text: str
    detail: str
    note: str
    kind: Literal["own", "cool", "heat"]
    strength: float
    sure: bool


@dataclass(frozen=True)
class Row:
    """A group of tokens, words or documents, with its part of the text."""

    label: str
    count: int
    share: float
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Question:
    """A division of the text, with what is counted in it."""

    title: str
    caveat: str
    counted: str
    rows: Sequence[Row]


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model can be compared. Models of different tokens are compared at words."""
    models = data.comparable
    if not models:
        return None
    unit: Unit = "token" if len({model.entry.tokens_fingerprint for model in models}) == 1 else "word"
    ranked = [model for model, _ in data.ranking]
    own = baseline(ranked)
    offered = tuple(dict.fromkeys(model.name for model in (own, *ranked[:BASELINES])))
    found = _each_group_once(divided(data.run, tuple(model.name for model in models), unit, offered))
    found.sort(key=lambda one: one.name not in (PLANNED[unit], ENDS_PHRASE))
    at = models.index(own)
    titled = offered if len(models) <= MOST_TITLED else (own.name,)
    titles = {name: data.on_all(title(data, found, data.by_name[name], unit)) for name in titled}
    full = {counted: _full(found, at, counted == "documents") for counted in {one.counted for one in found}}
    documents = by_document(data.run)
    of_models = [(data.by_name[row["model"]], row) for row in spent(data.run).to_dict("records")]
    shown = [pair for pair in of_models if pair[0] in models]
    test = data.run.corpus.splits["test"]
    counted = data.run.manifest.tokens[data.main_tokens].tokens["test"] if unit == "token" else test.words
    controls = Markup()
    if len(models) > 1:
        packed = _packed(data, found, full, unit, offered, titles)
        strong = [_strong(full[each], each) for each in dict.fromkeys(one.counted for one in found)]
        choices = [data.by_name[name] for name in offered]
        controls = fill("controls", __package__, models=models, own=own, offered=choices, data=packed,
                        strong=numbers.listed(strong, "or"))  # fmt: skip
    return Section.written(
        "wins",
        titles[own.name],
        __package__,
        questions=[_question(one, models, at, full[one.counted]) for one in found],
        controls=controls,
        models=models,
        own=Inline(Markup('<span class="own-name">{}</span>').format(own.title), plain(own.title)),
        documents=_documents(documents, models),
        board=_board(documents, models),
        unit=unit,
        shown_open=SHOWN_OPEN,
        most_keys=MOST_KEYS,
        left_out=len(metadata_keys(data.run)[MOST_KEYS:]),
        spent=shown,
        spent_claim=data.on_all(spent_claim([row for _, row in shown])),
        long=test.bytes / max(1, counted),
    )


def spent_claim(rows: Sequence[Mapping[Hashable, Any]]) -> str:
    """Return on which part of the text the models differ most; "" of one model."""
    parts = {"seen": "seen words", "unseen": "unseen words", "gaps": "white space and ends"}
    apart = {part: max(row[part] for row in rows) - min(row[part] for row in rows) for part in parts}
    most = max(apart, key=apart.__getitem__)
    if apart[most] < 0.0005:
        return ""
    return f"The models differ most on {parts[most]}, by up to {numbers.decimals(apart[most], 2)} bits per byte"


def baseline(ranked: Sequence[Model]) -> Model:
    """Return the best model that is not trained in steps, such as a table of counts; else the best model."""
    counts = (m for m in ranked if not (m.entry.traits.get("pretrained") or len(m.cell.curve.dropna(how="all"))))
    return next(counts, ranked[0])


def _each_group_once(found: Sequence[Divided]) -> list[Divided]:
    """Return the divisions; unknown tokens are a kind of word, so they are left out of the frequencies."""
    kinds = any(one.name == "word_class" for one in found)
    return [one.without("0") if kinds and one.name == "train_count" else one for one in found]


def _full(found: Sequence[Divided], own: int, documents: bool) -> float:
    """Return the difference from the baseline, of tokens or of documents, that has the full colour.

    A usual model has few larger differences; a model that is far from all others may have only larger ones.
    """
    saved = [np.abs(np.delete(d.saved(own), own, 0)) for d in found if (d.counted == "documents") == documents]
    if not saved or not len(saved[0]):
        return 1.0
    usual = float(np.median(np.quantile(np.concatenate(saved, axis=1), STRONG, axis=1)))
    return float(f"{usual:.1g}") or 1.0


def _strong(full: float, counted: str) -> str:
    """Return the difference that has the full colour, in words."""
    return f"{numbers.tidy(full)} {'bit' if full == 1 else 'bits'} per {_unit(counted)}"


def _unit(counted: str) -> str:
    """Return what a figure in bits is divided by: a token, a word, or a byte of documents."""
    return "byte" if counted == "documents" else counted.removesuffix("s")


def _question(one: Divided, models: Sequence[Model], own: int, full: float) -> Question:
    figures, reach, apart = (np.round(a, DIGITS) for a in (one.figures, one.reach, one.apart[own]))
    rows = []
    for g, label in enumerate(one.labels):
        named = _label(one, label)
        cells = [
            _cell(models[m], models[own], one, figures[[own, m], g].tolist(), (reach[m, g], apart[m, g]), full, named)
            for m in range(len(models))
        ]
        rows.append(Row(named, int(one.counts[g]), float(one.share[g]), cells))
    caveat = CAVEATS.get(one.name, "").format(unit=one.counted.removesuffix("s"))
    return Question(_asked(one), caveat, one.counted, rows)


def _asked(one: Divided) -> str:
    asked = next((q for name, q in ASKED.items() if one.name in (name, f"word_{name}")), "")
    if one.name == "train_count" and "0" not in one.labels:
        asked += " (known {unit}s)"
    return asked.format(unit=one.counted.removesuffix("s")) or f"Documents {one.title}, in bits per byte"


def _label(one: Divided, label: str) -> str:
    """Return the name of a group, with what is counted in it where it is a number."""
    if one.name.endswith("train_count"):
        return {"0": UNKNOWN, "1": "once"}.get(label, f"{label} times")
    unit = one.counted.removesuffix("s")
    if one.name.endswith("_order"):
        return f"{label} {unit}" if label == "1" else f"{label} {unit}s"
    return f"{unit} {label}" if "position" in one.name else label


def _cell(
    model: Model,
    own: Model,
    one: Divided,
    figures: Sequence[float],
    reach: tuple[float, float],
    full: float,
    label: str,
) -> Cell:
    """Return a cell, given the figures of the baseline and of the model, and half the widths of the intervals of the
    model's and of the difference. The script of the page writes the same.
    """
    places, unit = _places(one), f"bits per {_unit(one.counted)}"
    figure = numbers.decimals(figures[1], places)
    if model is own:
        detail = figure + _ends(figures[1], reach[0], places)
        return Cell(figure, detail, f"{model.title}, {label}: {detail} {unit}", "own", 0.0, False)
    saved = figures[0] - figures[1]
    text = numbers.signed(saved, places)
    detail = text + _ends(saved, reach[1], places)
    sure = bool(abs(saved) > reach[1])
    strength = min(1.0, abs(saved) / full)
    note = f"{model.title}, {label}: {figure} {unit}; saved against {own.title}: {detail}"
    return Cell(text, detail, note, "cool" if saved > 0 else "heat", strength, sure)


def _ends(value: float, reach: float, places: int) -> str:
    if np.isnan(reach):
        return ""
    return f" ({numbers.decimals(value - reach, places)} to {numbers.decimals(value + reach, places)})"


def _places(one: Divided) -> int:
    return 3 if one.counted == "documents" else 2


def _packed(
    data: ReportData,
    found: Sequence[Divided],
    full: dict[str, float],
    unit: Unit,
    offered: Sequence[str],
    titles: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the page needs to show another baseline, and to open a token of a group in the reader.

    ``titles``: by the names of baselines, the finding.
    """
    examples = _examples(data, found, unit)
    names = found[0].models if found else ()
    pairs = [(names.index(a), m) for a in offered if a in names for m in range(len(names)) if names[m] != a]
    pairs = sorted({(min(pair), max(pair)) for pair in pairs})
    rows = [
        {
            "figures": _rounded(one.figures[:, g]),
            "reach": _rounded(one.reach[:, g]),
            "apart": _rounded(np.array([one.apart[pair][g] for pair in pairs])),
            "places": _places(one),
            "full": full[one.counted],
            "question": _asked(one),
            "label": _label(one, label),
            "unit": _unit(one.counted),
            "at": examples.get((one.name, int(one.places[g])), []),
        }
        for one in found
        for g, label in enumerate(one.labels)
    ]
    in_reader = [data.scored.index(data.by_name[name]) for name in names]
    said = {names.index(name): finding for name, finding in titles.items() if name in names}
    return {
        "models": [data.title(n) for n in names],
        "inReader": in_reader,
        "pairs": pairs,
        "titles": said,
        "untitled": TITLE,
        "rows": rows,
    }


def _rounded(values: Array) -> list[float | None]:
    return [None if np.isnan(v) else round(v, DIGITS) for v in values.tolist()]


def _examples(data: ReportData, found: Sequence[Divided], unit: Unit) -> dict[tuple[str, int], list[int]]:
    """Return by slice and group some of its tokens in the reader's passages: the passage and the place of each, one
    after the other.

    These are the tokens on which the models differ most.
    """
    shown, passages = data.passages
    if shown != unit or not passages:
        return {}
    where = [(p, i) for p, passage in enumerate(passages) for i in range(len(passage.tokens))]
    keys = np.array([(passages[p].number, passages[p].first + i) for p, i in where])
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # the order of the text
    of_tokens = unit == "token"
    places = token_places(data.run, data.main_tokens, keys) if of_tokens else word_places(data.run, keys)
    apart = np.concatenate([passage.bits.clip(max=MOST_BITS).std(axis=0) for passage in passages])[order]
    chosen: dict[tuple[str, int], list[int]] = {}
    for one in found:
        if one.name not in places:
            continue
        for group in one.places.tolist():
            inside = np.flatnonzero(places[one.name] == group)
            best = inside[np.argsort(-apart[inside], kind="stable")[:EXAMPLES]]
            chosen[one.name, group] = [int(n) for k in best for n in where[order[k]]]
    return chosen


@dataclass(frozen=True)
class Board:
    """A table of test documents; ``rows`` are name, bytes and the bits per byte of each of the ``models``."""

    title: str
    models: Sequence[Model]
    rows: Sequence[tuple[str, int, Sequence[float]]]


def _board(rows: pd.DataFrame, models: Sequence[Model]) -> Board | None:
    """Return the table of all documents, or of those on which the models differ most; None without any."""
    wide = rows[rows["model"].isin([m.name for m in models])].pivot(
        index="place", columns="model", values="bits_per_byte"
    )
    wide = wide[[m.name for m in models]].dropna()
    if wide.empty:
        return None
    title = "All documents"
    if len(wide) > DOCUMENTS:
        apart = wide.max(axis=1) - wide.min(axis=1)
        title = f"The {DOCUMENTS} of {numbers.count(len(wide))} documents on which the models differ most"
        wide = wide.loc[apart.sort_values(ascending=False, kind="stable").index[:DOCUMENTS]]
    first = rows[rows["model"] == models[0].name].set_index("place")
    names, sizes = first["value"].astype(str), first["bytes"]
    return Board(title, models, [(names[p], int(sizes[p]), [float(v) for v in wide.loc[p]]) for p in wide.index])


def _documents(rows: pd.DataFrame, models: Sequence[Model]) -> str:
    """Return on how many test documents each model is the best."""
    wide = rows[rows["model"].isin([m.name for m in models])].pivot(
        index="place", columns="model", values="bits_per_byte"
    )
    if wide.empty or len(models) < 2:
        return ""
    wins = wide.idxmin(axis=1).value_counts()
    named = {model.name: spoken(model.title) for model in models}
    parts = [f"{named[str(name)]} for {numbers.count(n)}" for name, n in wins.items()]
    documents = numbers.plural(len(wide), "test document")
    if len(parts) == 1:
        return f"{sentence(named[str(wins.index[0])])} is the best model on all {documents}."
    return f"The best model differs between documents. Of {documents}, it is {numbers.listed(parts)}."
