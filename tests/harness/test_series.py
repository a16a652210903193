"""A run on series: densities by brute force, forecasts, classical methods, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmcompare
from lmcompare import plugins
from lmcompare.corpora.series import line_of
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.experiment import Experiment, parse
from lmcompare.harness.overlay import overlaid
from lmcompare.harness.run import run
from lmcompare.registry import FILE_MODULE
from lmcompare.report.write import write_reports
from lmcompare.runfolder.run import load_run
from lmcompare.runfolder.states import load_state
from lmcompare.tokens.values import ValueTokenizer
from tests.harness.small import Watch
from tests.measured import measured
from tests.series_run import HORIZON, experiment, series_run, write_table

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

FORECASTERS = """
import numpy as np
from lmcompare.forecasting import Forecaster


class Mean(Forecaster):
    title = "Mean"

    def fit(self, past, season):
        self.mean = np.nanmean(past)
        return self

    def paths(self, past, horizon, number, seed):
        return np.full((number, horizon), self.mean)


class Broken(Mean):
    title = "Broken"

    def fit(self, past, season):
        if np.nanmean(past) > 20:
            raise ValueError("too large")
        return super().fit(past, season)


class Short(Mean):
    title = "Short"

    def log_density(self, past, future):
        return np.zeros(len(future) - 1)


class Infinite(Mean):
    title = "Infinite"

    def log_density(self, past, future):
        return np.full(len(future), -np.inf)


class Needy(Mean):
    title = "Needy"
    needs = "no_such_package.inside"


class Stating(Mean):
    title = "Stating"

    def log_density(self, past, future):
        return np.where(np.arange(len(future)) % 2, -1.0, -2.0)
