"""The browser of the tests of the report."""

from tests.report.conftest import browser, chromium  # noqa: F401
