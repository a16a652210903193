"""Learning curves: loss against seconds and tokens read, or steps where tokens are not known.

Beside them stands what the best model needs that is not trained in steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from markupsafe import Markup

from lmcompare.analysis.metrics import FALLING, RISEN, SAME_AMOUNT, Progress
from lmcompare.render import numbers
from lmcompare.render.charts.lines import Line, lines
from lmcompare.render.titles import spoken
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.sections import fairness
from lmcompare.tokens import SAMPLE, excerpt_parts

STEEP = 1.15  # times the highest validation loss: higher training losses of the first steps are left out
AXES = {"processor_seconds": "Processor time", "step": "Steps", "tokens": "Tokens read"}
LOSSES = ["train_loss", "valid_loss"]


@dataclass(frozen=True)
class Level:
    """The loss of a model that is not trained in steps, in bits per token of the sample of the learning curves."""

    model: Model
    bits: float

    @classmethod
    def of(cls, data: ReportData, fingerprint: str, models: Sequence[Model], trained: Sequence[Model]) -> Self | None:
        """Return the level of the best of these models that is not trained in steps.

        None if there is no such model, or no validation text.
        """
        counting = [m for m in models if m not in trained and not m.entry.traits.get("adaptive")]
        if not counting or not data.run.rules.every_token:  # networks of series choose by another part of the text
            return None
        text = data.run.tokens[fingerprint].valid
        if not len(text):
            return None
        parts = zip(*excerpt_parts(text, SAMPLE), strict=True)
        sample = np.concatenate([np.arange(begin, end) for begin, end in parts])
        levels = []
        for model in counting:
            scores = model.cell.log_probs("valid")
            if len(scores) == len(text):
                levels.append(cls(model, float(-scores[sample].mean() / np.log(2))))
        return min(levels, key=lambda level: level.bits, default=None)

    def passing(self, curve: pd.DataFrame) -> tuple[float, float] | None:
        """Return after how many tokens and seconds of training a network is below the level; None if it never is.

        The curve is in bits. An amount that is not known is NaN.
        """
        below = curve[curve["valid_loss"] < self.bits]
        return None if below.empty else (float(below.iloc[0]["tokens"]), float(below.iloc[0]["processor_seconds"]))


Curves = Sequence[tuple[Model, pd.DataFrame]]


class Risen(NamedTuple):
    """A loss that rose again: its lowest value in bits, at which step, and the last one."""

    title: str
    step: float | None
    best: float
    end: float


class Passed(NamedTuple):
    """A network that came below a level, and after how many tokens or how much time."""

    title: str
    read: str


class Equal(NamedTuple):
    """Losses in bits after as many tokens as the shortest training read, and how many trainings read more."""

    tokens: float
    losses: Sequence[tuple[float, str]]
    several: bool
    longer: int


class Texts(NamedTuple):
    """What the best model needs in bits per token of three texts, and in bits per byte if there are unknown words."""

    title: str
    sample: float
    valid: float
    test: float
    unknown: Sequence[float]
    bits: Sequence[float]


class Group(NamedTuple):
    """What the section shows of models with the same tokens; models are named by their titles."""

    tokens: str
    falling: Sequence[str]
    others: Sequence[str]
    drawn: Sequence[tuple[str, Markup]]
    level: Level | None
    passed: Sequence[Passed]
    never: Sequence[str]
    unmeasured: Sequence[str]
    risen: Sequence[Risen]
    equal: Equal | None
    texts: Texts | None


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model is trained in steps."""
    groups: list[Group] = []
    trained: list[Model] = []
    for fingerprint, models in data.groups.items():
        valid = [model for model in models if model.name not in data.unranked]
        curves = [(model, curve) for model in valid if len(curve := model.cell.curve.dropna(how="all")) > 1]
        trained += [model for model, _ in curves]
        if curves:
            groups.append(_group(data, fingerprint, valid, curves))
    if not groups:
        return None
    trainings, of_text = fairness.trainings(data), data.run.corpus.kind == "text"
    return Section.written(
        "learning",
        "Learning curves",
        __package__,
        groups=groups,
        several=any(len(model.entry.seeds) > 1 for model in trained),
        late=[model.title for model in trained if _begins_late(model.cell.curve)],
        linked=bool(trainings) and of_text,  # for a text, the summary has them
        trainings=() if of_text else trainings,
        headings=fairness.HEADINGS,
    )


def _group(data: ReportData, fingerprint: str, models: Sequence[Model], curves: Curves) -> Group:
    timed = data.run.one_machine
    shown = [(model, in_bits(curve)) for model, curve in curves]
    told = any(curve["tokens"].notna().any() for _, curve in shown)
    left_out = {"step" if told else "tokens"}  # both axes would show the same lines
    axes = [axis for axis in AXES if axis not in left_out and (timed or axis != "processor_seconds")]
    level = Level.of(data, fingerprint, models, [model for model, _ in curves])
    passed, never = passing(level, shown, timed) if level else ((), ())
    return Group(
        data.run.tokens_name(fingerprint),
        *falling(curves),
        [(AXES[axis], chart) for axis in axes if (chart := _chart(shown, axis, level)) is not None],
        level,
        passed,
        never,
        [model.title for model, curve in shown if curve["valid_loss"].isna().all()],
        risen(shown),
        at_equal_tokens(shown),
        texts(data, fingerprint, shown),
    )


