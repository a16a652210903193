"""Numbers and tokens as they are written, by hand; no-break spaces of numbers are shown as blanks here."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from lmcompare.render import numbers
from lmcompare.render.tokens import shown, visible


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.perplexity(1234.5), "1,234"),
        (numbers.perplexity(182.44), "182.4"),
        (numbers.perplexity(4.518), "4.52"),
        (numbers.perplexity(math.inf), "∞"),
        (numbers.perplexity(None), "–"),
        (numbers.bits_per_byte(1.23456), "1.235"),
        (numbers.ranks(1, 2), "1–2"),
        (numbers.ranks(3, 3), "3"),
        (numbers.ranks(None, None), "–"),
        (numbers.decimals(-0.0004, 2), "0.00"),
        (numbers.decimals(-1.5, 1), "−1.5"),
        (numbers.signed(0.0214), "+0.021"),
        (numbers.signed(-1.2), "−1.200"),
        (numbers.signed(0.0001), "0.000"),
        (numbers.signed(0.0), "0.000"),
        (numbers.signed(None), "–"),
        (numbers.percent(0.1234), "12.3 %"),
        (numbers.percent(-0.00001), "0.0 %"),
        (numbers.probability(0.5), "50 %"),
        (numbers.probability(0.0123), "1.2 %"),
        (numbers.probability(0.00123), "0.12 %"),
        (numbers.probability(0.0000012), "0.0001 %"),
        (numbers.probability(1e-9), "< 0.0001 %"),
        (numbers.probability(0.0), "0 %"),
        (numbers.short(950), "950"),
        (numbers.short(999.9), "1 k"),
        (numbers.short(12_345), "12.3 k"),
        (numbers.short(4_560_000), "4.56 M"),
        (numbers.size(512), "512 B"),
        (numbers.size(1_500), "1.5 kB"),
        (numbers.size(8_590_000_000), "8.59 GB"),
        (numbers.seconds(0), "0 s"),
        (numbers.seconds(3.4e-7), "340 ns"),
        (numbers.seconds(0.0012), "1.2 ms"),
        (numbers.rough(1.26), "1.3"),
        (numbers.rough(57.7), "58"),
        (numbers.rough(6_685.0), "6,700"),
        (numbers.seconds(0.34), "340 ms"),
        (numbers.seconds(12.34), "12.3 s"),
        (numbers.seconds(59.97), "1 min"),
        (numbers.seconds(245), "4 min 05 s"),
        (numbers.seconds(3599.7), "1 h"),
        (numbers.seconds(7_800), "2 h 10 min"),
        (numbers.moment("2026-11-28T03:06:49+00:00"), "28 November 2026, 03:06 UTC"),
        (numbers.moment("2026-11-28T00:30:00+01:00"), "27 November 2026, 23:30 UTC"),
        (numbers.moment("yesterday"), "yesterday"),
        (numbers.microseconds(290), "290 µs"),
        (numbers.tidy(0.00012), "1.200 × 10⁻⁴"),
        (numbers.tidy(-0.25), "−0.25"),
        (numbers.tidy(3.0), "3"),
        (numbers.tidy(-math.inf), "−∞"),
        (numbers.tidy(1.23456e9), "1.235 × 10⁹"),
        (numbers.plural(1, "model"), "1 model"),
        (numbers.plural(2, "box", "boxes"), "2 boxes"),
        (numbers.listed(["a"]), "a"),
        (numbers.listed(["a", "b", "c"]), "a, b and c"),
        (numbers.listed(["a, x", "b", "c"]), "a, x; b; and c"),
    ],
)
def test_by_hand(written: str, expected: str) -> None:
    assert written.replace(numbers.NBSP, " ") == expected


@pytest.mark.parametrize(
    "write",
    [numbers.perplexity, numbers.percent, numbers.probability, numbers.short, numbers.size, numbers.seconds,
     numbers.microseconds, numbers.tidy, numbers.count, numbers.bits],
)  # fmt: skip
def test_what_is_missing_is_a_dash(write: Callable[[float | None], str]) -> None:
    assert write(None) == write(math.nan) == numbers.NONE


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ((54.0, 0.0, 1234.0), ["54", "0", "1,234"]),
        ((1.6343, -1.5381, 0.0864, 0.0), ["1.63", "−1.54", "0.09", "0.00"]),
        ((70.978, 4.9), ["71.0", "4.9"]),
        ((2.1528, 1.9e-6, -1.9e-6), ["2.15", "< 0.01", "> −0.01"]),
        ((0.0123, 0.5), ["0.012", "0.500"]),
        ((1e-5, 2e-6), ["1.000 × 10⁻⁵", "2.000 × 10⁻⁶"]),
        ((float("nan"), 1.5), ["–", "1.50"]),
        ((), []),
    ],
)
def test_amounts_below_each_other_have_as_many_decimals(values: tuple[float, ...], written: list[str]) -> None:
    assert [text.replace(numbers.NBSP, " ") for text in numbers.aligned(values)] == written


def test_successive_numbers_are_runs() -> None:
    assert numbers.runs([1, 2, 4, 5, 6, 9]) == [[1, 2], [4, 5, 6], [9]]


# Tokens that cannot be seen or are too long


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
        ("\xad\u200e\u200f\u2060\u2069\u206a\ufeff", r"\u00ad\u200e\u200f\u2060\u2069" + "\u206a" + r"\ufeff"),
        ("\t\r", "⇥␍"),
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
