"""Sections that are written once: what the page shows, what Markdown shows, and that values are never markup."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import Markup

from lmcompare.render.definitions import TERMS
from lmcompare.render.prose import Written, environment, filled
from tests.report.tree import Node, parse

HOSTILE = "<b>*x* | `y` [a](http://b) # $z$ \\ & 1. - \ue0000\ue001 \ue0020\ue001"  # with signs of pieces
CHART = Markup('<svg xmlns="x" class="chart wide" role="img" aria-label="Bits &amp; bytes"><path/></svg>')
MODEL = SimpleNamespace(name="one", title="One", full="One, large", index=3)


def write(source: str, still: bool = False, **context: Any) -> Written:
    return filled(environment("lmcompare.report").from_string(source), "key", still, context)


def page_of(source: str, **context: Any) -> Node:
    return parse(str(write(source, **context)[0]))


def test_paragraphs_and_headings_have_classes_and_ids_on_the_page_alone() -> None:
    html, markdown, _ = write("{.fine} Small *words*.\n\n### A heading {id=place}\n\nMore.")
    assert html == '<p class="fine">Small <em>words</em>.</p>\n<h3 id="place">A heading</h3>\n<p>More.</p>\n'
    assert markdown == "Small *words*.\n\n### A heading\n\nMore."


def test_terms_are_explained_and_links_within_the_page_are_text_in_markdown() -> None:
    source = "The [95 % interval](#term-interval), [below](#trained), [there](other.md)."
    html, markdown, _ = write(source)
    term = parse(str(html)).one("a", "term")
    assert term.text == "95 % interval"
    assert term.attributes["title"].startswith(TERMS["interval"].definition)
    assert markdown == "The 95 % interval, below, [there](other.md)."
    assert 'class="term"' not in write(source, still=True)[0]
    with pytest.raises(KeyError):
        write("[x](#term-nothing)")


@pytest.mark.parametrize("source", ["{{ x }}", "A {{ x }} b", "- {{ x }}", "### {{ x }}", "{.note} {{ x }}"])
@given(value=st.text(st.sampled_from(HOSTILE + "\n{}\u2028é"), max_size=12) | st.just(HOSTILE))
def test_values_are_text(source: str, value: str) -> None:
    html, markdown, _ = write(source, x=value)
    tree = parse(str(html))
    assert " ".join(value.split()) in " ".join(tree.text.split())
    assert {node.name for node in tree.all()} <= {"p", "h3", "ul", "li"}
    again = MarkdownIt("commonmark", {"html": False}).render(markdown)
    assert not {"em", "code", "a", "b"} & {node.name for node in parse(again).all()}


def test_tables_have_heads_row_names_figures_and_captions() -> None:
    source = """{% call table("Figures", "What was measured") %}
