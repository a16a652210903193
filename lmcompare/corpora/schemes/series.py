"""``series:FILE#COLUMN`` and ``series:statsmodels:NAME``: numbers that follow each other in time.

What comes first is training text, and test is always the future of it. The data sets are those inside statsmodels:
Seabold and Perktold (2010), *statsmodels: Econometric and statistical modeling with Python*, SciPy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import SPLITS, Piece, ReadFile
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.series import text_of
from lmcompare.corpora.series.grid import months_of, seconds_of
from lmcompare.corpora.series.tables import Series, listed
from lmcompare.errors import LmcompareError, expanded, one_line, suggest, usable_path

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


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


EXTRA = "pip install 'lmcompare[series]'"
PACKAGE = "statsmodels"
EXAMPLES = ("co2", "sunspots", "elnino", "macrodata")
KNOWN = (*EXAMPLES, "nile")
USABLE = ("encoding",)  # options of texts that series have as well


def read_series(name: str, options: CorpusOptions) -> Found:
    """Return the series of a table, each a document in every split: what is later is validation, and then test.

    Parameters
    ----------
    name : str
        The path of a table and, after ``#``, its column of values; or ``statsmodels:`` and a data set inside that
        package, with a column too.
    options : CorpusOptions
        Only ``encoding`` can be used.

    Raises
    ------
    LmcompareError
        If there is no such table or column, or the numbers are no series.
    """
    from lmcompare.corpora.series.tables import VALUES, read_table, series_of

    _refuse_options(options)
    place, column = _parts(name)
    if not place:
        raise LmcompareError("series: names no table; give series:FILE.csv#COLUMN, or series:statsmodels:co2")
    package, colon, inside = place.partition(":")
    files: tuple[ReadFile, ...]
    if package == PACKAGE and colon:
        table, where, source = (
            _of_statsmodels(inside),
            f"the data set {inside}",
            f"the data set {inside} of statsmodels",
        )
        title, files = inside, ()
    else:
        path = usable_path(Path(place), "a table of series must be given as the path of a file")
        table, where, source, title = read_table(path, options.encoding), str(path), str(path), path.name
        encoding = "" if path.suffix == ".parquet" else options.encoding
        files = (ReadFile(path.name, path.suffix.removeprefix("."), encoding, path.stat().st_size),)
    read = series_of(table, column, where)
    named = [replace(one, name=title) if len(read.series) == 1 and one.name in VALUES else one for one in read.series]
    splits, (cut, *said) = split_series(named)
    kept = {piece.name for piece in splits["train"]}
    missing = sum(int((each.values != each.values).sum()) for each in named if each.name in kept)
    notes = [cut]
    if missing:
        notes.append(f"Missing values, which are not scored: {missing:,}.")
    return Found(
        splits=splits,
        name=f"{title}#{column}" if column else title,
        source=source + (f", column {column}" if column else ""),
        notes=tuple(notes),
        said=(*read.said, *said),
        files=files,
    )


def _parts(name: str, base: Path | None = None) -> tuple[str, str]:
    """Return the place and the column of a specification; a ``#`` may also be in the path of a file."""
    for at, letter in enumerate(f"{name}#"):
        if letter == "#" and ((base or Path()) / expanded(name[:at])).is_file():
            return name[:at], name[at + 1 :]
    place, _, column = name.partition("#")
    return place, column


def _refuse_options(options: CorpusOptions) -> None:
    usual = CorpusOptions()
    for name, value in vars(usual).items():
        if name not in USABLE and getattr(options, name) != value:
            option = "fractions" if name == "fraction" else name.replace("_", "-")
            raise LmcompareError(f"--{option} can't be used with a series: leave it out")


def _of_statsmodels(name: str) -> pd.DataFrame:
    """Return the table of a data set inside statsmodels, with a column of times."""
    import pandas as pd

    if name not in KNOWN:
        raise LmcompareError(
            f"lmcompare reads no series '{name}' of statsmodels{suggest(name, KNOWN)}; give one of {', '.join(KNOWN)}"
        )
    if find_spec(PACKAGE) is None:
        raise LmcompareError(
            f"'series:{PACKAGE}:{name}' needs the package {PACKAGE}, which is not installed; run {EXTRA}"
        )
    try:
        table: pd.DataFrame = import_module(f"statsmodels.datasets.{name}").load_pandas().data
    except Exception as error:
        raise LmcompareError(
            f"the data set {name} of {PACKAGE} can't be read ({one_line(error)[:150]}); install the package again "
            f"with pip install --force-reinstall {PACKAGE}"
        ) from error
    return table if isinstance(table.index, pd.RangeIndex) else table.rename_axis("time").reset_index()


def _placed(name: str, base: Path) -> str:
    """Return the specification with a relative path from a folder on."""
    place, column = _parts(name, base)
    if not place or place.startswith(f"{PACKAGE}:"):
        return name
    return f"{os.fspath(base / expanded(place))}{name[len(place) : len(place) + 1]}{column}"


SERIES = CorpusScheme(
    "numbers in time: a column of a table, such as series:prices.csv#close, or series:statsmodels:co2",
    read_series,
    argument="FILE#COLUMN",
    examples=tuple(f"{PACKAGE}:{name}" for name in EXAMPLES),
    placed=_placed,
    kind="series",
)