def falling(curves: Curves) -> tuple[list[str], list[str]]:
    """Return whose validation loss was still falling at the end of training, and whose was not."""
    found = {model.title: progress for model, curve in curves if (progress := Progress.of(curve)) is not None}
    still = [title for title, each in found.items() if each.rise <= RISEN and each.fall > FALLING]
    return still, [title for title in found if title not in still]


def passing(level: Level, curves: Curves, timed: bool = True) -> tuple[list[Passed], list[str]]:
    """Return which curves, in bits, fall below a level, and the models of those that never do."""
    passed: list[Passed] = []
    never: list[str] = []
    for model, curve in curves:
        if curve["valid_loss"].isna().all():
            continue
        if (first := level.passing(curve)) is None:
            never.append(model.title)
            continue
        tokens, seconds = float(f"{first[0]:.3g}"), first[1]  # enough digits for a curve
        read = f"{numbers.amount(tokens)} tokens" if tokens == tokens else ""
        time = numbers.seconds(seconds) if timed and seconds == seconds else ""
        passed.append(Passed(model.title, f"{read} ({time})" if read and time else read or time))
    return passed, never


def risen(curves: Curves) -> list[Risen]:
    """Return the losses that rose again."""
    found = []
    for model, curve in curves:
        valid = curve.dropna(subset=["valid_loss"])
        if valid.empty:
            continue
        best, end = valid.iloc[int(valid["valid_loss"].to_numpy().argmin())], float(valid["valid_loss"].iloc[-1])
        if end > RISEN * float(best["valid_loss"]):
            step = float(best["step"]) if pd.notna(best["step"]) else None
            found.append(Risen(model.title, step, float(best["valid_loss"]), end))
    return found


def texts(data: ReportData, fingerprint: str, curves: Curves) -> Texts | None:
    """Return what the best model needs for the sample, the validation and the test text.

    It is None of series, which have no unknown words and one kind of steps.
    """
    if not data.run.rules.every_token:
        return None
    figures = {one["name"]: one for one in data.results["models"]}
    known = [
        (figures[model.name]["bits_per_byte"], model, losses.min())
        for model, curve in curves
        if len(losses := curve["valid_loss"].dropna()) and figures[model.name]["valid_perplexity"]
    ]
    if not known:
        return None
    _, best, sample = min(known, key=lambda each: float(each[0]))
    of, entry = figures[best.name], data.run.manifest.tokens[fingerprint]
    unknown = [entry.unknown[split] / entry.tokens[split] for split in ("valid", "test")]
    valid, test = (float(np.log2(of[key])) for key in ("valid_perplexity", "perplexity"))
    bits = [of[key] for key in ("valid_bits_per_byte", "bits_per_byte")]
    return Texts(best.title, float(sample), valid, test, unknown if any(unknown) else (), bits)


def at_equal_tokens(curves: Curves) -> Equal | None:
    """Return the losses after equally many tokens; None if all read as many."""
    known = [(model, rows) for model, curve in curves if len(rows := curve.dropna(subset=["tokens", "valid_loss"]))]
    shortest = min((float(rows["tokens"].iloc[-1]) for _, rows in known), default=0.0)
    # The curve of a network whose word vectors were learnt before begins later.
    known = [(model, rows) for model, rows in known if float(rows["tokens"].iloc[0]) <= shortest]
    ends = [float(rows["tokens"].iloc[-1]) for _, rows in known]
    if len(known) < 2 or max(ends) <= SAME_AMOUNT * min(ends):
        return None
    return Equal(
        min(ends),
        sorted((float(np.interp(min(ends), rows["tokens"], rows["valid_loss"])), m.title) for m, rows in known),
        any(len(m.entry.seeds) > 1 for m, _ in known),
        sum(end > SAME_AMOUNT * min(ends) for end in ends),
    )


def networks_ahead(data: ReportData) -> dict[str, float]:
    """Return by name after how many seconds a network was ahead of the best model that is not trained in steps.

    It is ahead by the loss on a sample of the validation text, with the tokens that most models have.
    """
    here = [model for model in data.groups.get(data.main_tokens, ()) if model.name not in data.unranked]
    curves = {model.name: curve for model in here if len(curve := model.cell.curve.dropna(how="all")) > 1}
    trained = [model for model in here if model.name in curves]
    if not trained or (level := Level.of(data, data.main_tokens, here, trained)) is None:
        return {}
    return {
        spoken(model.title): first[1]
        for model in trained
        if (first := level.passing(in_bits(curves[model.name]))) is not None and first[1] == first[1]
    }


def in_bits(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a learning curve with its losses in bits instead of nats."""
    return curve.assign(**curve[LOSSES] / np.log(2))


def _begins_late(curve: pd.DataFrame) -> bool:
    """Return whether most tokens were read before the first loss was measured."""
    tokens = curve.dropna(subset=["tokens", "valid_loss"])["tokens"]
    return len(tokens) > 1 and float(tokens.iloc[0]) > float(tokens.iloc[-1]) / 2


def _chart(curves: Curves, axis: str, level: Level | None) -> Markup | None:
    measured = [float(v) for _, curve in curves for v in curve["valid_loss"].dropna()]
    measured += [level.bits] if level else []
    top = STEEP * max(measured) if measured else float("inf")
    last = max((float(curve[axis].max()) for _, curve in curves if curve[axis].notna().any()), default=0.0)
    title, unit = _unit(last) if axis == "processor_seconds" else (AXES[axis], 1.0)
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
