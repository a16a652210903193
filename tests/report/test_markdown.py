"""report.md: tables that are tables, drawings that are there, and nothing a renderer takes for HTML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lmcompare.analysis import Run
from lmcompare.analysis.results import results
from lmcompare.render import numbers
from lmcompare.render.markdown import from_html, plain, table

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


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<h3>A &amp; b</h3><p>one\n  two<br>three</p>", "### A &amp; b\n\none two three"),
        ("<p>the<b> bank </b>was <small>here</small></p>", "the **bank** was (here)"),
        ("<p><a href='#a'>a</a> <a href='x/b.html'>b</a> <code>c_d</code></p>", "a [b](x/b.md) `c_d`"),
        ("<ol><li>a</li><li>b</li></ol>", "a, b"),
        (f"<ol><li>{'a' * 50}</li><li>b</li></ol>", f"1. {'a' * 50}\n2. b"),
        ("<dl><div><dt>a</dt><dd>b<code>c</code></dd></div></dl>", "- **a**: b`c`"),
        ("<pre>a``` *b*\n</pre>", "````\na``` *b*\n````"),
        ("<pre>a\x1b[m\x9b\n\tb</pre><p><code>\x1b</code></p>", "```\na␛[m\\u009b\n\tb\n```\n\n`␛`"),
        ("<script>a</script><details>b</details><p class='x js'>c</p><i aria-hidden='true'>d</i>", ""),
        ("<details data-markdown='on'><summary>a</summary><p>b</p></details>", "**a**\n\nb"),
        ("<details data-markdown='on'><summary data-markdown='off'>a</summary><p>b</p></details>", "b"),
        ("<p>a<span data-markdown='off'>b</span><span data-markdown='c|d'>e</span></p>", "ac\\|d"),
        (
            "<table><caption>t</caption><thead><tr><th>a</th><th>b</th></tr></thead>"
            "<tbody><tr><th>c</th><td class='n'>1</td></tr></tbody></table>",
            "t\n\n| a | b |\n| :-- | --: |\n| c | 1 |",
        ),
        ("<table><tr><td>a</td></tr></table>", "|  |\n| :-- |\n| a |"),
        (
            "<table><thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>"
            "<tbody><tr><th colspan='2'>d</th><td class='n'>1</td></tr></tbody></table>",
            "| a | b | c |\n| :-- | :-- | --: |\n| d |  | 1 |",
        ),
        ("<p>e<sup>5.27</sup> = 194; It<sub>2</sub> is<sub>3</sub></p>", "e^5.27 = 194; It\\_2 is\\_3"),
        ("<ul><li><b>a</b><p>b</p><p>c</p>d</li></ul>", "**a** b c d"),
    ],
)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    assert from_html(html) == (markdown, {})


def test_charts_are_kept_and_marks_are_not() -> None:
    chart = '<svg class="chart " viewBox="0 0 1 1" aria-label="A &lt;chart&gt;"><g><title>t</title></g></svg>'
    mark = '<svg class="key"><title>m</title></svg>'
    said, charts = from_html(f"<figure>{chart}<p>{mark}name</p></figure>{chart}", "cost")
    assert said.startswith("![A \\<chart\\>](charts/cost-1.svg)\n\nname\n\n![A")
    assert charts == {"cost-1.svg": chart, "cost-2.svg": chart}
