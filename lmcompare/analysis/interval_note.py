"""The sentences that results.json and the report give with the intervals: what they cover and what they do not."""

from __future__ import annotations

from lmcompare.analysis.comparison import Comparison
from lmcompare.analysis.resampling import LEAST_DOCUMENTS


def interval_note(comparison: Comparison) -> str:
    """Return what was resampled, and whether the intervals cover the variation between trainings."""
    if not comparison.standings:
        return "No model was scored."
    if not comparison.resamples:
        return "The test text is too short for intervals, so no difference between models can be called significant."
    return f"{_units(comparison)} {_trainings(comparison)}"


def _units(comparison: Comparison) -> str:
    if comparison.unit == "documents":
        return "The intervals come from a paired bootstrap over test documents."
    few = f"The intervals come from a paired bootstrap over {comparison.unit}, because there are"
    few += f" fewer than {LEAST_DOCUMENTS} test documents"
    if comparison.whole_documents:
        return f"{few}. Every block is a whole document here; the fewer they are, the wider the intervals."
    return f"{few}; they show the variation between passages of these documents, not between documents."


def _trainings(comparison: Comparison) -> str:
    single = [name for name, seeds in comparison.seeds.items() if seeds == 1]
    if len(single) == len(comparison.seeds):
        return "Every model was trained with one seed, so the intervals do not cover the variation between trainings."
    covered = "The intervals, differences and ranks also cover the variation between trainings with different seeds"
    return f"{covered}, except for {', '.join(single)}, trained with one seed." if single else f"{covered}."
