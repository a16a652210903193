"""Which model to take: limits are set by sliders, typed, or in the address; the answer is the best model within."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lmcompare.analysis import Run
from lmcompare.render import numbers
from lmcompare.report.data import ReportData
from lmcompare.studies.cost import choice
from tests.report.browser import complaints, reopened, visit

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_page_has_the_costs_of_each_model(run: Run) -> None:
    data = ReportData(run)
    found = re.search(r"choice-data\">(.*?)</script>", choice.build(data))
    assert found is not None
    given = json.loads(found[1])
    (models,) = given["amounts"]
    rows = {row["name"]: row for row in data.results["models"]}
    assert [model["bits"] for model in models] == sorted(rows[m.name]["bits_per_byte"] for m, _ in data.ranking)
    for key in given["exceeds"]:
        costs = sorted(rows[m.name][key] for m, _ in data.ranking)
        assert sorted(model["costs"][key] for model in models) == [[c, choice.LIMITS[key][0](c)] for c in costs]


@pytest.mark.slow
def test_accuracies_are_told_where_all_models_have_the_same_tokens(run: Run) -> None:
    data = ReportData(run)
    (rows,) = choice._amounts(data).values()
    for model, row in rows:
        assert choice._candidate(model, row, (), True)["top5"] == numbers.percent(row["top5_accuracy"])
        assert choice._candidate(model, row, (), False)["top5"] == ""


@pytest.mark.slow
def test_what_was_not_tried_is_named_with_known_figures_of_the_same_text(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ReportData(run)
    known = json.loads(choice.KNOWN.read_text(encoding="utf-8"))
    said = choice._untried(data)
    assert f"did not try {28 - len({'unigram', 'ngram', 'word2vec-bow', 'rnn-attention', 'transformer'})}" in said
    assert "pointer" not in said
    monkeypatch.setattr(Run, "corpus_fingerprint", known["text"])
    said = choice._untried(data)
    assert "LSTM with a pointer 1.847" in said
    assert "ransformer" not in said  # it was tried


def test_known_figures_are_those_of_the_stored_history() -> None:
    known = json.loads(choice.KNOWN.read_text(encoding="utf-8"))
    stored = json.loads((ROOT / "reports" / "history" / "results.json").read_text(encoding="utf-8"))
    assert known["text"] == stored["corpus_fingerprint"]
    figures = [(each["plugin"], round(each["bits_per_byte"], 4)) for each in stored["models"]]
    assert [(each["plugin"], each["bits_per_byte"]) for each in known["models"]] == sorted(
        figures, key=lambda f: f[1]
    )


@pytest.mark.slow
def test_there_is_nothing_to_choose_where_costs_cannot_be_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "one_machine", False)
    assert choice.build(ReportData(run)) == ""


@pytest.mark.slow
def test_the_answer_is_the_best_model_within_the_limits(report: Page, run: Run) -> None:
    page, ranking = report, [row for _, row in ReportData(run).ranking]
    answer, slider = page.locator(".choice-answer"), page.locator(".choice [type=range][name=model_bytes]")
    everything = answer.inner_text()
    ranked = [(row, row.model_bytes) for row in ranking if row.model_bytes is not None]
    (best, size), *others = ranked
    assert numbers.bits_per_byte(best.bits_per_byte) in everything
    sizes = sorted({each for _, each in ranked})
    stop = sum(1.005 * each < size for each in sizes) - 1  # costs are shown with three digits
    within = [row for row, each in others if each <= 1.005 * sizes[stop]]
    slider.fill(str(stop))
    expect(answer).to_contain_text(numbers.size(size))  # what the best one would cost
    first, second = answer.inner_text().split(". ", 1)
    assert numbers.bits_per_byte(within[0].bits_per_byte) in first
    assert numbers.bits_per_byte(best.bits_per_byte) in second  # and what it would cost
    assert numbers.size(size) in second
    assert "five most likely" not in second  # tokens differ, and so does what is to be guessed
    to_the_end = "e => { e.value = e.max; e.dispatchEvent(new Event('input')); }"
    slider.evaluate(to_the_end)
    expect(answer).to_have_text(everything)

    # a limit may be typed, and is in the address
    typed = page.locator(".choice [type=text][name=processor_seconds]")
    times = [
        (row.processor_seconds, numbers.bits_per_byte(row.bits_per_byte)) for row in ranking if row.processor_seconds
    ]
    for said, seconds in (("2 s", 2.0), ("0,5 min", 30.0), ("1 min 3 s", 63.0), ("1500 ms", 1.5), ("7", 7.0)):
        typed.fill(said)
        bits = next((bits for time, bits in times if time <= seconds), "No model is within")
        expect(answer).to_contain_text(bits)
        expect(typed).to_have_attribute("aria-invalid", "false")
        assert f"processor_seconds={seconds:g}" in page.url
        allowed = len({time for time, _ in times if time <= seconds})
        expect(page.locator(".choice [type=range][name=processor_seconds]")).to_have_value(str(max(0, allowed - 1)))
    before = answer.inner_text()
    typed.fill("soon")
    expect(typed).to_have_attribute("aria-invalid", "true")
    expect(answer).to_contain_text("“soon” is not an amount")
    slider.fill("0")
    expect(answer).to_contain_text("“soon” is not an amount")  # its limit is not in force, whatever else is asked
    slider.evaluate(to_the_end)
    reopened(page)
    expect(answer).to_have_text(before)
    expect(typed).to_have_value("7 s")
    typed.fill("")
    expect(answer).to_have_text(everything)
    assert not complaints(page)


@pytest.mark.slow
def test_a_limit_is_compared_as_it_is_shown_and_a_network_ahead_of_it_is_named(
    folder: Path, tmp_path: Path, browser: Browser
) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    found = re.search(r"choice-data\">(.*?)</script>", page)
    assert found is not None
    given = json.loads(found[1])
    table, network, *_ = given["amounts"][0]
    table |= {"name": "the table", "bits": 2.0, "said": "2.000"}
    network |= {"name": "the network", "bits": 1.9, "said": "1.900"}
    table["costs"]["processor_seconds"], network["costs"]["processor_seconds"] = (
        [0.1871, "187 ms"],
        [141.14, "2 min 21 s"],
    )
    changed = json.dumps(
        {
            "threads": 2,
            "amounts": [[network, table]],
            "exceeds": given["exceeds"],
            "ahead": {"the network": 30.1},
            "falling": ["the network"],
        }
    )
    (tmp_path / "report.html").write_text(page.replace(found[1], changed), encoding="utf-8")
    shown = visit(browser, tmp_path / "report.html")
    answer, typed = shown.locator(".choice-answer"), shown.locator(".choice [type=text][name=processor_seconds]")
    typed.fill("2 min 21 s")  # of 141.14 seconds
    expect(answer).to_contain_text("The network: 1.900")
    typed.fill("187 ms")
    expect(answer).to_contain_text("The table: 2.000")
    expect(answer).not_to_contain_text("--match")
    typed.fill("24 s")
    expect(answer).not_to_contain_text("--match")
    for limit in (26, 31):  # shortly before it would be ahead, had it been stopped, and when it would be
        typed.fill(f"{limit} s")
        expect(answer).to_contain_text(f"--match seconds={limit // 2}")
    for long, seconds in (("30 minutes", 1800), ("1 hour", 3600), ("2 days", 172_800)):  # time is left
        typed.fill(long)
        expect(answer).to_contain_text(f"was still falling: --match seconds={seconds // 2} ")
    typed.fill("3 min")
    expect(answer).not_to_contain_text("--match")
