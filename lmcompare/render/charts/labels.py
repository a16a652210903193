"""Where to put a name beside its mark, so that names and marks overlap as little as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

GAPS = 9.0, 16.0, 24.0  # pixels between a mark and its name
Box = tuple[float, float, float, float]  # left, top, right, bottom
Place = tuple[float, float, str]  # x, y and the anchor of a text


@dataclass
class Labels:
    """Names placed one after the other within ``bounds``; ``boxes`` are the places taken, by marks and by names."""

    bounds: Box
    boxes: list[Box] = field(default_factory=list)

    def take(self, x: float, y: float, radius: float) -> None:
        """Keep the place of a mark free of names."""
        self.boxes.append((x - radius, y - radius, x + radius, y + radius))

    def place(self, x: float, y: float, width: float, ends: Sequence[float] = ()) -> Place:
        """Return x, y and the anchor of a name of that width beside the mark at (x, y), and take its place.

        Where it would cover something everywhere, places further off are tried too, and those above and below
        the ``ends`` of its whisker, the upper one first.
        """
        sides = [side for gap in GAPS for side in self._sides(x, y, gap)]
        for end, shift in zip(ends, (-6, 14), strict=False):
            sides += [(x + dx, end + shift, anchor) for dx, anchor in ((0, "middle"), (9, "end"), (-9, "start"))]
        options = (self._priced(side, width) for side in sides)
        _, place, box = min(options, key=lambda option: option[0])
        self.boxes.append(box)
        return place

    def place_free(self, x: float, y: float, width: float) -> Place | None:
        """Return and take a place close to the mark where a name of that width covers nothing.

        Return None, and take no place, if there is none.
        """
        for cost, place, box in (self._priced(side, width) for side in self._sides(x, y, 6.0)):
            if not cost:
                self.boxes.append(box)
                return place
        return None

    @staticmethod
    def _sides(x: float, y: float, gap: float) -> list[Place]:
        """Return the places about a mark, the usual ones first."""
        sides: list[Place] = [(x + gap, y + 4, "start"), (x - gap, y + 4, "end")]
        sides += [(x, y - gap - 2, "middle"), (x, y + gap + 11, "middle")]
        return sides + [
            (x + dx, y + dy, a) for dx, a in ((gap - 1, "start"), (1 - gap, "end")) for dy in (-gap, gap + 8)
        ]

    def _priced(self, place: Place, width: float) -> tuple[float, Place, Box]:
        """Return how much a name of that width covers or sticks out, with its place and its box."""
        left = place[0] - {"start": 0.0, "middle": width / 2, "end": width}[place[2]]
        box = (left, place[1] - 11, left + width, place[1] + 3)
        return 20 * self._outside(box) + sum(_overlap(box, other) for other in self.boxes), place, box

    def _outside(self, box: Box) -> float:
        left, top, right, bottom = self.bounds
        return sum(max(0.0, beyond) for beyond in (left - box[0], top - box[1], box[2] - right, box[3] - bottom))


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
