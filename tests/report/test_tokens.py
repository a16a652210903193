"""Tokens that can't be seen or are too long."""

from __future__ import annotations

import pytest

from lmcompare.report.tokens import shown, visible


@pytest.mark.parametrize(
    ("token", "sign"),
    [
        ("</s>", "¶"),
        ("\n", "↵"),
        (" ", "␣"),
        ("a b", "a b"),
        (" a b  ", "␣a b␣␣"),
        ("   ", "␣␣␣"),
        ("a\nb", "a↵b"),
        ("", "∅"),
        ("\x00", "␀"),
        ("naïve", "naïve"),
        ("日本", "日本"),
        ("<b>", "<b>"),
        ("\u202etxt", "\\u202etxt"),
        ("a\u200bb\x85", "a\\u200bb\\u0085"),
        ("न\u200dम", "न\u200dम"),  # a joiner that the word needs
        ("שלום", "\u2068שלום\u2069"),
        ("الكبير", "\u2068الكبير\u2069"),
    ],
)
def test_visible(token: str, sign: str) -> None:
    assert visible(token) == sign


def test_shown_is_cut_with_the_whole_on_hovering() -> None:
    assert shown("short") == "<bdi>short</bdi>"
    assert shown("x" * 30, 5) == f'<bdi title="{"x" * 30}">xxxx…</bdi>'
    assert shown("</s>") == '<bdi title="end of sentence">¶</bdi>'
    assert shown("<b>") == "<bdi>&lt;b&gt;</bdi>"
