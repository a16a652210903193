"""The story in a browser: the reader guesses first, and keys lead from scene to scene, one at a time on the wall."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.made import made
from tests.report.browser import complaints, visit
from tests.report.part import part_of
from tests.run_folder import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told() -> Path:
    """The page of three models."""
    return (
        made("story", lambda place: write_report(part_of(place, ("transformer", "ngram", "unigram")))) / "report.html"
    )


def test_the_reader_guesses_first_and_keys_lead_from_scene_to_scene_for_the_wall(
    told: Path, browser: Browser
) -> None:
    page = visit(browser, told, width=1600)
    form, fold = page.locator(".guess"), page.locator(".guess + details")
    expect(fold.locator("table")).to_be_hidden()
    form.locator("input").fill("no such word")
    form.locator("input").press("Enter")
    expect(form).to_contain_text("Not “no such word”")
    expect(fold.locator("tbody tr")).to_have_count(3)
    right = fold.locator("td", has_text="✓").count()
    expect(fold).to_contain_text(f"{right} of 3 models guessed it")
    form.locator("input").fill((fold.locator("strong").first.text_content() or "").upper())
    form.locator("input").press("Enter")
    expect(form).to_contain_text("Right")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".scene h3").nth(1)).to_be_focused()

    page.goto(f"{told.as_uri()}?present")
    heads = page.locator(".scene h3")
    expect(heads.nth(0)).to_be_visible()
    expect(page.locator("#leaderboard")).to_be_hidden()
    count, scenes = page.locator(".count"), heads.count()
    expect(count).to_have_text(f"1 of {scenes}")
    answer = page.locator(".guess + details table")
    expect(answer).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(count).to_have_text(f"1 of {scenes}, the answer")
    expect(answer).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(count).to_have_text(f"2 of {scenes}")
    expect(heads.nth(0)).to_be_hidden()
    expect(heads.nth(1)).to_be_focused()
    assert page.locator(".scene.now p").last.evaluate("p => parseFloat(getComputedStyle(p).fontSize)") >= 28
    while not page.locator(".scene.now .att-scores").count():
        page.keyboard.press("ArrowRight")
    number = (page.locator(".scene.now h3").text_content() or "").partition(".")[0]
    expect(count).to_have_text(f"{number} of {scenes}")  # the number of the heading
    table, guess = page.locator(".scene.now .att-scores"), page.locator(".scene.now .next")
    expect(table).to_be_hidden()
    expect(guess).to_be_visible()
    shown = []
    while (text := count.text_content() or "").startswith(f"{number} of"):
        shown.append(text.partition(", ")[2])
        pictures = page.locator(".scene.now .picture:visible")
        assert pictures.evaluate_all("all => all.map(one => one.dataset.name)") == [
            name for name in shown[-1:] if name
        ]
        expect(guess).to_be_visible(visible=not shown[-1])
        expect(table).to_be_visible(visible=shown[-1] == "in numbers")
        page.keyboard.press("ArrowRight")
    assert shown[:3] == ["", "in small", "where it looks"]
    assert shown[-2:] == ["in numbers", "on the test text"]
    page.keyboard.press("End")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(count).to_have_text("the result")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".scene:visible, nav:visible, .ask:visible")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(heads.last).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#leaderboard")).to_be_visible()
    expect(count).to_be_hidden()
    assert "present" not in page.url
    assert complaints(page) == []
