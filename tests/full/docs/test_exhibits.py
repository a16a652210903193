"""The package of docs/exhibits.md works as it is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.full.docs.printed import installed, python

REPORT = """
import json
import sys

from lmcompare.exhibits import draw_stored

title, _, drawing = draw_stored(json.loads(sys.argv[1]))
print(json.dumps({"title": title, "html": drawing.html, "markdown": drawing.markdown}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed("exhibits.md", tmp_path_factory.mktemp("package"))


def test_its_own_test_passes(package: Path) -> None:
    done = python(package, "-m", "pytest", "-q", "test_intervals.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_report_draws_it_only_where_it_is_installed(package: Path) -> None:
    stored = {"kind": "intervals", "title": "Weights", "labels": ["<b>"], "lows": [0.25], "highs": [0.5]}
    done = python(package, "-c", REPORT, json.dumps(stored))
    drawn = json.loads(done.stdout)
    assert drawn["title"] == "Weights"
    assert "&lt;b&gt;" in drawn["html"]
    assert "0.25" in drawn["markdown"]
    absent = json.loads(python(None, "-c", REPORT, json.dumps(stored)).stdout)
    assert "no installed package" in absent["html"]
