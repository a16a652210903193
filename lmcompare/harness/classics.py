"""The classical forecasters of a run on series: fitted, asked at the origins of the models, and stored.

A file for each in the folder ``forecasts`` of the run, made again only if what it depends on has changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError, PluginError, what_went_wrong
from lmcompare.forecasting import Forecaster, make_forecaster
from lmcompare.forecasting.contract import FORECASTERS, Floats
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.measure.forecasts import Origin, forecast_table, origins_of, step_and_season
from lmcompare.measure.steps import lines_of
from lmcompare.plugins import own_code
from lmcompare.processes import Emit, EndedError, JunkError, LongLogError, RaisedError, TimeLimitError, call
from lmcompare.registry import source_of
from lmcompare.runfolder.files import read_object, write_json
from lmcompare.runfolder.layout import FORECASTS, TOKENS
from lmcompare.runfolder.tokens import TokenizedCorpus

EXTRA = "pip install 'lmcompare[series]'"
CODE = ("forecasting", "measure/forecasts.py", "measure/steps.py", "corpora/series/grid.py", "runfolder/layout.py")


def run_classics(
    names: Sequence[str],
    folder: Path,
    corpus: str,
    fingerprint: str,
    tokenizer: str,
    options: Mapping[str, Any],
    seconds: float,
    show: Display,
) -> None:
    """Forecast the test series of a run with classical methods, in a process of its own for each.

    Parameters
    ----------
    names : sequence of str
        Forecasters.
    folder : Path
        The run folder.
    corpus : str
        The fingerprint of the series.
    fingerprint, tokenizer : str
        The tokens from which the values are read, and their tokenizer.
    options : mapping
        The table ``[forecast]``.
    seconds : float
        The time limit of each.
    show : Display
    """
    for name in names:
        cls = FORECASTERS.resolve(name)
        place = folder / FORECASTS / f"{_file_name(name)}.json"
        key = _key(cls, fingerprint, options)
        with suppress(LmcompareError):
            if read_object(place, "key")["key"] == key:
                continue
        if cls.needs and find_spec(cls.needs) is None:
            show.say(f"{cls.title} is left out: it needs the package {cls.needs} ({EXTRA}).")
            continue
        show.say(f"{cls.title}: forecasting")
        given = [name, str(folder / TOKENS / fingerprint), tokenizer, dict(options)]
        try:
            found = call(
                f"{__name__}:forecast_job", *given, on_event=lambda event: show_sent(event, show), seconds=seconds
            )
        except RaisedError as error:
            show.say(f"{cls.title} is left out: {error}.")
            continue
        except (EndedError, TimeLimitError, JunkError, LongLogError) as error:
            show.say(f"{cls.title} is left out: {error}.")
            continue
        finally:
            show.share("", 1.0)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(
            place, {"key": key, "corpus": corpus, "name": name, "title": cls.title, "source": cls.source, **found}
        )


def forecast_job(emit: Emit, name: str, tokens: str, tokenizer: str, options: dict[str, Any]) -> dict[str, Any]:
    """Fit a forecaster to each training series, and return its forecasts and densities; runs in its own process."""
    show = Sending(emit)
    corpus = TokenizedCorpus(Path(tokens), named=[tokenizer])
    origins = origins_of(corpus, options)
    lines, documents = lines_of(corpus, "test"), corpus.documents_of("test")
    forecasts: list[dict[str, Any]] = []
    densities: list[list[float | None]] = []
    notes: list[str] = []
    began = time.perf_counter()
    for number, (line, metadata) in enumerate(zip(lines, documents["metadata"], strict=True)):
        show.share(f"{name}: forecasting", number / len(lines))
        season = step_and_season(metadata, options)[1]
        series = str(documents["name"].iloc[number])
        given = line.values[: line.given]
        try:
            model = make_forecaster(name).fit(given, season)
            nats = model.log_density(given, line.values[line.given :])
            own = [
                _at(model, origin, options["paths"], [number, at])
                for at, origin in enumerate(origins)
                if origin.document == number
            ]
        except Exception as error:  # statsmodels fails on some series, a plug-in on any
            notes.append(f"{series}: {what_went_wrong(error)}")
            densities.append([])
            continue
        forecasts += own
        densities.append([] if nats is None else _plain(nats))
    if not forecasts:
        raise LmcompareError(f"it fails on every series ({notes[0] if notes else 'there are none'})")
    return {"forecasts": forecasts, "log_density": densities, "notes": notes, "seconds": time.perf_counter() - began}


def _at(model: Forecaster, origin: Origin, number: int, seed: Sequence[int]) -> dict[str, Any]:
    paths = model.paths(
        origin.past, len(origin.actual), number, int(np.random.SeedSequence(seed).generate_state(1)[0])
    )
    if not isinstance(paths, np.ndarray):
        raise PluginError(f"{type(model).__name__}.paths returned no array")
    return forecast_table(origin, paths.astype(np.float64))


def _plain(nats: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in nats]


def _file_name(name: str) -> str:
    """Return the name of the file of a forecaster; that of a class of one's own is its class with a digest."""
    if ":" not in name:
        return name
    return f"{name.rpartition(':')[2]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _key(cls: type[Forecaster], fingerprint: str, options: Mapping[str, Any]) -> str:
    asked = {name: value for name, value in options.items() if name != "against"}
    code = hashlib.sha256(own_code(*CODE) + source_of([cls])).hexdigest()
    return hashlib.sha256(json.dumps([fingerprint, asked, code], sort_keys=True).encode()).hexdigest()[:16]
