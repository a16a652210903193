"""Experiments are run once, share their conditions, and fail alone."""

from __future__ import annotations

import json
import linecache
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis.contrasts import Contrast
from lmcompare.analysis.findings import digest_of, read_findings
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness import changes
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.progress import Display
from lmcompare.lab.bench import row_of
from lmcompare.lab.contract import Figures, Findings, Row
from lmcompare.lab.findings import write_findings
from lmcompare.lab.folder import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import Outcome, run_lab
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.run import load_run
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

    def plan(self, cells: Sequence[str]) -> int:
        self.cells += cells
        return len(self.cells) - len(cells)

    def event(self, cell: int, event: dict) -> None:  # type: ignore[override, type-arg]
        if event.get("event") == "stage" and event.get("stage") == "starting":
            self.trained.append(self.cells[cell])


def plan(text: Path, seeds: tuple[int, ...]) -> Experiment:
    made, _ = changes.started(None, "quick")
    made = made.replace("here", seeds=seeds, examples={"sentences": 0, "prompts": ()})
    made = changes.with_corpus(made, str(text), {"documents": "blank-line"})
    return changes.with_tokens(made, {"min_count": 1})


def ran(
    plugins: Path, text: Path, *names: str, seeds: tuple[int, ...] = (0, 1, 2), **options: Any
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
    assert found.text == load_run(text.parent / "lab" / "run").corpus_fingerprint
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
    with pytest.raises(LmcompareError, match="no experiment"):
        ran(plugins_file, text, "Planted")


def test_damaged_findings_are_named(plugins_file: Path, text: Path) -> None:
    ran(plugins_file, text, "Shares", seeds=(0,))
    path = path_of(text.parent / "lab", "Shares")
    table = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(table | {"seeds": "many"}), encoding="utf-8")
    with pytest.raises(RunFolderError, match="Shares"):
        read_findings(path)
    odd = table | {"tables": 5}
    path.write_text(json.dumps(odd | {"checksum": digest_of(odd)}), encoding="utf-8")
    with pytest.raises(RunFolderError, match="Shares"):
        read_findings(path)


def test_findings_have_numbers_that_can_be_stored(tmp_path: Path) -> None:
    row = Row("x", value=float("nan"))
    found = Findings(verdict="", tables=(Figures(title="t", rows=(row,), unit="bits"),))
    with pytest.raises(PluginError, match=r"rows\.0\.value"):
        write_findings(tmp_path / "x.json", found, {"name": "x", **ABOUT})
    odd: list[dict[str, Any]] = [{"tables": None}, {"tables": ({},)}, {"exhibits": 5}, {"remarks": "abc"}]
    odd += [{"tables": (Figures("t", rows=[1], unit=""),)}]  # type: ignore[arg-type]
    for fields in odd:
        with pytest.raises(PluginError, match="must be a tuple of"):
            write_findings(tmp_path / "x.json", Findings("", **fields), {"name": "x", **ABOUT})
    for claims in ("It is.", {"It is.": "yes"}, {5: True}):
        with pytest.raises(PluginError, match="must map texts to"):
            write_findings(tmp_path / "x.json", Findings("", claims), {"name": "x", **ABOUT})  # type: ignore[arg-type]
    many = Findings(verdict="", tables=(Figures("t", (), ""),) * 501)
    with pytest.raises(PluginError, match="more than 500"):
        write_findings(tmp_path / "x.json", many, {"name": "x", **ABOUT})
    beyond = Findings(verdict="", tables=(Figures("t", (Row("x", value="1e300"),), ""),))  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"beyond 1e\+12"):
        write_findings(tmp_path / "x.json", beyond, {"name": "x", **ABOUT})
    contrast = Contrast("x", 1.0, 0.5, float("nan"), float("nan"), 1.0, 1.0)
    assert row_of(contrast) == Row("x", value=0.5, p_holm=1.0, figure=1.0)


def test_numbers_of_numpy_are_stored(tmp_path: Path) -> None:
    row: Any = Row("x", value=np.float32(0.5), low=np.int64(0), high=np.float64(1), p_holm=np.float16(0.25))  # type: ignore[arg-type]
    write_findings(tmp_path / "x.json", Findings("", tables=(Figures("t", (row,), ""),)), {"name": "x", **ABOUT})
    found = read_findings(tmp_path / "x.json")
    assert found is not None
    assert found.tables[0].rows == (Row("x", value=0.5, low=0.0, high=1.0, p_holm=0.25),)


