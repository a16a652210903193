"""The leaderboard: one row for each model, in the one order in which every medium shows them, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import combinations
from typing import Any, Literal

from lmcompare.analysis.comparison import Comparison, Difference, Standing, compare_models, is_valid, main_tokens
from lmcompare.analysis.metrics import (
    cost_of_trainings,
    mean_figures,
    sampled,
    seed_figures,
    split_bytes,
    spread_figures,
    sums,
    tokens_read,
)
from lmcompare.analysis.repeats import repeats
from lmcompare.runfolder.layout import COST_KEYS, PROCESSOR
from lmcompare.runfolder.run import ModelEntry, Run, kept

Status = Literal["ranked", "adaptive", "not ranked", "failed"]
ORDER: tuple[Status, ...] = ("ranked", "adaptive", "not ranked", "failed")
MOST_UNKNOWN = 0.3  # with more unknown tokens, perplexity says how well <unk> is guessed
COSTS = (*COST_KEYS, PROCESSOR, "microseconds_per_list")
WHOLE = ("rank_low", "rank_high", "peak_memory_bytes", "parameters", "model_bytes")
STORED = {"status": "group", "reason": "unranked_reason"}  # other names in results.json
PER_TOKEN = ("perplexity", "perplexity_excluding_unknown", "top1_accuracy", "top5_accuracy", "perplexity_reset")


@dataclass(frozen=True)
class Row:
    """One model of the leaderboard and of ``results.json``: docs/metrics.md defines its figures.

    A figure that does not exist is None.

    Parameters
    ----------
    status : {"ranked", "adaptive", "not ranked", "failed"}
        Models of different status are not compared with each other.
    rank_low, rank_high : int or None
        The range of ranks that the data allow among models of the same status; None if not ranked or failed.
    same_tokens : bool
        Whether the model has the tokens of most models, so that figures per token can be compared with theirs.
    reason : str or None
        Why the model is not ranked with the others, or how it failed.
    """

    name: str
    plugin: str
    status: Status
    traits: Mapping[str, bool] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    same_tokens: bool = False
    tokens: str | None = None
    tokens_fingerprint: str | None = None
    perplexity: float | None = None
    perplexity_excluding_unknown: float | None = None
    perplexity_reset: float | None = None
    top1_accuracy: float | None = None
    top5_accuracy: float | None = None
    bits_per_byte: float | None = None
    bits_per_byte_low: float | None = None
    bits_per_byte_high: float | None = None
    fresh_bits_per_byte: float | None = None
    fresh_bits_per_byte_low: float | None = None
    fresh_bits_per_byte_high: float | None = None
    bits_per_byte_spread: float | None = None
    perplexity_spread: float | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    reason: str | None = None
    train_seconds: float | None = None
    processor_seconds: float | None = None
    microseconds_per_token: float | None = None
    microseconds_per_list: float | None = None
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    tokens_read: float | None = None
    overhead_bits_per_byte: float | None = None
    valid_probability_model: bool = False
    valid_perplexity: float | None = None
    valid_bits_per_byte: float | None = None
    unknown_share: float | None = None
    zero_probability_tokens: int = 0
    test_tokens: int = 0
    sampled: Mapping[str, Any] | None = None
    by_seed: Sequence[Mapping[str, Any]] = ()

    @property
    def bits(self) -> float:
        """The figure by which a ranked model is compared; it is finite."""
        assert self.compared is not None, f"{self.name} has no finite figure"
        return self.compared

    @property
    def compared(self) -> float | None:
        """Bits per byte by which models are compared: of what is not left out of the test text (``repeats``)."""
        return self.bits_per_byte if self.fresh_bits_per_byte is None else self.fresh_bits_per_byte

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of ``compared``."""
        low, high = self.bits_per_byte_low, self.bits_per_byte_high
        if self.fresh_bits_per_byte is not None:
            low, high = self.fresh_bits_per_byte_low, self.fresh_bits_per_byte_high
        return None if low is None or high is None else (low, high)

    def figure(self, key: str) -> float | None:
        """Return a figure by its name in ``results.json``.

        It is None if it is per token and the tokens differ, and for perplexities if most of them would be of <unk>.
        """
        value: float | None = getattr(self, key)
        hidden = self.hides_perplexity and key in ("perplexity", "perplexity_reset")
        return None if hidden or (key in PER_TOKEN and not self.same_tokens) else value

    @property
    def hides_perplexity(self) -> bool:
        """Whether more than ``MOST_UNKNOWN`` of the tokens are unknown: perplexity then says little of the text."""
        return (self.unknown_share or 0.0) > MOST_UNKNOWN

    def table(self) -> dict[str, Any]:
        """Return the row as one of the models of ``results.json``."""
        return {STORED.get(key, key): value for key, value in asdict(self).items() if key != "same_tokens"}


