"""Where a name stands beside its mark, so that names and marks cover one another as little as may be."""

from __future__ import annotations

from dataclasses import dataclass, field

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass
class Labels:
    """Names placed one after the other within ``bounds``; ``boxes`` are the places taken, by marks and by names."""

    bounds: Box
    boxes: list[Box] = field(default_factory=list)

    def take(self, x: float, y: float, radius: float) -> None:
        """Keep the place of a mark free of names."""
        self.boxes.append((x - radius, y - radius, x + radius, y + radius))

    def place(self, x: float, y: float, width: float) -> tuple[float, float, str]:
        """Return x, y and the anchor of a name of that width beside the mark at (x, y), and take its place."""
        options = [(x + 9, y + 4, "start"), (x - 9, y + 4, "end"), (x, y - 11, "middle"), (x, y + 20, "middle")]
        options += [(x + 8, y - 9, "start"), (x + 8, y + 17, "start"), (x - 8, y - 9, "end"), (x - 8, y + 17, "end")]
        best, least = options[0], float("inf")
        for tx, ty, anchor in options:
            left = tx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            box = (left, ty - 11, left + width, ty + 3)
            cost = 20 * self._outside(box) + sum(_overlap(box, other) for other in self.boxes)
            if cost < least:
                best, least, chosen = (tx, ty, anchor), cost, box
        self.boxes.append(chosen)
        return best

    def _outside(self, box: Box) -> float:
        left, top, right, bottom = self.bounds
        return sum(max(0.0, beyond) for beyond in (left - box[0], top - box[1], box[2] - right, box[3] - bottom))


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
