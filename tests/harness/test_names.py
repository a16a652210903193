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
from lmcompare.harness.job import Job
from lmcompare.harness.run import run
from lmcompare.runfolder.run import load_run
from tests.harness.small import FLAT, Watch, run_and_report, small_experiment, write_plugins, write_text
from tests.test_api import TEXTS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

NGRAM = {"plugin": "ngram", "order": 2}
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
def place(tmp_path: Path) -> Path:
    write_text(tmp_path)
    with write_plugins(tmp_path).open("a") as file:
        file.write(ODD)
    (tmp_path / "a.dat").write_text("one")
    return tmp_path


def names(place: Path) -> list[str]:
    """The models of the folder, all of which are finished."""
    found = load_run(place / "out")
    assert [cell.error for cell in found.cells if cell.error] == []
    return [model.name for model in found.models]


def do(place: Path, *models: dict[str, Any], force: bool = False, **more: Any) -> list[str]:
    """Run these models, and return the names of those that were trained."""
    watch = Watch()
    outcome = run(small_experiment(*models, **more), place / "out", base=place, show=watch, force=force)
    assert not outcome.failures
    several = len(more.get("seeds", [0]))
    called = [name for name in outcome.names.values() for _ in range(several)]
    return [name for index, name in enumerate(called) if "training" in watch.stages[index]]


