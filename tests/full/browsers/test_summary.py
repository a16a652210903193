"""The first screen in a browser: one of several findings is shown at a time."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.report.browser import visit
from tests.report.test_summary import matched
from tests.run_folder import write_report


def test_a_click_shows_the_other_finding(browser: Browser, tmp_path: Path) -> None:
    path = write_report(matched(tmp_path))
    page = visit(browser, path)
    as_run, equal = page.locator(".view").all()
    expect(equal).to_be_hidden()
    page.get_by_role("button", name="At equal tokens").click()
    expect(equal).to_be_visible()
    expect(as_run).to_be_hidden()
    for view in visit(browser, path, scripts=False).locator(".view").all():
        expect(view).to_be_visible()
