"""``series:FILE#COLUMN`` and ``series:statsmodels:NAME``: numbers that follow each other in time.

What comes first is training text, and test is always the future of it. The data sets are those inside statsmodels:
Seabold and Perktold (2010), *statsmodels: Econometric and statistical modeling with Python*, SciPy.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import ReadFile
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, expanded, one_line, suggest, usable_path

if TYPE_CHECKING:
    import pandas as pd

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
    from lmcompare.corpora.series.cuts import split_series
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
