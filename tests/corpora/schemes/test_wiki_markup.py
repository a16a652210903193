"""From MediaWiki markup to running text, construct by construct; expected is what a reader of the page sees."""

from __future__ import annotations

import pytest

from lmcompare.corpora.schemes.gensim_data import article_text, superscript


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Bold''' and ''italic'' and '''''both'''''.", "Bold and italic and both."),
        ("''Animal Farm'''s author", "Animal Farm's author"),
        ("'''A''''s letter", "A's letter"),
        ("a [[link]], a [[page|named link]] and a [http://a.b/ site].", "a link, a named link and a site."),
        ("[[wikt:word]] and [[:Category:Seas|seas]]\n[[Category:X]]\n[[fr:Mot]]", "word and seas"),
        ("One<ref>note <br/> more</ref> two<ref name=x/> three<ref name='y'>z</ref>.", "One two three."),
        ("One <!-- not -->two.", "One two."),
        ("H<sub>2</sub>O, 10<sup>6</sup>, Ca<sup>2+</sup>, 4<sup>th</sup>", "H2O, 10⁶, Ca²⁺, 4th"),
        ("a < b and c > d & e &lt; f &amp; g", "a < b and c > d & e < f & g"),
        ("<nowiki>not a [http://a.b/ link]</nowiki>", "not a [http://a.b/ link]"),
        ("The keys <code>&lt; A</code> are here.", "The keys < A are here."),
        ("where <math>x_k = \\alpha + 1</math> holds", "where x_k = α + 1 holds"),
        ("so <math>\\frac{a}{b}</math> it is", "so it is"),
        ("one&nbsp;two\u00a0three\u00ad", "one two three"),
        ("Wow!! Really! Yes", "Wow!! Really! Yes"),
    ],
)
def test_inline(markup: str, text: str) -> None:
    assert article_text(markup) == text


@pytest.mark.parametrize(
    ("markup", "lines"),
    [
        ("One\ntwo.\n\nThree.", ["One two.", "Three."]),
        ("== Heading ==\nText.", ["Heading", "Text."]),
        ("Text.\n== References ==\n{{reflist}}\n== See also ==\n* [[Sea]]", ["Text.", "See also", "Sea"]),
        ("== A ==\n=== B ===\nText.\n=== C ===\n== D ==", ["A", "B", "Text."]),
        ("* one\n** two\n# three\n: four\n;Term\n*\n* .", ["one", "two", "three", "four", "Term"]),
        ("----\nText.\n__NOTOC__", ["Text."]),
        (
            "[[File:A.jpg|thumb|200px|The [[sea]] and [[a|the b]], seen.]]\nText.",
            ["The sea and the b, seen.", "Text."],
        ),
        ("Text [[File:Icon.png|20px]] goes on.", ["Text goes on."]),
        ("[[File:A.jpg|thumb|left]]\nText.", ["Text."]),
        ("<gallery>\nFile:A.jpg|One [[sea]]\nB.jpg\n</gallery>", ["One sea"]),
        ("<poem>One\ntwo</poem>", ["One", "two"]),
        ("One<br />two", ["One", "two"]),
        (
            '{| class="wikitable"\n|+ Caption\n! Year !! Film\n|-\n| style="x" | 1927 || [[A|The A]]<ref>r</ref>\n'
            "|-\n| 1928\n| B,<br>C\n|}\nText.",
            ["Caption; Year; Film", "1927; The A", "1928; B, C", "Text."],
        ),
        ("{|\n| outer\n{|\n| inner || cell\n|}\n|}", ["outer", "inner; cell"]),
    ],
)
def test_blocks(markup: str, lines: list[str]) -> None:
    assert article_text(markup).split("\n") == lines


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a height of {{convert|2413|ft|m|abbr=on}}.", "a height of 2,413 ft."),
        ("an area of {{convert|468|km2|sqmi}}", "an area of 468 square kilometres"),
        ("{{convert|10|to|20|km|mi}} away", "10 to 20 kilometres away"),
        ("a {{convert|100|m|ft|adj=on}} dash", "a 100-metre dash"),
        ("the Greek {{lang|grc|[[logos|λόγος]]}} and {{lang-la|verbum}}", "the Greek λόγος and verbum"),
        ("{{transl|ja|''jō''}} {{nihongo|'''aiki'''|合気|aiki}}", "jō aiki (合気, aiki)"),
        ("{{nowrap|{{small|kept}}}} {{citation needed|date=May}}", "kept"),
        ("1775{{ndash}}1783 {{as of|2014|3|lc=y}}", "1775–1783 as of March 2014"),
        ("{{frac|3|2}} {{val|6.2|e=18|u=m}} {{chem|Cs|4|O}}", "3/2 6.2 × 10¹⁸ m Cs4O"),
        ("{{USS|Hornet|CV-12|6}} {{formatnum:12345}}", "USS Hornet 12,345"),
        ("{{Infobox|a={{small|x}}|b=[[c|d]]}}text", "text"),
        ("{{convert|3|km2|abbr=on}}, {{convert|7|acre}}, {{frac|3}}, {{frac|1|2|3}}", "3 km², 7 acres, 1/3, 1 2/3"),
    ],
)
def test_templates(markup: str, text: str) -> None:
    assert article_text(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Autism''' ({{IPAc-en|x}}; born 1900) is", "Autism (born 1900) is"),
        ("'''A''' ({{IPAc-en|x}}, {{IPA-de|y}}) is", "A is"),
        ("from the {{Unknown|x}}, ''anarchos'', meaning", "from the, anarchos, meaning"),
        ("the sea ({{x}} or {{y}}, ''mare'') .", "the sea (mare)."),
        ("He said ... and left . . . then.", "He said ... and left . . . then."),
        ("A title. {{ISBN|1}}.", "A title."),
        ("* {{cite book|x}}, New York", "New York"),
    ],
)
def test_holes_of_dropped_templates_are_filled(markup: str, text: str) -> None:
    assert article_text(markup) == text


def test_words_of_the_author_in_brackets_stay() -> None:
    assert article_text("(or Anne) and (and Bob)") == "(or Anne) and (and Bob)"


@pytest.mark.parametrize(
    "markup",
    [
        "open {{ never closed.\n\nThe <10 ppm level.\n\nThe end.",
        "{|\n| '''never closed\n|-\n| second\n|}\nThe end.",
        "[[File:A.jpg|thumb|never closed\n\nThe end.",
        "A [[link that is never closed.\n\nThe end.",
    ],
)
def test_nothing_is_lost_after_markup_that_is_not_closed(markup: str) -> None:
    assert article_text(markup).split("\n")[-1] == "The end."


def test_superscripts_need_all_their_characters() -> None:
    assert superscript("−23") == "⁻²³"
    assert superscript("x2") == "x2"
