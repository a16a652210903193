"""What MediaWiki templates say, as far as a reader of the running text would miss it.

gensim's ``filter_wiki`` drops every template, which leaves holes in sentences ("an altitude of .", "from the Greek ,
meaning"). Those that stand *inside* sentences (measures, foreign words, spelled spaces and dashes, ships, formulae)
are therefore written out first. All others (citations, boxes, hatnotes, maintenance tags) say nothing in the text
and go.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# A template without another template inside it; single braces may occur.
_INNERMOST = re.compile(r"\{\{([^{}]*(?:\{(?!\{)[^{}]*|\}(?!\})[^{}]*)*)\}\}")
_PIPE = re.compile(r"\|(?![^\[\]]*\]\])")  # not the pipe of a [[link|text]]
_NAMED = re.compile(r"\s*([\w\- ]*\w)\s*=(.*)", re.DOTALL)

Args = list[str]
Named = dict[str, str]

_SUPERSCRIPT = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")

_MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = _MONTH_NAMES.split()
_UNITS = {
    "m": "metres", "km": "kilometres", "cm": "centimetres", "mm": "millimetres", "mi": "miles", "smi": "miles",
    "ft": "feet", "in": "inches", "yd": "yards", "nmi": "nautical miles", "fathom": "fathoms",
    "km2": "square kilometres", "m2": "square metres", "sqmi": "square miles", "sqft": "square feet",
    "ha": "hectares", "acre": "acres", "m3": "cubic metres", "km3": "cubic kilometres", "ft3": "cubic feet",
    "kg": "kilograms", "g": "grams", "lb": "pounds", "oz": "ounces", "t": "tonnes", "MT": "tonnes", "ST": "tons",
    "LT": "tons", "C": "°C", "F": "°F", "°C": "°C", "°F": "°F", "K": "K", "C-change": "°C", "F-change": "°F",
    "km/h": "kilometres per hour", "mph": "miles per hour", "m/s": "metres per second", "ft/s": "feet per second",
    "l": "litres", "L": "litres", "Ml": "megalitres", "USgal": "gallons", "MUSgal": "million gallons",
    "Tcuft": "trillion cubic feet", "oilbbl": "barrels", "koilbbl": "thousand barrels", "Moilbbl": "million barrels",
    "Goilbbl": "billion barrels", "m3/d": "cubic metres per day", "oilbbl/d": "barrels per day",
    "koilbbl/d": "thousand barrels per day", "Moilbbl/d": "million barrels per day",
    "PD/sqmi": "inhabitants per square mile", "PD/km2": "inhabitants per square kilometre",
    "e6acre": "million acres", "e6ha": "million hectares", "e6carat": "million carats",
    "e9m3": "billion cubic metres", "Gm": "million kilometres", "AU": "AU",
}  # fmt: skip
_SYMBOLS = {"km2": "km²", "m2": "m²", "m3": "m³", "km3": "km³", "sqmi": "sq mi", "C": "°C", "F": "°F", "ft3": "cu ft"}
_RANGES = {
    "-": "–",
    "–": "–",
    "to": " to ",
    "and": " and ",
    "and(-)": " and ",
    "by": " by ",
    "x": " × ",
    "or": " or ",
}


def superscript(text: str) -> str:
    """Return ``text`` in raised characters where Unicode has them all (``10`` ``6`` → ``10⁶``), else as it is."""
    raised = text.strip().translate(_SUPERSCRIPT)
    return raised if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ" for c in raised) else text


def _first(args: Args, named: Named) -> str:
    return args[0].strip() if args else named.get("1", "").strip()


def _last(args: Args, named: Named) -> str:
    return args[-1].strip() if args else ""


def _second(args: Args, named: Named) -> str:
    return args[1].strip() if len(args) > 1 else ""


def _convert(args: Args, named: Named) -> str:
    """``{{convert|10|to|20|km|mi}}``: the measure as the writer gave it, without the conversion."""
    words = [a.strip() for a in args]
    if not words:
        return ""
    said, rest = words[0], words[1:]
    while len(rest) >= 2 and rest[0] in _RANGES:
        said += _RANGES[rest[0]] + rest[1]
        rest = rest[2:]
    said = re.sub(r"(?<![\d.])-(?=\d)", "−", said)
    said = re.sub(r"(?<![\d.,])\d{4,}", lambda m: f"{int(m[0]):,}", said)
    unit = rest[0].split(" ")[0] if rest else ""
    if named.get("adj", "") in {"on", "mid"} and unit in _UNITS and not unit.endswith(("2", "3")):
        name = _UNITS[unit]  # "a 100-metre dash": the singular, joined by a hyphen
        singular = {"feet": "foot", "inches": "inch"}.get(name, name.removesuffix("s"))
        return f"{said} {singular}" if name.startswith("°") else f"{said}-{singular}"
    if "on" in (named.get("abbr"), named.get("abbre")):
        return f"{said} {_SYMBOLS.get(unit, unit)}".strip()
    return f"{said} {_UNITS.get(unit, unit)}".strip()


def _nihongo(args: Args, named: Named) -> str:
    inside = ", ".join(a.strip() for a in args[1:3] if a.strip())
    return f"{_first(args, named)} ({inside})" if inside else _first(args, named)


def _fraction(args: Args, named: Named) -> str:
    parts = [a.strip() for a in args]
    if len(parts) == 1:
        return f"1/{parts[0]}"
    if len(parts) == 2:
        return f"{parts[0]}/{parts[1]}"
    return f"{parts[0]} {parts[1]}/{parts[2]}" if len(parts) == 3 else ""


def _as_of(args: Args, named: Named) -> str:
    parts = [a.strip() for a in args]
    if len(parts) > 1 and parts[1].isdigit() and 1 <= int(parts[1]) <= 12:
        parts[1] = _MONTHS[int(parts[1]) - 1]
    return f"{'as' if named.get('lc') else 'As'} of {' '.join(reversed(parts))}"


def _value(args: Args, named: Named) -> str:
    said = _first(args, named)
    if "e" in named:
        said += f" × 10{superscript(named['e'])}"
    return f"{said} {named.get('u', named.get('ul', ''))}".strip()


def _date(args: Args, named: Named) -> str:
    parts = [a.strip() for a in args]
    if len(parts) == 3 and all(p.isdigit() for p in parts) and 1 <= int(parts[1]) <= 12:
        return f"{_MONTHS[int(parts[1]) - 1]} {int(parts[2])}, {parts[0]}"
    return " ".join(parts)


def _nuclide(args: Args, named: Named) -> str:
    return "-".join(a.strip() for a in args[:2])


def _ship(prefix: str) -> Callable[[Args, Named], str]:
    return lambda args, named: f"{prefix} {_first(args, named)}"


def _constant(text: str) -> Callable[[Args, Named], str]:
    return lambda args, named: text


def _joined(mark: str) -> Callable[[Args, Named], str]:
    return lambda args, named: mark.join(a.strip() for a in args if a.strip())


# These show their first argument.
_SHOWN = """
    nowrap small smaller big larger nobold noitalic longitem ipa vanchor tooltip abbr center sub math mvar var code
    mono tt formatnum nts flag flagcountry railgauge nastaliq unicode polytonic strikethrough smallcaps
