"""Learning curves: loss against seconds and tokens read, or steps where tokens are not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from lmcompare.analysis.metrics import FALLING, RISEN, SAME_AMOUNT, Progress
from lmcompare.render import numbers
from lmcompare.render.charts.lines import Line, lines
from lmcompare.render.templating import fill
from lmcompare.render.titles import spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.sections import fairness
from lmcompare.studies.learning.level import Level, in_bits

STEEP = 1.15  # times the highest validation loss: higher training losses of the first steps are left out
NOT_TOLD = "So this run does not tell which model is better after equal amounts of text: --match tokens=… does."
AXES = {"seconds": "Training time", "step": "Steps", "tokens": "Tokens read"}


class Group(NamedTuple):
    """The curves of models with the same tokens: what they show, charts with their titles, and what is folded."""

    tokens: str
    claim: str
    drawn: Sequence[tuple[str, Markup]]
    caption: str
    equal: str
    texts: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model is trained in steps."""
    groups: list[Group] = []
    trained: list[Model] = []
    for fingerprint, models in data.groups.items():
        valid = [model for model in models if model.name not in data.unranked]
        curves = [(model, curve) for model in valid if len(curve := model.cell.curve.dropna(how="all")) > 1]
        trained += [model for model, _ in curves]
        if curves:
            name = data.run.tokens_name(fingerprint)
            shown = [(model, in_bits(curve)) for model, curve in curves]
            told = any(curve["tokens"].notna().any() for _, curve in shown)
            left_out = {"step" if told else "tokens"}  # both axes would show the same lines
            if not data.run.costs_comparable:
                left_out.add("seconds")
            axes = [axis for axis in AXES if axis not in left_out]
            level = Level.of(data, fingerprint, valid, [model for model, _ in curves])
            drawn = [(AXES[axis], chart) for axis in axes if (chart := _chart(shown, axis, level)) is not None]
            said = " ".join(
                filter(None, (level.said(shown, timed=data.run.costs_comparable) if level else "", caption(shown)))
            )
            equal = at_equal_tokens(shown)
            groups.append(Group(name, claim(curves), drawn, said, equal, texts(data, fingerprint, shown)))
    if not groups:
        return None
    several = any(len(model.entry.seeds) > 1 for model in trained)
    late = numbers.listed([spoken(model.title) for model in trained if _begins_late(model.cell.curve)])
    said = f"The curve of {late} begins late: the tokens before were read to learn word vectors." if late else ""
    trainings, of_text = fairness.trainings(data), data.run.corpus.kind == "text"
    html = fill(
        "learning",
        __package__,
        groups=groups,
        several=several,
        late=said,
        linked=bool(trainings) and of_text,  # for a text, the summary has them
        trainings=() if of_text else trainings,
        headings=fairness.HEADINGS,
    )
    return Section.of("learning", "Learning curves", html)


def claim(curves: Sequence[tuple[Model, pd.DataFrame]]) -> str:
    """Return which validation losses were still falling at the end of training; "" if no curve says it."""
    found = {model.title: progress for model, curve in curves if (progress := Progress.of(curve)) is not None}
    falling = [title for title, each in found.items() if each.rise <= RISEN and each.fall > FALLING]
    others = [title for title in found if title not in falling]
    if not found:
        return ""
    if not falling:
        return "No validation loss was still falling at the end of training"
    if not others:
        which = "Every validation loss" if len(found) > 1 else "The validation loss"
        return f"{which} was still falling at the end of training"
    names, rest = (numbers.listed([spoken(title) for title in titles]) for titles in (falling, others))
    return f"The validation loss of {names} was still falling at the end of training; that of {rest} was not"


def caption(curves: Sequence[tuple[Model, pd.DataFrame]]) -> str:
    """Return which models got worse again."""
    said: list[str] = []
    for model, curve in curves:
        valid = curve.dropna(subset=["valid_loss"])
        if valid.empty:
            said.append(f"{model.title} measured no validation loss.")
            continue
        best, end = valid.iloc[int(valid["valid_loss"].to_numpy().argmin())], valid.iloc[-1]
        if float(end["valid_loss"]) > RISEN * float(best["valid_loss"]):
            said.append(
                f"The validation loss of {model.title} was lowest{_when(best)}, {best['valid_loss']:.2f} bits, and"
                f" then rose to {end['valid_loss']:.2f}: more steps on this text would not help."
            )
    return " ".join(said)


