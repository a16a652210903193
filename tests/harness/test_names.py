"""The names of models in a folder that others were run into, and what replaces a finished cell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.harness.cells.job import Job
from lmcompare.harness.run import run
from lmcompare.runfolder.run import load_run
from tests.harness.small import BIGRAM, FLAT, Watch, ahead, run_and_report, small_experiment
from tests.test_api import TEXTS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

TRIGRAM = {**BIGRAM, "order": 3}
UNIGRAM = {"plugin": "unigram"}
READS = {"plugin": "plugins.py:ReadsFile", "name": "reads", "path": "a.dat"}
ODD = '''

class Odd(Flat):
    """Has other sizes in a preset, and a list."""

    presets = {"quick": {"wide": 2}}

    def __init__(self, wide: int = 1, words: list | None = None) -> None:
        self.wide, self.words = wide, words
        self.tilt = 0.0
'''


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, with another plug-in and a file for READS."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "plugins.py").open("a") as file:
        file.write(ODD)
    (tmp_path / "a.dat").write_text("one")
    return tmp_path


def called(place: Path, *models: dict[str, Any], **more: Any) -> list[str]:
    """The names that these models would have, with an asterisk for those that are finished."""
    return [each.job.name + "*" * each.finished for each in ahead(place, *models, **more)]


def names(place: Path) -> list[str]:
    """The models of the folder, all of which are finished."""
    found = load_run(place / "run")
    assert [cell.error for cell in found.cells if cell.error] == []
    return [model.name for model in found.models]


def do(place: Path, *models: dict[str, Any], **more: Any) -> list[str]:
    """Run these models, and return the names of those that were trained."""
    watch = Watch()
    outcome = run(small_experiment(*models, **more), place / "run", base=place, show=watch)
    assert not outcome.failures
    several = len(more.get("seeds", [0]))
    asked = [name for name in outcome.names.values() for _ in range(several)]
    return [name for index, name in enumerate(asked) if "training" in watch.stages[index]]


def test_another_configuration_gets_another_name(place: Path) -> None:
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("ngram*", BIGRAM, {}),
        ("ngram-order-3", TRIGRAM, {}),
        ("ngram-order-5", {"plugin": "ngram"}, {}),
        ("ngram-order-3-smoothing-katz", {**TRIGRAM, "smoothing": "katz"}, {}),
        ("ngram-prune-0-1", {**BIGRAM, "prune": [0, 1]}, {}),
        ("ngram-plugin-unigram", {**UNIGRAM, "name": "ngram"}, {}),
        ("ngram-tokens-char", BIGRAM, {"tokens": {"kind": "char"}}),
        ("ngram-tokens-bpe-300", BIGRAM, {"tokens": {"kind": "bpe", "pieces": 300}}),
        ("ngram-size-9", BIGRAM, {"tokens": {"kind": "word", "size": 9}}),
        ("unigram*", UNIGRAM, {"preset": "quick"}),  # which has the same hyper-parameters
        ("reads-path-b.dat", {**READS, "path": "b.dat"}, {}),
    ]
    for name, model, more in cases:
        if "path" in model:
            (place / "b.dat").write_text("two")
            do(place, READS)
        assert called(place, model, **more) == [name]
    default, five = (ahead(place, model)[0].job.identity for model in ({"plugin": "ngram"}, {**BIGRAM, "order": 5}))
    assert default == five  # what is compared is what is asked for, not how it is said


def test_both_are_kept_and_found_again(place: Path) -> None:
    watch = Watch()
    run(small_experiment(TRIGRAM), place / "run", base=place, show=watch)
    assert any("order=3" in said and "ngram-order-3" in said for said in watch.said)
    assert names(place) == ["unigram", "ngram", "flat", "ngram-order-3"]
    assert called(place, BIGRAM) + called(place, TRIGRAM) == ["ngram*", "ngram-order-3*"]
    named, first, second = called(place, UNIGRAM, TRIGRAM, {**TRIGRAM, "name": "ngram-order-3"})
    assert (named, second) == ("unigram*", "ngram-order-3*")  # the experiment gives the name to the second
    assert first.startswith("ngram-order-3-")
    shutil.rmtree(place / "run/cells/ngram")
    assert do(place, TRIGRAM) == []
    assert do(place, BIGRAM) == ["ngram"]


def test_a_budget_is_another_configuration_of_models_that_train_in_steps_alone(place: Path) -> None:
    cache = {"plugin": "cache", "base": "unigram"}
    assert called(place, FLAT, BIGRAM, cache, budget={"steps": 7}) == ["flat-match-steps-7", "ngram*", "cache"]
    assert [bool(each.job.budget["steps"]) if each.job.budget else None
            for each in ahead(place, FLAT, BIGRAM, cache, budget={"steps": 7})] == [True, None, None]  # fmt: skip
    with patch("lmcompare.plugins.source_of", return_value=b"other"):  # their code has changed
        assert called(place, BIGRAM, budget={"steps": 7}) == ["ngram"]


def test_a_preset_of_other_sizes_is_another_configuration(place: Path) -> None:
    odd = {"plugin": "plugins.py:Odd"}
    do(place, odd)
    assert called(place, {**odd, "wide": 1}, preset="quick") == ["Odd*"]
    assert called(place, odd, preset="quick") == ["Odd-preset-quick"]
    assert called(place, {**odd, "words": ["a"]}, preset="quick") == ["Odd-words-a-preset-quick"]
    (name,) = called(place, {**odd, "words": ["../../x"] * 40})
    assert name.startswith("Odd-words-..-..-x")
    assert len(name) < 120


def test_a_name_that_is_taken_ends_with_digits(place: Path) -> None:
    do(place, {**UNIGRAM, "name": "ngram-order-3"})
    (name,) = called(place, TRIGRAM)
    assert name.startswith("ngram-order-3-")
    assert len(name) == len("ngram-order-3-") + 6


def test_the_same_configuration_replaces_its_cell(place: Path) -> None:
    assert do(place, READS) == ["reads"]
    cell = place / "run/cells/reads/0/cell.json"
    keys = {json.loads(cell.read_text())["key"]}
    for why in ("threads is 3", "a.dat has changed", "its code has changed"):
        if "a.dat" in why:
            (place / "a.dat").write_text("two")
        if "code" in why:
            with (place / "plugins.py").open("a") as file:
                file.write("\n# changed\n")
        watch = Watch()
        run(small_experiment(READS, threads=3), place / "run", base=place, show=watch)
        assert "training" in watch.stages[0]
        assert any(why in said for said in watch.said)
        keys.add(json.loads(cell.read_text())["key"])
    assert len(keys) == 4
    assert names(place)[3:] == ["reads"]
    assert [path.name for path in cell.parents[1].iterdir()] == ["0"]
    (place / "a.dat").rename(place / "b.dat")  # a file may move
    assert called(place, {**READS, "path": "b.dat"}, threads=3) == ["reads*"]


def test_a_default_value_that_an_author_changes_is_a_change_of_code(place: Path) -> None:
    (place / "edited").mkdir()
    edited = (place / "plugins.py").read_text().replace("tilt: float = 0.0", "tilt: float = 1e-9")
    (place / "edited/plugins.py").write_text(edited)
    assert called(place, {**FLAT, "plugin": "edited/plugins.py:Flat"}) == ["flat"]


def test_a_replacement_that_fails_leaves_the_finished_cell(place: Path) -> None:
    do(place, READS)
    table = (place / "run/cells/reads/0/cell.json").read_text()
    (place / "a.dat").write_bytes(b"\xff")  # which the plug-in can't read
    outcome, _ = run_and_report(place, place / "run", small_experiment(READS))
    assert outcome.failures["reads/0"].endswith("; the cell that was finished before is kept")
    assert (place / "run/cells/reads/0/cell.json").read_text() == table
    assert names(place)[3:] == ["reads"]
    with pytest.raises(LmcompareError, match="'reads' can't be used"):  # what is there is not what was asked for
        outcome.model("reads")


def test_seeds_of_another_configuration_are_not_mixed(place: Path) -> None:
    assert do(place, BIGRAM, seeds=[0, 1]) == ["ngram"]  # another seed joins the one that is there
    assert do(place, TRIGRAM, seeds=[1]) == ["ngram-order-3"]
    found = load_run(place / "run")
    assert [found.model(name).seeds for name in ("ngram", "ngram-order-3")] == [(0, 1), (1,)]
    # those of other threads or other code leave the report, and stay in the folder
    watch = Watch()
    run(small_experiment(BIGRAM, seeds=[1], threads=3), place / "run", base=place, show=watch)
    assert any("seeds 0 were" in said for said in watch.said)
    assert load_run(place / "run").model("ngram").seeds == (1,)
    assert (place / "run/cells/ngram/0/scores.parquet").is_file()


def test_a_kill_before_a_finished_replacement_is_in_place_costs_no_training(place: Path) -> None:
    with patch.object(Job, "take_place", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        do(place, BIGRAM, threads=3)
    assert names(place) == ["unigram", "ngram", "flat"]
    assert do(place, BIGRAM, threads=3) == []
    cell = place / "run/cells/ngram/0"
    assert json.loads((cell / "cell.json").read_text())["machine"]["threads"] == 3
    assert [path.name for path in cell.parent.iterdir()] == ["0"]


def test_finished_cells_that_no_manifest_lists_come_back(place: Path) -> None:
    (place / "run/manifest.json").unlink()
    do(place, TRIGRAM)
    assert sorted(names(place)) == ["flat", "ngram", "ngram-order-3", "unigram"]
    models = json.loads((place / "run/manifest.json").read_text())["experiment"]["models"]
    assert {m["name"]: m.get("order") for m in models} == {
        "flat": None,
        "ngram": 2,
        "unigram": None,
        "ngram-order-3": 3,
    }


def test_each_call_from_python_returns_the_model_that_it_asked_for(tmp_path: Path) -> None:
    def of_order(order: int, **more: object) -> lmcompare.Comparison:
        model = {"plugin": "ngram", "order": order}
        return lmcompare.compare(TEXTS, model, out=tmp_path, device="cpu", quiet=True, **more)  # type: ignore[arg-type]

    first, second = of_order(2), of_order(3)
    scores = [each.model("ngram").score("The cat saw Rome.").log_probability for each in (first, second)]
    assert scores[0] != scores[1]
    opened = lmcompare.load(tmp_path)
    assert [opened.model(n).score("The cat saw Rome.").log_probability for n in ("ngram", "ngram-order-3")] == scores
    forced = of_order(1, force=True)
    assert set(forced.table["name"]) == {"ngram", "ngram-order-3"}
    assert lmcompare.load(tmp_path).model("ngram").model.hyperparameters()["order"] == 1
