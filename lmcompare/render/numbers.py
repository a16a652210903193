"""Numbers as text: a sensible number of digits, a unit, and a dash for a missing figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, ParamSpec

NAMED = 5  # if there are more models, only the extremes are named
NONE = "–"
NBSP = "\u00a0"  # keeps a number and its unit on one line
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
P = ParamSpec("P")


def _or_dash(form: Callable[Concatenate[float, P], str]) -> Callable[Concatenate[float | None, P], str]:
    """Return a format that has a dash for None and NaN."""

    @wraps(form)
    def formed(value: float | None, /, *args: P.args, **kwargs: P.kwargs) -> str:
        return NONE if value is None or math.isnan(value) else form(value, *args, **kwargs)

    return formed


@_or_dash
def decimals(value: float, places: int) -> str:
    """Return the number with thousands separators and ``places`` digits after the point."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{places}f}"
    if not text.strip("-0.,"):  # what rounds to zero has no sign
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: float | None, places: int = 3) -> str:
    """Return a difference with its sign, unless it is rounded to zero."""
    text = decimals(value, places)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def perplexity(value: float | None) -> str:
    """Return a perplexity with about four significant digits."""
    return decimals(value, 0 if value and value >= 1000 else 1 if value and value >= 100 else 2)


def bits_per_byte(value: float | None) -> str:
    """Return bits per byte with three decimals, about 0.1 % of usual figures."""
    return decimals(value, 3)


def bits(value: float | None) -> str:
    """Return a surprisal in bits."""
    return decimals(value, 1)


def count(value: float | None) -> str:
    """Return a whole number with thousands separators."""
    return decimals(value, 0)


@_or_dash
def percent(value: float, places: int = 1) -> str:
    """Return a share as percent: 0.25 is 25 %."""
    return f"{decimals(100 * value, places)}{NBSP}%"


@_or_dash
def probability(value: float) -> str:
    """Return a probability as percent, with more digits for small ones; below a millionth, ``< 0.0001 %``."""
    if 0 < value < 1e-6:
        return f"<{NBSP}0.0001{NBSP}%"
    if value == 0:
        return f"0{NBSP}%"
    places = 0 if value >= 0.0995 else 1 if value >= 0.00995 else 2 if value >= 0.000995 else 4
    return f"{100 * value:.{places}f}{NBSP}%"


@_or_dash
def short(value: float) -> str:
    """Return a count in three digits: 950, 12.3 k, 4.56 M."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{_three(value / size)}{NBSP}{letter}"
    return _three(value)


@_or_dash
def size(value: float) -> str:
    """Return bytes in decimal units (1 MB is a million bytes)."""
    text = short(value)
    return f"{text.replace('k', 'kB')}" if text.endswith("k") else text + ("B" if text[-1].isalpha() else f"{NBSP}B")


@_or_dash
def seconds(value: float) -> str:
    """Return a time: 340 ms, 12.3 s, 4 min 05 s, 2 h 10 min."""
    if value == 0:
        return f"0{NBSP}s"
    if value < 1:
        power, unit = next(
            (p, u) for p, u in ((1e3, "ms"), (1e6, "µs"), (1e9, "ns")) if value * p >= 0.9995 or p == 1e9
        )
        return f"{_three(value * power)}{NBSP}{unit}"
    if value < 59.95:
        return f"{_three(value)}{NBSP}s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60}{NBSP}min" + (f"{NBSP}{whole % 60:02d}{NBSP}s" if whole % 60 else "")
    whole = round(value / 60)
    return f"{whole // 60}{NBSP}h" + (f"{NBSP}{whole % 60:02d}{NBSP}min" if whole % 60 else "")


def moment(value: str) -> str:
    """Return a time of ISO 8601 as people write it: 28 November 2026, 03:06 UTC. Other text is returned as it is."""
    try:
        when = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return value
    return f"{when.day} {MONTHS[when.month - 1]} {when:%Y, %H:%M} UTC"


@_or_dash
def microseconds(value: float) -> str:
    """Return a time given in microseconds."""
    return seconds(value / 1e6)


@_or_dash
def tidy(value: float, digits: int = 4) -> str:
    """Return any number with ``digits`` digits, very large and very small ones in scientific notation."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e7:
        return count(value)
    if 1e-3 <= abs(value) < 1e5:
        text = f"{value:,.{digits}g}" if abs(value) < 1000 else f"{value:,.1f}"
        return text.replace("-", "−")
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa}{NBSP}×{NBSP}10{_superscript(int(exponent))}".replace("-", "−")


