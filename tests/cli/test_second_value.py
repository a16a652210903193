"""A second value of a hyper-parameter, a changed plug-in, --force: what becomes of the model that is finished."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.console import Done, lmcompare
from tests.harness.small import write_plugins, write_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def run(place: Path, *arguments: str, out: str = "out") -> Done:
    return lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", out, *arguments),
        cwd=place,
    )


def rows(folder: Path) -> dict[str, float]:
    models = json.loads((folder / "results.json").read_text())["models"]
    return {model["name"]: model["bits_per_byte"] for model in models}


def names_of(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cells").iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_text(tmp_path)
    write_plugins(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which an n-gram model of order 2 is finished, and then one of order 3."""
    place = tmp_path_factory.mktemp("values")
    write_text(place)
    assert run(place, "--model", "ngram", "--set", "ngram.order=2").returncode == 0
    alone = rows(place / "out")
    done = run(place, "--model", "ngram", "--set", "ngram.order=3")
    assert done.returncode == 0, done.stderr
    assert "ngram with order=3 differs from the finished ngram here" in done.stderr
    assert "called ngram-order-3; both are kept (--force replaces ngram)" in done.stderr
    found = rows(place / "out")
    assert alone == {"ngram": found["ngram"]}
    return place


def test_both_values_are_in_one_report(finished: Path) -> None:
    found = rows(finished / "out")
    assert set(found) == {"ngram", "ngram-order-3"}
    assert found["ngram"] != found["ngram-order-3"]
    report = (finished / "out/report.md").read_text()
    assert "2-gram" in report
    assert "3-gram" in report
    scored = [
        lmcompare("score", "out", "--model", name, "text.txt", cwd=finished).stdout
        for name in ("ngram", "ngram-order-3")
    ]
    assert scored[0] != scored[1]


@pytest.mark.parametrize(("order", "name"), [(2, "ngram"), (3, "ngram-order-3")])
def test_the_same_command_again_trains_nothing(finished: Path, order: int, name: str) -> None:
    cells = finished / "out/cells"
    before = {path: path.stat().st_mtime_ns for path in cells.rglob("*")}
    done = run(finished, "--model", "ngram", "--set", f"ngram.order={order}")
    assert done.returncode == 0, done.stderr
    assert f"{name}: kept" in done.stderr
    assert "training" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in cells.rglob("*")} == before
    assert set(rows(finished / "out")) == {"ngram", "ngram-order-3"}


def test_the_experiment_of_the_report_has_both_models(finished: Path) -> None:
    models = json.loads((finished / "out/manifest.json").read_text())["experiment"]["models"]
    assert [(m["name"], m["plugin"], m["order"]) for m in models] == [
        ("ngram", "ngram", 2),
        ("ngram-order-3", "ngram", 3),
    ]


def test_an_interrupted_second_value_leaves_the_first(place: Path) -> None:
    assert run(place, "--model", "plugins.py:Stops").returncode == 0
    (place / "stop").touch()
    for _ in range(2):  # the same command goes on with the same cell
        assert run(place, "--model", "plugins.py:Stops", "--set", "Stops.tilt=0.5").returncode == 130
        assert names_of(place / "out") == ["Stops", "Stops-tilt-0.5"]
    done = lmcompare("report", "out", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(rows(place / "out")) == ["Stops"]
    scored = lmcompare("score", "out", "-m", "Stops", "--plugin", "plugins.py:Stops", "text.txt", cwd=place)
    assert scored.returncode == 0, scored.stderr
    (place / "stop").unlink()
    assert run(place, "--model", "plugins.py:Stops", "--set", "Stops.tilt=0.5").returncode == 0
    assert set(rows(place / "out")) == {"Stops", "Stops-tilt-0.5"}


def test_the_finished_models_of_an_interrupted_first_run_can_be_used(place: Path) -> None:
    (place / "stop").touch()
    assert run(place, "--model", "unigram,plugins.py:Stops").returncode == 130
    done = lmcompare("report", "out", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(rows(place / "out")) == ["unigram"]
    assert lmcompare("score", "out", "-m", "unigram", "text.txt", cwd=place).returncode == 0
    (place / "stop").unlink()
    again = run(place, "--model", "unigram,plugins.py:Stops")
    assert again.returncode == 0
    assert set(rows(place / "out")) == {"unigram", "Stops"}


def test_an_unfinished_model_gives_its_name_to_another_value(place: Path) -> None:
    (place / "stop").touch()
    assert run(place, "--model", "plugins.py:Stops", "--set", "Stops.tilt=0.5").returncode == 130
    (place / "stop").unlink()
    assert run(place, "--model", "plugins.py:Stops").returncode == 0
    assert names_of(place / "out") == ["Stops"]


def test_a_changed_plug_in_replaces_its_model_when_it_is_finished(place: Path) -> None:
    assert run(place, "--model", "plugins.py:Stops").returncode == 0
    cell = place / "out/cells/Stops/0"
    first = json.loads((cell / "cell.json").read_text())
    with (place / "plugins.py").open("a") as file:
        file.write("# changed\n")
    (place / "stop").touch()
    done = run(place, "--model", "plugins.py:Stops")
    assert done.returncode == 130
    assert "Stops is run again because its code has changed; its finished cell is kept until" in done.stderr
    assert json.loads((cell / "cell.json").read_text()) == first
    assert lmcompare("report", "out", cwd=place).stderr == ""
    (place / "stop").unlink()
    assert run(place, "--model", "plugins.py:Stops").returncode == 0
    assert json.loads((cell / "cell.json").read_text())["source_digest"] != first["source_digest"]
    assert names_of(place / "out") == ["Stops"]
    assert [path.name for path in cell.parent.iterdir()] == ["0"]
    assert list(rows(place / "out")) == ["Stops"]


def test_force_replaces_the_model_of_the_name(place: Path) -> None:
    for value in (2, 3):
        assert run(place, "--model", "ngram", "--set", f"ngram.order={value}").returncode == 0
    both = rows(place / "out")
    # a value that is there keeps its name
    done = run(place, "--model", "ngram", "--set", "ngram.order=3", "--force")
    assert "ngram-order-3: training" in done.stderr
    assert rows(place / "out") == both
    # another one replaces the model of the name
    done = run(place, "--model", "ngram", "--set", "ngram.order=1", "--force")
    assert "ngram: training" in done.stderr
    assert names_of(place / "out") == ["ngram", "ngram-order-3"]
    found = rows(place / "out")
    assert found["ngram-order-3"] == both["ngram-order-3"]
    assert found["ngram"] > both["ngram"]


def test_an_interrupted_force_leaves_the_model(place: Path) -> None:
    assert run(place, "--model", "plugins.py:Stops").returncode == 0
    (place / "stop").touch()
    assert run(place, "--model", "plugins.py:Stops", "--force").returncode == 130
    assert lmcompare("report", "out", cwd=place).stderr == ""
    assert list(rows(place / "out")) == ["Stops"]


def test_two_values_in_one_command_are_refused(place: Path) -> None:
    done = run(place, "--model", "ngram", "--set", "ngram.order=2", "--set", "ngram.order=3")
    assert done.returncode == 2
    assert "run the command once with each" in done.stderr
    assert "--sweep" in done.stderr
    assert run(place, "--model", "ngram,ngram").returncode == 2
    assert not (place / "out").exists()
