"""The film of a training in a browser: a slider moves all its parts to the figures of one moment."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from playwright.sync_api import Locator, Page, expect

from lmcompare.exhibits import TrainingFilm, draw
from lmcompare.render.numbers import probability
from tests.report.browser import complaints, open_all
from tests.report.tree import parse
from tests.synthetic_exhibits import film


@pytest.fixture
def truth() -> TrainingFilm:
    found = film()
    assert isinstance(found, TrainingFilm)
    return found


def shown(page: Page) -> tuple[str, list[list[str]], list[str], list[str]]:
    """The moment, the map, the places of the words and the probabilities that the page shows."""
    rows = page.locator(".film .heat-table tbody tr").all()
    return (
        page.locator(".film output").inner_text(),
        [row.locator("td:not(.off)").all_inner_texts() for row in rows],
        [mark.get_attribute("transform") or "" for mark in page.locator(".film-plane g").all()],
        page.locator(".film .next small").all_inner_texts(),
    )


def see_no_name_covers_another(plane: Locator) -> None:
    boxes = plane.evaluate(
        "plane => Array.from(plane.querySelectorAll('text'))"
        ".filter(name => getComputedStyle(name).visibility === 'visible')"
        ".map(name => name.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])"
    )
    assert boxes
    for (left, top, right, bottom), (x, y, end, base) in combinations(boxes, 2):
        assert right <= x + 1 or end <= left + 1 or bottom <= y + 1 or base <= top + 1


@pytest.mark.slow
def test_the_slider_moves_all_parts(report: Page, truth: TrainingFilm) -> None:
    open_all(report)
    slider = report.locator(".film input").first
    films = report.locator(".film")
    films.evaluate_all("films => films.slice(1).forEach(film => film.remove())")  # of the other models
    expect(slider).to_have_attribute("aria-valuetext", "step 200")
    places = {}
    slider.focus()
    for key, moment in (("Home", 0), ("ArrowRight", 1), ("End", 2)):
        report.keyboard.press(key)
        name, weights, places[moment], chances = shown(report)
        assert name == truth.moments[moment]
        assert weights == [[f"{100 * w:.0f}" for w in row if w is not None] for row in truth.weights[moment]]
        assert chances == [probability(p) for p in truth.probabilities[moment]]
        see_no_name_covers_another(report.locator(".film-plane"))
    assert len({tuple(each) for each in places.values()}) == 3
    report.locator(".film .heat-panel").first.click()  # a small map moves the others, too
    assert shown(report)[0] == "step 0"
    assert shown(report)[2] == places[0]
    assert slider.input_value() == "0"
    report.reload()  # the address has the moment
    expect(report.locator(".film output").first).to_have_text("step 0")
    assert report.locator(".film-plane").first.locator("g").first.get_attribute("transform") == places[0][0]
    assert complaints(report) == []


def test_a_place_in_the_plane_is_that_of_the_coordinates(truth: TrainingFilm) -> None:
    plane = parse(str(draw(truth).html)).one("svg", "film-plane")
    places = [tuple(map(float, g.attributes["transform"][10:-1].split())) for g in plane.all("g")]
    for axis, values, sign in ((0, truth.x[-1], 1), (1, truth.y[-1], -1)):
        order = sorted(range(len(values)), key=lambda i: sign * values[i])
        assert sorted(range(len(places)), key=lambda i: places[i][axis]) == order


def test_without_scripts_the_last_moment_is_shown(truth: TrainingFilm) -> None:
    html = parse(str(draw(truth).html))
    assert [row[-1] for row in html.one("table").rows()][-1] == "100"
    assert "70 %" in html.one("ol", "next").text
    first, *others = truth.probabilities
    rounded = replace(truth, probabilities=((0.0,) * len(first), *others))
    assert "about 0 % at first" in draw(rounded).reading.replace("\u00a0", " ")
    assert "1.0 % at first and 70 % at the end" in draw(truth).reading.replace("\u00a0", " ")
