"""The pages that the first tier writes, for more browsers and for all that takes many visits."""

from __future__ import annotations

from tests.report.conftest import (  # noqa: F401
    apart,
    browser,
    chromium,
    engine,
    folder,
    folder_of_tokens,
    markdown,
    of_tokens,
    page,
    report,
    run,
    runs,
    tree,
)
