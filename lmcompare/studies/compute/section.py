"""What models reach with equal compute: their figures while they are trained, against time and operations."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lmcompare.render import numbers
from lmcompare.render.charts.growth import Points
from lmcompare.render.charts.growth import growth as chart
from lmcompare.render.titles import sentence
from lmcompare.report.data import ReportData, Section
from lmcompare.studies.compute.courses import Axis, Course, courses, leaders

TITLES: dict[Axis, str] = {
    "seconds": "Processor seconds of training",
    "flops": "Floating-point operations of training",
}
MOST_LEADERS = 4  # models that are named
STEEP = 1.15  # times the worst figure of a trained model: only the table has points above that


def build(data: ReportData) -> Section | None:
    """Return the section, or None if the models were not scored while they were trained."""
    names = {model.name for model in data.comparable}
    found = [course for course in courses(data.run) if course.name in names]
    if not any(len(course.seconds) > 1 for course in found):
        return None
    by_time = data.run.one_machine
    counted = [course for course in found if course.flops is not None]
    return Section.written(
        "compute",
        "At equal compute",
        __package__,
        claim=claim(data, leaders(found, "seconds"), "seconds") if by_time else "",
        by_time=_chart(data, found, "seconds") if by_time else None,
        said=claim(data, leaders(counted, "flops"), "flops") if counted else "",
        by_operations=_chart(data, counted, "flops") if counted else None,
        without=numbers.listed([data.spoken(course.name) for course in found if course.flops is None]),
        models=[data.by_name[course.name] for course in found],
        courses=found,
        points=max(len(course.seconds) for course in found),
    )


def claim(data: ReportData, best: Sequence[tuple[float, str]], axis: Axis) -> str:
    """Return which model is best up to which amount of time or operations; "" if there is nothing to compare."""
    if not best:
        return ""
    names = [data.spoken(name) for _, name in best]
    amount = numbers.seconds if axis == "seconds" else numbers.scientific
    if len(best) == 1:
        return f"{sentence(names[0])} is ahead at every amount of {_OF[axis]}"
    shown = best[-MOST_LEADERS:]
    names = names[-MOST_LEADERS:]
    until = [
        f"{name} up to {amount(float(f'{end:.2g}'))}" for name, (end, _) in zip(names[:-1], shown[1:], strict=True)
    ]
    return f"Best by {_OF[axis]}: {numbers.listed([*until, f'then {names[-1]}'])}"


_OF: dict[Axis, str] = {"seconds": "training time", "flops": "operations"}


def _chart(data: ReportData, found: Sequence[Course], axis: Axis) -> Markup:
    highest = STEEP * max(course.figures[-1] for course in found)
    drawn = []
    for course in found:
        model, x = data.by_name[course.name], course.amounts(axis)
        assert x is not None, "only courses whose operations were counted are drawn by them"
        columns = (x, course.figures, course.low, course.high)
        drawn.append(
            Points(model.title, model.index, *(each[course.figures <= highest].tolist() for each in columns))
        )
    label = f"Bits per byte of validation text against {TITLES[axis].lower()}, a line for each model"
    x_label = numbers.short if axis == "seconds" else numbers.scientific
    return chart(drawn, label, TITLES[axis], "Bits per byte (less is better)", x_label, numbers.tidy)
