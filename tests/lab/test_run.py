"""Experiments are run once, share their conditions, and fail alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcompare.analysis.contrasts import Contrast
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness import changes
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.progress import Display
from lmcompare.lab.bench import row_of
from lmcompare.lab.contract import Figures, Findings, Row
from lmcompare.lab.findings import read_findings, write_findings
from lmcompare.lab.folder import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import Outcome, run_lab
from lmcompare.runfolder.files import RunFolderError
from tests.lab.laboratory import ABOUT

pytestmark = pytest.mark.usefixtures("cells_here", "measured_here")


class Said(Display):
    """Keeps what is said, and the cells that were trained."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.trained: list[str] = []
        self.cells: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def plan(self, cells: list[str]) -> None:  # type: ignore[override]
        self.cells = list(cells)

    def event(self, cell: int, event: dict) -> None:  # type: ignore[override, type-arg]
        if event.get("event") == "stage" and event.get("stage") == "starting":
            self.trained.append(self.cells[cell])


def plan(text: Path, seeds: tuple[int, ...]) -> Experiment:
    made, _ = changes.started(None, "quick")
    made = made.replace("here", seeds=seeds, examples={"sentences": 0, "prompts": ()})
    made = changes.with_corpus(made, str(text), {"documents": "blank-line"})
    return changes.with_tokens(made, {"min_count": 1})


def ran(
    plugins: Path, text: Path, *names: str, seeds: tuple[int, ...] = (0, 1, 2), **options: bool
) -> tuple[Outcome, Said]:
    show = Said()
    outcome = run_lab(
        [f"{plugins}:{name}" for name in names], plan(text, seeds), text.parent / "lab", show, **options
    )
    return outcome, show


def test_a_planted_effect_is_found_and_no_other(plugins_file: Path, text: Path) -> None:
    outcome, show = ran(plugins_file, text, "Known")
    assert outcome.measured == ("Known",)
    assert not outcome.failures
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    costly, same = found.tables[0].rows
    assert costly.value is not None
    assert costly.low is not None
    assert costly.high is not None
    scores = found.tables[0]
    # half a bit per token, over the bytes of a token
    tokens, n_bytes = sizes(text.parent / "lab")
    assert costly.low <= 0.5 * tokens / n_bytes <= costly.high
    assert costly.found
    assert not same.found
    assert found.held is True
    assert (found.seeds, found.decides) == (3, True)
    assert scores.rows[0].saying == "Half a bit."
    assert any("9 trainings" in said.replace("\u00a0", " ") for said in show.said)


def sizes(lab: Path) -> tuple[int, int]:
    from lmcompare.runfolder.run import load_run

    run = load_run(lab / "run")
    (entry,) = run.manifest.tokens.values()
    return entry.tokens["test"], run.corpus.splits["test"].bytes


def test_one_training_of_each_condition_is_a_preview(plugins_file: Path, text: Path) -> None:
    ran(plugins_file, text, "Known", seeds=(0,))
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    assert (found.seeds, found.decides, found.held) == (1, False, None)
    page = write_page(text.parent / "lab", {}).read_text(encoding="utf-8")
    assert "no verdict" in page


def test_conditions_are_shared_and_findings_are_kept(plugins_file: Path, text: Path) -> None:
    _, first = ran(plugins_file, text, "Known", "Shares", seeds=(0,))
    assert sorted(first.trained) == ["base", "costly", "same"]
    path = path_of(text.parent / "lab", "Known")
    before = path.stat().st_mtime_ns
    _, again = ran(plugins_file, text, "Known", "Shares", seeds=(0,))
    assert again.trained == []
    assert path.stat().st_mtime_ns == before
    # another training is a reason to measure again, and only that is trained
    _, more = ran(plugins_file, text, "Shares", seeds=(0, 1))
    assert more.trained == ["base (seed 1)"]


def test_an_experiment_fails_alone(plugins_file: Path, text: Path) -> None:
    outcome, _ = ran(plugins_file, text, "Fails", "Raises", "Junk", "Shares", seeds=(0,))
    assert outcome.measured == ("Shares",)
    assert "no training today" in outcome.failures["Fails"]
    assert "nothing to divide" in outcome.failures["Raises"]
    assert "Findings" in outcome.failures["Junk"]
    page = write_page(text.parent / "lab", {}).read_text(encoding="utf-8")
    assert "A shared condition" in page


def test_what_an_experiment_lacks_is_said(plugins_file: Path, text: Path) -> None:
    outcome, _ = ran(plugins_file, text, "Lacks", "Shares", seeds=(0,))
    assert outcome.measured == ("Shares",)
    assert "nltk.downloader" in outcome.left_out["Lacks"]
    page = write_page(text.parent / "lab", outcome.left_out).read_text(encoding="utf-8")
    assert "nltk.downloader" in page
    with pytest.raises(LmcompareError, match="treebank"):
        ran(plugins_file, text, "Lacks", alone=True)


def test_two_conditions_of_one_name_are_refused(plugins_file: Path, text: Path) -> None:
    with pytest.raises(PluginError, match="'base'"):
        ran(plugins_file, text, "Known", "Confuses")
    with pytest.raises(PluginError, match="no experiment"):
        ran(plugins_file, text, "Planted")


def test_damaged_findings_are_named(plugins_file: Path, text: Path) -> None:
    ran(plugins_file, text, "Shares", seeds=(0,))
    path = path_of(text.parent / "lab", "Shares")
    table = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(table | {"seeds": "many"}), encoding="utf-8")
    with pytest.raises(RunFolderError, match="Shares"):
        read_findings(path)


def test_findings_have_numbers_that_can_be_stored(tmp_path: Path) -> None:
    row = Row("x", value=float("nan"))
    found = Findings(verdict="", held=None, tables=(Figures(title="t", rows=(row,), unit="bits"),))
    with pytest.raises(PluginError, match=r"rows\.0\.value"):
        write_findings(tmp_path / "x.json", found, {"name": "x", **ABOUT})
    contrast = Contrast("x", 1.0, *[float("nan")] * 2, 0.5, *[float("nan")] * 2, 1.0, 1.0)
    assert row_of(contrast) == Row("x", value=0.5, p_holm=1.0, figure=1.0)


def test_a_text_that_is_too_short_for_intervals(plugins_file: Path, text: Path) -> None:
    text.write_text("the cat sat on the mat\n\na dog ran\n\nthe dog sat\n\na cat ran\n", encoding="utf-8")
    ran(plugins_file, text, "Known", seeds=(0,))
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    assert any("too short" in remark for remark in found.remarks)
    assert all(row.low is None and row.value is not None and not row.found for row in found.tables[0].rows)
