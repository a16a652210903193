"""``lmcompare lab``: what it lists, runs and refuses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lmcompare.lab import experiment_names
from tests.cli.console import lmcompare
from tests.lab.conftest import KNOWN

pytestmark = pytest.mark.slow

TEXT = "\n\n".join(f"the cat sat on the mat\na dog saw the cat {'again ' * (d % 4)}" for d in range(80))


def test_without_a_name_the_experiments_are_listed(tmp_path: Path) -> None:
    done = lmcompare("lab", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == experiment_names()
    assert all(line.endswith("?") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "experiment"),
        (("idaes",), "ideas"),
        (("ideas", "--all"), "--all"),
        (("ideas", "--preset", "huge"), "preset"),
        (("ideas", "--seed", "x"), "seed"),
        (("ideas", "--corpus", "lost.txt"), "lost.txt"),
        (("ideas", "--corpus", "series:statsmodels:nile"), "about words"),
        (("./lost.py:X",), "lost.py"),
        (("--corpus", "text.txt"), "name some, or give --all"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = lmcompare("lab", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("lmcompare: ") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("cells_here", "measured_here")
def test_an_experiment_of_ones_own(tmp_path: Path) -> None:
    shutil.copy(KNOWN, tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    given = ("--corpus", "text.txt", "--documents", "blank-line", "--preset", "quick", "--out", "lab")
    done = lmcompare("lab", "./known.py:Shares", "./known.py:Raises", *given, cwd=tmp_path)
    assert done.returncode == 2
    assert "Shares (preview, no verdict): Seen with 1" in done.stdout
    assert "nothing to divide" in done.stderr
    written = {path.name for path in (tmp_path / "lab").iterdir()}
    assert written >= {".lmcompare-lab", "findings", "lab.html", "lab.md", "run"}
    again = lmcompare("lab", "./known.py:Shares", *given, cwd=tmp_path)
    assert again.returncode == 0
    assert "Shares: kept" in again.stdout + again.stderr


def test_the_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lab" / "findings").mkdir(parents=True)
    for name in ("lab.html", "notes.txt", "findings/ideas.json"):
        (tmp_path / "lab" / name).write_text("mine", encoding="utf-8")
    done = lmcompare("lab", "ideas", "--preset", "quick", "--out", "lab", cwd=tmp_path)
    assert done.returncode == 2
    assert "other files" in done.stderr
    assert (tmp_path / "lab" / "lab.html").read_text(encoding="utf-8") == "mine"
    assert not os.path.lexists(tmp_path / "lab" / "run")
