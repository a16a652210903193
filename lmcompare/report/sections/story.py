"""From counting to attention: a story of the run's models in scenes, with one running sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from lmcompare.analysis.leaderboard import Row
from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible
from lmcompare.runfolder.parquet import Array

COUNTS = 0.1  # bits: an earlier word that changes the guess by less does not count
FULL = 8.0  # bits of change that are shown in the full colour
FUTURE = "the future leaves the past alone"  # the check that a model without its mask would fail


@dataclass(frozen=True)
class Scene:
    """A model's guess of the last word, and what it depends on.

    Parameters
    ----------
    better : float or None
        The share of test sentences for which it needs fewer bits than the model of the scene before.
    replaced : sequence of float
        The change in bits when an earlier token is replaced.
    swapped : float
        The change in bits when the two tokens before the guessed word change places.
    """

    title: str
    text: str
    model: Model
    row: Row
    bits: float
    next: Sequence[tuple[str, float]]
    replaced: Sequence[float]
    swapped: float
    better: float | None

    @property
    def weights(self) -> list[float]:
        """The strength of each token's colour, between 0 and 1."""
        return [min(1.0, change / FULL) for change in self.replaced]

    def depends(self, tokens: Sequence[str]) -> str:
        """Return on which earlier words the guess depends, in words."""
        counting = [at for at, change in enumerate(self.replaced) if change >= COUNTS]
        if not counting:
            return "No earlier word changes it" + (
                "." if max(self.replaced) < 1e-6 else f" by {COUNTS} bits or more."
            )
        most = max(counting, key=lambda at: self.replaced[at])
        back = numbers.plural(len(self.replaced) - counting[0], "token")
        swapped = (
            f"changes it by {numbers.decimals(self.swapped, 1)} bits" if self.swapped >= COUNTS else "does nothing"
        )
        return (
            f"It depends most on “{visible(tokens[most])}”. The earliest word that changes it by {COUNTS} bits or"
            f" more is “{visible(tokens[counting[0]])}”, {back} back. Swapping the last two tokens {swapped}."
        )


@cache
def outlines() -> list[dict[str, Any]]:
    """Return the title, the text and the plug-ins of each scene."""
    table = tomllib.loads(files("lmcompare.report").joinpath("story.toml").read_text("utf-8"))
    return [{**scene, "text": " ".join(scene["text"].split())} for scene in table["scene"]]


def build(data: ReportData) -> Section | None:
    """Return the section; None unless two models of the story with the same tokens have guessed a sentence."""
    if not data.main_tokens:
        return None
    here = data.groups[data.main_tokens]
    told = [
        (outline, model) for outline in outlines() if (model := _first(here, outline["plugins"], data)) is not None
    ]
    rows = {row.name: row for row in data.rows}
    whole = [rows[model.name].bits_per_byte or 0.0 for _, model in told]
    guesses = [_by_place(model) for _, model in told]
    key = running_sentence(guesses, whole)
    if len(told) < 2 or key is None:
        return None
    sums = sentence_bits(data, [model for _, model in told])
    shares = [None, *(float((later < earlier).mean()) for earlier, later in pairwise(sums))]
    scenes = []
    for (outline, model), share, found in zip(told, shares, (each[key] for each in guesses), strict=True):
        expected = [(visible(str(one["token"])), float(one["probability"])) for one in found["next"]]
        scenes.append(
            Scene(
                outline["title"],
                outline["text"],
                model,
                rows[model.name],
                found["bits"],
                expected,
                found["replaced"],
                found["swapped"],
                share,
            )
        )
    tokens = [visible(str(token)) for token in guesses[0][key]["tokens"]]
    html = fill(
        "story",
        scenes=scenes,
        tokens=tokens,
        candidates=len(guesses[0]),
        attends=any("attention" in scene.title.lower() for scene in scenes),
        passed=_passed([scene.model for scene in scenes]),
        same=all(in_order([scene.bits for scene in scenes], whole)),
        share=float(np.all(in_order(sums, whole), axis=0).mean()),
        sentences=len(sums[0]),
        full=FULL,
        unranked=data.unranked,
    )
    return Section.of("story", "From counting to attention", html)


def running_sentence(
    found: Sequence[Mapping[tuple[int, int], Mapping[str, Any]]], whole: Sequence[float]
) -> tuple[int, int] | None:
    """Return the sentence on whose last word the models come most nearly in their order on the whole text.

    Among several, it is the one on which the best model gains most over the first.

    Parameters
    ----------
    found : sequence of mappings
        The guesses of each model by sentence.
    whole : sequence of float
        The figure of each model on the whole text.

    Returns
    -------
    tuple or None
        The sentence; None if the models have none in common.
    """
    shared = [key for key in (found[0] if found else ()) if all(key in other for other in found)]

    def fitting(key: tuple[int, int]) -> tuple[int, float]:
        bits = [one[key]["bits"] for one in found]
        return int(np.sum(in_order(bits, whole))), bits[0] - min(bits)

    return max(shared, key=fitting, default=None)


def in_order(bits: Sequence[Any], whole: Sequence[float]) -> list[Any]:
    """Return of each pair of models whether their bits (or arrays of them) differ as on the whole text."""
    pairs = combinations(range(len(whole)), 2)
    return [bits[a] < bits[b] if whole[a] < whole[b] else bits[b] < bits[a] for a, b in pairs]


def sentence_bits(data: ReportData, models: Sequence[Model]) -> list[Array]:
    """(models, sentences) the bits that each model needs for each sentence of the test text."""
    begins = data.run.tokens[data.main_tokens].sentence_starts("test")
    found = []
    for model in models:
        nats = np.concatenate([block["log_prob"] for block in model.cell.score_blocks("test", ["log_prob"])])
        found.append(np.add.reduceat(-nats.astype(np.float64), begins) / np.log(2))
    return found


def _first(models: Sequence[Model], plugins: Sequence[str], data: ReportData) -> Model | None:
    """Return the first ranked model of the first of these plug-ins that has one with guesses."""
    for plugin in plugins:
        for model in models:
            if model.entry.plugin == plugin and model.name not in data.unranked and _by_place(model):
                return model
    return None


def _by_place(model: Model) -> dict[tuple[int, int], Mapping[str, Any]]:
    return {(one["document"], one["first"]): one for one in model.cell.examples.get("influences", ())}


def _passed(models: Sequence[Model]) -> int:
    """Return how many models passed the check that later words do not change earlier guesses."""
    return sum(
        any(check["name"] == FUTURE and check["passed"] for check in model.cell.truth.get("checks", ()))
        for model in models
    )