| Year | Model | Bits |
| --: | :-- | --: |
{% for year, bits in rows %}
| {{ year }} | {{ model(one) }} | {{ number(bits, "%.1f" | format(bits), strong=bits < 2) }} |
{% endfor %}
{% endcall %}"""
    html, markdown, _ = write(source, rows=[(1948, 2.25), (2017, 1.5)], one=MODEL)
    box = parse(str(html)).one("div", "scroll")
    assert box.attributes["aria-label"] == "Figures, a table"
    table = box.one("table", "plain")
    assert table.rows() == [["1948", "One", "2.2"], ["2017", "One", "1.5"]]
    assert [th.attributes["scope"] for th in table.all("th")] == ["col"] * 3 + ["row"] * 2
    assert [td.attributes.get("data-v") for td in table.all("td", "n")] == [None, "2.25", None, "1.5"]
    assert [tr.attributes.get("data-model") for tr in table.all("tr")] == [None, "3", "3"]
    assert len(table.all("strong")) == 1
    assert markdown == (
        "What was measured\n\n| Year | Model | Bits |\n| --: | :-- | --: |\n| 1948 | One | 2.2 |\n"
        "| 2017 | One | **1.5** |"
    )


def test_a_row_with_one_cell_is_as_wide_as_the_table_and_cells_are_coloured() -> None:
    rows = '| A | B |\n| :-- | --: |\n| **Which?** | |\n| x | {{ heat("9", 0.5, "cool") }} |\n'
    source = f'{{% call table("T") %}}\n{rows}{{% endcall %}}'
    table = page_of(source).one("table")
    asked, row = table.all("tr")[1:]
    assert (asked.attributes["class"], [td.attributes.get("colspan") for td in asked.all("td")]) == ("asked", ["2"])
    cell = row.one("td")
    assert (cell.attributes["class"], cell.attributes["style"], cell.text) == ("n cool", "--w:0.500", "9")
    assert "| x | 9 |" in write(source)[1]


def test_drawings_are_on_the_page_and_files_of_the_markdown() -> None:
    html, markdown, charts = write(
        "{% call figure() %}\n{{ a }}\n\n{.reading} Said.\n{% endcall %}\n{{ a }}", a=CHART
    )
    assert html.count("<svg") == 2
    assert parse(str(html)).one("figure").one("p", "reading").text == "Said."
    assert markdown == "![Bits &amp; bytes](charts/key-1.svg)\n\nSaid.\n\n![Bits &amp; bytes](charts/key-2.svg)"
    assert charts == {"key-1.svg": CHART, "key-2.svg": CHART}


def test_folds_have_their_summary_in_bold_or_are_on_the_page_alone() -> None:
    source = "{% call fold(what, markdown=there) %}\n- a\n\n- b\n{% endcall %}"
    html, markdown, _ = write(source, what="More *", there=True)
    assert html == "<details><summary>More *</summary><ul>\n<li>a</li>\n<li>b</li>\n</ul>\n</details>\n"
    assert markdown == "**More \\***\n\n- a\n- b"
    assert write(source, what="More", there=False)[1] == ""
    assert write(source, still=True, what="", there=True)[0].startswith("<details open>")


def test_html_and_what_is_about_the_page_are_not_in_markdown() -> None:
    source = "One.{% call on_page() %} Click *it*.{% endcall %}\n\n{{ widget }}"
    html, markdown, _ = write(source, widget=Markup("<form><b>x</b></form>"))
    assert html == "<p>One. Click <em>it</em>.</p>\n<form><b>x</b></form>\n"
    assert markdown == "One."


def test_texts_of_models_have_code_and_terms() -> None:
    html, markdown, _ = write(
        "{{ x | explained }} {{ y | flagged }}", x="A 'the*' & softmax", y="Try --match words=3."
    )
    assert [node.text for node in parse(str(html)).all("code")] == ["the*", "--match words=3"]
    assert parse(str(html)).one("a", "term").text == "softmax"
    assert markdown == "A `the*` &amp; softmax Try `--match words=3`."
    assert write("{{ x | explained }} {{ code(y) }}", x="'a`b'", y="c|d")[1] == "a\\`b c\\|d"


def test_a_widget_has_the_values_of_its_template_and_is_on_the_page_alone() -> None:
    source = environment("lmcompare.studies.story").from_string('Guess. {{ widget("guess") }}')
    html, markdown, _ = filled(source, "key", False, {"word": HOSTILE, "model": "a value with the name of a part"})
    assert parse(str(html)).one("form").attributes["data-word"] == HOSTILE
    assert markdown == "Guess."


def test_likely_words_are_bars_on_the_page_and_a_line_of_markdown() -> None:
    html, markdown, _ = write("{{ likely(words, 'b*') }}", words=[("b*", 0.5), ("¶", 0.25)])
    items = parse(str(html)).one("ol", "next").all("li")
    assert [(item.text, item.attributes["style"]) for item in items] == [
        ("b* 50 %", "--w:0.500"),
        ("¶ end of a sentence 25 %", "--w:0.250"),
    ]
    assert [word.text for word in items[0].all("strong")] == ["b*"]
    assert markdown.replace("\u00a0", " ") == "**b\\*** **50 %**, ¶ (end of a sentence) **25 %**"


def test_parts_of_lines_have_attributes_on_the_page_alone() -> None:
    html, markdown, _ = write(
        '{{ span(x, "tok", note=y, data_bits="", style="--w:1") }} e{{ sup(y) }} {{ bar(0.5, "cool", 0.25) }}',
        x=HOSTILE,
        y="*2*",
    )
    tree = parse(str(html))
    token = tree.one("span", "tok")
    assert token.attributes == {"class": "tok", "style": "--w:1"}
    assert (token.one("bdi").text, token.one("small").text, tree.one("sup").text) == (HOSTILE, "*2*", "*2*")
    assert [bar.attributes["style"] for bar in tree.all("i")] == ["width:50.0%", "width:25.0%"]
    assert markdown.endswith(" (\\*2\\*) e^\\*2\\*")
    assert not {"em", "strong", "a"} & {node.name for node in parse(MarkdownIt().render(markdown)).all()}
