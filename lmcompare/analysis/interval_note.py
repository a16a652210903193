"""The sentences that results.json and the report give with the intervals: what they cover and what they do not."""

from __future__ import annotations

from math import isfinite, isnan

from lmcompare.analysis.comparison import Comparison
from lmcompare.analysis.intervals import LEAST_UNITS
from lmcompare.analysis.resampling import BLOCK_SENTENCES, LEAST_DOCUMENTS


def interval_note(comparison: Comparison) -> str:
    """Return what was resampled, and whether the intervals cover the variation between trainings."""
    if not comparison.standings:
        return "No model was scored."
    if comparison.units < LEAST_UNITS:
        return _too_few(comparison)
    if not comparison.resamples:
        return "No model has a finite figure, so there are no intervals."
    return " ".join(filter(None, (_units(comparison), _without(comparison), _trainings(comparison))))


def _too_few(comparison: Comparison) -> str:
    blocks = f"blocks of {BLOCK_SENTENCES} sentences" if comparison.unit == "documents" else comparison.unit
    units = "documents" if comparison.whole_documents else blocks
    units = units if comparison.units != 1 else units.replace("documents", "document").replace("blocks", "block")
    needed = f"at least {LEAST_UNITS} documents or {blocks}"
    has = f"The test text has only {comparison.units} {units}, too few"
    if len(comparison.standings) == 1:
        return f"{has} for an interval, which needs {needed}; give a longer test text."
    return (
        f"{has} to tell the models apart: intervals and tests of differences need {needed}, so all models are tied;"
        " give a longer test text."
    )


def _units(comparison: Comparison) -> str:
    if comparison.unit == "documents":
        return "The intervals come from a paired bootstrap over test documents."
    few = f"The intervals come from a paired bootstrap over {comparison.unit}"
    if not comparison.unit.endswith("steps"):  # of series it is always blocks of steps
        few += f", as there are fewer than {LEAST_DOCUMENTS} test documents"
    if comparison.whole_documents:
        return f"{few}. Every block is a whole document here; the fewer they are, the wider the intervals."
    return f"{few}: they cover the variation between passages, not between documents."


def _without(comparison: Comparison) -> str:
    names = [s.name for s in comparison.standings if isfinite(s.bits_per_byte) and isnan(s.low)]
    if not names:
        return ""
    return (
        f"There is no interval for {', '.join(names)}: nearly all of the variation is in one of the"
        f" {comparison.units} {comparison.unit}; give a longer test text."
    )


def _trainings(comparison: Comparison) -> str:
    single = [name for name, seeds in comparison.seeds.items() if seeds == 1]
    if len(single) == len(comparison.seeds):
        return "Every model was trained with one seed, so the intervals do not cover the variation between trainings."
    covered = "They also cover the variation between trainings with different seeds"
    return f"{covered}, except for {', '.join(single)}, trained with one seed." if single else f"{covered}."
