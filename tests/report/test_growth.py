"""Models at other amounts of text, of parameters and of compute: who overtakes whom, and what is drawn."""

from __future__ import annotations

import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.render.charts.growth import Points
from lmcompare.render.charts.growth import growth as chart
from lmcompare.render.titles import spoken
from lmcompare.report.data import ReportData
from lmcompare.studies.compute import section as compute
from lmcompare.studies.compute.courses import courses
from lmcompare.studies.growth import curves
from lmcompare.studies.growth import section as growth
from lmcompare.studies.growth.curves import Crossing, Curve, Point, crossings
from lmcompare.studies.growth.power_law import fitted
from tests.analysis.tiny import bits, tiny_run
from tests.report.tree import parse

WORDS = (2_000, 6_000, 20_000, 60_000, 200_000)
NAMES = {"ngram": "5-gram", "transformer": "Transformer"}
DATA: Any = SimpleNamespace(title=NAMES.__getitem__, spoken=lambda name: spoken(NAMES[name]))


def curve(name: str, figures: list[float]) -> Curve:
    points = (
        Point(words / WORDS[-1], words, np.full((1, 40), 100 * figure), np.full(40, 100), {}, {})
        for words, figure in zip(WORDS, figures, strict=True)
    )
    return Curve(name, tuple(points))


PAIR = [curve("ngram", [2.9, 2.6, 2.35, 2.2, 2.1]), curve("transformer", [3.2, 2.8, 2.4, 2.15, 1.95])]


def test_the_claim_is_where_the_best_model_overtakes() -> None:
    said = growth.claim(DATA, PAIR, crossings(PAIR))
    assert "transformer overtakes the 5" in said
    words = math.exp(np.interp(0.5, [0, 1], np.log([20_000, 60_000])))  # the gap goes from 0.05 to -0.05
    assert f"{float(f'{words:.2g}'):,.0f} words" in said
    assert "95 % interval" in said


def test_ten_times_the_text_is_answered_for_the_two_best_models(monkeypatch: pytest.MonkeyPatch) -> None:
    laws = {each.name: law for each in PAIR if (law := fitted(np.array(WORDS), np.array(each.figures))) is not None}
    monkeypatch.setattr(curves, "growth", lambda run: SimpleNamespace(curves=PAIR, laws=laws))
    monkeypatch.setattr(curves, "compare_models", lambda run: None)
    monkeypatch.setattr(curves, "comparable_names", lambda comparison: tuple(NAMES))
    found = curves.tenfold(None)  # type: ignore[arg-type]
    assert [each.about for each in found] == ["Ten times the text"] * 2
    assert found[0].said.startswith("{transformer}: about")
    assert "ten times" in found[0].said
    monkeypatch.setattr(curves, "comparable_names", lambda comparison: ())
    assert curves.tenfold(None) == ()  # type: ignore[arg-type]


def test_without_a_change_the_claim_is_the_best_at_every_amount() -> None:
    said = growth.claim(DATA, [PAIR[1], curve("ngram", [4.0, 3.5, 3.0, 2.9, 2.8])], [])
    assert "transformer" in said
    assert "2,000" in said
    assert "200,000" in said
    assert growth.claim(DATA, [], []) == ""


def test_the_claim_is_of_the_whole_text_where_another_model_is_better_on_less() -> None:
    counted, net = PAIR
    apart = Curve("transformer", net.points[1:])  # another set of amounts, of which no change of order is known
    assert crossings([counted, apart]) == []
    said = growth.claim(DATA, [counted, apart], [])
    assert "transformer" in said
    assert "every amount" not in said
    assert "200,000" in said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (11_200.0, 52_100.0, "11,000 to 52,000"),
        (11_200.0, math.inf, "from 11,000"),
        (0.0, 52_100.0, "up to 52,000"),
        (0.0, math.inf, "wider than"),
    ],
)
def test_an_interval_that_reaches_beyond_what_was_tried_is_said_so(low: float, high: float, said: str) -> None:
    crossing = Crossing("transformer", "ngram", 30_000.0, low, high)
    (told,) = growth.changes(DATA, PAIR, [crossing])
    assert said in told


def test_forecasts_are_those_of_the_law_and_models_without_one_are_named() -> None:
    falls = curve("transformer", [1 + 2 * (words / 2_000) ** -0.3 for words in WORDS])
    stays = curve("ngram", [2.0, 2.1, 2.0, 2.1, 2.05])
    laws = {
        each.name: law
        for each in (falls, stays)
        if (law := fitted(np.array(WORDS), np.array(each.figures))) is not None
    }
    first, last = curves.forecasts(DATA.spoken, [falls, stays], laws)
    twice, ten = (float(found) for found in re.findall(r" (\d\.\d\d) \(", first))
    assert twice == pytest.approx(1 + 2 * 200**-0.3, abs=6e-3)  # of an exact law
    assert ten == pytest.approx(1 + 2 * 1000**-0.3, abs=1e-2)
    assert "5\u2011gram" in last


