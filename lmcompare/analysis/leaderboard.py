"""The leaderboard: one row for each model, in the one order in which every medium shows them.

The rows are made from the table of ``results``, so that a program that reads ``results.json`` gets the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Status = Literal["ranked", "adaptive", "not ranked", "failed"]
ORDER: tuple[Status, ...] = ("ranked", "adaptive", "not ranked", "failed")
MOST_UNKNOWN = 0.3  # with more unknown tokens, perplexity says how well <unk> is guessed
PER_TOKEN = ("perplexity", "perplexity_excluding_unknown", "top1_accuracy", "top5_accuracy", "perplexity_reset")


@dataclass(frozen=True)
class Row:
    """One model of the leaderboard.

    A figure that does not exist is None. Units are those of ``results.json`` (docs/metrics.md).

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
    same_tokens: bool = False
    rank_low: int | None = None
    rank_high: int | None = None
    bits_per_byte: float | None = None
    bits_per_byte_low: float | None = None
    bits_per_byte_high: float | None = None
    bits_per_byte_spread: float | None = None
    fresh_bits_per_byte: float | None = None
    fresh_bits_per_byte_low: float | None = None
    fresh_bits_per_byte_high: float | None = None
    tokens: str | None = None
    tokens_fingerprint: str | None = None
    perplexity: float | None = None
    perplexity_spread: float | None = None
    perplexity_excluding_unknown: float | None = None
    perplexity_reset: float | None = None
    top1_accuracy: float | None = None
    top5_accuracy: float | None = None
    train_seconds: float | None = None
    microseconds_per_token: float | None = None
    microseconds_per_list: float | None = None
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    tokens_read: float | None = None
    overhead_bits_per_byte: float | None = None
    valid_bits_per_byte: float | None = None
    unknown_share: float | None = None
    zero_probability_tokens: int = 0
    valid_probability_model: bool = False
    seeds: tuple[int, ...] = ()
    reason: str | None = None

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


def rows(results: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a table of results.

    Returns
    -------
    list of Row
        Ranked models, then adaptive ones, then those that are not ranked, then failed ones. Within each group the
        model with the fewest bits per byte comes first, and equal ones keep the order of the experiment.
    """
    found = [_row(model, results["main_tokens_fingerprint"]) for model in results["models"]]
    names = {row.name for row in found}
    for cell in results["failed"]:
        if cell["name"] not in names:
            names.add(cell["name"])
            found.append(Row(cell["name"], cell["plugin"], "failed", reason=cell["error"]))
    return sorted(found, key=lambda row: (ORDER.index(row.status), _or_infinity(row.compared)))


def _row(model: Mapping[str, Any], main_tokens: str) -> Row:
    same = {field.name: model[field.name] for field in fields(Row) if field.name in model}
    return Row(
        **same
        | {
            "status": model["group"],
            "same_tokens": model["tokens_fingerprint"] == main_tokens,
            "seeds": tuple(model["seeds"]),
            "reason": model["unranked_reason"],
        }
    )


def _or_infinity(value: float | None) -> float:
    return math.inf if value is None else value
