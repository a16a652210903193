"""Scales, ticks and drawings, against arithmetic done by hand."""

from __future__ import annotations

import csv
import json
import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from markupsafe import Markup
from playwright.sync_api import Browser, Locator, Page, expect

from lmcompare.render import numbers
from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import spread
from lmcompare.render.charts.growth import Points, growth
from lmcompare.render.charts.intervals import MANY, Row, intervals, shared_scale, strip, wrapped
from lmcompare.render.charts.lines import Line, brief, lines, shortened
from lmcompare.render.charts.points import points
from lmcompare.render.charts.scales import Scale, fit
from lmcompare.render.charts.scatter import Dot, cloud, pareto, scatter
from lmcompare.render.templating import asset
from tests.report.browser import complaints

HOSTILE = '</svg><script>alert("x")</script>'


def test_linear_scale() -> None:
    scale = Scale((0, 10), (100, 0))  # y runs down the page
    assert [scale(v) for v in (0, 2.5, 10)] == [100, 75, 0]
    assert scale.ticks(5) == [0, 2, 4, 6, 8, 10]


def test_logarithmic_scale() -> None:
    scale = Scale((1, 100), (0, 200), log=True)
    assert scale(10) == pytest.approx(100)
    assert Scale((0.5, 20_000), (0, 1), log=True).ticks(5) == pytest.approx([1, 10, 100, 1000, 10_000])
    assert Scale((80, 210), (0, 1), log=True).ticks(5) == pytest.approx([80, 90, 100, 200])


def test_ticks_of_time_are_round_in_minutes() -> None:
    times = (0.1, 1, 10, 60, 600, 3600)
    assert Scale((5, 900), (0, 1), True, times).ticks(5) == [10, 60, 600]
    # where only one of the choices is inside, powers of ten say more
    assert len(Scale((12, 200), (0, 1), True, times).ticks(5)) >= 2


def test_fit_is_logarithmic_only_where_values_span_much() -> None:
    assert not fit([1, 20], (0, 1)).log
    assert fit([1, 40], (0, 1)).log
    assert not fit([0, 40], (0, 1)).log
    assert not fit([1, 1000], (0, 1), log=False).log


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.booleans())
@example([1.0, 2.2250738585072014e-308], True)
@example([1e9, 5e-324], True)
@example([5e-324], False)
def test_fit_shows_every_value(values: list[float], log: bool) -> None:
    scale = fit(values, (10, 90), log=log)
    for value in values:
        assert 10 - 1e-6 <= scale(value) <= 90 + 1e-6
    for tick in scale.ticks():
        assert scale.domain[0] - 1e-6 * abs(scale.domain[0]) <= tick <= scale.domain[1] + 1e-6 * abs(scale.domain[1])


@given(st.floats(1e-9, 1e9), st.floats(1.0001, 1e6))
def test_ticks_are_few_and_rise(low: float, factor: float) -> None:
    for log in (False, True):
        ticks = Scale((low, low * factor), (0, 1), log=log).ticks(5)
        assert len(ticks) <= 12
        assert ticks == sorted(set(ticks))


@given(st.lists(st.floats(0, 100), max_size=12))
def test_labels_are_put_apart_in_order(wanted: list[float]) -> None:
    placed = spread(wanted, 15, 0, 200)
    assume(len(wanted) > 1)
    pairs = sorted(zip(wanted, placed, strict=True))
    assert all(b - a >= 15 - 1e-6 for (_, a), (_, b) in pairwise(pairs))
    assert min(placed) >= -1e-6
    assert max(placed) <= 200 + 1e-6


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_pareto_front_by_its_definition(pairs: list[tuple[int, int]]) -> None:
    dots = [Dot(str(i), i, x, y) for i, (x, y) in enumerate(pairs)]
    front = {(d.x, d.y) for d in pareto(dots)}
    expected = {
        (x, y) for x, y in pairs if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in pairs)
    }  # nothing is as good on both and better on one
    assert front == expected


def test_a_long_name_keeps_both_ends_or_has_two_lines() -> None:
    assert shortened("transformer") == "transformer"
    assert shortened("a-very-long-name-of-a-model-v2") == "a-very-long-…-a-model-v2"
    assert wrapped("transformer") == ["transformer"]
    assert wrapped("Encoder that reads the answer, honestly") == ["Encoder that reads the", "answer, honestly"]
    assert [len(line) <= 24 for line in wrapped("x" * 99)] == [True, True]


