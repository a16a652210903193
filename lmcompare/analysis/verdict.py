"""What the figures say, in plain sentences made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmcompare.analysis.comparison import SIGNIFICANCE, Comparison, Difference, compare_models
from lmcompare.analysis.contamination import in_words, repeated_documents
from lmcompare.analysis.phrases import listed, percent
from lmcompare.analysis.progress import outlook
from lmcompare.analysis.results import results
from lmcompare.runfolder.run import Run

NEAR = 0.05  # of the best
DETAILED = 3  # models that share the first rank; of more only the names are told
CHEAP = 20  # times less training is a small part
NEAR_SHOWN = f"{100 * NEAR:.0f} %"


@dataclass(frozen=True)
class Verdict:
    """``outcome``: who is best, by how much, and what is nearly as good for less; ``outlook``: what more training or
    text would probably change; ``notes``: what one should know besides. Sentences each.
    """

    outcome: list[str]
    outlook: list[str]
    notes: list[str]


def verdict(run: Run) -> list[str]:
    """Return the outcome of a run in sentences: the best by bits per byte and by how much, ties, the cheapest within
    5 % of the best, what more training or text would probably change, what this test text can't tell apart, and the
    models that stand apart with the reason.
    """
    found = judge(run)
    return [*found.outcome, *found.outlook, *found.notes]


def judge(run: Run) -> Verdict:
    """Return the same, its three parts by themselves."""
    table = results(run)
    models = {model["name"]: model for model in table["models"]}
    comparison = compare_models(run)
    ranked = sorted(
        (m for m in models.values() if m["group"] == "ranked"), key=lambda m: (m["rank"], m["bits_per_byte"])
    )
    said: list[str] = []
    if len(ranked) > 1 and comparison.smallest_detectable > 0:
        said.append(
            f"With this test text, differences under about {comparison.smallest_detectable:.2g} bits per byte would"
            " mostly go unnoticed: less between models that err at the same places, more between others."
        )
    said += repeated_warning(run)
    said += _apart(models.values())
    said += _failed(table["failed"])
    if ranked:
        said.append(str(table["interval"]["note"]))
    outcome = _outcome(ranked, comparison, timed=run.one_machine)
    return Verdict(outcome, outlook(run, [str(m["name"]) for m in ranked]), said)


def _outcome(ranked: Sequence[Mapping[str, Any]], comparison: Comparison, *, timed: bool) -> list[str]:
    if not ranked:
        return ["No model of this run can be ranked."]
    best, rest = ranked[0], ranked[1:]
    figure = (
        f"{best['bits_per_byte']:.3f} bits per byte{_interval(best['bits_per_byte_low'], best['bits_per_byte_high'])}"
    )
    if not rest:
        return [f"{best['name']} is the only model that can be ranked: it needs {figure} for the test text."]
    said = [_lead(best, rest, figure, comparison), *_seeds(best, rest[0])]
    worst = max(rest, key=lambda m: float(m["bits_per_byte"]))
    if len(rest) > 1:
        saved = 1 - best["bits_per_byte"] / worst["bits_per_byte"]
        said.append(
            f"The weakest, {worst['name']}, needs {worst['bits_per_byte']:.3f}"
            + (f"; {best['name']} saves {percent(saved)} of that." if saved >= 0.005 else ".")
        )
    if timed:
        said.append(_cheapest(best, rest))
    return said


def _lead(best: Mapping[str, Any], rest: Sequence[Mapping[str, Any]], figure: str, comparison: Comparison) -> str:
    pairs = [(other, comparison.difference(other["name"], best["name"])) for other in rest]
    tied = [(other, d) for other, d in pairs if d is None or not d.significant]
    if not tied:
        second, d = pairs[0]
        less = 1 - best["bits_per_byte"] / second["bits_per_byte"]
        return (
            f"{best['name']} predicts the test text best: {figure}, {percent(less, 1)} less than the next, "
            f"{second['name']} "
            f"({second['bits_per_byte']:.3f}{_by(d)})."
        )
    if len(tied) > DETAILED:
        worst = max(other["bits_per_byte"] for other, _ in tied)
        others = f"{len(tied)} others, {listed(other['name'] for other, _ in tied)} (up to {worst:.3f})"
    else:
        others = listed(f"{other['name']} ({other['bits_per_byte']:.3f}{_by(d)})" for other, d in tied)
    shared = ": they share rank 1" if all(other["rank"] == 1 for other, _ in tied) else ""
    return f"{best['name']} has the lowest figure, {figure}, but can't be told apart from {others}{shared}."


def _seeds(best: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Warn where the first two differ by less than one of them does from seed to seed."""
    gap = second["bits_per_byte"] - best["bits_per_byte"]
    spread, name = max((m["bits_per_byte_spread"] or 0.0, str(m["name"])) for m in (best, second))
    if spread <= gap:
        return []
    return [
        f"From seed to seed {name} varies by more (a standard deviation of {spread:.3f}) than the two differ"
        f" ({gap:.3f}): with other seeds the order may be another."
    ]


