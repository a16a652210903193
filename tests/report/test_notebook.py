"""What a notebook shows of a run: the finding and the leaderboard of the report, apart from the notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.analysis import Run
from lmcompare.analysis.results import results
from lmcompare.render import numbers
from lmcompare.report.notebook import notebook
from tests.report.tree import Node, parse

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def output(folder: Path) -> str:
    return notebook(folder)


@pytest.fixture(scope="module")
def inside(output: str) -> Node:
    """The document in the frame."""
    (frame,) = parse(output).all("iframe")
    return parse(frame.attributes["srcdoc"])


def test_the_figures_are_those_of_the_results(run: Run, inside: Node, tree: Node) -> None:
    ranked = sorted(model["bits_per_byte"] for model in results(run)["models"] if model["group"] == "ranked")
    rows = inside.one("table", "board").rows()
    assert [row[2] for row in rows] == [numbers.bits_per_byte(figure) for figure in ranked]
    assert rows == tree.one(id_="leaderboard").one("table", "board").rows()
    assert inside.one("h1").text == tree.one("h1").text
    assert inside.one("svg", "chart").text == tree.one("header").one("svg", "chart").text
    assert inside.one("details", "sure").text == tree.one("details", "sure").text
    assert len(inside.all(id_="not-ranked")) == 1


def test_it_is_small_and_has_no_script_and_no_link(
    output: str, inside: Node, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(output.encode()) < 100_000
    assert [node.name for node in parse(output).children if isinstance(node, Node)] == ["iframe", "p"]
    assert parse(output).one("iframe").attributes["sandbox"] == ""
    for name in ("script", "a", "button", "img", "link"):
        assert inside.all(name) == []
    assert parse(output).one("a").attributes["href"] == (folder / "report.html").resolve().as_uri()
    monkeypatch.chdir(folder.parent)  # a report below the working directory has a short address
    assert parse(notebook(folder)).one("a").attributes["href"] == f"{folder.name}/report.html"
