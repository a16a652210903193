"""``lmcompare run``: its options, and what becomes of models that are finished, stopped, changed or replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.console import RUN, Done, lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def run(place: Path, *arguments: str, out: str = "run") -> Done:
    return lmcompare(*RUN, "--out", out, *arguments, cwd=place)


def rows(folder: Path) -> dict[str, float]:
    models = json.loads((folder / "results.json").read_text())["models"]
    return {model["name"]: model["bits_per_byte"] for model in models}


def test_a_failing_plug_in_leaves_the_report_and_exit_code_2(place: Path) -> None:
    done = run(place, "--model", "plugins.py:Raises,unigram", out="failed")
    assert done.returncode == 2
    assert "out of luck" in done.stderr
    assert (place / "failed" / "report.html").is_file()


def test_ctrl_c_says_how_to_go_on(place: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lmcompare.cli", *RUN, "--out", "waits", "--model", "unigram,plugins.py:Waits"],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Waits: training"):
                break
        while not (place / "waits" / "cells" / "unigram" / "0" / "checksums.json").is_file():
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert "the same command continues" in said
    assert "Traceback" not in said
    shown = (place / "waits" / "report.md").read_text("utf-8")
    assert "Waits is not finished" in shown
    assert "unigram" in shown


def test_file_names_that_are_not_utf_8(place: Path) -> None:
    folder = place / "odd"
    folder.mkdir()
    text = "the cat sat on the mat\nand the dog saw it there\n" * 9
    for n in range(9):
        (folder / f"{n}.txt").write_text(text.replace("cat", f"cat{n}"))
    try:
        (folder / os.fsdecode(b"caf\xe9.txt")).write_text(text.replace("cat", "cow"))
    except OSError:  # a file system that takes no such name
        return
    options = ("--corpus", "odd", "--model", "unigram", "--device", "cpu", "--out", "odd-run")
    done = lmcompare("run", *options, cwd=place)
    assert done.returncode == 0, done.stderr


def test_prompts_and_words_are_shown_or_it_is_said_that_they_are_not(place: Path) -> None:
    shown = ("--word", "the", "--word", "zebra", "--prompt", "the cat", "--prompt", "the cat saw")
    done = run(place, "--quiet", "--model", "unigram", *shown, out="words")
    assert done.returncode == 0, done.stderr
    assert "Not shown in several contexts: zebra, because" in done.stdout


def test_another_value_has_a_name_of_its_own_until_force_replaces_the_model(own: Path) -> None:
    alone = rows(own / "run")
    done = run(own, "--model", "ngram", "--set", "ngram.order=2")
    assert done.returncode == 0, done.stderr
    assert "ngram with order=2 differs from the finished ngram here" in done.stderr
    assert "called ngram-order-2; both are kept (--force replaces ngram)" in done.stderr
    both = rows(own / "run")
    assert both == {**alone, "ngram-order-2": both["ngram-order-2"]}
    assert both["ngram"] != both["ngram-order-2"]
    manifest = json.loads((own / "run/manifest.json").read_text())
    assert [m["name"] for m in manifest["experiment"]["models"]] == ["unigram", "ngram", "ngram-order-2"]
    before = {path: path.stat().st_mtime_ns for path in (own / "run/cells").rglob("*")}
    done = run(own, "--model", "ngram", "--set", "ngram.order=2")
    assert "ngram-order-2: kept" in done.stderr
    assert "training" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (own / "run/cells").rglob("*")} == before
    done = run(own, "--model", "ngram", "--set", "ngram.order=1", "--force")
    assert "ngram: training" in done.stderr
    found = rows(own / "run")
    assert found["ngram"] > both["ngram"]
    assert found == {**both, "ngram": found["ngram"]}


def test_what_is_interrupted_goes_on_and_leaves_what_is_finished(own: Path) -> None:
    cells, stop = own / "run/cells", own / "stop"
    stops = ("--model", "plugins.py:Stops")

    def reported() -> list[str]:
        done = lmcompare("report", "run", cwd=own)
        assert (done.returncode, done.stderr) == (0, "")
        return list(rows(own / "run"))

    stop.touch()
    done = run(own, *stops)
    assert done.returncode == 130
    assert "the same command continues" in done.stderr
    assert sorted(reported()) == ["ngram", "unigram"]
    stop.unlink()
    assert run(own, *stops).returncode == 0
    first = json.loads((cells / "Stops/0/cell.json").read_text())
    assert "Stops" in reported()
    stop.touch()
    for _ in range(2):  # another value: the same command goes on with the same cell
        assert run(own, *stops, "--set", "Stops.tilt=0.5").returncode == 130
        assert {path.name for path in cells.glob("Stops*")} == {"Stops", "Stops-tilt-0.5"}
    with (own / "plugins.py").open("a") as file:
        file.write("# changed\n")
    done = run(own, *stops)
    assert done.returncode == 130
    assert "Stops is run again because its code has changed; its finished cell is kept until" in done.stderr
    assert json.loads((cells / "Stops/0/cell.json").read_text()) == first
    assert "Stops" in reported()
    stop.unlink()
    assert run(own, *stops).returncode == 0
    assert json.loads((cells / "Stops/0/cell.json").read_text())["source_digest"] != first["source_digest"]
    assert [path.name for path in (cells / "Stops").iterdir()] == ["0"]


def test_an_unfinished_model_gives_its_name_to_another_value(own: Path) -> None:
    (own / "stop").touch()
    assert run(own, "--model", "plugins.py:Stops", "--set", "Stops.tilt=0.5", out="new").returncode == 130
    (own / "stop").unlink()
    assert run(own, "--model", "plugins.py:Stops", out="new").returncode == 0
    assert [path.name for path in (own / "new/cells").iterdir()] == ["Stops"]