def rows(run: Run) -> list[Row]:
    """Return the leaderboard of a run.

    Ranked models, then adaptive ones, then those that are not ranked, then failed ones. Within each group the model
    with the fewest bits per byte comes first, and equal ones keep the order of the experiment.
    """
    failed = [(model.name, model.plugin, cell.error) for model in run.models for cell in model.failed]
    return _in_order(scored_rows(run), failed)


def stored_rows(results: Mapping[str, Any]) -> list[Row]:
    """Return the leaderboard of a run from its ``results.json``."""
    found = []
    for model in results["models"]:
        names = {field.name: STORED.get(field.name, field.name) for field in fields(Row)}
        given = {name: model[key] for name, key in names.items() if key in model}
        same_tokens = model["tokens_fingerprint"] == results["main_tokens_fingerprint"]
        found.append(Row(**given | {"seeds": tuple(model["seeds"]), "same_tokens": same_tokens}))
    return _in_order(found, [(cell["name"], cell["plugin"], cell["error"]) for cell in results["failed"]])


def _in_order(scored: Iterable[Row], failed: Iterable[tuple[str, str, str | None]]) -> list[Row]:
    found = {row.name: row for row in scored}
    for name, plugin, error in failed:
        found.setdefault(name, Row(name, plugin, "failed", reason=error))
    return sorted(found.values(), key=lambda row: (ORDER.index(row.status), _or_infinity(row.compared)))


def _or_infinity(value: float | None) -> float:
    return math.inf if value is None else value


@kept
def scored_rows(run: Run) -> tuple[Row, ...]:
    """Return the rows of the models with a finished cell, in the order of the experiment."""
    comparison = compare_models(run)
    tokens = main_tokens(run, comparison)
    return tuple(Row(**finite(_figures(run, model, comparison.standing(model.name), tokens))) for model in run.scored)


def _figures(run: Run, model: ModelEntry, standing: Standing, main_tokens: str) -> dict[str, Any]:
    on_test = sums(run, "test")[model.name]
    test = seed_figures(on_test, split_bytes(run, model))
    on_valid = mean_figures(seed_figures(sums(run, "valid")[model.name], split_bytes(run, model, "valid")))
    spread, left_out = spread_figures(test), repeats(run, "test").are_left_out
    return {
        "name": model.name,
        "plugin": model.plugin,
        "status": standing.group,
        "traits": dict(model.traits),
        "seeds": model.seeds,
        "same_tokens": model.tokens_fingerprint == main_tokens,
        "tokens": run.tokens_name(model.tokens_fingerprint),
        "tokens_fingerprint": model.tokens_fingerprint,
        **asdict(mean_figures(test)),
        "bits_per_byte_low": standing.whole_low,
        "bits_per_byte_high": standing.whole_high,
        "fresh_bits_per_byte": standing.bits_per_byte if left_out else None,
        "fresh_bits_per_byte_low": standing.low if left_out else None,
        "fresh_bits_per_byte_high": standing.high if left_out else None,
        "bits_per_byte_spread": spread.bits_per_byte,
        "perplexity_spread": spread.perplexity,
        "rank_low": standing.rank_low,
        "rank_high": standing.rank_high,
        "reason": standing.reason,
        **{key: _over_seeds(model, key) for key in COSTS},
        "tokens_read": tokens_read(model),
        "overhead_bits_per_byte": on_test.overhead_bits / max(split_bytes(run, model), 1),
        "valid_probability_model": is_valid(model),
        "valid_perplexity": on_valid.perplexity,
        "valid_bits_per_byte": on_valid.bits_per_byte,
        "unknown_share": (on_test.tokens - on_test.known) / max(on_test.tokens, 1),
        "zero_probability_tokens": on_test.impossible,
        "test_tokens": on_test.tokens,
        "sampled": sampled(on_test),
        "by_seed": [{"seed": seed} | asdict(f) for seed, f in zip(model.seeds, test, strict=True)],
    }


