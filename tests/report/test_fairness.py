"""How each model was trained, and whether they were trained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from lmcompare.analysis import Run
from lmcompare.report.data import ReportData
from lmcompare.report.sections import fairness
from lmcompare.studies.learning import section as learning
from tests.analysis.tiny import bits, tiny_run

READ = {"much": 2_040_000.0, "little": 1_000_000.0, "least": 800.0}


@pytest.mark.slow
def test_how_each_model_was_trained(tmp_path: Path) -> None:
    given = {"batch": 16, "length": 64, "optimiser": "muon", "learning_rate": 0.010}
    cells: dict[str, dict[str, Any]] = {"a": {"hyperparameters": given}, "b": {"hyperparameters": None}}
    data = ReportData(tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2, 1)}, documents=[[10]] * 40, cells=cells))
    a, b = (fairness.settings(data, data.by_name[name]) for name in "ab")
    assert a[3:] == ["16 × 64", "muon", "0.01"]
    assert b == ["–"] * 6
    assert fairness.trainings(data) == [], "none is trained in steps"


@pytest.mark.slow
def test_what_a_network_read(run: Run) -> None:
    data = ReportData(run)
    found = {one.model.name: one.said for one in fairness.trainings(data)}
    row = next(row for row in data.rows if row.name == "transformer")
    said = dict(zip(fairness.HEADINGS, found["transformer"], strict=True))
    model = data.by_name["transformer"]
    last = model.cell.curve.iloc[-1]
    text = run.manifest.tokens[model.entry.tokens_fingerprint].tokens["train"]
    assert float(said["Steps"].replace(",", "")) == last["step"]
    assert float(said["Times through the text"]) == pytest.approx(last["tokens"] / text, abs=0.05)
    assert said["Uses context across sentences"] == ("no" if row.perplexity == row.perplexity_reset else "yes")
    assert "leaky" not in found, "it is not ranked"


@pytest.mark.parametrize(
    ("read", "seconds", "leading", "said"),
    [
        ({}, {}, (), "All models were scored on the same test text."),
        (READ, dict.fromkeys(READ, 61.0), (), "trained for about the same time, but read unequal amounts"),
        (READ, {"much": 60.0, "little": 60.2, "least": 1.0}, ("much", "little"), "the two best were trained for"),
        (READ, {"much": 60.0, "little": 7.0, "least": 1.0}, ("much", "little"), "not trained alike. "),
        (READ, {"much": 60.0}, (), "not trained alike. "),
    ],
)
def test_what_was_equal(
    read: dict[str, float], seconds: dict[str, float], leading: tuple[str, ...], said: str
) -> None:
    found = fairness.in_brief(read, seconds, leading)
    assert said in found
    assert ("--match" in found) == bool(read)


def test_trainings_that_had_one_limit_were_made_equal() -> None:
    found = fairness.in_brief(READ, dict.fromkeys(READ, 61.0), ("much", "little"), "All read a page.")
    assert found == "All models were scored on the same test text. All read a page."
    assert fairness.in_brief({}, {}, (), "All read a page.") == "All models were scored on the same test text."


@pytest.mark.slow
def test_tokens_of_vectors_that_were_learnt_before_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ReportData(run)
    (one,) = [each for each in fairness.trainings(data) if each.model.name == "transformer"]
    last = one.model.cell.curve.iloc[-1]
    each = int(last["tokens"] / last["step"])
    given = cast("dict[str, Any]", one.model.cell.info)
    monkeypatch.setitem(given, "hyperparameters", {"batch": 1, "length": each})
    assert fairness.pretrained_vectors([one]) == ""
    monkeypatch.setitem(given, "hyperparameters", {"batch": 1, "length": each // 3})  # two thirds were read before
    said = fairness.pretrained_vectors([one])
    assert said.startswith("The tokens read include those that were read first")
    assert said.endswith(f"tokens of {data.spoken('transformer')}.")


@pytest.mark.slow
def test_curves_lead_to_the_table_of_trainings_where_there_is_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def linked() -> bool:
        section = learning.build(ReportData(run))
        assert section is not None
        return "#trained" in section.html

    assert linked()
    monkeypatch.setattr(fairness, "trainings", lambda _: [])  # as where no curve tells the tokens
    assert not linked()