@pytest.mark.parametrize(
    ("second", "name"),
    [
        ({"models": [{**NGRAM, "order": 3}]}, "ngram-order-3"),
        ({"models": [{"plugin": "ngram"}]}, "ngram-order-5"),
        ({"models": [{**NGRAM, "smoothing": "katz", "order": 3}]}, "ngram-order-3-smoothing-katz"),
        ({"models": [{**NGRAM, "prune": [0, 1]}]}, "ngram-prune-0-1"),
        ({"models": [{"plugin": "unigram", "name": "ngram"}]}, "ngram-plugin-unigram"),
        ({"models": [NGRAM], "tokens": {"kind": "char"}}, "ngram-tokens-char"),
        ({"models": [NGRAM], "tokens": {"kind": "bpe", "pieces": 300}}, "ngram-tokens-bpe-300"),
        ({"models": [NGRAM], "tokens": {"kind": "word", "size": 9}}, "ngram-size-9"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_configuration_gets_another_name(place: Path, second: dict[str, Any], name: str) -> None:
    assert do(place, NGRAM) == ["ngram"]
    models = second.pop("models")
    assert do(place, *models, **second) == [name]
    assert names(place) == ["ngram", name]
    assert do(place, *models, **second) == []
    assert do(place, NGRAM) == []
    assert names(place) == ["ngram", name]


def test_a_budget_is_another_configuration_of_models_that_train_in_steps_alone(place: Path) -> None:
    flat, cache = {"plugin": "plugins.py:Flat", "name": "flat"}, {"plugin": "cache", "base": "unigram"}
    assert do(place, flat, NGRAM, cache) == ["flat", "ngram", "cache"]
    assert do(place, flat, NGRAM, cache, budget={"steps": 7}) == ["flat-match-steps-7"]
    assert do(place, flat, NGRAM, cache) == []
    with patch("lmcompare.plugins.source_of", return_value=b"other"):  # their code has changed
        assert do(place, NGRAM, budget={"steps": 7}) == ["ngram"]


def test_what_is_asked_for_is_compared_not_how_it_is_said(place: Path) -> None:
    assert do(place, {"plugin": "ngram"}) == ["ngram"]
    assert do(place, {"plugin": "ngram", "order": 5}) == []  # the default
    assert do(place, {"plugin": "ngram"}, preset="quick") == []  # it has the same hyper-parameters
    assert names(place) == ["ngram"]


def test_a_preset_of_other_sizes_is_another_configuration(place: Path) -> None:
    odd = {"plugin": "plugins.py:Odd"}
    assert do(place, odd) == ["Odd"]
    assert do(place, {**odd, "wide": 1}, preset="quick") == []
    assert do(place, odd, preset="quick") == ["Odd-preset-quick"]
    assert do(place, {**odd, "words": ["a"]}, preset="quick") == ["Odd-words-a-preset-quick"]
    assert names(place) == ["Odd", "Odd-preset-quick", "Odd-words-a-preset-quick"]


def test_a_configuration_finds_its_cell_when_the_other_is_gone(place: Path) -> None:
    do(place, NGRAM)
    do(place, {**NGRAM, "order": 3})
    shutil.rmtree(place / "out/cells/ngram")
    assert do(place, {**NGRAM, "order": 3}) == []
    assert names(place) == ["ngram-order-3"]
    assert do(place, NGRAM) == ["ngram"]


def test_names_that_are_taken_or_long_end_with_digits(place: Path) -> None:
    do(place, NGRAM, {"plugin": "unigram", "name": "ngram-order-3"})
    (name,) = do(place, {**NGRAM, "order": 3})
    assert name.startswith("ngram-order-3-")
    assert len(name) == len("ngram-order-3-") + 6
    assert do(place, {**NGRAM, "order": 3}) == []
    odd = {"plugin": "plugins.py:Odd", "name": "odd"}
    do(place, odd)
    (name,) = do(place, {**odd, "words": ["../../x"] * 40})
    assert name.startswith("odd-words-..-..-x")
    assert len(name) < 120
    assert (place / "out/cells" / name).is_dir()


def test_models_of_one_experiment_keep_apart(place: Path) -> None:
    do(place, NGRAM)
    do(place, {**NGRAM, "order": 3})
    both = ({**NGRAM, "order": 3}, {"plugin": "ngram", "name": "ngram-order-3", "order": 3})
    (name,) = do(place, *both)  # the experiment gives the name to the second
    assert name.startswith("ngram-order-3-")
    assert do(place, *both) == []
    assert names(place) == ["ngram", "ngram-order-3", name]


@pytest.mark.parametrize("what", ["threads", "code", "file"])
def test_the_same_configuration_replaces_its_cell(place: Path, what: str) -> None:
    assert do(place, READS) == ["reads"]
    cell = place / "out/cells/reads/0/cell.json"
    before = json.loads(cell.read_text())["key"]
    if what == "code":
        with (place / "plugins.py").open("a") as file:
            file.write("\n# changed\n")
    if what == "file":
        (place / "a.dat").write_text("two")
    assert do(place, READS, threads=3 if what == "threads" else None) == ["reads"]
    assert names(place) == ["reads"]
    assert json.loads(cell.read_text())["key"] != before
    assert [path.name for path in cell.parents[1].iterdir()] == ["0"]


def test_another_file_is_another_configuration(place: Path) -> None:
    (place / "b.dat").write_text("two")
    do(place, READS)
    assert do(place, {**READS, "path": "b.dat"}) == ["reads-path-b.dat"]
    assert names(place) == ["reads", "reads-path-b.dat"]


def test_a_default_value_that_an_author_changes_is_a_change_of_code(place: Path) -> None:
    do(place, FLAT)
    (place / "edited").mkdir()
    edited = (place / "plugins.py").read_text().replace("tilt: float = 0.0", "tilt: float = 1e-9")
    (place / "edited/plugins.py").write_text(edited)
    assert do(place, {**FLAT, "plugin": "edited/plugins.py:Flat"}) == ["flat"]
    assert names(place) == ["flat"]


def test_a_replacement_that_fails_leaves_the_finished_cell(place: Path) -> None:
    do(place, READS)
    table = (place / "out/cells/reads/0/cell.json").read_text()
    (place / "a.dat").write_bytes(b"\xff")  # which the plug-in can't read
    outcome, _ = run_and_report(place, place / "out", small_experiment(READS))
    assert outcome.failures["reads/0"].endswith("; the cell that was finished before is kept")
    assert (place / "out/cells/reads/0/cell.json").read_text() == table
    assert names(place) == ["reads"]
    with pytest.raises(LmcompareError, match="'reads' can't be used"):  # what is there is not what was asked for
        outcome.model("reads")


def test_seeds_of_another_configuration_are_not_mixed(place: Path) -> None:
    do(place, NGRAM, seeds=[0, 1])
    assert do(place, {**NGRAM, "order": 3}, seeds=[1]) == ["ngram-order-3"]
    found = load_run(place / "out")
    assert [(model.name, model.seeds) for model in found.models] == [("ngram", (0, 1)), ("ngram-order-3", (1,))]
    # those of other threads or other code leave the report, and stay in the folder
    do(place, NGRAM, seeds=[1], threads=3)
    assert load_run(place / "out").model("ngram").seeds == (1,)
    assert (place / "out/cells/ngram/0/scores.parquet").is_file()


def test_a_kill_before_a_finished_replacement_is_in_place_costs_no_training(place: Path) -> None:
    do(place, NGRAM)
    with patch.object(Job, "take_place", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        do(place, NGRAM, threads=3)
    assert names(place) == ["ngram"]
    assert do(place, NGRAM, threads=3) == []
    cell = place / "out/cells/ngram/0"
    assert json.loads((cell / "cell.json").read_text())["machine"]["threads"] == 3
    assert [path.name for path in cell.parent.iterdir()] == ["0"]


def test_finished_cells_that_no_manifest_lists_come_back(place: Path) -> None:
    do(place, NGRAM, {"plugin": "unigram"})
    (place / "out/manifest.json").unlink()
    do(place, {**NGRAM, "order": 3})
    assert names(place) == ["ngram", "unigram", "ngram-order-3"]
    models = json.loads((place / "out/manifest.json").read_text())["experiment"]["models"]
    assert [(m["name"], m.get("order")) for m in models] == [("ngram", 2), ("unigram", None), ("ngram-order-3", 3)]


def test_another_value_joins_the_models_of_the_folder(tmp_path: Path) -> None:
    def of_order(order: int, **more: object) -> lmcompare.Comparison:
        model = {"plugin": "ngram", "order": order}
        return lmcompare.compare(TEXTS, model, out=tmp_path, device="cpu", quiet=True, **more)  # type: ignore[arg-type]

    first, second = of_order(2), of_order(3)
    assert set(second.table["name"]) == {"ngram", "ngram-order-3"}
    scores = [each.model("ngram").score("The cat saw Rome.").log_probability for each in (first, second)]
    assert scores[0] != scores[1]  # each call returns the model that it asked for
    opened = lmcompare.load(tmp_path)
    assert [opened.model(n).score("The cat saw Rome.").log_probability for n in ("ngram", "ngram-order-3")] == scores
    forced = of_order(1, force=True)
    assert set(forced.table["name"]) == {"ngram", "ngram-order-3"}
    assert lmcompare.load(tmp_path).model("ngram").model.hyperparameters()["order"] == 1