def _over_seeds(model: ModelEntry, key: str) -> float | int | None:
    cost = cost_of_trainings(key, [cell.cost.get(key) for cell in model.done])
    return cost if cost is None or key not in WHOLE else round(cost)


def finite(value: Any) -> Any:
    """Return the value with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


NEAR = 0.05  # a model within this share of the best one is nearly as good
AS_FAST = 0.1  # costs that differ by less than this share count as equal: one machine repeats no better
CHEAP = 20  # a model that trains this many times faster is far cheaper


@dataclass(frozen=True)
class Rival:
    """A ranked model and its difference from the best one, None where there are no intervals."""

    row: Row
    difference: Difference | None


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run.

    Parameters
    ----------
    best : Row
        The ranked model with the fewest bits per byte.
    rivals : tuple of Rival
        The other ranked models, the best first.
    tied : tuple of Rival
        Those of them that are not significantly worse than the best.
    apart : tuple of (Row, Row), or None
        The pairs of tied models that differ significantly all the same, the better one first; None if not all pairs
        were compared.
    unstable : tuple of (str, float) or None
        Of the first two models, the one whose bits per byte vary more from seed to seed than the two differ, and the
        standard deviation of its seeds.
    far_cheaper : Row or None
        The best of the models that train at least ``CHEAP`` times faster than the best model.
    """

    best: Row
    rivals: tuple[Rival, ...]
    tied: tuple[Rival, ...]
    apart: tuple[tuple[Row, Row], ...] | None
    unstable: tuple[str, float] | None
    far_cheaper: Row | None


def much_less(cost: float, other: float) -> bool:
    """Whether a cost is clearly less than another, and not equal to it within ``AS_FAST``."""
    return cost < (1 - AS_FAST) * other


def verdict(rows: Sequence[Row], comparison: Comparison, *, timed: bool) -> Verdict | None:
    """Judge the ranked models of a leaderboard.

    Parameters
    ----------
    rows : sequence of Row
        The leaderboard.
    timed : bool
        Whether all models were trained on one machine, so that training times can be compared.

    Returns
    -------
    Verdict or None
        None if no model is ranked.
    """
    ranked = [row for row in rows if row.status == "ranked"]
    if not ranked:
        return None
    best, *rest = ranked
    rivals = tuple(Rival(row, comparison.difference(row.name, best.name)) for row in rest)
    times = {row.name: row.processor_seconds for row in ranked if timed and row.processor_seconds is not None}
    cheap = [row for row in rest if best.name in times and CHEAP * times.get(row.name, 1e99) <= times[best.name]]
    tied = tuple(rival for rival in rivals if rival.difference is None or not rival.difference.significant)
    pairs = list(combinations([rival.row for rival in tied], 2))  # in the order of their figures
    known = all(comparison.difference(one.name, other.name) is not None for one, other in pairs)
    return Verdict(
        best=best,
        rivals=rivals,
        tied=tied,
        apart=tuple(pair for pair in pairs if comparison.is_better(pair[0].name, pair[1].name)) if known else None,
        unstable=_unstable(best, rest[0]) if rest else None,
        far_cheaper=min(cheap, key=lambda row: row.bits, default=None),
    )


def _unstable(best: Row, second: Row) -> tuple[str, float] | None:
    spread, name = max((row.bits_per_byte_spread or 0.0, row.name) for row in (best, second))
    return (name, spread) if spread > second.bits - best.bits else None
