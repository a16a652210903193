"""report.md: tables that are tables, drawings that are there, and nothing a renderer takes for HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lmcompare.analysis import Run
from lmcompare.analysis.results import results
from lmcompare.render import numbers
from lmcompare.render.markdown import plain, table

CELLS = re.compile(r"(?<!\\)\|")


@pytest.mark.slow
def test_tables_are_well_formed_and_stand_between_blank_lines(markdown: str) -> None:
    blocks = re.findall(r"(.*)\n((?:^\|.*\|$\n)+)(.*)", markdown, re.MULTILINE)
    assert len(blocks) >= 12
    for before, block, after in blocks:
        assert (before, after) == ("", ""), block
        lines = block.strip().split("\n")
        widths = {len(CELLS.findall(line)) for line in lines}
        assert len(widths) == 1, block
        assert re.fullmatch(r"\|( (:--|--:|:-:) \|)+", lines[1]), lines[1]
        assert len(lines) > 2, block


@pytest.mark.slow
def test_drawings_exist_and_are_drawings_of_their_own(markdown: str, folder: Path) -> None:
    files = re.findall(r"!\[[^\]]+\]\((charts/[^)]+)\)", markdown)
    assert len(files) == len(set(files)) >= 10
    assert {path.name for path in (folder / "charts").iterdir()} == {Path(file).name for file in files}
    for file in files:
        text = (folder / file).read_text(encoding="utf-8")
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme: dark" in text
        assert "script" not in text


@pytest.mark.slow
def test_holds_every_figure_of_the_leaderboard(run: Run, markdown: str) -> None:
    board = markdown[markdown.index("\n## Leaderboard") :].split("\n")
    for model in results(run)["models"]:
        row = next(line for line in board if line.startswith("|") and plain(model["name"]) in line)
        assert f"{model['bits_per_byte']:.3f}" in row
        if model["group"] == "ranked":
            assert row.startswith(f"| {numbers.ranks(model['rank_low'], model['rank_high'])} |")
    assert "crashing stopped in fit" in markdown
    assert "not a valid probability model" in markdown


@pytest.mark.slow
def test_says_what_signs_mean_and_nothing_of_what_only_the_page_shows(markdown: str) -> None:
    bare = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<[a-zA-Z/!]", re.sub(r"`[^`]*`", "", bare)), "a tag of the text"
    before, sign, _ = markdown.partition("¶ is the end of a sentence")
    assert sign
    assert "¶" not in before
    assert "\\<s\\> is the beginning" in markdown
    for seen_on_the_page in ("colour", "darker", "grey", "underlined", "The map keeps"):
        assert seen_on_the_page not in markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<script>", r"\<script\>"),
        ("*x* _y_ `z`", r"\*x\* \_y\_ \`z\`"),
        ("R&D", "R&amp;D"),
        ("two\nlines", "two lines"),
        ("[a](b)", r"\[a\](b)"),
    ],
)
def test_plain_text_stays_plain(text: str, escaped: str) -> None:
    assert plain(text) == escaped


def test_table_by_hand() -> None:
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| :-- | --: |\n| x | 1 |"