"""


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    """An experiment with one small model on a table of two series."""
    write_table(tmp_path / "table.csv")
    return experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}])


def against(table: dict[str, Any], *methods: str, **more: object) -> Experiment:
    """The experiment, whose forecasts are compared with those of these methods."""
    return parse({**table, "forecast": {**table["forecast"], "against": methods, **more}}, "the test")


@pytest.mark.parametrize("name", ["unigram", "ngram", "transformer"])
def test_scores_are_densities_of_the_values_after_the_past(name: str) -> None:
    done = load_run(series_run())
    entry = done.model(name)
    cell = entry.first
    assert cell is not None
    corpus = done.tokens[entry.tokens_fingerprint]
    tokenizer, test = corpus.tokenizer, corpus.test
    assert isinstance(tokenizer, ValueTokenizer)
    model = plugins.build(name, cell.info["hyperparameters"]).restore(load_state(cell.path / "model"))
    nats = cell.log_probs("test")
    overhead = corpus.features("test", ["overhead_bits"])["overhead_bits"].to_numpy(np.float64) * np.log(2)
    every = model.next_log_probs(test, np.arange(len(test))).astype(np.float64)
    bins = tokenizer.bin_of(corpus.vocabulary.tokens)
    words, scored = corpus.test_strings, 0
    for begin, end in zip(test.starts.tolist(), test.ends.tolist(), strict=True):
        line = line_of(" ".join(words[begin : end - 1]))
        given = 160
        scale = tokenizer.way(line_of(" ".join(words[begin : begin + given]))).scale
        edges = tokenizer.learnt.edges
        for at in range(begin, end):
            value = line.values[at - begin] if at < end - 1 else np.nan
            if at - begin < given or np.isnan(value):
                assert nats[at] == overhead[at] == 0
                continue
            shares = np.exp(every[at])
            place = int(np.searchsorted(edges, value / scale, side="right"))
            share = shares[bins == place].sum() / shares[bins >= 0].sum()
            assert nats[at] == pytest.approx(np.log(share), abs=1e-4)
            if 0 < place < len(edges):
                assert overhead[at] == pytest.approx(np.log(scale * (edges[place] - edges[place - 1])), abs=1e-4)
            scored += 1
    assert scored == 2 * 40 - 1  # one is missing
    assert done.tokens[entry.tokens_fingerprint].documents_of("test")["bytes"].tolist() == [40, 39]


def test_a_training_chooses_without_the_past_that_it_has_learnt() -> None:
    done = load_run(series_run())
    corpus = next(iter(done.tokens.values()))
    assert len(corpus.chosen_by) == 2 * (20 + 1)
    assert len(corpus.valid) == 2 * (140 + 20 + 1)


def test_forecasts_and_lags_are_stored_for_every_model_and_method() -> None:
    folder = series_run()
    places = set()
    for name in ("unigram", "ngram", "transformer"):
        cell = folder / "cells" / name / "0"
        forecasts = measured(cell, "forecasts")
        places.add(tuple((one["document"], one["at"]) for one in forecasts))
        assert all(len(one["actual"]) == HORIZON for one in forecasts)
        assert (max(measured(cell, "lags")) > 0.01) == (name != "unigram")
    for name in ("seasonal-naive", "drift"):
        stored = json.loads((folder / "forecasts" / f"{name}.json").read_text())
        places.add(tuple((one["document"], one["at"]) for one in stored["forecasts"]))
        assert [len(one) for one in stored["log_density"]] == [40, 40]
        assert stored["log_density"][1].count(None) == 1
    assert len(places) == 1  # all at the same origins
    assert len(places.pop()) == 8


def test_the_season_is_found_by_the_lags_of_the_trigram() -> None:
    lags = measured(series_run() / "cells" / "ngram" / "0", "lags")
    assert max(lags[2:]) == 0  # a trigram reads two steps
    assert min(lags[:2]) > 0.01


def test_forecasts_that_are_finished_are_kept_and_those_of_other_methods_and_options_removed(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    def do(*methods: str, **more: object) -> None:
        run(against(table, *methods, **more), tmp_path / "run", base=tmp_path)

    path = tmp_path / "run/forecasts/drift.json"
    do("drift", "seasonal-naive")
    assert {found.stem for found in path.parent.iterdir()} == {"drift", "seasonal-naive"}
    before = path.stat().st_mtime_ns
    (path.parent / "mine.json").write_text("{}")
    do("drift", "seasonal-naive")
    assert path.stat().st_mtime_ns == before
    assert (path.parent / "mine.json").read_text() == "{}"
    (tmp_path / "own.py").write_text(FORECASTERS)
    do("drift", "./own.py:Broken", horizon=6)
    assert {found.stem for found in path.parent.iterdir()} == {"drift", "mine"}
    assert len(json.loads(path.read_text())["forecasts"][0]["actual"]) == 6
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LmcompareError, match="forecasts is a link"):
        do("drift")


def test_forecasts_are_made_anew_where_dates_are_corrected(tmp_path: Path, table: dict[str, Any]) -> None:
    values = np.random.default_rng(7).standard_normal(100).round(4)
    past = values[:80]  # what precedes the test values
    dates = {12: np.datetime64("2020-01") + np.arange(100), 7: np.datetime64("2020-01-01") + np.arange(100)}
    table["forecast"] = {"origins": 2, "paths": 40}
    for season, times in dates.items():  # of months, and of days
        rows = [f"{time},{value}" for time, value in zip(times.astype("datetime64[D]"), values, strict=True)]
        (tmp_path / "table.csv").write_text("time,value\n" + "\n".join(rows) + "\n")
        run(against(table, "seasonal-naive"), tmp_path / "run", force=True)
        stored = json.loads((tmp_path / "run" / "forecasts" / "seasonal-naive.json").read_text())
        scale = np.abs(past[season:] - past[:-season]).mean()
        assert stored["forecasts"][0]["scale"] == pytest.approx(scale)


def test_a_forecaster_of_ones_own_is_run_and_one_that_fails_on_a_series_is_left_out(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    (tmp_path / "own.py").write_text(FORECASTERS)
    methods = [f"./own.py:{name}" for name in ("Mean", "Broken", "Short", "Infinite", "Needy", "Stating")]
    show, before = Watch(), set(sys.modules)
    run(against(table, *methods), tmp_path / "run", base=tmp_path, show=show)
    stored = {
        found["title"]: found["log_density"]
        for path in (tmp_path / "run" / "forecasts").glob("*.json")
        if (found := json.loads(path.read_text()))
    }
    assert stored.keys() == {"Mean", "Stating"}
    assert stored["Mean"] == [[], []]
    assert stored["Stating"][0] == [-2.0, -1.0] * 20
    assert stored["Stating"][1].index(None) == 31  # the value that is missing, ninth from the end
    left_out = [sentence for sentence in show.said if "left out" in sentence]
    assert len(left_out) == 4
    assert "fails on the series 'other'" in left_out[0]
    assert all("log_density must return an array of 40" in sentence for sentence in left_out[1:3])
    assert "no_such_package.inside" in left_out[3]
    new = set(sys.modules) - before
    assert not [name for name in new if name.startswith(FILE_MODULE + "own_")]  # its code has run elsewhere


@pytest.mark.parametrize(("code", "said"), [("class Mean: ...", "not a class"), ("import os; os._exit(3)", "code 3")])
def test_a_forecaster_that_is_none_is_refused_before_anything_is_trained(
    tmp_path: Path, table: dict[str, Any], code: str, said: str
) -> None:
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(PluginError, match=said):
        run(against(table, "./own.py:Mean"), tmp_path / "run", base=tmp_path)
    assert not list((tmp_path / "run" / "cells").rglob("cell.json"))


def test_words_are_no_values_and_values_no_words(tmp_path: Path, table: dict[str, Any]) -> None:
    with pytest.raises(LmcompareError, match="does not read"):
        run(parse({**table, "tokens": {"kind": "char"}}, "the test"), tmp_path / "run")
    words = {"tokens": {"kind": "quantiles"}, "corpus": {"source": "lee"}}
    with pytest.raises(LmcompareError, match="reads series of numbers"):
        run(parse({**table, **words}, "the test"), tmp_path / "run")
    for given in ({"prompts": ["1 2"]}, {"words": ["1"]}):
        with pytest.raises(LmcompareError, match="no prompts and no words"):
            parse({**table, "examples": given}, "the test")
    with pytest.raises(LmcompareError, match="the tokens bins, quantiles or sax"):
        overlaid(parse(table, "the test"), [("tokens.kind", "word")])
    with pytest.raises(LmcompareError, match="has learnt series of numbers"):
        lmcompare.load(series_run()).model("ngram")


def test_without_a_number_the_bins_are_chosen_on_the_validation_series(tmp_path: Path, table: dict[str, Any]) -> None:
    run(parse({**table, "tokens": {"kind": "quantiles"}}, "the test"), tmp_path / "run")
    (entry,) = load_run(tmp_path / "run").manifest.tokens.values()
    assert "chosen on the validation series" in entry.notes[0]


def test_from_python_series_are_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.harness.run.run_classics", lambda *_: None)  # they take seconds
    write_table(tmp_path / "table.csv")
    source = f"series:{tmp_path / 'table.csv'}#one"
    found = lmcompare.compare(source, ["unigram", "ngram"], out=tmp_path / "run", quiet=True)
    assert "forecasts" in found._repr_html_()


def test_the_trials_of_a_sweep_have_negative_bits_where_densities_are_high(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    rows = [line.split(",") for line in (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()]
    small = [f"{time},{float(one) / 1000:.7f}" for time, one, _ in rows[1:]]  # a density is 1,000 times higher
    (tmp_path / "table.csv").write_text("time,value\n" + "\n".join(small) + "\n", encoding="utf-8")
    table |= {"models": [{"plugin": "unigram"}, {"plugin": "ngram"}], "sweep": {"ngram": {"order": [1, 2]}}}
    assert not run(parse(table, "the test"), tmp_path / "run").failures
    (sweep,) = load_run(tmp_path / "run").sweeps
    assert all(trial.bits.max() < 0 for trial in sweep.trials)
    write_reports(tmp_path / "run")