def test_names_are_cut_at_a_comma_where_they_stay_apart() -> None:
    full = ["5-gram, Kneser-Ney", "word2vec, bag", "word2vec, cbow", "RNN"]
    assert brief(full) == dict(zip(full, ["5-gram", *full[1:]], strict=True))
    assert brief(["RNN, one", "RNN, one"]) == {"RNN, one": "RNN"}, "two lines of one name are one name"


def test_the_front_begins_at_the_first_model() -> None:
    drawing = str(scatter([Dot("a", 0, 1, 1), Dot("b", 1, 2, 0.5)], "l", "x", "y", numbers.tidy, numbers.tidy))
    first = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing)  # the mark of the first model
    assert first is not None
    begins = re.search(r'd="M([\d.]+) ([\d.]+)L[^"]*" class="front"', drawing)
    assert begins is not None
    assert [float(v) for v in begins.groups()] == pytest.approx([float(v) for v in first.groups()], abs=0.06)


def test_a_chart_carries_its_numbers() -> None:
    one = Line("a", 0, [1, 2, 3], [1, math.nan, 1 / 3], note="training text")
    drawing = lines([one, Line("b, c", 1, [1], [2])], "l", "x", "y", numbers.tidy, numbers.tidy)
    data = json.loads(ET.fromstring(str(drawing)).attrib["data-numbers"])
    assert data["columns"] == ["x", "y"]
    assert data["series"][0] == ["a, training text", "m m0", [1, 2, 3], [1, None, 0.333333]]
    assert data["series"][1:] == [["b, c", "m m1", [1], [2]]]
    low, high, first, last, log = data["scales"][0]
    assert low < 1 < 3 < high
    assert first < last
    assert not log
    dots = scatter([Dot("a", 0, 5, 1, None, 2)], "l", "x", "y", numbers.tidy, numbers.tidy)
    data = json.loads(ET.fromstring(str(dots)).attrib["data-numbers"])
    series = [["a", "m m0", [5], [1], [None], [2]]]
    assert data == {"columns": ["x", "y", "low", "high"], "series": series, "scales": []}


def drawings() -> list[Markup]:
    nan, label = math.nan, numbers.tidy
    return [
        intervals([Row(HOSTILE, 0, 1.0, 0.9, 1.1), Row("b", 1, 2.0)], HOSTILE, "x", label, label),
        strip(Row(HOSTILE, 0, 1.0, 0.9, 1.1), shared_scale([Row("a", 0, 1.0, 0.9, 1.1)], (0, 10)), HOSTILE),
        lines([Line(HOSTILE, 0, [0, 1, 2], [1, nan, 2]), Line("one", 9, [1], [1])], HOSTILE, "x", "y", label, label),
        scatter([Dot(HOSTILE, 0, 1, 1, 0.9, 1.1), Dot("b", 1, 100, 0.5)], HOSTILE, "x", "y", label, label),
        cloud([Dot(HOSTILE, 0, 1, 1), Dot("b", 0, 2, 2)], Dot(HOSTILE, 0, 1, 1), HOSTILE, HOSTILE, "y", label, label),
        points([HOSTILE, "b"], [0, 1], [0, 1], [HOSTILE, "g"], HOSTILE),
    ]


@pytest.mark.parametrize("drawing", drawings())
def test_drawings_are_xml_without_a_word_of_the_text_as_markup_and_stand_alone(drawing: Markup) -> None:
    root = ET.fromstring(str(drawing))
    assert {re.sub("{.*}", "", node.tag) for node in root.iter()} <= {
        "svg", "g", "line", "path", "text", "title", "circle", "polygon",
    }  # fmt: skip
    assert "nan" not in str(drawing).lower()
    assert "<script" not in str(drawing)
    alone = svg.standalone(drawing)
    ET.fromstring(alone)
    assert set(re.findall(r"var\(--(\w+)", alone)) <= set(re.findall(r"--(\w+):", alone))  # colours are with it


def test_models_differ_in_shape_or_colour() -> None:
    looks = {re.sub(r"[\d.]+", "", str(svg.marker(i, 0, 0))) + svg.hue(i) for i in range(20)}
    assert len(looks) == 20


def test_no_values_at_all_still_draw() -> None:
    for draw in (lines, scatter):
        ET.fromstring(str(draw([], "l", "x", "y", numbers.tidy, numbers.tidy)))
    ET.fromstring(str(points([], [], [], [], "l")))