"""
_RENDER: dict[str, Callable[[Args, Named], str]] = {
    "convert": _convert, "cvt": _convert, "as of": _as_of, "frac": _fraction, "fraction": _fraction,
    "sfrac": _fraction, "val": _value, "dts": _date, "nihongo": _nihongo, "chem": _joined(""),
    "nuclide2": _nuclide, "simplenuclide2": _nuclide, "keypress": _joined("+"), "hlist": _joined(", "),
    "lang": _second, "transl": _last, "native name": _second, "resize": _last, "script": _last,
    "columns-list": _last, "plainlist": _first, "ubl": _joined("\n"), "unbulleted list": _joined("\n"),
    "circa": lambda a, n: f"c. {_first(a, n)}".strip(), "c.": lambda a, n: f"c. {_first(a, n)}".strip(),
    "angbr": lambda a, n: f"⟨{_first(a, n)}⟩", "vr": lambda a, n: f"⟨{_first(a, n)}⟩",
    "sup": lambda a, n: superscript(_first(a, n)), "e": lambda a, n: f" × 10{superscript(_first(a, n))}",
    "sc": lambda a, n: _first(a, n).upper(), "music": lambda a, n: {"flat": "♭", "sharp": "♯"}.get(_first(a, n), ""),
    "quote": lambda a, n: "\n\n" + (_first(a, n) or n.get("text", n.get("quote", ""))).strip() + "\n\n",
    "eqm": _constant("⇌"), "nbsp": _constant(" "), "spaces": _constant(" "), "thinsp": _constant(" "),
    "ndash": _constant("–"), "mdash": _constant("—"), "mdashb": _constant("—"), "snd": _constant(" – "),
    "spaced ndash": _constant(" – "), "dash": _constant(" – "), "'s": _constant("’s"), "'": _constant("’"),
    "' \"": _constant("’ ”"), "·": _constant(" · "), "\\": _constant("/"), "-": _constant("-"), "=": _constant("="),
    "carbon": _constant("C"), "hydrogen": _constant("H"),
}  # fmt: skip
_RENDER |= dict.fromkeys(_SHOWN.split(), _first)
_RENDER |= dict.fromkeys(("cquote", "blockquote", "quotation", "poemquote", "quote box"), _RENDER["quote"])
_RENDER |= {p.casefold(): _ship(p) for p in ("USS", "HMS", "HMNZS", "HMAS", "USNS", "USCGC", "MV", "SS", "RMS")}


def _render(match: re.Match[str]) -> str:
    head, *fields = _PIPE.split(match[1])
    name = " ".join(head.replace("_", " ").split()).casefold()
    if ":" in name and name.split(":")[0] == "formatnum":  # {{formatnum:12345}}, a parser function
        digits = head.split(":", 1)[1].strip()
        return f"{int(digits):,}" if digits.isdigit() else digits
    render = _RENDER.get(name)
    if render is None:
        if not name.startswith("lang-"):
            return ""
        render = _first
    args: Args = []
    named: Named = {}
    for field in fields:
        key = _NAMED.fullmatch(field)
        if key is None:
            args.append(field)
        elif key[1].isdigit():
            args.append(key[2])
        else:
            named[key[1].strip().casefold()] = key[2].strip()
    return render(args, named)


def expand_templates(markup: str) -> str:
    """Return ``markup`` with each ``{{template}}`` written out or gone, innermost first; braces left over go."""
    while True:
        markup, n = _INNERMOST.subn(_render, markup)
        if not n:
            # An unclosed "{{" would make gensim drop all that follows it.
            return markup.replace("{{", "").replace("}}", "")