def aligned(values: Sequence[float]) -> list[str]:
    """Return the numbers of a column: all with the same decimals, three digits for the largest.

    A number that is too small for these decimals is written as less than the smallest one.
    """
    known = [abs(v) for v in values if math.isfinite(v)]
    top = max(known, default=0.0)
    if top >= 1e7 or 0 < top < 1e-3:
        return [tidy(v) for v in values]
    whole = all(v == int(v) for v in known)
    places = 0 if whole or not top else max(0, 2 - math.floor(math.log10(top)))
    least = 10.0**-places
    bound = decimals(least, places)
    return [
        decimals(v, places) if not 0 < abs(v) < least / 2 else f"<{NBSP}{bound}" if v > 0 else f">{NBSP}−{bound}"
        for v in values
    ]


def p_value(value: float | None) -> str:
    """Return a p-value with three decimals, which is what thousands of resamples can resolve."""
    return f"<{NBSP}0.001" if value is not None and value < 0.001 else decimals(value, 3)


def rough(value: float) -> str:
    """Return a ratio with two digits: 1.3, 58, 6,700."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 9.95 else f"{value:.1f}"


def two_digits(value: float) -> str:
    """Return a small number with two significant digits: 0.014."""
    return f"{value:.2g}"


def amount(value: float) -> str:
    """Return a large count in words: 2.04 million, 950,000."""
    return f"{value / 1e6:.3g} million" if value >= 1e6 else count(value)


def scientific(value: float) -> str:
    """Return a very large number with two digits: 1.8 × 10¹¹."""
    digits, exponent = f"{value:.1e}".split("e")
    factor = "" if digits == "1.0" else f"{digits.removesuffix('.0')}{NBSP}×{NBSP}"
    return f"{factor}10{_superscript(int(exponent))}"


def perplexity_share(nats: float) -> str:
    """Return by what share of itself a perplexity falls when the loss falls by ``nats`` per token."""
    return percent(1 - math.exp(-nats), 0)


def perplexity_shares(nats: Mapping[str, float]) -> str:
    """Return ``perplexity_share`` of each model, the largest first: "30 % (Transformer) and 11 % (RNN)"."""
    shares = [(name, perplexity_share(gap)) for name, gap in nats.items()]
    if len(shares) > NAMED:
        return f"{shares[-1][1]} to {shares[0][1]} ({len(shares)} models, {shares[0][0]} most)"
    return listed([f"{share} ({name})" for name, share in shares])


def plural(number: float, noun: str, nouns: str = "") -> str:
    """Return "1 model", "2 models"."""
    return f"{count(number)}{NBSP}{noun if number == 1 else nouns or noun + 's'}"


def listed(items: list[str], last: str = "and") -> str:
    """Return "a", "a and b", "a, b and c"; with semicolons if an item contains a comma: "a, x; b; and c"."""
    if len(items) < 3 or not any(", " in item for item in items):
        return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else "".join(items)
    return f"{'; '.join(items[:-1])}; {last} {items[-1]}"


def ranks(low: int | None, high: int | None) -> str:
    """Return a range of ranks: "1–2", "3" if both ends are the same."""
    ends = [count(end) for end in (low, high)]
    return "–".join(dict.fromkeys(ends))


def runs(increasing: Iterable[int]) -> list[list[int]]:
    """Return increasing whole numbers in runs of successive ones: 1, 2, 4 in [1, 2] and [4]."""
    found: list[list[int]] = []
    for number in increasing:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _three(value: float) -> str:
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    text = f"{value:.{min(places, 6)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
