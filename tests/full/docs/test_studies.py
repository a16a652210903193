"""The study of docs/studies.md works as it is printed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.full.docs.printed import DOCS, python
from tests.full.docs.test_commands import FILE
from tests.harness.small import write_text


def test_a_run_measures_computes_and_shows(tmp_path: Path) -> None:
    for name, content in FILE.findall((DOCS / "studies.md").read_text(encoding="utf-8")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    write_text(tmp_path)
    command = ("run", "--corpus", "text.txt", "--model", "unigram,ngram", "--out", "out")
    done = python(tmp_path, "-m", "lmcompare.cli", *command, "--study", "./certainty.py:Certainty")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    bits = results["studies"]["certainty"]
    assert results["failed_studies"] == {}
    assert bits["unigram"] > bits["ngram"] > 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "## How sure the models are" in report
    assert report.index("| 5-gram") > 0
    assert "How sure are the models of the next word?" in (tmp_path / "out" / "report.html").read_text()
    (row,) = (model for model in results["models"] if model["name"] == "unigram")
    # a unigram model always predicts the same distribution, and the test text is drawn from nearly the same
    assert bits["unigram"] == pytest.approx(math.log2(row["perplexity"]), rel=0.1)
