"""The report of a run on series: its finding, its fans, surprises, lags and times, and nothing of words."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lmcompare.analysis.forecasts import Figure, accuracies
from lmcompare.report.data import ReportData
from lmcompare.report.series import SeriesData, bands, headline, leaderboard, summary, time_of
from lmcompare.runfolder.run import load_run
from lmcompare.studies.forecasts.section import told
from tests.report.tree import parse
from tests.series_run import series_run


@pytest.mark.slow
def test_the_page_knows_series() -> None:
    folder = series_run()
    html = (folder / "report.html").read_text(encoding="utf-8")
    tree = parse(html)
    keys = {node.attributes["id"] for node in tree.all("section")}
    assert {"leaderboard", "forecasts", "along", "learning", "lags", "text", "truth", "reproduce"} <= keys
    assert not keys & {"story", "sentences", "prompts", "reader", "game", "pairs", "similar-words", "meaning", "live"}
    assert html.count('class="fan"') >= 3 * 5  # three bands for each of five methods
    assert "http://" not in html.replace("http://www.w3.org", "")
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    charts = {path.name for path in (folder / "charts").iterdir()}
    assert charts == set(re.findall(r"\(charts/([^)]+)\)", markdown))  # each drawing is there once


@pytest.mark.slow
def test_the_finding_names_the_best_and_the_other_kind() -> None:
    run = load_run(series_run())
    data = SeriesData(ReportData(run))
    assert "3 language models and 2 classical methods on 2 series" in summary(data).html.replace("\u00a0", " ")
    best = accuracies(run)[0].method
    assert data.spoken(best).lower() in headline(data).lower()
    markdown = (series_run() / "report.md").read_text()
    for one in accuracies(run):
        assert f"{one.crps.value:.2f}" in markdown


@pytest.mark.slow
def test_letters_have_no_density(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = SimpleNamespace(has_density=False, differs=True)
    monkeypatch.setattr(
        SeriesData, "_tokenizer", lambda _, method: letters if method.name == "ngram" else SimpleNamespace()
    )
    data = SeriesData(ReportData(load_run(series_run())))
    assert {one.method.name for one in data.accuracies} - {one.method.name for one in data.densities} == {"ngram"}
    assert {one.method.name for one in data.accuracies if data.reads_differences(one.method)} == {"ngram"}
    section = leaderboard(data)
    assert section is not None
    nats = {row[0].split()[0]: row[-2] for row in parse(str(section.html)).one("table").rows()}
    assert {name for name, cell in nats.items() if "per letter" in cell} == {"3-gram"}


@pytest.mark.slow
def test_bands_of_exact_forecasts_are_not_judged() -> None:
    data = SeriesData(ReportData(load_run(series_run())))
    first, *others = data.accuracies
    assert "nearly exactly" not in bands(data)
    data.accuracies = [replace(first, crps=Figure(0.001, 0.0, 0.002)), *others]
    assert "nearly exactly" in bands(data)


@pytest.mark.parametrize(
    ("start", "step", "place", "said"),
    [
        ("2000-01-01", "month", 13, "Feb 2001"),
        ("1959-01-01", "quarter", 3, "Q4 1959"),
        ("1700-01-01", "year", 300, "2000"),
        ("2024-01-01", "2 months", 2, "May 2024"),
        ("2024-01-05", "business day", 1, "2024-01-08"),
        ("2024-02-28", "day", 2, "2024-03-01"),
        ("2024-01-01", "week", 1, "2024-01-08"),
        ("2024-01-01T00:00:00", "hour", 25, "2024-01-02 01:00"),
        ("2024-01-01T00:00:00", "15 minutes", 5, "2024-01-01 01:15"),
        ("2024-01-01T10:00:00", "1 second", 65, "2024-01-01 10:01:05"),
    ],
)
def test_times_of_places_on_a_grid(start: str, step: str, place: int, said: str) -> None:
    assert time_of(start, step, place) == said


def test_lags_in_words() -> None:
    assert (
        told("the RNN", [0.5, 0.001, 0.2]).replace("\u00a0", " ")
        == "The RNN reads most at lags 1 (0.50 nats) and 3 (0.20 nats)."
    )
    assert "hardly" in told("the unigram", [0.0, 0.0])


@pytest.mark.slow
def test_a_method_is_better_than_all_others_only_if_it_is_surely_better_than_each() -> None:
    run = load_run(series_run())
    data = SeriesData(ReportData(run))
    best, *rest = data.accuracies

    def behind(low: float) -> Figure:
        return Figure(0.5, low, 1.0)

    data.accuracies = [best, *(replace(one, behind=behind(0.1)) for one in rest)]
    assert "better than every" in headline(data)
    others = [at for at, one in enumerate(rest) if one.method.classical != best.method.classical]
    data.accuracies[1 + others[-1]] = replace(rest[others[-1]], behind=behind(-0.1))
    said = headline(data)
    assert "not significantly ahead of" in said
    assert data.spoken(rest[others[-1]].method) in said
