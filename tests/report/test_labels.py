"""Names beside marks: where there is room, and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmcompare.render.charts.labels import Box, Labels

points = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200), st.floats(5, 90)), min_size=1, max_size=25)


def box_of(place: tuple[float, float, str], width: float) -> Box:
    x, y, anchor = place
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left, y - 11, left + width, y + 3


def apart(a: Box, b: Box) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@given(points)
def test_free_names_cover_nothing_and_stay_inside(given_points: list[tuple[float, float, float]]) -> None:
    labels = Labels((0, 0, 300, 200))
    for x, y, _ in given_points:
        labels.take(x, y, 3.5)
    taken = list(labels.boxes)
    for x, y, width in given_points:
        if (place := labels.place_free(x, y, width)) is not None:
            box = box_of(place, width)
            assert all(apart(box, other) for other in taken)
            assert all(corner >= 0 for corner in box)
            assert (box[2] <= 300, box[3] <= 200) == (True, True)
            taken.append(box)
    assert len(labels.boxes) == len(taken)


def test_a_name_stands_to_the_right_unless_something_is_there() -> None:
    labels = Labels((0, 0, 300, 200))
    assert labels.place_free(100, 100, 40) == (106, 104, "start")
    assert labels.place_free(100, 100, 40) == (94, 104, "end")
    assert labels.place_free(280, 50, 40) == (274, 54, "end")
    beside, corners = Labels._sides(100, 100, 6)[:4], Labels._sides(100, 100, 6)[4:]
    assert beside == [(106, 104, "start"), (94, 104, "end"), (100, 92, "middle"), (100, 117, "middle")]
    assert corners == [(105, 94, "start"), (105, 114, "start"), (95, 94, "end"), (95, 114, "end")]


def test_a_name_goes_beyond_the_whisker_where_nothing_is_free_beside_it() -> None:
    labels = Labels((0, 0, 300, 200))
    labels.boxes.append((0, 60, 300, 140))
    assert labels.place(150, 100, 40, (60, 140)) == (150, 54, "middle")
    assert labels.place(150, 100, 40, (60, 140)) == (150, 154, "middle")


def test_where_all_places_are_taken_the_least_covered_is_chosen_or_none() -> None:
    labels = Labels((0, 0, 60, 30))
    labels.boxes.append((0, 0, 60, 15))
    labels.boxes.append((0, 15, 60, 30))
    assert labels.place_free(30, 15, 20) is None
    assert len(labels.boxes) == 2
    x, _, _ = labels.place(30, 15, 20)
    assert 0 < x < 60
    assert len(labels.boxes) == 3