def _cheapest(best: Mapping[str, Any], rest: Sequence[Mapping[str, Any]]) -> str:
    near = [m for m in rest if m["bits_per_byte"] <= (1 + NEAR) * best["bits_per_byte"]]
    if not near:
        return f"No other model comes within {NEAR_SHOWN} of {best['name']}."
    timed = [m for m in (best, *near) if m["train_seconds"] is not None]
    if not timed:
        return f"{listed(m['name'] for m in near)} come within {NEAR_SHOWN} of {best['name']}."
    cheapest = min(timed, key=lambda m: float(m["train_seconds"]))
    if cheapest is best:
        return (
            f"Of the models within {NEAR_SHOWN} of it, none trains in less time than {best['name']} ({_cost(best)})."
            + _far_cheaper(best, rest)
        )
    return (
        f"The cheapest to train within {NEAR_SHOWN} of the best is {cheapest['name']}: {_cost(cheapest)}, against "
        f"{_cost(best)} for {best['name']}."
    )


def _far_cheaper(best: Mapping[str, Any], rest: Sequence[Mapping[str, Any]]) -> str:
    """Name the best model of those that train in a small part of the time, and what it lacks; "" without one."""
    cheap = [
        m for m in rest if m["train_seconds"] is not None and CHEAP * m["train_seconds"] <= best["train_seconds"]
    ]
    if not cheap:
        return ""
    found = min(cheap, key=lambda m: float(m["bits_per_byte"]))
    behind = found["bits_per_byte"] / best["bits_per_byte"] - 1
    return f" For a small part of that, {_cost(found)}, {found['name']} is {percent(behind, 1)} behind."


def repeated_warning(run: Run) -> list[str]:
    """Return a sentence on test documents that stand in train; none where there are none."""
    counts = repeated_documents(run, "test")
    said = in_words(counts)
    if not said:
        return []
    return [f"Of {counts['documents']:,} test documents {said}: what learns by heart gains by that."]


def _apart(models: Iterable[Mapping[str, Any]]) -> list[str]:
    said = []
    for model in models:
        if model["group"] == "adaptive":
            figure = f"{model['bits_per_byte']:.3f} bits per byte"
            said.append(f"{model['name']} stands apart with {figure}: {model['unranked_reason']}.")
        elif model["group"] == "not ranked":
            said.append(f"{model['name']} is not ranked: {model['unranked_reason']}.")
    return said


def _failed(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each model and error, its seeds together."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for cell in cells:
        seeds.setdefault((cell["name"], str(cell["error"]).rstrip(".")), []).append(cell["seed"])
    return [
        f"{name} failed with seed{'s' if len(which) > 1 else ''} {listed(map(str, which))}: {error}."
        for (name, error), which in seeds.items()
    ]


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 % interval {low:.3f} to {high:.3f})"


def _by(d: Difference | None) -> str:
    """How far a model lies behind the best, with the interval of this pair."""
    if d is None or d.low != d.low:
        return ""
    said = f"; behind by {_signed(d.difference)}, 95 % interval {_signed(d.low)} to {_signed(d.high)}"
    if d.p_value < SIGNIFICANCE <= d.p_holm:
        said += f", which among so many pairs is no evidence: p = {d.p_holm:.2f}, corrected"
    return said


def _signed(value: float) -> str:
    shown = f"{value:.3f}" if abs(value) >= 0.0005 or value >= 0 else f"{value:.4f}"  # a negative end is shown as one
    return shown.replace("-", "−") if float(shown) else "0.000"


def _cost(model: Mapping[str, Any]) -> str:
    return f"{_seconds(model['train_seconds'])} of training"


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"
