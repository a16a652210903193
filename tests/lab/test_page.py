"""The page of the laboratory: what it says of findings, in HTML and in Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html import unescape
from pathlib import Path

import pytest

from lmcompare.lab.contract import Findings
from lmcompare.lab.findings import write_findings
from lmcompare.lab.folder import path_of
from lmcompare.lab.page import write_page
from lmcompare.report.definitions import WORDS
from lmcompare.report.markdown import plain
from lmcompare.runfolder.run import load_run
from tests.lab.laboratory import ABOUT, ROWS, write_lab
from tests.report.tree import parse


@pytest.fixture
def lab(folder: Path, tmp_path: Path) -> Path:
    return write_lab(tmp_path / "lab", folder)


def test_the_page_says_what_was_found(lab: Path) -> None:
    page = write_page(lab, {"grammar": "needs a treebank"}).read_text(encoding="utf-8")
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
    assert "2 more of the same kind" in page.replace("\u00a0", " ")


@pytest.mark.parametrize(("least", "unit"), [(30, "documents"), (1_000, "blocks of 20 sentences")])
def test_the_page_names_what_is_resampled(lab: Path, monkeypatch: pytest.MonkeyPatch, least: int, unit: str) -> None:
    monkeypatch.setattr("lmcompare.analysis.resampling.LEAST_DOCUMENTS", least)
    assert f"bootstrap over {unit} of the test text" in write_page(lab, {}).read_text(encoding="utf-8")


def test_links_to_definitions_lead_somewhere(lab: Path) -> None:
    tree = parse(write_page(lab, {}).read_text(encoding="utf-8"))
    ids = {node.attributes.get("id") for node in tree.all()}
    assert {f"term-{key}" for key in WORDS.values()} <= ids
    links = [node.attributes["href"] for node in tree.all("a") if node.attributes["href"].startswith("#term-")]
    assert {link[1:] for link in links} <= ids


def test_the_markdown_says_the_same(lab: Path) -> None:
    write_page(lab, {})
    markdown = (lab / "lab.md").read_text(encoding="utf-8")
    for said in ("What is it worth?", "+0.021", "No effect of heads.", "1 of its 3 parts held."):
        assert plain(said) in markdown or said in unescape(markdown)
    drawn = list((lab / "charts").glob("*.svg"))
    assert drawn
    assert all(f"charts/{path.name}" in markdown for path in drawn)


def test_only_rows_that_are_tested_are_drawn(lab: Path) -> None:
    write_page(lab, {})
    (chart,) = (path.read_text(encoding="utf-8") for path in (lab / "charts").glob("*.svg"))
    assert "Order" in chart
    assert "Heads" in chart
    assert "Mask" not in chart
    assert "Far" not in chart


def test_findings_of_another_text_are_left_out(lab: Path) -> None:
    found = Findings(verdict="Of an earlier text.")
    write_findings(path_of(lab, "other"), found, {"name": "other", **ABOUT, "text": "earlier"})
    page = write_page(lab, {}).read_text(encoding="utf-8")
    assert "Of an earlier text." not in page
    assert "No effect of heads." in page


def test_findings_are_stored_and_read_as_they_are(lab: Path) -> None:
    table = json.loads(path_of(lab, "ideas").read_text(encoding="utf-8"))
    assert table["tables"][0]["rows"] == [asdict(row) for row in ROWS]


def test_the_page_says_how_it_was_made(lab: Path) -> None:
    page = write_page(lab, {}).read_text(encoding="utf-8")
    run = load_run(lab / "run")
    for fact in (run.corpus_fingerprint, run.manifest.lmcompare, "Machine", "Seeds"):
        assert str(fact) in page, fact


def test_every_heading_has_an_address_and_no_figure_the_colour_of_a_model(lab: Path) -> None:
    page = write_page(lab, {}).read_text(encoding="utf-8")
    main = parse(page).one("main")
    ids = [node.attributes["id"] for node in main.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    heads = [head for name in ("h3", "h4") for head in main.all(name)]
    assert heads
    assert all(head.one("a", "anchor").attributes["href"] == f"#{head.attributes['id']}" for head in heads)
    assert not main.all("g", "m")
    assert "#" not in [line.strip() for line in (lab / "lab.md").read_text(encoding="utf-8").split("\n")]