def saved(page: Page, box: Locator, kind: str) -> bytes:
    """Choose a kind in the menu "Save" of a chart and return the file."""
    if not box.locator(".save").evaluate("menu => menu.open"):
        box.locator(".save summary").click()
    with page.expect_download() as download:
        box.get_by_role("button", name=kind, exact=True).click()
    expect(box.locator(".save summary")).to_be_focused()
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    return download.value.path().read_bytes()


@pytest.mark.slow
def test_a_chart_is_saved_as_picture_and_numbers_and_tells_its_values(report: Page) -> None:
    box = report.locator("#cost .figure-box").first
    data = json.loads(box.locator(".chart").get_attribute("data-numbers") or "")
    rows = list(csv.reader(saved(report, box, "CSV").decode().splitlines()))
    assert rows[0] == ["name", *data["columns"]]
    assert data["columns"][0].startswith("Processor time (seconds")
    assert [row[0] for row in rows[1:]] == [series[0] for series in data["series"]]
    assert [float(row[2]) for row in rows[1:]] == [series[3][0] for series in data["series"]]
    drawing = ET.fromstring(saved(report, box, "SVG"))
    mark = next(drawing.iter("{http://www.w3.org/2000/svg}circle"))
    assert mark.attrib["fill"].startswith("rgb")
    assert "var(" not in ET.tostring(drawing, "unicode")
    assert saved(report, box, "PNG").startswith(b"\x89PNG")

    # all lines have their values at the x that is pointed at
    chart, tip = report.locator("#learning .chart").first, report.locator(".tip")
    data = json.loads(chart.get_attribute("data-numbers") or "")
    chart.scroll_into_view_if_needed()
    area = chart.bounding_box()
    assert area is not None
    chart.hover(position={"x": area["width"] / 3, "y": area["height"] / 2})
    expect(tip).to_be_visible()
    names = tip.locator("th").all_inner_texts()
    assert set(names) <= {series[0] for series in data["series"]}
    assert len(names) >= 2
    report.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    chart.focus()
    report.keyboard.press("Home")
    said = report.locator(".out[role=status]")
    measured = [series for series in data["series"] if series[0].endswith("validation text")]
    first = min(measured, key=lambda series: series[2][0])
    expect(said).to_contain_text(f"{first[0]}: {float(f'{first[3][0]:.4g}'):g}")
    before = said.inner_text()
    report.keyboard.press("ArrowRight")
    expect(said).not_to_have_text(before)
    report.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    assert complaints(report) == []
    assert {r.url for r in report.requests() if not r.url.startswith(("data:", "blob:"))} == {
        report.url.split("#")[0]
    }


@pytest.mark.slow
def test_between_two_points_on_logarithmic_axes_is_their_geometric_mean(browser: Browser) -> None:
    one, other = ((1, 100), (2, 200)), ((1, 10, 100), (3, 3, 3))
    given = [Points(name, n, x, y, y, y) for n, (name, (x, y)) in enumerate({"one": one, "other": other}.items())]
    drawing = growth(given, "label", "x", "y", str, str)
    page = browser.new_page()
    page.set_content(f"{drawing}<script>{asset('charts.js')}</script>")
    page.locator(".chart").focus()
    for key in ("Home", "ArrowRight"):
        page.keyboard.press(key)
    assert page.locator(".out[role=status]").text_content() == "x: 10. one: 20, other: 3"


def test_the_best_of_a_cloud_is_larger() -> None:
    dots = [Dot("a", 0, 1, 1), Dot("b", 0, 2, 2)]
    for best in dots:
        drawn = str(cloud(dots, best, "l", "x", "y", numbers.tidy, numbers.tidy))
        radii = [float(r) for r in re.findall(r'<circle[^>]* r="([\d.]+)"', drawn)]
        assert max(radii) == radii[dots.index(best)] > min(radii)


def test_many_rows_stand_closer_if_each_name_fits_on_a_line() -> None:
    def step(names: list[str]) -> float:
        def height(rows: int) -> float:
            some = [Row(name, 0, 1.0) for name in names[:rows]]
            return float(ET.fromstring(str(intervals(some, "l", "x", str, str))).attrib["viewBox"].split()[3])

        return height(len(names)) - height(len(names) - 1)

    long = "Encoder that reads the answer, honestly"
    assert step(["a"] * (MANY + 2)) == 22
    assert step(["a"] * MANY) == step([long, *["a"] * (MANY + 1)]) == 32
