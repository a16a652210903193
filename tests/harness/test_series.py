"""A run on series: densities by brute force, forecasts, classical methods, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import lmcompare
from lmcompare import plugins
from lmcompare.corpora.series.values import line_of
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.changes import with_tokens
from lmcompare.harness.experiment import parse
from lmcompare.harness.progress import Display
from lmcompare.harness.run import run
from lmcompare.registry import FILE_MODULE
from lmcompare.report.build import write_reports
from lmcompare.runfolder.run import load_run
from lmcompare.runfolder.states import load_state
from lmcompare.tokens.values import ValueTokenizer
from tests.series_run import HORIZON, experiment, series_run, write_table

pytestmark = pytest.mark.usefixtures("cells_here")

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


class Said(Display):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


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
        examples = json.loads((folder / "cells" / name / "0" / "examples.json").read_text())
        places.add(tuple((one["document"], one["at"]) for one in examples["forecasts"]))
        assert all(len(one["actual"]) == HORIZON for one in examples["forecasts"])
        assert (max(examples["lags"]) > 0.01) == (name != "unigram")
    for name in ("seasonal-naive", "drift"):
        stored = json.loads((folder / "forecasts" / f"{name}.json").read_text())
        places.add(tuple((one["document"], one["at"]) for one in stored["forecasts"]))
        assert [len(one) for one in stored["log_density"]] == [40, 40]
        assert stored["log_density"][1].count(None) == 1
    assert len(places) == 1  # all at the same origins
    assert len(places.pop()) == 8


def test_the_season_is_found_by_the_lags_of_the_trigram() -> None:
    lags = json.loads((series_run() / "cells" / "ngram" / "0" / "examples.json").read_text())["lags"]
    assert max(lags[2:]) == 0  # a trigram reads two steps
    assert min(lags[:2]) > 0.01


def test_what_is_finished_is_not_made_again(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    table = experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}])
    run(parse(table, "the test"), tmp_path / "run")
    path = tmp_path / "run" / "forecasts" / "drift.json"
    before = path.stat().st_mtime_ns
    run(parse(table, "the test"), tmp_path / "run")
    assert path.stat().st_mtime_ns == before
    longer = experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}])
    longer["forecast"] = {**longer["forecast"], "horizon": 6}  # type: ignore[dict-item]
    run(parse(longer, "the test"), tmp_path / "run")
    assert len(json.loads(path.read_text())["forecasts"][0]["actual"]) == 6


def test_forecasts_are_made_anew_where_dates_are_corrected(tmp_path: Path) -> None:
    values = np.random.default_rng(7).standard_normal(100).round(4)
    past = values[:80]  # what precedes the test values
    dates = {12: np.datetime64("2020-01") + np.arange(100), 7: np.datetime64("2020-01-01") + np.arange(100)}
    forecast = {"origins": 2, "paths": 40, "against": ["seasonal-naive"]}
    table = experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}], forecast=forecast)
    for season, times in dates.items():  # of months, and of days
        rows = [f"{time},{value}" for time, value in zip(times.astype("datetime64[D]"), values, strict=True)]
        (tmp_path / "table.csv").write_text("time,value\n" + "\n".join(rows) + "\n")
        run(parse(table, "the test"), tmp_path / "run", force=True)
        stored = json.loads((tmp_path / "run" / "forecasts" / "seasonal-naive.json").read_text())
        scale = np.abs(past[season:] - past[:-season]).mean()
        assert stored["forecasts"][0]["scale"] == pytest.approx(scale)


def test_forecasts_of_other_methods_and_with_other_options_are_removed(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    table = experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}])
    run(parse(table, "the test"), tmp_path / "run")
    assert {path.stem for path in (tmp_path / "run" / "forecasts").iterdir()} == {"drift", "seasonal-naive"}
    (tmp_path / "own.py").write_text(FORECASTERS)
    changed = {"horizon": 6, "against": ["drift", "./own.py:Broken"]}
    table["forecast"] = {**table["forecast"], **changed}  # type: ignore[dict-item]
    run(parse(table, "the test"), tmp_path / "run", base=tmp_path)
    (stored,) = (tmp_path / "run" / "forecasts").iterdir()
    assert stored.stem == "drift"


def test_other_files_beside_forecasts_are_left_and_links_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    table = parse(experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}]), "the test")
    run(table, tmp_path / "run")
    forecasts = tmp_path / "run" / "forecasts"
    (forecasts / "mine.json").write_text("{}")
    run(table, tmp_path / "run")
    assert (forecasts / "mine.json").read_text() == "{}"
    forecasts.rename(tmp_path / "elsewhere")
    forecasts.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LmcompareError, match="forecasts is a link"):
        run(table, tmp_path / "run")


def test_a_forecaster_of_ones_own_is_run_and_one_that_fails_on_a_series_is_left_out(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    (tmp_path / "own.py").write_text(FORECASTERS)
    against = [f"./own.py:{name}" for name in ("Mean", "Broken", "Short", "Infinite", "Needy", "Stating")]
    table = experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}])
    table["forecast"] = {**table["forecast"], "against": against}  # type: ignore[dict-item]
    show = Said()
    before = set(sys.modules)
    run(parse(table, "the test"), tmp_path / "run", base=tmp_path, show=show)
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
    assert "no_such_package.inside (install it)" in left_out[3]
    new = set(sys.modules) - before
    assert not [name for name in new if name.startswith(FILE_MODULE + "own_")]  # its code has run elsewhere


@pytest.mark.parametrize(("code", "said"), [("class Mean: ...", "not a class"), ("import os; os._exit(3)", "code 3")])
def test_a_forecaster_that_is_none_is_refused_before_anything_is_trained(
    tmp_path: Path, code: str, said: str
) -> None:
    write_table(tmp_path / "table.csv")
    (tmp_path / "own.py").write_text(code)
    table = experiment(tmp_path / "table.csv", models=[{"plugin": "unigram"}])
    table["forecast"] = {**table["forecast"], "against": ["./own.py:Mean"]}  # type: ignore[dict-item]
    with pytest.raises(PluginError, match=said):
        run(parse(table, "the test"), tmp_path / "run", base=tmp_path)
    assert not list((tmp_path / "run" / "cells").rglob("cell.json"))


@pytest.mark.parametrize(
    ("tokens", "source", "said"),
    [("char", "series:TABLE", "does not read"), ("quantiles", "lee", "reads series of numbers")],
)
def test_words_are_no_values_and_values_no_words(tmp_path: Path, tokens: str, source: str, said: str) -> None:
    write_table(tmp_path / "table.csv")
    table = experiment(tmp_path / "table.csv", tokens={"kind": tokens})
    table["corpus"] = {"source": source.replace("TABLE", str(tmp_path / "table.csv"))}
    with pytest.raises(LmcompareError, match=said):
        run(parse(table, "the test"), tmp_path / "run")


def test_a_series_has_no_prompts_and_is_not_cut_into_words(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    for given in ({"prompts": ["1 2"]}, {"words": ["1"]}):
        table = experiment(tmp_path / "table.csv", examples=given)
        with pytest.raises(LmcompareError, match="no prompts and no words"):
            parse(table, "the test")
    with pytest.raises(LmcompareError, match="--tokens bins, quantiles or sax"):
        with_tokens(parse(experiment(tmp_path / "table.csv"), "the test"), {"kind": "word"})


def test_without_a_number_the_bins_are_chosen_on_the_validation_series(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    table = experiment(tmp_path / "table.csv", tokens={"kind": "quantiles"}, models=[{"plugin": "unigram"}])
    run(parse(table, "the test"), tmp_path / "run")
    (entry,) = load_run(tmp_path / "run").manifest.tokens.values()
    assert "chosen on the validation series" in entry.notes[0]


def test_a_model_of_series_scores_no_text() -> None:
    with pytest.raises(LmcompareError, match="has learnt series of numbers"):
        lmcompare.load(series_run()).model("ngram")


def test_from_python_series_have_small_models(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    found = lmcompare.compare(
        f"series:{tmp_path / 'table.csv'}#one", ["unigram", "ngram"], out=tmp_path / "run", quiet=True
    )
    assert "forecasts" in found._repr_html_()


def test_the_trials_of_a_sweep_have_negative_bits_where_densities_are_high(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv")
    rows = [line.split(",") for line in (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()]
    small = [f"{time},{float(one) / 1000:.7f}" for time, one, _ in rows[1:]]  # a density is 1,000 times higher
    (tmp_path / "small.csv").write_text("time,value\n" + "\n".join(small) + "\n", encoding="utf-8")
    models = [{"plugin": "unigram"}, {"plugin": "ngram"}]
    table = experiment(tmp_path / "small.csv", models=models, sweep={"ngram": {"order": [1, 2]}})
    outcome = run(parse(table, "the test"), tmp_path / "run")
    assert not outcome.failures
    (sweep,) = load_run(tmp_path / "run").sweeps
    assert all(trial.bits.max() < 0 for trial in sweep.trials)
    write_reports(tmp_path / "run")
