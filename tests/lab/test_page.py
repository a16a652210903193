"""The page of the laboratory: what it says of findings, in HTML and in Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html import unescape
from pathlib import Path

import pytest

from lmcompare.lab import Findings
from lmcompare.lab.findings import path_of, write_findings
from lmcompare.lab.page import write_page
from lmcompare.render.definitions import words
from lmcompare.render.markdown import plain
from lmcompare.runfolder.run import load_run
from tests.lab.laboratory import ABOUT, ROWS, write_lab
from tests.report.tree import Node, parse

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = write_lab(tmp_path_factory.mktemp("page") / "lab", folder)
    write_page(place, {"grammar": "needs a treebank"})
    return place


@pytest.fixture(scope="module")
def page(lab: Path) -> str:
    return (lab / "lab.html").read_text(encoding="utf-8").replace("\u00a0", " ")


@pytest.fixture(scope="module")
def tree(page: str) -> Node:
    return parse(page)


def test_the_page_says_what_was_found_and_how(lab: Path, page: str) -> None:
    for said in (
        "+0.021",
        "+0.018 to +0.025",
        "−0.002",
        "−1.200",
        "1.781",
        "Undefined.",
        "&lt;b&gt;the order",
        "A limit.",
    ):
        assert said in page, said
    assert "1 of its 3 parts held." in page
    assert re.findall(r"<li><strong>([\w ]+):</strong> ([^<]+)</li>", page) == [
        ("Did not hold", "Heads are worth something."),
        ("Held", "A layer is worth more."),
        ("Left open", "Two are worth twice."),
    ]
    assert page.count("preview: ") == 1  # of the other, in the list of answers
    assert "needs a treebank" in page
    assert 'href="#other"' in page
    assert page.index("What it is worth") < page.index("The other")  # in the order of the entry points
    assert page.count("Of 1.") == 1
    assert "2 more of the same kind" in page
    run = load_run(lab / "run")
    for fact in (run.corpus_fingerprint, f"Written by lmcompare {run.manifest.lmcompare}", "Machine", "Seeds"):
        assert str(fact) in page, fact


def test_links_and_headings_lead_somewhere(tree: Node) -> None:
    ids = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    assert {f"term-{key}" for key in words().values()} <= set(ids)
    links = [node.attributes["href"] for node in tree.all("a") if node.attributes["href"].startswith("#term-")]
    assert {link[1:] for link in links} <= set(ids)
    main = tree.one("main")
    heads = [head for name in ("h3", "h4") for head in main.all(name)]
    assert heads
    assert all(head.one("a", "anchor").attributes["href"] == f"#{head.attributes['id']}" for head in heads)
    assert not main.all("g", "m")  # no figure has the colour of a model


def test_the_markdown_says_the_same_and_charts_show_rows_that_are_tested(lab: Path) -> None:
    markdown = (lab / "lab.md").read_text(encoding="utf-8")
    for said in ("What is it worth?", "+0.021", "No effect of heads.", "1 of its 3 parts held."):
        assert plain(said) in markdown or said in unescape(markdown)
    assert "#" not in [line.strip() for line in markdown.split("\n")]
    (path,) = (lab / "charts").glob("*.svg")
    assert f"charts/{path.name}" in markdown
    chart = path.read_text(encoding="utf-8")
    assert [name in chart for name in ("Order", "Heads", "Mask", "Far")] == [True, True, False, False]


def test_findings_are_stored_and_read_as_they_are(lab: Path) -> None:
    table = json.loads(path_of(lab, "ideas").read_text(encoding="utf-8"))
    assert table["tables"][0]["rows"] == [asdict(row) for row in ROWS]


@pytest.mark.parametrize(("least", "unit"), [(30, "documents"), (1_000, "blocks of 20 sentences")])
def test_the_page_names_what_is_resampled_and_leaves_out_findings_of_another_text(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, unit: str
) -> None:
    lab = write_lab(tmp_path / "lab", folder)
    found = Findings(verdict="Of an earlier text.")
    write_findings(path_of(lab, "other"), found, {"name": "other", **ABOUT, "text": "earlier"})
    monkeypatch.setattr("lmcompare.analysis.units.LEAST_DOCUMENTS", least)
    page = write_page(lab, {}).read_text(encoding="utf-8")
    assert f"bootstrap over {unit} of the test text" in page
    assert "Of an earlier text." not in page
    assert "No effect of heads." in page
