"""The story in a browser, by buttons and by swiping."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.report.browser import complaints, open_all, visit
from tests.report.part import part_of
from tests.report.test_story_page import told  # noqa: F401
from tests.run_folder import write_report


def test_buttons_and_fingers_lead_too_and_the_exit_leads_back_to_the_scene(
    told: Path,  # noqa: F811
    browser: Browser,
) -> None:
    page = visit(browser, told, width=390)
    page.goto(f"{told.as_uri()}?present")
    count, turn = page.locator(".count"), page.locator(".turn")
    expect(turn.get_by_role("button", name="Back")).to_be_disabled()
    turn.get_by_role("button", name="Next").click()
    expect(count).to_contain_text("the answer")
    turn.get_by_role("button", name="Next").click()
    expect(count).to_contain_text("2 of")
    page.evaluate(
        """() => {
            const finger = (x) => new Touch({ identifier: 1, target: document.body, clientX: x, clientY: 300 });
            const send = (type, touches, changedTouches) =>
                document.body.dispatchEvent(new TouchEvent(type, { bubbles: true, touches, changedTouches }));
            send("touchstart", [finger(300)], [finger(300)]);
            send("touchend", [], [finger(100)]);
        }"""
    )
    expect(count).to_contain_text("3 of")
    page.keyboard.press("End")
    expect(turn.get_by_role("button", name="Next")).to_be_disabled()
    turn.get_by_role("button", name="Back").click()
    last = page.locator(".scene.now h3").inner_text()
    turn.get_by_role("button", name="Exit").click()
    expect(turn).to_be_hidden()
    head = page.locator(".scene h3", has_text=last)
    expect(head).to_be_focused()
    expect(head).to_be_in_viewport()
    assert complaints(page) == []


def test_the_button_shows_another_order(tmp_path: Path, browser: Browser) -> None:
    models = ("unigram", "word2vec-bow", "rnn-attention")
    page = visit(browser, write_report(part_of(tmp_path, models)), width=390)
    open_all(page)
    button, after = page.locator(".shuffle button"), page.locator(".shuffle .after")
    expect(after).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(after).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(after).to_be_hidden()
    assert complaints(page) == []
