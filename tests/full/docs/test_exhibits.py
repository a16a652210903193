"""The package of docs/exhibits.md works as it is printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "exhibits.md").read_text(encoding="utf-8")
FILES = re.findall(
    r"^```(?:python|toml|html)\n(?:# |\{# )([\w./]+)(?: #\})?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
)

REPORT = """
import json
import sys

from lmcompare.exhibits import draw_stored

title, _, drawing = draw_stored(json.loads(sys.argv[1]))
print(json.dumps({"title": title, "html": drawing.html, "markdown": drawing.markdown}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page's files as an installed package: with the metadata that an installer writes."""
    place = tmp_path_factory.mktemp("package")
    for name, text in FILES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    (place / "intervals" / "__init__.py").touch()
    project = tomllib.loads((place / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = place / "intervals-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    return place


def python(package: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(package or ""), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=package, capture_output=True, text=True, check=False
    )


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
