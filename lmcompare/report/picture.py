"""A picture of the top of a report, for a README: ``python -m lmcompare.report.picture report.html picture.png``.

It needs Chromium or Chrome on the PATH, which the report itself does not.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lmcompare.errors import LmcompareError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # the page is our own file, and containers seldom allow a sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=2000",
)


def take(page: Path, picture: Path, *, width: int = 1280, height: int = 1080, dark: bool = False) -> Path:
    """Store the top of the page, ``width`` by ``height`` pixels, as PNG and return the picture's path.

    Raises ``LmcompareError`` if there is no browser, no such page, or the browser makes no picture of it.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise LmcompareError("a picture needs a browser: install Chromium so that 'chromium' is on the PATH")
    if not page.is_file():
        raise LmcompareError(f"there is no page {page}: build it with 'lmcompare report' first")
    address = f"{page.resolve().as_uri()}?theme={'dark' if dark else 'light'}"
    size = f"--window-size={width},{height}"
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *FLAGS, size, f"--user-data-dir={profile}", f"--screenshot={picture.resolve()}", address]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    if done.returncode or not picture.is_file():
        raise LmcompareError(f"{browser} made no picture of {page} (exit {done.returncode}): open the page by hand")
    return picture


def main(arguments: Sequence[str] | None = None) -> int:
    """Take a picture as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lmcompare.report.picture", description="A picture of a report.")
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args(arguments)
    try:
        print(take(given.page, given.picture, width=given.width, height=given.height, dark=given.dark))
    except LmcompareError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