def test_the_chart_has_a_band_only_for_forecasts_and_strokes_for_several_trainings() -> None:
    points = Points(
        "one", 0, (1e3, 1e4), (3.0, 2.0), (2.9, 2.0), (3.1, 2.0), [(1e4, 2.0, 1.9, 2.1), (1e5, 1.5, 1.2, 1.8)]
    )
    drawn = chart([points], "label", "x", "y", str, str, 1e4)
    assert drawn.count('class="band"') == 1
    assert drawn.count('class="whisker"') == 1
    assert ">forecast<" in drawn
    assert "band" not in chart(
        [Points("one", 0, (1e3, 1e4), (3.0, 2.0), (3, 2), (3, 2))], "label", "x", "y", str, str
    )


@pytest.mark.slow
def test_sizes_are_of_models_of_one_plug_in_and_title(tmp_path: Path) -> None:
    kinds = {"large": ("GRU", 200), "elman": ("Elman network", 150), "small": ("GRU", 100), "lstm": ("LSTM", 300)}
    models = {name: bits(2 + at / 10, at) for at, name in enumerate(kinds)}
    cells = {name: {"title": title} for name, (title, _) in kinds.items()}
    costs = {name: {"parameters": parameters} for name, (_, parameters) in kinds.items()}
    data = ReportData(tiny_run(tmp_path, models, documents=[[10]] * 40, cells=cells, costs=costs))
    assert growth.build(data) is None, "each is of a plug-in of its own"
    for model in data.models:
        model.entry.plugin = "rnn"
    section = growth.build(data)
    assert section is not None
    assert (section.key, section.title) == ("sizes", "Bits per byte by the number of parameters")
    shown = parse(str(section.html))
    assert [line.one("title").text for line in shown.all("g") if line.all("path", "line")] == ["GRU"]
    marks = [title.text.replace("\u00a0", " ") for title in shown.all("title")]
    assert {mark for mark in marks if " at " in mark} == {"GRU: 2.2 at 100", "GRU: 2 at 200"}


def at_compute(folder: Path, **more: Any) -> ReportData:
    """A run of counts that need a second, 2 bits a token, and a network that ends with 1 bit after 100 seconds."""
    half, quarter = np.full(400, 0.5), np.full(400, 0.25)
    points = [
        {
            "step": n,
            "seconds": 1.0,
            "processor_seconds": 10.0**n,
            "tokens": None,
            "flops": 10.0 ** (9 + n),
            "bits_per_byte": 4.0 - 1.5 * n,
        }
        for n in (0, 1)
    ]
    network = {"processor_seconds": 100.0, "milestones": points, "train_flops": 1e11}
    costs = {"counts": {"processor_seconds": 1.0}, "network": {**network, **more}}
    return ReportData(tiny_run(folder, {"counts": [quarter], "network": [half]}, documents=[[10]] * 40, costs=costs))


@pytest.mark.slow
def test_who_is_ahead_after_how_many_seconds(tmp_path: Path) -> None:
    found = at_compute(tmp_path)
    counts, network = courses(found.run)
    assert counts.seconds.tolist() == [1.0]
    assert network.figures.tolist() == pytest.approx([4.0, 2.5, 1.0])
    section = compute.build(found)
    assert section is not None
    shown = parse(str(section.html))
    claim = shown.all("p", "claim")[0].text
    # from 2.5 bits after 10 s to 1 after 100 s: 2 after 10 ** (4 / 3)
    assert claim.index("counts") < claim.index("22 s") < claim.index("network")
    rows = shown.one("table").rows()
    assert [row[1].split()[0] for row in rows] == ["–", "–", "2.000"]
    assert [row[2].split()[0] for row in rows] == ["4.000", "2.500", "1.000"]


@pytest.mark.slow
def test_seconds_of_different_machines_are_not_compared(tmp_path: Path) -> None:
    other = {"cpu": "Another", "cores": 2, "memory_bytes": 1, "platform": "Linux"}
    section = compute.build(at_compute(tmp_path / "apart", machines=[other]))
    assert section is not None
    shown = parse(str(section.html))
    assert "Seconds are not compared" in shown.text
    assert len(shown.all("figure")) == 1
    assert compute.build(at_compute(tmp_path / "none", milestones=[])) is None, "without milestones"
