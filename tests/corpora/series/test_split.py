"""Test is always the future of train, for one series and for several on one calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lmcompare.corpora.document import Piece
from lmcompare.corpora.series.grid import Grid, plain_grid
from lmcompare.corpora.series.split import LEAST, MOST_GIVEN, split_series
from lmcompare.corpora.series.tables import Series
from lmcompare.corpora.series.values import line_of
from lmcompare.errors import LmcompareError


def series(name: str, length: int, start: str = "") -> Series:
    values = np.sin(np.arange(length, dtype=float))
    grid = Grid("month", np.arange(length), start, 12) if start else plain_grid(length)
    return Series(name, values, grid)


def future(piece: Piece) -> np.ndarray:
    line = line_of(piece.text)
    return line.values[line.given :]


def test_one_series_is_cut_at_70_and_80_percent_and_held_out_parts_begin_with_their_past() -> None:
    split, _ = split_series([series("x", 100)])
    whole = np.sin(np.arange(100.0))
    (train,), (valid,), (test,) = split["train"], split["valid"], split["test"]
    np.testing.assert_array_equal(line_of(train.text).values, whole[:70])
    np.testing.assert_array_equal(future(valid), whole[70:80])
    np.testing.assert_array_equal(future(test), whole[80:])
    np.testing.assert_array_equal(line_of(valid.text).values, whole[:80])
    np.testing.assert_array_equal(line_of(test.text).values, whole)


def test_a_long_past_is_given_in_part() -> None:
    split, _ = split_series([series("x", 10_000)])
    (test,) = split["test"]
    assert line_of(test.text).given == MOST_GIVEN
    assert test.metadata["first"] == str(8_000 - MOST_GIVEN)


def test_series_of_one_calendar_are_cut_at_the_same_times() -> None:
    early, late = series("early", 100, "2000-01-01"), series("late", 60, "2005-01-01")
    split, _ = split_series([early, late])
    begins = {}
    for piece in split["test"]:
        first = int(piece.metadata["first"]) + line_of(piece.text).given
        year, month = map(int, piece.metadata["start"].split("-")[:2])
        begins[piece.name] = year * 12 + month + first
    assert len(set(begins.values())) == 1
    ends = {}
    for piece in split["train"]:
        year, month = map(int, piece.metadata["start"].split("-")[:2])
        ends[piece.name] = year * 12 + month + len(line_of(piece.text).values)
    assert max(ends.values()) <= min(begins.values())


def end_and_begin(split: dict[str, tuple[Piece, ...]]) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the last time of all training texts and the first of all test texts."""
    times: dict[str, list[pd.Timestamp]] = {"train": [], "test": []}
    for which, found in times.items():
        for piece in split[which]:
            line = line_of(piece.text)
            at = int(piece.metadata["first"]) + (len(line.values) - 1 if which == "train" else line.given)
            begin = pd.Period(piece.metadata["start"], freq={"month": "M", "day": "D"}[piece.metadata["step"]])
            found.append((begin + at).start_time)
    return max(times["train"]), min(times["test"])


@pytest.mark.parametrize("short", [1, 5])
def test_a_short_series_does_not_move_the_cuts_of_the_others(short: int) -> None:
    two = [series("early", 120, "2000-01-01"), series("late", 100, "2003-01-01")]
    split, said = split_series([*two, series("short", short, "1990-01-01" if short > 1 else "")])
    assert {name: [piece.name for piece in pieces] for name, pieces in split.items()} == {
        name: [piece.name for piece in pieces] for name, pieces in split_series(two)[0].items()
    }
    assert "short" in said[1]
    last, first = end_and_begin(split)
    assert last < first


def test_series_of_other_steps_are_cut_at_the_same_times() -> None:
    days = Series("days", np.sin(np.arange(900.0)), Grid("day", np.arange(900), "2009-01-01", 7))
    split, _ = split_series([series("months", 60, "2006-01-01"), days])
    assert {piece.name for piece in split["train"]} == {"months", "days"}
    last, first = end_and_begin(split)
    assert last < first


def test_short_and_constant_series_are_left_out_and_said() -> None:
    flat = Series("flat", np.ones(100), plain_grid(100))
    split, said = split_series([series("x", 100), series("short", LEAST), flat])
    assert [piece.name for piece in split["train"]] == ["x"]
    assert "70 %" in said[0]
    assert "short" in said[1]
    assert "flat" in said[2]


def test_series_that_end_before_the_test_part_are_named() -> None:
    split, said = split_series([series("ends", 100, "1990-01-01"), series("goes-on", 300, "1990-01-01")])
    assert [piece.name for piece in split["test"]] == ["goes-on"]
    assert {piece.name for piece in split["train"]} == {"ends", "goes-on"}
    assert "same two times" in said[0]
    assert "not tested: ends" in said[1]


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(LmcompareError, match="too few values"):
        split_series([series("x", 10)])
    with pytest.raises(LmcompareError, match="never change"):
        split_series([Series("flat", np.ones(100), plain_grid(100))])
    with pytest.raises(LmcompareError, match="two series are named 'x'"):
        split_series([series("x", 100), series("x", 100)])
