"""What a model tells of itself, in whole runs: what is wrong with it costs its figures nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.small import run_and_report, small_experiment, write_plugins, write_text

pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_text(tmp_path)
    write_plugins(tmp_path)
    return tmp_path


def test_figures_outlive_exhibits_that_fail(place: Path) -> None:
    models = [{"plugin": f"plugins.py:{name}", "name": name} for name in ("OddExhibits", "Unstorable")]
    outcome, _ = run_and_report(place, place / "odd-exhibits", small_experiment(*models))
    assert not outcome.failures
    odd, unstorable = (place / "odd-exhibits" / "cells" / m["name"] / "0" for m in models)
    assert [e["title"] for e in json.loads((odd / "exhibits.json").read_text())] == ["good"]
    bad, short = json.loads((odd / "cell.json").read_text())["notes"]
    assert "'bad' is left out" in bad
    assert "values[0] is nan" in bad
    assert "'short' is left out" in short
    assert "labels has 2 entries, values has 1" in short
    assert json.loads((unstorable / "exhibits.json").read_text()) == []
    (note,) = json.loads((unstorable / "cell.json").read_text())["notes"]
    assert "'odd' is left out: values[0] is a value of type float32, not a number" in note


def test_figures_outlive_words_that_fail(place: Path) -> None:
    out = place / "odd-vectors"
    odd = {"plugin": "plugins.py:OddVectors", "name": "odd"}
    run_and_report(place, out, small_experiment(odd, examples={"words": ["the"], "prompts": ["the cat", "the dog"]}))
    cell = json.loads((out / "cells/odd/0/cell.json").read_text())
    assert cell["status"] == "done"
    assert cell["notes"] == [
        "Its words in context could not be made: ValueError: no vectors today (plugins.py, line 34)."
    ]
