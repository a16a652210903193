"""Tests that formulas of plug-ins are typeset and that nothing but harmless MathML reaches the page."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmcompare.exhibits import latex_lines, latex_text
from lmcompare.exhibits.equation import ATTRIBUTES, ELEMENTS, LONGEST, typeset
from tests.report.tree import parse

CONVERT = "latex2mathml.converter.convert_to_element"


def test_latex_becomes_mathml() -> None:
    formula = parse(str(typeset(r"\frac{c(w)}{N}")))
    assert [node.text for node in formula.all("mfrac")[0].all("mi")] == ["c", "w", "N"]


def test_lines_are_aligned_at_their_signs() -> None:
    formula = parse(str(typeset(latex_lines("a &= b", "c &= d"))))
    assert [row.text for row in formula.all("mtr")] == ["a=b", "c=d"]
    assert [cell.attributes["columnalign"] for cell in formula.all("mtd")] == ["right", "left"] * 2


@given(st.text())
@example(r"\text{a}} \href{javascript:f()}{x} % # $ & _ ^ ~ <script> \u202e \x00")
def test_any_words_can_stand_in_a_formula(words: str) -> None:
    formula = typeset(rf"x_{latex_text(words)} + y")
    if formula is None:
        assert len(latex_text(words)) > 4900
        return
    tree = parse(str(formula))
    assert not {"script", "a"} & {node.name for node in tree.all()}
    shown = "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in " ".join(words.split()))
    assert shown.replace(" ", "") in tree.text.replace("\xa0", "").replace(" ", "")


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{&lt;script&gt;alert(1)&lt;/script&gt;}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{position:fixed}{x}",
        r"\color{red} x",
        r"\class{x\" onclick=\"f()}{x}",
        "x<img src=x onerror=f()>",
        '\\begin{array}{l" onclick="f()}x\\end{array}',
        r"\hspace{1em\" onload=\"f()}x",
        r"\unicode{x202e}",
        "}",
    ],
)
def test_hostile_latex_is_harmless(latex: str) -> None:
    formula = typeset(latex)
    for node in parse(str(formula or "")).all():
        assert node.name == "" or node.name in ELEMENTS
        assert set(node.attributes) <= ATTRIBUTES


def test_a_formula_with_another_element_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for made in ("<script/>", "<math><mi>x</mi><a>y</a></math>"):
        monkeypatch.setattr(CONVERT, lambda *_, made=made, **__: ET.fromstring(made))
        assert typeset("x") is None


def test_what_cannot_be_converted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for latex in (
        "",
        r"\frac{1}{",
        "x_1_2",
        r"\left(" * 800,
        r"\sqrt{" * 800 + "x" + "}" * 800,
        "{" * 2000 + "}" * 2000,
    ):
        assert typeset(latex) is None
    monkeypatch.setattr(CONVERT, lambda *_, **__: pytest.fail("it is too long to be read"))
    assert typeset("x" * (LONGEST + 1)) is None
