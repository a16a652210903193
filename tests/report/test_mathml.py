"""Formulas of plug-ins: MathML and nothing else gets onto the page."""

from __future__ import annotations

import pytest

from lmcompare.report.kinds.mathml import sanitised


def test_presentation_mathml_comes_through() -> None:
    source = '<math display="block"><mfrac><mi>c</mi><mi>N</mi></mfrac><mo stretchy="false">(</mo></math>'
    assert sanitised(source) == source


def test_the_namespace_and_names_of_signs_are_understood() -> None:
    source = '<math xmlns="http://www.w3.org/1998/Math/MathML"><mo>&sum;</mo><mo>&lt;</mo><mi>&#955;</mi></math>'
    assert sanitised(source) == "<math><mo>∑</mo><mo>&lt;</mo><mi>λ</mi></math>"


def test_attributes_that_could_do_something_are_dropped() -> None:
    source = '<math onclick="f()" style="x"><mi href="javascript:f()" mathvariant="bold">x</mi></math>'
    assert sanitised(source) == '<math><mi mathvariant="bold">x</mi></math>'


def test_text_is_escaped() -> None:
    assert sanitised("<math><mtext>&lt;script&gt;</mtext></math>") == "<math><mtext>&lt;script&gt;</mtext></math>"


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<math><script>alert(1)</script></math>",
        "<math><mtext><img src='x' onerror='alert(1)'/></mtext></math>",
        "<math><annotation-xml><svg onload='f()'/></annotation-xml></math>",
        "<math><maction actiontype='statusline'><mi>x</mi></maction></math>",
        "<math><mi>x</math>",
        "<math><mi>x</mi></math><script>f()</script>",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><math><mi>&a;</mi></math>',
        "<?xml-stylesheet href='x'?><math><mi>x</mi></math>",
        "<math><!-- x --><mi>x</mi></math>",
        "<math><mi>&unknown;</mi></math>",
        "",
        "<math>" + "<mrow>" * 2000,
        "<math>" + "x" * 30_000 + "</math>",
    ],
)
def test_anything_else_is_refused(source: str) -> None:
    assert sanitised(source) is None
