"""Cuts series into training, validation and test text: what is later is never training text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.document import SPLITS, Piece
from lmcompare.corpora.series import text_of
from lmcompare.corpora.series.grid import months_of, seconds_of
from lmcompare.corpora.series.tables import Series, listed
from lmcompare.errors import LmcompareError

TRAIN, VALID = 0.7, 0.1  # shares of all steps; the rest is test
LEAST = 20  # known steps of training text in a series
MOST_GIVEN = 4_096  # steps of past before a held-out document
PAST = "A held-out part begins with its past, which is given and not scored."
CUT_ALONE = (
    "Of every series the first 70 % of the steps are training text, the next 10 % validation and the last 20 % test"
    f" text. {PAST}"
)
CUT_TOGETHER = (
    "All series are cut at the same two times, so that 70 % of all their steps are training text, the next 10 %"
    f" validation and the last 20 % test text; the shares of a single series may differ. {PAST}"
)


def split_series(series: Sequence[Series]) -> tuple[dict[str, tuple[Piece, ...]], list[str]]:
    """Return the documents of each split, and sentences: the first on the cut, the others on what is left out.

    All series are cut at the same two times, if they have times, so that no training text is later than a test text
    of another series. A held-out document begins with a line of the series' past, of at most ``MOST_GIVEN`` steps.

    Raises
    ------
    LmcompareError
        If no series has enough steps, or none varies.
    """
    _check_apart(series)
    counts = [int(np.isfinite(each.values).sum()) for each in series]
    # only these series decide where to cut
    long = [each for each, count in zip(series, counts, strict=True) if count >= LEAST]
    short = [each.name for each, count in zip(series, counts, strict=True) if count < LEAST]
    split: dict[str, list[Piece]] = {which: [] for which in SPLITS}
    flat: list[str] = []
    ended: list[str] = []
    for each, (first, second) in zip(long, _cuts(long), strict=True):
        train = each.values[:first]
        known = train[np.isfinite(train)]
        if len(known) < LEAST:
            short.append(each.name)
        elif np.all(known == known[0]):
            flat.append(each.name)
        else:
            split["train"].append(_piece(each, 0, 0, first))
            for which, begin, end in (("valid", first, second), ("test", second, len(each.values))):
                if np.isfinite(each.values[begin:end]).any():
                    split[which].append(_piece(each, max(0, begin - MOST_GIVEN), begin, end))
                elif which == "test":
                    ended.append(each.name)
    if not split["train"] and flat:
        raise LmcompareError(
            f"the training values of {listed(flat)} never change, so there is nothing to predict: give a series that"
            " varies"
        )
    if any(not split[which] for which in SPLITS):
        raise LmcompareError(
            f"there are too few values to train and test on, as the longest series has {max(counts, default=0):,}:"
            f" give one with at least {LEAST:,} in the first {TRAIN:.0%} of its steps and with some in the rest"
        )
    said = [CUT_TOGETHER if _on_calendar(long) else CUT_ALONE]
    if ended:
        said.append(f"Series without values in the test part are trained on but not tested: {listed(ended)}.")
    if short:
        said.append(f"Series with fewer than {LEAST} known training values are left out: {listed(short)}.")
    if flat:
        said.append(f"Series whose training values never change are left out: {listed(flat)}.")
    return {which: tuple(pieces) for which, pieces in split.items()}, said


def _piece(series: Series, begin: int, given_end: int, end: int) -> Piece:
    """Return a document of the steps from ``begin`` to ``end``, of which those before ``given_end`` are given."""
    values = series.values[begin:end]
    metadata = {
        "start": series.grid.start,
        "step": series.grid.step,
        "first": str(begin),
        "season": str(series.grid.season),
    }
    return Piece(series.name, text_of(values.tolist(), given_end - begin), metadata)


def _on_calendar(series: Sequence[Series]) -> bool:
    """Return whether there are several series, all with times."""
    return len(series) > 1 and all(each.grid.step for each in series)


def _cuts(series: Sequence[Series]) -> list[tuple[int, int]]:
    """Return for each series the steps at which its validation and its test text begin."""
    if not _on_calendar(series):
        return [_shares(len(each.values)) for each in series]
    times = [_times(each) for each in series]
    every = np.sort(np.concatenate(times))
    first, second = (every[at] for at in _shares(len(every)))
    return [(int(np.searchsorted(own, first)), int(np.searchsorted(own, second))) for own in times]


def _shares(length: int) -> tuple[int, int]:
    return round(TRAIN * length), round((TRAIN + VALID) * length)


def _times(series: Series) -> npt.NDArray[np.datetime64]:
    """(n,) the time of each step; of steps of months, the month's first day."""
    start, steps = np.datetime64(series.grid.start, "s"), np.arange(len(series.values))
    found: npt.NDArray[np.datetime64]
    if by := months_of(series.grid.step):
        found = (start.astype("datetime64[M]") + by * steps).astype("datetime64[s]")
    elif series.grid.step == "business day":
        found = np.busday_offset(start.astype("datetime64[D]"), steps, roll="forward").astype("datetime64[s]")
    else:
        found = start + seconds_of(series.grid.step) * steps
    return found


def _check_apart(series: Sequence[Series]) -> None:
    names = [each.name for each in series]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise LmcompareError(f"two series are named '{twice}': give each a name of its own")
