"""The system's Chromium, driven by Playwright; nothing that Playwright would download is used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
REQUIRED = "LMCOMPARE_REQUIRE_BROWSER"


def executable(kind: str = "Chromium", names: Sequence[str] = BROWSERS, required: str = REQUIRED) -> str:
    """Return a browser's path; without one the test is skipped, or fails where the variable ``required`` is set."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        lacking = f"no {kind} on the PATH (looked for {', '.join(names)}): on Debian, '.ci/browsers both' installs it"
        if os.environ.get(required):
            pytest.fail(f"{lacking}, and {required} is set")
        pytest.skip(lacking)
    return found


def visit(
    browser: Browser,
    path: Path,
    *,
    width: int = 1280,
    scripts: bool = True,
) -> Page:
    """Open a page in a profile of its own, without a network; a narrow one counts as a phone's."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        is_mobile=width < 600,
        java_script_enabled=scripts,
        reduced_motion="reduce",
        offline=True,
    )
    page = context.new_page()
    page.goto(path.as_uri())
    return page


def open_all(page: Page) -> None:
    """Unfold everything that is folded."""
    page.evaluate(
        "document.querySelectorAll('details').forEach(details => details.open = true);"
        "document.querySelectorAll('.unfold[aria-expanded=false]').forEach(button => button.click())"
    )


def complaints(page: Page) -> list[str]:
    """Return what the console warned of and what the page's scripts raised."""
    said = [m.text for m in page.console_messages() if m.type in ("error", "warning", "assert")]
    return said + [str(error) for error in page.page_errors()]


def reopened(report: Page) -> Page:
    """The page opened anew at its present address."""
    address = report.url
    report.goto("about:blank")
    report.goto(address)
    return report
