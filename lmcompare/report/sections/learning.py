"""Learning curves: loss against seconds, steps and tokens read."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from lmcompare.report import numbers
from lmcompare.report.charts.lines import Line, lines
from lmcompare.report.kinds.rendering import plain
from lmcompare.report.material import Material, Model, Section
from lmcompare.report.pages import fill

AXES = {"seconds": "Seconds of training", "step": "Steps", "tokens": "Tokens read"}


def build(material: Material) -> Section | None:
    """Return the section, or None where no model learns in steps."""
    groups: list[tuple[str, list[tuple[str, Markup]], str]] = []
    for fingerprint, models in material.groups.items():
        curves = [(model, curve) for model in models if len(curve := model.cell.curve.dropna(how="all")) > 1]
        if curves:
            name = material.tokens_name(fingerprint)
            drawn = [(axis, chart) for axis in AXES if (chart := _chart(curves, axis)) is not None]
            groups.append((name, drawn, " ".join(reading(m, c) for m, c in curves)))
    if not groups:
        return None
    charts = {f"learning-{i}-{axis}.svg": chart for i, (_, drawn, _) in enumerate(groups) for axis, chart in drawn}
    markdown = "\n\n".join(
        f"![Loss against {AXES[axis].lower()}](charts/learning-{i}-{axis}.svg)"
        for i, (_, drawn, _) in enumerate(groups)
        for axis, _ in drawn
    )
    said = " ".join(plain(text) for _, _, text in groups)
    return Section("learning", "Learning curves", fill("learning", groups=groups), f"{markdown}\n\n{said}", charts)


def reading(model: Model, curve: pd.DataFrame) -> str:
    """Say where validation loss was lowest and whether it was still falling."""
    valid = curve.dropna(subset=["valid_loss"])
    if valid.empty:
        last = curve.dropna(subset=["train_loss"])
        if last.empty:
            return f"{model.name} measured no loss."
        end = last.iloc[-1]
        return f"{model.name} ended at a training loss of {end['train_loss']:.2f} nats; it measured none on valid."
    best, end = valid.loc[valid["valid_loss"].idxmin()], valid.iloc[-1]
    said = f"{model.name} reached its lowest validation loss, {best['valid_loss']:.2f} nats"
    if pd.notna(best["step"]):
        said += f", at step {numbers.count(float(best['step']))}"
    if pd.notna(best["seconds"]):
        said += f" after {numbers.seconds(float(best['seconds']))}"
    if best.name == end.name and len(valid) > 1:
        return said + ", where it ended: it was still learning and more steps would probably help."
    if float(end["valid_loss"]) > float(best["valid_loss"]) * 1.01:
        return said + f", and then rose to {end['valid_loss']:.2f}: more steps on this text would not help."
    return said + ", and stayed there."


def _chart(curves: list[tuple[Model, pd.DataFrame]], axis: str) -> Markup | None:
    given: list[Line] = []
    for model, curve in curves:
        for column, faint in (("train_loss", True), ("valid_loss", False)):
            known = curve.dropna(subset=[axis, column])
            if len(known):
                y = known[column].astype(float).tolist()
                given.append(Line(model.name, model.index, known[axis].astype(float).tolist(), y, faint))
    named = {line.name for line in given if not line.faint}
    # A model that measured no validation loss is drawn by its training loss and keeps its name.
    given = [line if line.name in named else Line(line.name, line.index, line.x, line.y) for line in given]
    if not given:
        return None
    label = f"Loss in nats per token against {AXES[axis].lower()}, a line for each model"
    ticks = numbers.seconds if axis == "seconds" else numbers.short
    return lines(given, label, AXES[axis], "Loss (nats per token)", ticks, numbers.tidy, log_x=False, log_y=False)
