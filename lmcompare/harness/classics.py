"""The classical forecasters of a run on series: fitted, asked at the origins of the models, and stored.

A file for each in the folder ``forecasts`` of the run, made again only if what it depends on has changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError, PluginError, kind_of, what_went_wrong
from lmcompare.forecasting import FORECASTERS, Floats, Forecaster, make_forecaster
from lmcompare.harness.progress import Display, Sending, show_sent
from lmcompare.measure.series import Origin, forecast_table, lines_of, origins_of, step_and_season
from lmcompare.plugins import own_code
from lmcompare.processes import CallError, Emit, call, explained
from lmcompare.registry import absolute, source_of
from lmcompare.runfolder.files import read_object, write_json
from lmcompare.runfolder.layout import FORECASTS, TOKENS
from lmcompare.runfolder.tokens import TokenizedCorpus

EXTRA = "pip install 'lmcompare[series]'"
CODE = (
    *("forecasting.py", "harness/classics.py", "measure/series.py"),
    *("corpora/series/grid.py", "corpora/series/__init__.py", "runfolder/layout.py"),
)


@dataclass(frozen=True)
class Described:
    """What is known of a forecaster before it is used.

    Parameters
    ----------
    name : str
        Its name, with an absolute path if it is a file's.
    title, source, needs : str
        As of ``Forecaster``.
    code : str
        A digest of its code.
    """

    name: str
    title: str
    source: str
    needs: str
    code: str


def described(names: Sequence[str], base: Path, seconds: float | None) -> list[Described]:
    """Return what is known of forecasters; those of other packages are imported in a process of their own.

    Raises ``PluginError`` for a forecaster that does not exist or can't be imported. Paths are relative to ``base``.
    """
    found = []
    for name in dict.fromkeys(absolute(each, base) for each in names):
        with explained(lambda: "importing a forecaster"):
            own = FORECASTERS.is_built_in(name)
            about = about_job(None, name) if own else call(f"{__name__}:about_job", name, seconds=seconds)
        found.append(Described(name, *map(str, about)))
    return found


def about_job(_: object, name: str) -> tuple[str, str, str, str]:
    """Return the title, the source, the needs and the digest of the code of a forecaster."""
    cls = FORECASTERS.resolve(name)
    code = hashlib.sha256(own_code(*CODE) + source_of([cls])).hexdigest()
    return cls.title, cls.source, cls.needs, code


def run_classics(
    forecasters: Sequence[Described],
    folder: Path,
    corpus: str,
    fingerprint: str,
    tokenizer: str,
    options: Mapping[str, Any],
    seconds: float,
    show: Display,
) -> None:
    """Forecast the test series of a run with classical methods, in a process of its own for each.

    Stored forecasts of other forecasters, or with other options, are removed first.

    Parameters
    ----------
    forecasters : sequence of Described
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
    keys = {one: _key(one, fingerprint, options) for one in forecasters}
    places = {one: folder / FORECASTS / f"{_file_name(one.name)}.json" for one in forecasters}
    missing = [one for one in forecasters if _stored_key(places[one]) != keys[one]]
    kept = {places[one] for one in forecasters if one not in missing}
    for path in (folder / FORECASTS).glob("*.json"):
        if path not in kept and _stored_key(path) is not None:  # a file without a key is damaged, or not lmcompare's
            path.unlink()
    for one in missing:
        if one.needs and find_spec(one.needs.partition(".")[0]) is None:
            advice = EXTRA if FORECASTERS.is_built_in(one.name) else "install it"
            show.say(f"{one.title} is left out: it needs the package {one.needs} ({advice}).")
            continue
        show.say(f"{one.title}: forecasting")
        given = [one.name, str(folder / TOKENS / fingerprint), tokenizer, dict(options)]
        try:
            found = call(
                f"{__name__}:forecast_job", *given, on_event=lambda event: show_sent(event, show), seconds=seconds
            )
        except CallError as error:
            show.say(f"{one.title} is left out: {error}.")
            continue
        finally:
            show.share("", 1.0)
        places[one].parent.mkdir(parents=True, exist_ok=True)
        about = {"key": keys[one], "corpus": corpus, "name": one.name, "title": one.title, "source": one.source}
        write_json(places[one], {**about, **found})


def forecast_job(emit: Emit, name: str, tokens: str, tokenizer: str, options: dict[str, Any]) -> dict[str, Any]:
    """Fit a forecaster to each training series, and return its forecasts and densities; runs in its own process."""
    show = Sending(emit)
    corpus = TokenizedCorpus(Path(tokens), named=[tokenizer])
    origins = origins_of(corpus, options)
    lines, documents = lines_of(corpus, "test"), corpus.documents_of("test")
    forecasts: list[dict[str, Any]] = []
    densities: list[list[float | None]] = []
    began = time.perf_counter()
    for number, (line, metadata) in enumerate(zip(lines, documents["metadata"], strict=True)):
        show.share(f"{name}: forecasting", number / len(lines))
        season = step_and_season(metadata, options)[1]
        given = line.values[: line.given]
        try:
            model = make_forecaster(name).fit(given, season)
            densities.append(_densities(model, given, line.values[line.given :]))
            forecasts += [
                _at(model, origin, options["paths"], [number, at])
                for at, origin in enumerate(origins)
                if origin.document == number
            ]
        except Exception as error:  # statsmodels fails on some series, and a plug-in may always fail
            series = documents["name"].iloc[number]
            raise LmcompareError(f"it fails on the series '{series}' ({what_went_wrong(error)})") from error
    return {"forecasts": forecasts, "log_density": densities, "seconds": time.perf_counter() - began}


def _at(model: Forecaster, origin: Origin, number: int, seed: Sequence[int]) -> dict[str, Any]:
    paths = model.paths(
        origin.past, len(origin.actual), number, int(np.random.SeedSequence(seed).generate_state(1)[0])
    )
    if not isinstance(paths, np.ndarray):
        raise PluginError(f"{type(model).__name__}.paths must return a NumPy array, not {kind_of(paths)}")
    return forecast_table(origin, paths.astype(np.float64))


def _densities(model: Forecaster, past: Floats, future: Floats) -> list[float | None]:
    """Return the log-density of each future value, None where it is missing; nothing without densities."""
    nats = model.log_density(past, future)
    if nats is None:
        return []
    known = np.isfinite(future)
    if not isinstance(nats, np.ndarray) or nats.shape != future.shape or not np.isfinite(nats[known]).all():
        raise PluginError(
            f"{type(model).__name__}.log_density must return an array of {len(future)} numbers, finite wherever the"
            " value is known"
        )
    return [float(each) if there else None for each, there in zip(nats, known, strict=True)]


def _file_name(name: str) -> str:
    """Return the name of the file of a forecaster; that of a class of one's own is its class with a digest."""
    if ":" not in name:
        return name
    return f"{name.rpartition(':')[2]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _key(one: Described, fingerprint: str, options: Mapping[str, Any]) -> str:
    asked = [fingerprint, dict(options), one.code]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _stored_key(place: Path) -> str | None:
    """Return the key of a stored file; None if the file does not exist or is damaged."""
    with suppress(LmcompareError):
        return str(read_object(place, "key")["key"])
    return None
