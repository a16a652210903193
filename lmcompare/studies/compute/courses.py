"""What models reach with equal compute: their figures while they are trained, against time and operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lmcompare.analysis.comparison import is_valid
from lmcompare.analysis.metrics import seed_figures, split_bytes, sums
from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import ModelEntry, Run, kept

Axis = Literal["seconds", "flops"]
STEPS = 400  # amounts at which the order of the models is determined


@dataclass(frozen=True)
class Course:
    """A model at n points of its training, of which the last is its end, averaged over its trainings.

    Parameters
    ----------
    name : str
    seconds : array of shape (n,)
        Processor seconds.
    flops : array of shape (n,), or None
        Floating-point operations; None where they were not counted.
    figures, low, high : array of shape (n,)
        Bits per byte of the whole validation text: the mean, the best and the worst of the trainings.
    """

    name: str
    seconds: Array
    flops: Array | None
    figures: Array
    low: Array
    high: Array

    def amounts(self, axis: Axis) -> Array | None:
        """Return the time or the operations of the points; None where operations were not counted."""
        return self.seconds if axis == "seconds" else self.flops

    def at(self, axis: Axis, amounts: Array) -> Array:
        """Return the figures after these amounts of time or operations: infinite before the first point, the last
        one after the end, and on a line over the logarithm of the amount between two points.
        """
        if (known := self.amounts(axis)) is None:
            return np.full(len(amounts), np.inf)
        return np.interp(np.log(amounts), np.log(known), self.figures, left=np.inf)


@kept
def courses(run: Run) -> tuple[Course, ...]:
    """Return the courses of a run whose models were scored while they were trained; none of any other run.

    A model that is not trained in steps has one point.
    """
    asked = [model for model in run.scored if any(cell.milestones for cell in model.done)]
    if not asked:
        return ()
    found = []
    for model in run.scored:
        if is_valid(model) and (model in asked or not any(len(cell.curve) for cell in model.done)):
            ends = seed_figures(sums(run, "valid")[model.name], split_bytes(run, model, "valid"))
            course = _course(model, [end.bits_per_byte for end in ends])
            found += [] if course is None else [course]
    return tuple(found)


def _course(model: ModelEntry, ends: Sequence[float]) -> Course | None:
    """Return the course of a model with these figures at the end; None if a point of some training is missing."""
    trainings = [_points(cell, end) for cell, end in zip(model.done, ends, strict=True)]
    if len({len(points) for points in trainings}) != 1:
        return None
    seconds, flops, figures = (
        np.array([[np.nan if point[n] is None else point[n] for point in points] for points in trainings], np.float64)
        for n in range(3)
    )
    if not (np.isfinite(seconds).all() and np.isfinite(figures).all() and (seconds > 0).all()):
        return None
    counted = np.isfinite(flops).all() and (flops > 0).all()
    return Course(
        model.name,
        seconds.mean(axis=0),
        flops.mean(axis=0) if counted else None,
        figures.mean(axis=0),
        figures.min(axis=0),
        figures.max(axis=0),
    )


def _points(cell: Cell, end: float) -> list[tuple[Any, Any, Any]]:
    """Return the seconds, the operations and the bits per byte of each point of a training."""
    points = [(row["processor_seconds"], row["flops"], row["bits_per_byte"]) for row in cell.milestones]
    return [*points, (cell.cost["processor_seconds"], cell.cost.get("train_flops"), end)]


def leaders(found: Sequence[Course], axis: Axis) -> list[tuple[float, str]]:
    """Return the models that are best after some amount of time or operations, each with the amount from which on."""
    known = [(course, amounts) for course in found if (amounts := course.amounts(axis)) is not None]
    if len(known) < 2:
        return []
    measured, points = [course for course, _ in known], np.concatenate([amounts for _, amounts in known])
    amounts = np.geomspace(points.min(), points.max(), STEPS)
    best = np.argmin([course.at(axis, amounts) for course in measured], axis=0)
    begins = np.flatnonzero(np.append(True, best[1:] != best[:-1]))
    return [(float(amounts[n]), measured[best[n]].name) for n in begins]


def compute_table(run: Run) -> list[dict[str, Any]]:
    """Return the courses of a run for JSON."""
    return [
        {
            "name": course.name,
            "points": [
                {"seconds": s, "flops": f, "valid_bits_per_byte": b}
                for s, f, b in zip(
                    course.seconds.tolist(),
                    [None] * len(course.seconds) if course.flops is None else course.flops.tolist(),
                    course.figures.tolist(),
                    strict=True,
                )
            ],
        }
        for course in courses(run)
    ]
