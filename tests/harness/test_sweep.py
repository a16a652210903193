"""Sweeps: what is chosen, what is scored on which text, and what a failure or an interruption leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lmcompare
from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.run import look_ahead, run
from lmcompare.runfolder.cleaning import clean
from tests.harness.recorder import RECORDS, lines, recording, searched, write_recorder
from tests.harness.small import Watch, run_and_report, small_experiment
from tests.test_api import TEXTS, LastSeen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_recorder(tmp_path)
    return tmp_path


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """The results of a reported run, by model."""
    return {row["name"]: row for row in json.loads((out / "results.json").read_text())["models"]}


def test_the_setting_is_chosen_that_training_each_by_itself_finds(place: Path) -> None:
    orders, alone = (3, 1, 2), {}
    for order in orders:
        run_and_report(place, place / f"{order}", small_experiment({"plugin": "ngram", "order": order}))
        alone[order] = rows(place / f"{order}")["ngram"]
    figures = {order: row["valid_bits_per_byte"] for order, row in alone.items()}
    best = min(orders, key=lambda order: figures[order])
    experiment = small_experiment({"plugin": "ngram"}, {"plugin": "unigram"}, sweep={"ngram": {"order": orders}})
    outcome, _ = run_and_report(place, place / "sweep", experiment)
    assert not outcome.failures
    (sweep,) = load_run(place / "sweep").sweeps
    assert sweep.chosen == {"order": best}
    assert [trial.setting["order"] for trial in sweep.trials] == list(orders)
    assert [t.bits_per_byte for t in sweep.trials] == pytest.approx([figures[order] for order in orders])
    found = rows(place / "sweep")
    assert set(found) == {"ngram", "unigram"}
    assert found["ngram"]["bits_per_byte"] == pytest.approx(alone[best]["bits_per_byte"])
    assert found["ngram"]["train_seconds"] is not None
    assert outcome.model("ngram").model.hyperparameters()["order"] == best
    report = (place / "sweep" / "report.md").read_text()
    assert f"| {best} (chosen) |" in report
    assert all(f"{figures[order]:.3f}" in report for order in orders)
    again = small_experiment({"plugin": "ngram", "order": best})
    watch = Watch()
    assert run(again, place / "sweep", base=place, show=watch).names == {"ngram": "ngram"}
    assert watch.stages == {0: ["kept"]}
    assert load_run(place / "sweep").sweeps[0].chosen == {"order": best}


def test_no_setting_but_the_chosen_one_is_scored_on_the_test_text(place: Path) -> None:
    assert not run(recording(0.5, 1.0, 0.25), place / "out", base=place).failures
    scored = set(lines(place / "scored.txt"))
    assert {line for line in scored if line.endswith("True")} == {"1.0 True"}
    assert {line.split()[0] for line in scored} == {"0.5", "1.0", "0.25"}
    assert lines(place / "trained.txt") == ["0.5", "1.0", "0.25"]  # the chosen model is not trained again


def test_an_interrupted_sweep_goes_on_to_the_same_results(place: Path) -> None:
    asked = recording(1.0, 0.5, 0.25, seeds=[0, 1])
    run(asked, place / "whole", base=place)
    (place / "trained.txt").unlink()
    (place / "stop").write_text("3")
    with pytest.raises(KeyboardInterrupt):
        run(asked, place / "cut", base=place)
    (place / "stop").unlink()
    assert lines(place / "trained.txt") == ["1.0", "1.0", "0.5"]
    run(asked, place / "cut", base=place)
    assert lines(place / "trained.txt")[3:] == ["0.5", "0.5", "0.25", "0.25"]
    for name in ("*/*/valid.json", "*/*/scores.parquet", "*/*/studies.json"):
        found = [{p.parent.parent.name + p.parent.name: p.read_bytes() for top in ("trials", "cells")
                  for p in (place / out / top).glob(name)} for out in ("whole", "cut")]  # fmt: skip
        assert found[0] == found[1] != {}
    before = {path: path.stat().st_mtime_ns for path in (place / "cut").rglob("cell.json")}
    watch = Watch()
    run(asked, place / "cut", base=place, show=watch)
    assert {stage for stages in watch.stages.values() for stage in stages} == {"kept"}
    assert before == {path: path.stat().st_mtime_ns for path in (place / "cut").rglob("cell.json")}


def test_a_trial_that_fails_costs_that_trial_only(place: Path) -> None:
    (place / "fail").write_text("1.0")
    outcome, _ = run_and_report(place, place / "out", recording(1.0, 0.5, 0.25))
    assert list(outcome.failures) == ["records-share-1.0/0"]
    assert "out of luck" in outcome.failures["records-share-1.0/0"]
    (sweep,) = load_run(place / "out").sweeps
    assert sweep.chosen == {"share": 0.5}
    assert [trial.error is None for trial in sweep.trials] == [False, True, True]
    assert "out of luck" in (place / "out" / "report.md").read_text()
    assert (place / "out" / "trials").glob("records-share-1.0-*/0/log.txt")


def test_a_model_without_a_setting_fails_alone(place: Path) -> None:
    (place / "fail").write_text("1.0 0.5")
    asked = recording(1.0, 0.5)
    asked = asked.replace("test", models=[*asked.models, {"plugin": "unigram"}])
    outcome, _ = run_and_report(place, place / "out", asked)
    assert set(outcome.failures) == {"records-share-1.0/0", "records-share-0.5/0", "records/0"}
    table = json.loads((place / "out" / "results.json").read_text())
    assert [row["name"] for row in table["models"]] == ["unigram"]
    assert [row["name"] for row in table["failed"]] == ["records"]


def test_force_tries_all_again_and_trains_each_once(place: Path) -> None:
    run(recording(1.0, 0.5), place / "out", base=place)
    (place / "trained.txt").unlink()
    outcome, _ = run_and_report(place, place / "out", recording(1.0, 0.5), force=True)
    assert not outcome.failures
    assert lines(place / "trained.txt") == ["1.0", "0.5"]


def test_another_choice_gets_a_name_of_its_own_and_cleaning_keeps_the_trials_of_both(place: Path) -> None:
    for shares in ((0.5, 0.25), (0.5, 1.0), (0.5, 0.125)):
        run(recording(*shares), place / "out", base=place)
    assert {sweep.name: sweep.chosen for sweep in load_run(place / "out").sweeps} == {
        "records": {"share": 0.5},
        "records-share-1.0": {"share": 1.0},
    }

    def trials() -> list[str]:
        return sorted(path.name.rpartition("-")[0] for path in (place / "out" / "trials").glob("*"))

    assert trials() == [f"records-share-{share}" for share in (0.125, 0.25, 0.5, 1.0)]
    clean(place / "out")
    assert trials() == [f"records-share-{share}" for share in (0.125, 0.5, 1.0)]  # of the last sweep of each
    run(recording(0.5, 0.125, tokens={"kind": "char"}), place / "out", base=place)
    clean(place / "out", ["records"])
    assert load_run(place / "out").sweeps[0].name != "records"


def test_an_interrupted_search_goes_on_to_the_same_trials_and_choice(place: Path) -> None:
    check_that_a_search_goes_on(place, searched(0.1, 1.0))


def check_that_a_search_goes_on(place: Path, asked: Experiment) -> None:
    run(asked, place / "whole", base=place)
    whole = load_run(place / "whole").sweeps[0]
    assert len({trial.setting["share"] for trial in whole.trials}) == 14
    assert whole.chosen["share"] == max(trial.setting["share"] for trial in whole.trials)  # the truth of this model
    (place / "trained.txt").unlink()
    for trained in (3, 4):  # in the middle of the first batch and of the second
        (place / "stop").write_text(str(trained))
        with pytest.raises(KeyboardInterrupt):
            run(asked, place / "cut", base=place)
        assert len(lines(place / "trained.txt")) == trained
        (place / "trained.txt").unlink()
    (place / "stop").unlink()
    run_and_report(place, place / "cut", asked)
    assert len(lines(place / "trained.txt")) == 14 - 2 - 3
    cut = load_run(place / "cut").sweeps[0]
    assert [trial.setting for trial in cut.trials] == [trial.setting for trial in whole.trials]
    assert [trial.bits_per_byte for trial in cut.trials] == [trial.bits_per_byte for trial in whole.trials]
    assert cut.chosen == whole.chosen
    table = json.loads((place / "cut" / "results.json").read_text())
    assert [row["setting"] for row in table["sweeps"][0]["trials"]] == [trial.setting for trial in whole.trials]
    assert "share from 0.1 to 1.0" in (place / "cut" / "report.md").read_text()


def test_a_setting_that_a_model_refuses_is_a_trial_that_failed(place: Path) -> None:
    assert not run(searched(0.5, 1.5), place / "out", base=place).failures
    (sweep,) = load_run(place / "out").sweeps
    refused = [trial.setting["share"] > 1 for trial in sweep.trials]
    assert refused == ["share is at most 1" in str(trial.error) for trial in sweep.trials]
    assert 0 < sum(refused) < len(refused)
    assert sweep.chosen["share"] <= 1
    with pytest.raises(LmcompareError, match=r"no setting of 'records' can be trained: .*share is at most 1"):
        run(searched(1.5, 2.0), place / "none", base=place)


def test_more_trials_go_on_with_a_search(place: Path) -> None:
    run(searched(0.1, 1.0, trials=4), place / "out", base=place)
    (place / "trained.txt").unlink()
    run(searched(0.1, 1.0, trials=6), place / "out", base=place)
    assert len(lines(place / "trained.txt")) == 2


def test_tokens_are_chosen_by_bits_per_byte(place: Path) -> None:
    figures = {}
    for kind in ("char", "word"):
        run_and_report(place, place / kind, small_experiment({"plugin": "ngram", "tokens": kind}))
        figures[kind] = rows(place / kind)["ngram"]["valid_bits_per_byte"]
    sweep = {"ngram": {"tokens": ["char", "word"]}}
    outcome, _ = run_and_report(place, place / "out", small_experiment({"plugin": "ngram"}, sweep=sweep))
    assert not outcome.failures
    (found,) = load_run(place / "out").sweeps
    assert [t.bits_per_byte for t in found.trials] == pytest.approx([figures["char"], figures["word"]])
    assert found.chosen == {"tokens": min(figures, key=lambda kind: figures[kind])}
    assert outcome.model("ngram").next_tokens("the cat")
    assert "perplexity does not" in (place / "out" / "report.md").read_text()


def test_the_seed_may_be_chosen_and_the_report_says_that_it_is_luck(place: Path) -> None:
    net = {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 6, "batch": 4, "length": 8}
    run_and_report(place, place / "out", small_experiment(net, sweep={"rnn": {"seed": [3, 5]}}))
    (found,) = load_run(place / "out").sweeps
    assert found.chosen["seed"] == min(found.trials, key=lambda trial: trial.bits_per_byte).setting["seed"]
    assert rows(place / "out")["rnn"]["seeds"] == [found.chosen["seed"]]
    assert "A seed is luck" in (place / "out" / "report.md").read_text()
    with pytest.raises(LmcompareError, match="varies the seed of 'rnn'"):
        run(small_experiment(net, sweep={"rnn": {"seed": [3, 5]}}, seeds=[0, 1]), place / "two", base=place)


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({"ngram": {"order": [2, 0]}}, "'ngram-order-0': order must be .* not 0"),
        ({"ngram": {"order": [2, 50]}}, "'ngram-order-50' .* order is 50"),
        ({"ngram": {"width": [1, 2]}}, "'width'"),
        ({"ngram": {"order": list(range(1, 1003))}}, "1002 settings"),
        ({"ngram": {"order": {"low": 1, "high": 5}}}, "order of 'ngram' is a range"),
        ({"ngram": {"tokens": ["char", "wrd"]}}, "'wrd'"),
        ({"rnn": {"steps": [1, 2]}}, "varies steps of 'rnn', and --match epochs"),
        ({"rnn": {"hidden": [8, 16]}}, "varies hidden of 'rnn', and --match parameters"),
    ],
)
def test_what_can_not_be_tried_is_said_before_any_training(place: Path, sweep: dict[str, Any], said: str) -> None:
    equal: dict[str, Any] = {"budget": {"epochs": 1}, "match": {"parameters": 5000}} if "rnn" in sweep else {}
    with pytest.raises(LmcompareError, match=said):
        run(small_experiment(*({"plugin": name} for name in sweep), sweep=sweep, **equal), place / "out", base=place)
    assert not list((place / "out").glob("trials/*"))


def test_looking_ahead_tells_what_is_finished_and_changes_nothing(place: Path) -> None:
    run(recording(0.5, 0.25), place / "out", base=place)
    trained = lines(place / "trained.txt")
    before = {path: path.stat().st_mtime_ns for path in (place / "out").rglob("*")}

    def ahead(experiment: Experiment, out: str, force: bool = False) -> list[tuple[str, bool, int]]:
        scratch = place / f"scratch-{len(list(place.iterdir()))}"
        found = look_ahead(experiment, place / out, scratch, base=place, force=force, show=Watch())
        return [(each.job.name, each.finished, each.tried) for each in found]

    settings = ("records-share-0.5", "records-share-0.25", "records-share-1.0")
    done = [(settings[0], True, 0), (settings[1], True, 0), ("records", True, 2)]
    assert ahead(recording(0.5, 0.25), "out") == done
    assert ahead(recording(0.5, 0.25, 1.0), "out") == [*done[:2], (settings[2], False, 0), ("records", False, 3)]
    again = [(name, False, tried) for name, _, tried in done]
    assert ahead(recording(0.5, 0.25), "out", force=True) == ahead(recording(0.5, 0.25), "new") == again
    ways = ["kneser-ney", "witten-bell"]
    grid = {"ngram": {"order": [1, 2], "smoothing": ways}}
    names = [name for name, _, tried in ahead(small_experiment({"plugin": "ngram"}, sweep=grid), "new") if not tried]
    assert names == [f"ngram-order-{order}-smoothing-{how}" for order in (1, 2) for how in ways]
    with pytest.raises(LmcompareError, match="another corpus"):
        ahead(small_experiment(RECORDS), "out")
    assert lines(place / "trained.txt") == trained
    assert not (place / "new").exists()
    assert before == {path: path.stat().st_mtime_ns for path in (place / "out").rglob("*")}


def test_a_search_from_python_chooses_what_the_results_say(tmp_path: Path) -> None:
    search = check_a_search_from_python(tmp_path, "random")
    assert search["method"] == "random"
    assert "optuna" not in search


def check_a_search_from_python(out: Path, method: str) -> dict[str, Any]:
    """Search, and return how the results say that it was done."""
    space = {"ngram.order": {"low": 1, "high": 3}, "ngram.tokens": ["char", "word"]}
    asked: dict[str, Any] = {"sweep": space, "search": {"method": method, "trials": 4}}
    found = lmcompare.compare(TEXTS, ["ngram"], out=out, device="cpu", quiet=True, **asked)
    (sweep,) = json.loads((found.folder / "results.json").read_text())["sweeps"]
    assert 1 < len(sweep["trials"]) <= 4
    best = min(sweep["trials"], key=lambda trial: float(trial["valid_bits_per_byte"]))
    assert best["chosen"]
    assert sweep["chosen"] == best["setting"]
    assert best["setting"]["order"] == found.model("ngram").model.hyperparameters()["order"]
    assert sweep["varied"] == {"order": {"low": 1, "high": 3, "log": False}, "tokens": ["char", "word"]}
    said: dict[str, Any] = sweep["search"]
    return said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sweep": ["ngram.order"]}, "sweep must be a mapping"),
        ({"sweep": {"order": [1, 2]}}, "not 'order'"),
        ({"search": "tpe"}, "something to vary"),
        ({"sweep": {"ngram.order": [1, 2]}, "search": 5}, "search must be 'random', 'tpe' or a mapping"),
        ({"sweep": {"ngram.order": [1, 2]}, "search": {"methd": "tpe"}}, "trials|method"),
        ({"models": [LastSeen], "sweep": {"LastSeen.alpha": [1, 2]}}, "'LastSeen' is an object"),
    ],
)
def test_a_wrong_sweep_is_one_sentence(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        lmcompare.compare(TEXTS, **{"models": ["ngram"], "quiet": True, **asked})
