"""Experiments are run once, share their conditions, and fail alone."""

from __future__ import annotations

import json
import linecache
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from lmcompare.analysis.findings import StoredFindings, digest_of, findings_in, read_findings
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.overlay import overlaid
from lmcompare.lab.findings import path_of
from lmcompare.lab.page import write_page
from lmcompare.lab.run import Outcome, run_lab
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.run import load_run
from tests.lab.conftest import write_plugins, write_text
from tests.lab.running import Said, all_here, plan, ran

pytestmark = pytest.mark.slow


@dataclass
class Lab:
    """A laboratory, and how it came about."""

    plugins: Path
    text: Path
    folder: Path
    outcome: Outcome
    show: Said

    def again(self, *names: str, seeds: tuple[int, ...] = (0, 1, 2)) -> tuple[Outcome, Said]:
        return ran(self.plugins, self.text, self.folder, *names, seeds=seeds)

    def found(self, name: str) -> StoredFindings:
        found = read_findings(path_of(self.folder, name))
        assert found is not None
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cells_here: None) -> Lab:
    place = tmp_path_factory.mktemp("laboratory")
    plugins, text, folder = write_plugins(place), write_text(place), place / "lab"
    names = ("Known", "Shares", "Fails", "Raises", "Lacks", "Lost")
    with all_here():
        return Lab(plugins, text, folder, *ran(plugins, text, folder, *names))


@pytest.fixture
def lab(made: Lab, tmp_path: Path, measured_here: None) -> Lab:
    """A copy, to go on with."""
    return replace(made, folder=Path(shutil.copytree(made.folder, tmp_path / "lab")))


def test_a_planted_effect_is_found_and_no_other(made: Lab) -> None:
    found = made.found("Known")
    costly, same = found.tables[0].rows
    run = load_run(made.folder / "run")
    (entry,) = run.manifest.tokens.values()
    # half a bit per token, over the bytes of a token
    amount = 0.5 * entry.tokens["test"] / run.corpus.splits["test"].bytes
    assert costly.low is not None
    assert costly.high is not None
    assert costly.low <= amount <= costly.high
    assert (costly.found, same.found) == (True, False)
    assert costly.saying == "Half a bit."
    assert (found.seeds, found.decides, found.held, found.claims) == (3, True, True, (("It is found.", True),))
    assert (found.title, found.text) == ("A planted effect", run.corpus_fingerprint)
    assert 0 < found.train_seconds < 100
    assert 0 < found.measure_seconds < 100


def test_conditions_are_shared_and_an_experiment_fails_alone(made: Lab) -> None:
    outcome, show = made.outcome, made.show
    names = ("base", "costly", "same", "broken")
    assert sorted(show.trained) == sorted(f"{name} (seed {seed})" for name in names for seed in range(3))
    assert any("12 trainings, and" in said and "Known, Shares" in said for said in show.said)
    assert (min(show.shares), max(show.shares)) == (0, 1)  # whatever an experiment tells
    assert outcome.measured == ("Known", "Shares")
    assert [*outcome.left_out] == ["Lacks"]
    said = {"Fails": "no training today", "Raises": "nothing to divide", "Lost": "known.py"}
    assert outcome.failures.keys() == said.keys()
    assert all(part in outcome.failures[name] for name, part in said.items())
    assert not any("\n" in failure for failure in outcome.failures.values())
    assert ".Raises.log says more" in outcome.failures["Raises"]  # and an error that was expected says all itself
    assert ".log" not in outcome.failures["Fails"]


def test_the_page_shows_what_was_found_what_is_missing_and_what_failed(lab: Lab) -> None:
    failures = {**lab.outcome.failures, "Shares": "no luck today"}
    page = write_page(lab.folder, lab.outcome.left_out, failures).read_text(encoding="utf-8")
    assert "A planted effect" in page
    assert "nltk.downloader" in page
    assert "“Raises” failed" in page
    assert "by an earlier run" in page
    assert page.count("no luck today") == 2  # in the list of failures, and beside the older findings


def test_findings_are_kept_until_something_that_they_depend_on_changes(lab: Lab) -> None:
    path = path_of(lab.folder, "Shares")
    before = path.stat().st_mtime_ns
    _, show = lab.again("Known", "Shares")
    assert show.trained == []
    assert "Shares: kept" in show.said
    assert path.stat().st_mtime_ns == before
    _, show = ran(lab.plugins, lab.text, lab.folder, "Shares", force=True, seeds=(0,))
    assert show.trained == ["base"]
    assert path.stat().st_mtime_ns != before
    _, show = lab.again("Shares", seeds=(0, 3))  # another training, and only that is made
    assert show.trained == ["base (seed 3)"]
    assert lab.found("Shares").seeds == 4


