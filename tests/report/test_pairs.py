"""The section on minimal pairs: which models were asked, what they know, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.runfolder.probed import Accuracy, Probed, write_probed
from lmcompare.studies.pairs import section as pairs
from tests.report.part import part_of
from tests.report.tree import parse


def asked(folder: Path, accuracies: dict[str, float], digest: str = "d") -> None:
    """Store answers of these models to ten pairs of each of two phenomena."""
    for model in load_run(folder).models:
        if (accuracy := accuracies.get(model.name)) is not None:
            rows = tuple(
                Accuracy(name, n, 2, accuracy, max(0.0, accuracy - 0.1), min(1.0, accuracy + 0.1))
                for name, n in (("agreement", 10), ("<b>order</b>", 10), ("", 20))
            )
            write_probed(model.done[0].path, Probed("english", digest, rows))


@pytest.mark.slow
def test_every_phenomenon_has_a_row_and_every_model_that_was_asked_a_column(tmp_path: Path) -> None:
    folder = part_of(tmp_path, ("unigram", "ngram", "transformer"))
    assert pairs.build(ReportData(load_run(folder))) is None
    asked(folder, {"unigram": 0.5, "ngram": 0.8})
    asked(folder, {"transformer": 0.7}, digest="e")  # other pairs of the same name
    section = pairs.build(ReportData(load_run(folder)))
    assert section is not None
    one, other = parse(str(section.html)).all("figure")
    assert "english, 20 pairs" in one.text
    assert one.one("table").rows() == [  # the best comes first
        ["agreement", "10", "80 70–90", "50 40–60"],
        ["<b>order</b>", "10", "80 70–90", "50 40–60"],
        ["all", "20", "80 70–90", "50 40–60"],
        ["pairs that differ in an unknown word", "", "2", "2"],
    ]
    assert "ngram is right most often, for 80 % of the pairs" in one.text
    assert [row[-1] for row in other.one("table").rows()][:3] == ["70 60–80"] * 3
    assert "| agreement" in section.markdown


def told(*accuracies: float) -> str:
    """What is said of models A, B, C … of these accuracies, with intervals of 10 % to both sides."""
    models: Any = [SimpleNamespace(title=title) for title in "ABCD"[: len(accuracies)]]
    whole = [Accuracy("", 100, 0, share, max(0.0, share - 0.1), min(1.0, share + 0.1)) for share in accuracies]
    return pairs.said(models, whole).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ((0.8,), "A is right for 80 %"),
        ((0.8, 0.5), "A is right most often, for 80 %"),
        ((0.8, 0.8, 0.75, 0.3), "A and B are right most often, each for 80 %"),
        ((0.8, 0.8), "All models are right equally often, for 80 %"),
    ],
)
def test_of_models_that_are_right_equally_often_none_is_the_best(accuracies: tuple[float, ...], said: str) -> None:
    assert told(*accuracies).startswith(said)


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ((0.8, 0.75, 0.3), "The interval of B overlaps with that of A:"),
        ((0.8, 0.75, 0.62), "The intervals of B and C overlap with that of A:"),
        ((0.8, 0.8, 0.75, 0.3), "The interval of C overlaps with that of A and B:"),
        ((0.8, 0.8, 0.3), ""),
        ((0.8, 0.8), ""),
    ],
)
def test_intervals_that_overlap_are_said(accuracies: tuple[float, ...], said: str) -> None:
    assert said in told(*accuracies)
    assert ("overlap" in told(*accuracies)) == bool(said)


@pytest.mark.parametrize(("accuracy", "guessing"), [(0.3, False), (0.45, True), (0.55, True), (0.7, False)])
def test_it_may_be_guessing_if_the_interval_has_half_in_it(accuracy: float, guessing: bool) -> None:
    assert ("it may be guessing" in told(accuracy, 0.1)) == guessing
    assert ("they may be guessing" in told(accuracy, accuracy)) == guessing
