"""A question from outside: one folder with one entry point measures, computes and shows."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmcompare import study
from lmcompare.scaffold import create
from tests.cli.console import lmcompare
from tests.harness.small import write_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The module of a package that 'lmcompare new --study' has written, installed; a text lies in ``tmp_path``."""
    write_text(tmp_path)
    source = create("sureness", tmp_path / "site", "study") / "src"
    info = source / "sureness-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sureness\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[lmcompare.studies]\nsureness = sureness:Sureness\n")
    monkeypatch.syspath_prepend(source)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the code changes within a second
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(source), os.environ.get("PYTHONPATH")))))
    yield source / "sureness.py"
    forget()


def forget() -> None:
    """The next command imports the package, as a new process does."""
    sys.modules.pop("sureness", None)
    study._installed.cache_clear()
    study._source.cache_clear()


def change(code: Path, before: str, after: str) -> None:
    text = code.read_text()
    assert before in text
    code.write_text(text.replace(before, after))
    forget()


def run(place: Path, out: str, model: str, *more: str) -> None:
    done = lmcompare("run", "--corpus", "text.txt", "--model", model, "--out", out, *more, cwd=place)
    assert done.returncode == 0, done.stderr


def reported(place: Path, *asked: str) -> tuple[str, dict[str, Any]]:
    """Make a report; return its Markdown and its results."""
    done = lmcompare("report", *asked, cwd=place)
    assert done.returncode == 0, done.stderr
    folder = place / Path(done.stdout.strip().splitlines()[-1]).parent
    return (folder / "report.md").read_text(), json.loads((folder / "results.json").read_text())


def section(markdown: str, title: str) -> str:
    """The text of a section of a report."""
    return markdown.split(f"## {title}\n")[1].split("\n## ")[0]


TITLE = "How sure the models are"
FILES = {
    "sureness.js": "document.documentElement.dataset.sureness = 'sureness.js';",
    "sureness.css": "#sureness td { color: teal }",
    "sureness.toml": "[Scores.sureness]\nname = 'Sureness'\ndefinition = 'Less is surer.'\n",
}


def test_a_package_with_one_entry_point_is_a_whole_study(code: Path, tmp_path: Path) -> None:
    run(tmp_path, "first", "unigram,ngram")
    results = json.loads((tmp_path / "first" / "results.json").read_text())
    assert results["studies"]["sureness"].keys() == {"unigram", "ngram"}
    assert "| 5-gram" in section((tmp_path / "first" / "report.md").read_text(), TITLE)
    assert "How sure are the models of the next word?" in (tmp_path / "first" / "report.html").read_text()
    (listed,) = (line for line in lmcompare("studies", cwd=tmp_path).stdout.splitlines() if "[sureness:" in line)
    assert listed.split(maxsplit=1)[1].startswith("How sure are the models of the next word?")

    # another run chooses other studies: it lacks this one, which a report of both says
    run(tmp_path, "second", "ngram", "--set", "ngram.order=2", "--study", "cost")
    assert "sureness" not in json.loads((tmp_path / "second" / "results.json").read_text())["studies"]
    markdown, results = reported(tmp_path, "first", "second", "--out", "both")
    assert results["studies"]["sureness"].keys() == {"unigram", "ngram (first)"}
    assert section(markdown, TITLE).strip().startswith("Not measured by this study: ")

    # chosen for a run that it has not measured, it says so in its place
    markdown, _ = reported(tmp_path, "second", "--study", "sureness")
    assert section(markdown, "Sureness").strip().startswith("Not measured by this study: ")

    # a file beside its code is on the page that shows its section, and on no other
    for name, text in FILES.items():
        (code.parent / name).write_text(text, encoding="utf-8")
    named = '    script, style, terms = "sureness.js", "sureness.css", "sureness.toml"\n'
    change(code, '    group = "Results"\n', f'    group = "Results"\n{named}')
    change(code, "The mean entropy of a prediction,", "The mean [sureness](#term-sureness) of a prediction,")
    reported(tmp_path, "first")
    page = (tmp_path / "first" / "report.html").read_text(encoding="utf-8")
    for text in (FILES["sureness.js"], FILES["sureness.css"], 'id="term-sureness"', "Less is surer."):
        assert text in page
    assert base64.b64encode(hashlib.sha256(FILES["sureness.js"].encode()).digest()).decode() in page
    reported(tmp_path, "first", "--study", "cost")
    assert "sureness.js" not in (tmp_path / "first" / "report.html").read_text(encoding="utf-8")

    # a third run is measured by other code
    change(code, "POSITIONS = 200", "POSITIONS = 100")
    run(tmp_path, "third", "ngram", "--set", "ngram.order=3")
    markdown, results = reported(tmp_path, "first", "third", "--out", "both")
    assert len(results["studies"]["sureness"]) == 3
    assert "Measured by another version of this study, or with other options: " in section(markdown, TITLE)

    # a study that fails is a note in its place, and costs nothing else
    change(code, "found = {", "found = run.nothing or {")
    markdown, results = reported(tmp_path, "first")
    assert section(markdown, "Sureness").strip().startswith("This section could not be made: AttributeError")
    assert results["failed_studies"].keys() == {"sureness"}
    assert "## Leaderboard" in markdown