def test_a_text_that_is_too_short_for_intervals(plugins_file: Path, text: Path) -> None:
    text.write_text("the cat sat on the mat\n\na dog ran\n\nthe dog sat\n\na cat ran\n", encoding="utf-8")
    ran(plugins_file, text, "Known", seeds=(0,))
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    assert any("too short" in remark for remark in found.remarks)
    assert all(row.low is None and row.value is not None and not row.found for row in found.tables[0].rows)


ODD = """
from lmcompare.lab import Condition, Findings, LabExperiment, Figures, Row
import helper

BASE = Condition("base", "unigram")


class Fine(LabExperiment):
    title, question, prediction = "Fine", "What is it?", "Something."

    def conditions(self):
        return (BASE,)

    def measure(self, bench):
        print("\\x1b[31m what it prints")
        bench.share(-1)
        return Findings(verdict=helper.SAID)


class Raises(Fine):
    def conditions(self):
        raise ZeroDivisionError("nothing to divide")


class NoTuple(Fine):
    def conditions(self):
        return "base"


class Nothing(Fine):
    def conditions(self):
        return ()


class OddName(Fine):
    def conditions(self):
        return (Condition("base", "unigram", {"name": "other"}),)


class NoName(Fine):
    def conditions(self):
        return (Condition("", "unigram"),)


class OddSettings(Fine):
    def conditions(self):
        return (Condition("base", "unigram", 5),)


class NoNumber(Fine):
    def conditions(self):
        return (Condition("base", "ngram", {"order": float("nan")}),)


class Ends(Fine):
    def __init__(self):
        raise SystemExit(0)


class Asks(Fine):
    def __init__(self, what):
        pass


class LacksNumber(Fine):
    def lacks(self):
        return 5


class TwoLines(Fine):
    question = "What?\\nWhy?"


class Other(Fine):
    def measure(self, bench):
        return bench.model(Condition("another", "unigram"))


class Blocks(Fine):
    def measure(self, bench):
        findings = bench.run.path.parent / "findings"
        findings.rename(findings.with_name("other"))
        findings.write_text("mine")
        return super().measure(bench)


class Moves(Fine):
    def measure(self, bench):
        lab = bench.run.path.parent
        lab.rename(lab.with_name("moved"))
        (lab / "findings").mkdir(parents=True)
        (lab / "findings" / "Moves.log").write_text("mine")
        return super().measure(bench)


class RemovesRun(Fine):
    def measure(self, bench):
        import shutil
        shutil.rmtree(bench.run.path)
        return super().measure(bench)


class Huge(Fine):
    def measure(self, bench):
        rows = (Row("a", value=1.0, low=-1e308, high=1e308), Row("b", value=1.0, low=0.0, high=2.0))
        return Findings(verdict="", tables=(Figures(title="t", rows=rows, unit="bits"),))


class Long(Fine):
    def measure(self, bench):
        return Findings(verdict="x" * 10**6)
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    helper = tmp_path / f"{tmp_path.name.replace('-', '_')}_helper.py"  # which no other test has imported
    helper.write_text("SAID = 'as it was'\n", encoding="utf-8")
    path = tmp_path / "odd.py"
    code = ODD.replace("import helper", f"import {helper.stem} as helper")
    path.write_text(code.replace("\\\\", "\\"), encoding="utf-8")
    return path


def test_findings_that_cannot_be_written_are_said(odd: Path, text: Path) -> None:
    outcome, _ = ran(odd, text, "Blocks", "Fine", seeds=(0,))
    assert set(outcome.failures) == {"Blocks", "Fine"}
    assert all("findings" in failure for failure in outcome.failures.values())
    assert (text.parent / "lab" / "findings").read_text() == "mine"


def test_a_laboratory_that_is_moved_leaves_what_is_put_in_its_place(odd: Path, text: Path) -> None:
    outcome, _ = ran(odd, text, "Moves", seeds=(0,))
    assert "was moved, replaced or removed" in outcome.failures["Moves"]
    lab = text.parent / "lab"
    assert [path.name for path in lab.rglob("*")] == ["findings", "Moves.log"]
    assert (lab / "findings" / "Moves.log").read_text() == "mine"


def test_the_models_of_a_laboratory_are_not_removed_unnoticed(odd: Path, text: Path) -> None:
    outcome, _ = ran(odd, text, "RemovesRun", seeds=(0,))
    assert f"{text.parent / 'lab' / 'run'} was moved, replaced or removed" in outcome.failures["RemovesRun"]
    assert not path_of(text.parent / "lab", "RemovesRun").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(("Raises", "nothing to divide"), ("NoTuple", "Condition"), ("Nothing", "no condition")),
        *(("OddName", "'name'"), ("OddSettings", "settings"), ("Ends", "SystemExit"), ("Asks", "what")),
        *(("LacksNumber", "lacks"), ("TwoLines", "question"), ("Other", "another"), ("Huge", "1e+12")),
        *(("Long", "5,000"), ("Lost", "Lost"), ("NoName", "no name"), ("NoNumber", "finite number")),
    ],
)
def test_an_odd_experiment_is_said_and_takes_no_other_along(odd: Path, text: Path, name: str, said: str) -> None:
    outcome, _ = ran(odd, text, name, "Fine", seeds=(0,))
    assert outcome.measured == ("Fine",)
    assert said in outcome.failures[name]
    assert "\n" not in outcome.failures[name]
    page = write_page(text.parent / "lab", {}, outcome.failures).read_text(encoding="utf-8")
    assert "as it was" in page
    assert f"“{name}” failed" in page


def test_code_that_an_experiment_imports_is_a_reason_to_measure_again(odd: Path, text: Path) -> None:
    ran(odd, text, "Fine", seeds=(0,))
    (helper,) = odd.parent.glob("*_helper.py")
    helper.write_text("SAID = 'as it is'\n", encoding="utf-8")
    for module in [name for name in sys.modules if name == helper.stem or "odd" in name.split("_")]:
        del sys.modules[module]  # as in another process
    linecache.clearcache()
    ran(odd, text, "Fine", seeds=(0,))
    found = read_findings(path_of(text.parent / "lab", "Fine"))
    assert found is not None
    assert found.verdict == "as it is"


def test_findings_that_were_changed_are_made_again(odd: Path, text: Path) -> None:
    ran(odd, text, "Fine", seeds=(0,))
    path = path_of(text.parent / "lab", "Fine")
    table = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(table | {"verdict": "9.9 bits", "decides": True}), encoding="utf-8")
    page = write_page(text.parent / "lab", {}).read_text(encoding="utf-8")
    assert "9.9 bits" not in page
    _, show = ran(odd, text, "Fine", seeds=(0,))
    assert any("not as it was written" in said for said in show.said)
    found = read_findings(path)
    assert found is not None
    assert found.verdict == "as it was"


def test_an_older_finding_is_shown_as_that(odd: Path, text: Path) -> None:
    ran(odd, text, "Fine", seeds=(0,))
    page = write_page(text.parent / "lab", {}, {"Fine": "no luck today"}).read_text(encoding="utf-8")
    assert "by an earlier run" in page
    assert page.count("no luck today") == 2


def test_two_experiments_of_one_name_are_refused(odd: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "odd.py").write_text(odd.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(PluginError, match="'Fine'"):
        run_lab([f"{odd}:Fine", f"{tmp_path / 'more' / 'odd.py'}:Fine"], plan(text, (0,)), tmp_path / "lab", Said())


@pytest.mark.parametrize(("name", "folder"), [("findings", False), ("lab.html", True), ("charts", False)])
def test_what_is_in_the_way_is_named(odd: Path, text: Path, name: str, folder: bool) -> None:
    ran(odd, text, "Fine", seeds=(0,))
    place = text.parent / "lab" / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    if folder:
        place.mkdir()
    else:
        place.write_text("mine", encoding="utf-8")
    with pytest.raises(LmcompareError, match=f"{name} is a .* in the way"):
        ran(odd, text, "Fine", seeds=(0,))
