"""The colours, each with its light and its dark value; style sheets name them and never spell them.

The models' colours, in the strict order in which models are listed, differ in lightness as well as in hue, so that
they are distinguishable with deuteranopia, protanopia and tritanopia; each model also has a marker of its own shape.
"""

from __future__ import annotations

COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#12151a"),
    "panel": ("#f6f7f9", "#1a1f26"),
    "ink": ("#1b1f24", "#e7eaee"),
    "muted": ("#59636e", "#9ba6b2"),
    "rule": ("#dfe3e8", "#2b323b"),
    "axis": ("#8a95a1", "#667280"),
    "link": ("#0b5cad", "#7db9f5"),
    "good": ("#1a7f4b", "#5fd39a"),
    "bad": ("#b3261e", "#ff9a8d"),
    "heat": ("#e2571e", "#cf521a"),  # surprise; positive values
    "cool": ("#3d8fe0", "#2f7fd0"),  # negative values and differences
    "mark": ("#fff3bf", "#433705"),
    "m0": ("#1668b8", "#5aa5ec"),
    "m1": ("#b23a0a", "#f5793f"),
    "m2": ("#10a37a", "#4fdca8"),
    "m3": ("#c43d97", "#ff9ad5"),
    "m4": ("#a78a0c", "#d9c341"),
    "m5": ("#3f2a8c", "#a595ff"),
    "m6": ("#2386bd", "#a8e3ff"),
    "m7": ("#6d7782", "#98a2ae"),
    "g0": ("#006d77", "#4fc3cf"),  # groups and lines within one exhibit, which are not models
    "g1": ("#b5179e", "#ff8fe0"),
    "g2": ("#9c5700", "#f0a94e"),
    "g3": ("#5a4fcf", "#b3abff"),
    "g4": ("#2d6a2f", "#8fd694"),
    "g5": ("#a4161a", "#ff8080"),
}


def style_sheet() -> str:
    """Return the colours as custom properties: after the reader's system, or after ``data-theme`` on the root."""
    light, dark = (" ".join(f"--{name}: {pair[side]};" for name, pair in COLOURS.items()) for side in (0, 1))
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ color-scheme: dark; {dark} }} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
    )