def test_two_trainings_of_each_condition_are_a_preview(made: Lab, tmp_path: Path, measured_here: None) -> None:
    lab = replace(made, folder=tmp_path / "lab")
    with (
        patch("lmcompare.lab.run.estimate", lambda jobs: 60.0 * len(jobs)),
        patch("lmcompare.harness.environment.usable_cores", lambda: 1),
    ):
        _, show = lab.again("Known", seeds=(0, 1))
    (said,) = (each for each in show.said if "6 trainings" in each)
    assert "about 6 min" in said
    assert "18 min of measurements" in said  # three times as long, by its own account
    found = lab.found("Known")
    assert (found.seeds, found.decides, found.held, found.claims) == (2, False, None, ())
    assert "no verdict" in write_page(lab.folder, {}).read_text(encoding="utf-8")


def test_changed_code_is_a_reason_to_measure_again(lab: Lab, tmp_path: Path) -> None:
    plugins = write_plugins(tmp_path)
    ran(plugins, lab.text, lab.folder, "Shares", seeds=(0,))
    plugins.write_text(plugins.read_text(encoding="utf-8").replace("It measured nothing.", "It measured this."))
    for module in [name for name, each in sys.modules.items() if getattr(each, "__file__", "") == str(plugins)]:
        del sys.modules[module]  # as in another process
    linecache.clearcache()
    ran(plugins, lab.text, lab.folder, "Shares", seeds=(0,))
    assert lab.found("Shares").remarks == ("It measured this.",)


def test_changed_or_damaged_findings_are_made_again(lab: Lab) -> None:
    path = path_of(lab.folder, "Shares")
    table = json.loads(path.read_text(encoding="utf-8"))
    other_types = table | {"tables": 5}
    for damaged in (table | {"verdict": "9.9 bits"}, other_types | {"checksum": digest_of(other_types)}):
        path.write_text(json.dumps(damaged), encoding="utf-8")
        with pytest.raises(RunFolderError, match="Shares"):
            read_findings(path)
        assert findings_in(lab.folder)[1] == [path]
    _, show = lab.again("Shares")
    assert any("not as it was written" in said for said in show.said)
    assert lab.found("Shares").verdict == "Nothing was found."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Blocks", "findings"),
        ("Moves", "was moved, replaced or removed"),
        ("RemovesRun", "run was moved, replaced or removed"),
    ],
)
def test_an_experiment_that_takes_the_folder_away_is_said(lab: Lab, name: str, said: str) -> None:
    outcome, _ = lab.again(name)
    assert said in outcome.failures[name]
    if name == "Blocks":
        assert (lab.folder / "findings").read_text() == "mine"
    elif name == "Moves":
        assert [path.name for path in lab.folder.rglob("*")] == ["findings", "Moves.log"]
        assert (lab.folder / "findings" / "Moves.log").read_text() == "mine"
    else:
        assert not path_of(lab.folder, name).exists()


@pytest.mark.usefixtures("measured_here")
def test_what_is_wrong_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    plugins, text, lab = write_plugins(tmp_path), write_text(tmp_path), tmp_path / "lab"

    def refused(kind: type[LmcompareError], said: str, *names: str, alone: bool = False) -> None:
        with pytest.raises(kind, match=said):
            ran(plugins, text, lab, *names, alone=alone)
        assert not lab.exists()

    refused(PluginError, "'base'", "Known", "Confuses")
    refused(LmcompareError, "not an experiment", "Planted")
    refused(LmcompareError, "'Lacks'.*treebank", "Lacks", "Shares", alone=True)
    refused(LmcompareError, "'Lacks'.*treebank", "Lacks")
    refused(LmcompareError, "'Lost'", "Lost")
    (tmp_path / "more").mkdir()
    more = write_plugins(tmp_path / "more")
    with pytest.raises(PluginError, match="'Known'"):
        run_lab([f"{plugins}:Known", f"{more}:Known"], plan(text), lab, Said())
    with pytest.raises(LmcompareError, match=r"lmcompare lab grammar --corpus nltk:treebank"):
        run_lab(["grammar"], plan(text), lab, Said(), alone=True)
    with pytest.raises(LmcompareError, match="about words"):
        run_lab(["ideas"], overlaid(plan(text), [("corpus.source", "series:statsmodels:nile")]), lab, Said())
