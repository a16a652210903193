"""A vector as bars to both sides of a middle line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from lmcompare.render import numbers

HIGH, CELL = 12, 4  # units above and below the middle, and of a number


def strip(values: Sequence[float] | npt.NDArray[np.float64], peak: float = 0.0) -> dict[str, Any]:
    """Return numbers as a drawing, with a reading, and all numbers as text.

    ``peak``: the number that has the full height; 0 is the largest of these.
    """
    peak = peak or float(np.abs(values).max(initial=0.0)) or 1.0
    paths = {"up": "", "down": ""}
    for n, value in enumerate(values):
        height = round(HIGH * abs(float(value)) / peak, 1)
        if height:
            top, side = (HIGH - height, "up") if value > 0 else (HIGH, "down")
            paths[side] += f"M{n * CELL} {top:g}h{CELL - 1}v{height:g}h{1 - CELL}z"
    ends = [numbers.decimals(float(end), 2) for end in (np.min(values), np.max(values))]
    every = "  ".join(numbers.decimals(float(value), 2) for value in values)
    said = f"numbers from {ends[0]} to {ends[1]}"
    svg = Markup(
        '<svg role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        '<path class="up" d="{}"/><path class="down" d="{}"/></svg>'
    ).format(said, len(values) * CELL, 2 * HIGH, paths["up"], paths["down"])
    return {"svg": svg, "said": said, "all": every}
