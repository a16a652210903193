"""Take a picture of a page of the report, for the README: ``report_picture.py report.html picture.png [--dark] ...``.

The pictures of ``docs/`` are of pages in ``reports/``: ``report.png`` is the top of the reference report,
``history.png`` has ``--of "#history .chart"``, and ``story.png`` has three scenes of the reference report::

    report_picture.py reports/reference/report.html docs/story.png --width 1280
        --of ".scene:has(#scene-1)" --of ".scene:has(#scene-3-then)" --of ".scene:has(#scene-4)"

Needs Playwright (``pip install 'lmcompare[test]'``) and Chromium or Chrome on the PATH.
"""

from __future__ import annotations

import argparse
import base64
import shutil
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def take(page: Path, picture: Path, *, width: int, height: int, dark: bool, of: Sequence[str], whole: bool) -> None:
    """Store a picture of the top of a page, of all of it (``whole``), or of elements (CSS selectors ``of``)."""
    executable = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
        view.goto(page.resolve().as_uri())
        if of:
            shots = [base64.b64encode(view.locator(selector).first.screenshot()).decode() for selector in of]
            images = "".join(f'<img style="display: block" src="data:image/png;base64,{shot}">' for shot in shots)
            view.set_content(f'<body style="margin: 0"><div style="width: max-content">{images}</div>')
            view.locator("div").screenshot(path=picture)
        else:
            view.screenshot(path=picture, full_page=whole)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--of", action="append", default=[], metavar="SELECTOR", help="an element; can be repeated")
    parser.add_argument("--whole", action="store_true", help="the whole page")
    take(**vars(parser.parse_args()))
