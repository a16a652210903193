"""Colours: legible on their paper, apart for every kind of sight, each with a light and a dark value."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from lmcompare.render.palette import COLOURS, style_sheet

Array = npt.NDArray[np.float64]
# linear RGB as seen with a full deficiency (Machado, Oliveira and Fernandes 2009, table 1, severity 1)
SIGHT: dict[str, list[list[float]]] = {
    "full": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]
    ],
}  # fmt: skip
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> Array:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.1, section 1.4.3."""
    light = sorted(float(XYZ[1] @ linear(c)) for c in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def lab(rgb: Array) -> Array:
    """CIE 1976 L*a*b* under D65."""
    t = XYZ @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_by_hand() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)


def mixed(colour: str, ground: str, share: float) -> str:
    """What color-mix in srgb makes of the two."""
    pairs = [(int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("side", [0, 1])
def test_text_and_marks_are_legible(side: int) -> None:
    def colour(name: str) -> str:
        return COLOURS[name][side]

    series = [name for name in COLOURS if name[1:].isdigit()]
    for name in series:
        assert contrast(colour(name), colour("paper")) >= 3, name
        in_a_chart = mixed(colour(name), colour("ink"), 0.7)
        assert contrast(in_a_chart, colour("paper")) >= 4.5, name
    for name in ("ink", "muted"):
        assert contrast(colour(name), colour("mark")) >= 4.5, name
    for ground in ("paper", "panel"):
        for name in ("ink", "muted", "link", "good", "bad"):
            assert contrast(colour(name), colour(ground)) >= 4.5, (name, ground)
        # behind text: the strongest surprise, and the most likely token of a card
        behind = [(name, share) for name in ("heat", "cool") for share in (0.3, 0.72, 0.8)]
        for name, share in (*behind, *((name, 0.38) for name in series)):
            assert contrast(colour("ink"), mixed(colour(name), colour(ground), share)) >= 4.5, (name, ground)


@pytest.mark.parametrize("side", [0, 1])
def test_the_first_five_models_are_apart_for_every_sight(side: int) -> None:
    for name, sight in SIGHT.items():
        seen = [lab(np.array(sight) @ linear(COLOURS[f"m{i}"][side])) for i in range(5)]
        assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) >= 10, name


def test_style_sheet_has_each_colour_in_three_places() -> None:
    # light; the system's dark; dark by choice
    assert all(style_sheet().count(f"--{name}:") == 3 for name in COLOURS)
    light, system, dark = style_sheet().splitlines()
    assert COLOURS["link"][0] in light
    assert COLOURS["link"][1] in system
    assert COLOURS["link"][1] in dark