def texts(data: ReportData, fingerprint: str, curves: Sequence[tuple[Model, pd.DataFrame]]) -> str:
    """Return what the best model needs for the sample, the validation and the test text, and how these differ.

    It is "" of series, which have no unknown words and one kind of steps.
    """
    if not data.run.rules.every_token:
        return ""
    figures = {one["name"]: one for one in data.results["models"]}
    known = [
        (figures[model.name]["bits_per_byte"], model, losses.min())
        for model, curve in curves
        if len(losses := curve["valid_loss"].dropna()) and figures[model.name]["valid_perplexity"]
    ]
    if not known:
        return ""
    _, best, sample = min(known, key=lambda each: float(each[0]))
    of, entry = figures[best.name], data.run.manifest.tokens[fingerprint]
    valid, test = np.log2(of["valid_perplexity"]), np.log2(of["perplexity"])
    said = (
        f"The documents differ: {spoken(best.title)} needs"
        f" {sample:.2f} bits per token of the sample, {valid:.2f} per token of the whole validation text and"
        f" {test:.2f} per token of the test text."
    )
    if not entry.unknown["valid"] + entry.unknown["test"]:
        return said
    shares = (numbers.percent(entry.unknown[split] / entry.tokens[split]) for split in ("valid", "test"))
    bits = [numbers.bits_per_byte(of[key]) for key in ("valid_bits_per_byte", "bits_per_byte")]
    return (
        f"{said} Of the validation and the test tokens, {' and '.join(shares)} are unknown words, which all count"
        f" as the one token <unk>. In bits per byte, which charge the letters of unknown words, too, the same model"
        f" needs {bits[0]} for the validation text and {bits[1]} for the test text."
    )


def at_equal_tokens(curves: Sequence[tuple[Model, pd.DataFrame]]) -> str:
    """Return the losses after equally many tokens, and that they decide nothing; "" if all read as many."""
    known = [(model, rows) for model, curve in curves if len(rows := curve.dropna(subset=["tokens", "valid_loss"]))]
    shortest = min((float(rows["tokens"].iloc[-1]) for _, rows in known), default=0.0)
    # The curve of a network whose word vectors were learnt before begins later.
    known = [(model, rows) for model, rows in known if float(rows["tokens"].iloc[0]) <= shortest]
    ends = [float(rows["tokens"].iloc[-1]) for _, rows in known]
    if len(known) < 2 or max(ends) <= SAME_AMOUNT * min(ends):
        return ""
    losses = sorted((float(np.interp(min(ends), rows["tokens"], rows["valid_loss"])), m.title) for m, rows in known)
    first = ", in the trainings with the first seed" if any(len(m.entry.seeds) > 1 for m, _ in known) else ""
    longer = sum(end > SAME_AMOUNT * min(ends) for end in ends)
    others = "training was" if longer == 1 else "trainings were"
    return (
        f"After {numbers.amount(min(ends))} tokens, where the shortest training ended, the validation loss was"
        f" {numbers.listed([f'{loss:.2f} bits for {spoken(title)}' for loss, title in losses])}{first}. There, the"
        f" longer {others} still at a higher learning rate than at the end. A training that is planned to end there"
        f" would therefore be better. {NOT_TOLD}"
    )


def _begins_late(curve: pd.DataFrame) -> bool:
    """Return whether most tokens were read before the first loss was measured."""
    tokens = curve.dropna(subset=["tokens", "valid_loss"])["tokens"]
    return len(tokens) > 1 and float(tokens.iloc[0]) > float(tokens.iloc[-1]) / 2


def _when(row: pd.Series[float]) -> str:
    return f" at step {numbers.count(float(row['step']))}" if pd.notna(row["step"]) else ""


def _chart(curves: list[tuple[Model, pd.DataFrame]], axis: str, level: Level | None) -> Markup | None:
    measured = [float(v) for _, curve in curves for v in curve["valid_loss"].dropna()]
    measured += [level.bits] if level else []
    top = STEEP * max(measured) if measured else float("inf")
    last = max((float(curve[axis].max()) for _, curve in curves if curve[axis].notna().any()), default=0.0)
    title, unit = _unit(last) if axis == "seconds" else (AXES[axis], 1.0)
    given: list[Line] = []
    for model, curve in curves:
        column = "valid_loss" if curve["valid_loss"].notna().any() else "train_loss"
        known = curve[(curve[column] <= top) & curve[axis].notna() & curve[column].notna()]
        if len(known):
            x, y = (known[axis] / unit).astype(float).tolist(), known[column].astype(float).tolist()
            note = "validation text" if column == "valid_loss" else "training text"
            given.append(Line(model.title, model.index, x, y, note))
    if not given:
        return None
    if level:
        ends = [pick(x for line in given for x in line.x) for pick in (min, max)]
        given.append(Line(level.model.title, level.model.index, ends, [level.bits] * 2, note="level", level=True))
    label = f"Loss in bits per token against {title.lower()}, a line for each model"
    return lines(given, label, title, "Loss (bits per token)", numbers.short, numbers.tidy)


def _unit(longest: float) -> tuple[str, float]:
    """Return the title of a time axis, and its unit in seconds."""
    for name, unit in (("Hours", 3600.0), ("Minutes", 60.0)):
        if longest > 2 * unit:
            return f"{name} of training", unit
    return "Seconds of training", 1.0
