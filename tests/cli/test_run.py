"""``lmcompare run``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.console import lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_a_failing_plug_in_leaves_the_report_and_exit_code_2(place: Path) -> None:
    done = lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "failed"),
        *("--model", "plugins.py:Raises,unigram"),
        cwd=place,
    )
    assert done.returncode == 2
    assert "out of luck" in done.stderr
    assert (place / "failed" / "report.html").is_file()


def test_a_memory_that_is_no_size_is_refused(place: Path) -> None:
    done = lmcompare("run", "--corpus", "text.txt", "--memory", "much", "--out", "refused", cwd=place)
    assert done.returncode == 2
    assert 'memory is a number and a unit, such as "1GB" or "512MiB", not \'much\'' in done.stderr
    assert not (place / "refused").exists()


def test_ctrl_c_says_how_to_go_on(place: Path) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "lmcompare.cli", "run", "--corpus", "text.txt", "--documents", "line"),
            *("--device", "cpu", "--out", "stopped", "--model", "unigram,plugins.py:Waits"),
        ],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Waits: training"):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert "the same command continues" in said
    assert "Traceback" not in said
    assert (place / "stopped" / "cells" / "unigram" / "0" / "scores.parquet").is_file()


def test_a_plug_in_path_may_hold_a_comma(place: Path) -> None:
    (place / "a,b.py").write_text((place / "plugins.py").read_text())
    done = lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "comma", "--quiet"),
        *("--model", "a,b.py:Flat", "--model", "unigram,ngram"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    names = [m["name"] for m in json.loads((place / "comma" / "results.json").read_text())["models"]]
    assert sorted(names) == ["Flat", "ngram", "unigram"]


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
    done = lmcompare(
        *("run", "--corpus", "odd", "--model", "unigram", "--device", "cpu", "--out", "odd-run"), cwd=place
    )
    assert done.returncode == 0, done.stderr


def test_a_word_that_the_report_cannot_show_is_said(place: Path) -> None:
    done = lmcompare(
        *("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "words", "--quiet"),
        *("--model", "unigram", "--word", "the", "--word", "zebra", "--prompt", "the cat", "--prompt", "the cat saw"),
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    assert "Not shown in several contexts: zebra, because" in done.stdout
