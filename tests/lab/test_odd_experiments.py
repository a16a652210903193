"""An experiment that does what it must not is said in a sentence, and takes no other along."""

from __future__ import annotations

import json
import linecache
import shutil
import sys
from pathlib import Path

import pytest

from lmcompare.analysis.findings import read_findings
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.lab.folder import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import run_lab
from tests.lab.running import Said, plan, ran

pytestmark = pytest.mark.usefixtures("cells_here", "measured_here")

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
