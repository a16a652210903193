"""The templates of Wikipedia that are part of a sentence, written as a reader of the page sees them.

Without them sentences have holes: "an altitude of .", "from the Greek , meaning". All other templates (citations,
boxes, notes to editors) have no text of the article and are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_SUPERSCRIPT = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")
_MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = _MONTH_NAMES.split()
_UNITS = {
    "m": "metres", "km": "kilometres", "cm": "centimetres", "mm": "millimetres", "mi": "miles", "ft": "feet",
    "in": "inches", "nmi": "nautical miles", "km2": "square kilometres", "m2": "square metres", "ha": "hectares",
    "sqmi": "square miles", "acre": "acres", "kg": "kilograms", "lb": "pounds", "C": "°C", "mph": "miles per hour",
    "oilbbl/d": "barrels per day", "PD/sqmi": "inhabitants per square mile",
}  # fmt: skip
_RANGES = {"-": "–", "–": "–", "to": " to ", "and": " and ", "and(-)": " and ", "by": " by "}

Args = list[str]
Named = dict[str, str]


def superscript(text: str) -> str:
    """Return ``text`` in raised characters if Unicode has them all (``6`` becomes ``⁶``), and unchanged if not."""
    raised = text.strip().translate(_SUPERSCRIPT)
    return raised if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ" for c in raised) else text


def render_template(node: Any, text: Callable[[Any], str]) -> str:
    """Return the text of a template.

    Parameters
    ----------
    node : mwparserfromhell.nodes.Template
        The template.
    text : callable
        Returns the text of the parsed markup of an argument.
    """
    name = " ".join(str(node.name).replace("_", " ").split()).casefold()
    if name.startswith("formatnum:"):  # a parser function
        digits = name.partition(":")[2].strip()
        return f"{int(digits):,}" if digits.isdigit() else digits
    render = _RENDER.get("lang-" if name.startswith("lang-") else name)
    if render is None:
        return ""
    args: Args = []
    named: Named = {}
    for parameter in node.params:
        key = str(parameter.name).strip().casefold()
        if not parameter.showkey or key.isdigit():
            args.append(text(parameter.value).strip())
        else:
            named[key] = text(parameter.value).strip()
    return render(args, named)


def _first(args: Args, named: Named) -> str:
    return args[0] if args else ""


def _last(args: Args, named: Named) -> str:
    return args[-1] if args else ""


def _joined(mark: str) -> Callable[[Args, Named], str]:
    return lambda args, named: mark.join(arg for arg in args if arg)


def _after(prefix: str) -> Callable[[Args, Named], str]:
    return lambda args, named: f"{prefix} {_first(args, named)}"


def _constant(text: str) -> Callable[[Args, Named], str]:
    return lambda args, named: text


def _convert(args: Args, named: Named) -> str:
    """``{{convert|10|to|20|km|mi}}``: the measure of the author, without its conversion."""
    value, rest = args[0], args[1:]
    while len(rest) >= 2 and rest[0] in _RANGES:
        value += _RANGES[rest[0]] + rest[1]
        rest = rest[2:]
    value = re.sub(r"(?<![\d.])-(?=\d)", "−", value)
    value = re.sub(r"(?<![\d.,])\d{4,}", lambda m: f"{int(m[0]):,}", value)
    unit = rest[0].split(" ")[0] if rest else ""
    name = _UNITS.get(unit, unit)
    if named.get("adj") in ("on", "mid") and len(unit) <= 2:  # "a 100-metre dash"
        name = {"feet": "foot", "inches": "inch"}.get(name, name.removesuffix("s"))
        return f"{value} {name}" if name.startswith("°") else f"{value}-{name}"
    if "on" in (named.get("abbr"), named.get("abbre")):
        name = unit.replace("sq", "sq ").replace("2", "²").replace("3", "³")
    return f"{value} {name}".strip()


def _nihongo(args: Args, named: Named) -> str:
    inside = ", ".join(arg for arg in args[1:3] if arg)
    return f"{_first(args, named)} ({inside})" if inside else _first(args, named)


def _fraction(args: Args, named: Named) -> str:
    """``{{frac|3}}`` is 1/3, ``{{frac|2|3}}`` is 2/3, ``{{frac|1|2|3}}`` is 1 2/3."""
    whole, numerator, denominator = {1: ("", "1", *args), 2: ("", *args), 3: tuple(args)}.get(len(args), ("", "", ""))
    return f"{whole} {numerator}/{denominator}".strip() if args else ""


def _month(number: str) -> str:
    return _MONTHS[int(number) - 1] if number.isdigit() and 1 <= int(number) <= 12 else number


def _as_of(args: Args, named: Named) -> str:
    parts = [_month(arg) if at == 1 else arg for at, arg in enumerate(args)]
    return f"{'as' if named.get('lc') else 'As'} of {' '.join(reversed(parts))}"


def _date(args: Args, named: Named) -> str:
    return f"{_month(args[1])} {args[2]}, {args[0]}" if len(args) == 3 else " ".join(args)


def _value(args: Args, named: Named) -> str:
    power = f" × 10{superscript(named['e'])}" if "e" in named else ""
    return f"{_first(args, named)}{power} {named.get('u', named.get('ul', ''))}".strip()


def _quote(args: Args, named: Named) -> str:
    return "\n\n" + (_first(args, named) or named.get("text", named.get("quote", ""))) + "\n\n"


_SHOW_FIRST = """
    nowrap small smaller big center ipa vanchor tooltip nts flag railgauge linktext angbr vr lang-
"""
_RENDER: dict[str, Callable[[Args, Named], str]] = {
    "lang": lambda args, named: "".join(args[1:2]), "transl": _last, "script": _last, "columns-list": _last,
    "convert": _convert, "as of": _as_of,
    "dts": _date, "nihongo": _nihongo, "val": _value, "frac": _fraction, "sfrac": _fraction, "chem": _joined(""),
    "nuclide2": _joined("-"), "simplenuclide2": _joined("-"), "hlist": _joined(", "), "circa": _after("c."),
    "e": lambda args, named: f" × 10{superscript(_first(args, named))}",
    "sc": lambda args, named: _first(args, named).upper(),
    "eqm": _constant("⇌"), "nbsp": _constant(" "), "spaces": _constant(" "), "thinsp": _constant(" "),
    "ndash": _constant("–"), "mdashb": _constant("—"), "snd": _constant(" – "), "spaced ndash": _constant(" – "),
    "'s": _constant("’s"), "'": _constant("’"), "=": _constant("="),
}  # fmt: skip
_RENDER |= dict.fromkeys(_SHOW_FIRST.split(), _first)
_RENDER |= dict.fromkeys(("quote", "quotation", "quote box"), _quote)
_RENDER |= {ship.casefold(): _after(ship) for ship in ("USS", "HMS", "MV", "SS")}
