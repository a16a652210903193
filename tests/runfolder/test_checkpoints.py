"""Checkpoints lie beside the run folder: a training goes on from them, and nothing is left of them in the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.runfolder.cleaning import clean
from lmcompare.runfolder.states import checkpoints_of, make_room_for_checkpoints, own_room, remove_checkpoints
from tests.checks.honest import Honest

TEXTS = [f"the {animal} saw the {other}" for animal in ("cat", "dog", "cow") for other in ("fox", "hen", "owl")]


class Resumes(Honest):
    """Is interrupted in the middle of its first training, and tells where it went on in the second."""

    given: Path | None = None
    found: list[str] = []  # noqa: RUF012 (of all trainings)

    def fit(self, train: Any, valid: Any, setting: lmcompare.Setting) -> Resumes:
        type(self).given = setting.checkpoints
        if setting.checkpoints is None:
            return super().fit(train, valid, setting)
        half = setting.checkpoints / "half.txt"
        self.found.append(half.read_text() if half.exists() else "nothing")
        half.write_text("half")
        if self.found == ["nothing"]:
            raise KeyboardInterrupt
        return super().fit(train, valid, setting)


@pytest.fixture(autouse=True)
def anew() -> None:
    Resumes.found = []


def interrupted(out: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        lmcompare.compare(TEXTS, Resumes, out=out, quiet=True)
    assert Resumes.given is not None
    return Resumes.given


@pytest.mark.slow
def test_they_are_outside_of_the_run_folder_and_found_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = interrupted(out)
    assert not given.is_relative_to(out.resolve())
    assert given.is_relative_to(tmp_path.resolve()), "on the same disk"
    lmcompare.compare(TEXTS, Resumes, out=out, quiet=True)
    assert Resumes.found == ["nothing", "half"]
    assert os.listdir(tmp_path) == ["run"], "nothing is left when the cell is finished"


@pytest.mark.slow
def test_cleaning_removes_those_of_interrupted_trainings(tmp_path: Path) -> None:
    out = tmp_path / "run"
    interrupted(out)
    assert "../.run.checkpoints/Resumes" in clean(out).removed
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.slow
def test_cleaning_a_model_leaves_those_of_others(tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = interrupted(out)
    lmcompare.compare(TEXTS, "unigram", out=out, quiet=True)
    clean(out, ["unigram"])
    assert (given / "half.txt").is_file()


@pytest.mark.slow
def test_without_room_beside_the_folder_it_is_said_and_the_run_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".run.checkpoints").write_text("a file of that name, as good as a folder that can't be written to")
    lmcompare.compare(TEXTS, Resumes, out=tmp_path / "run")
    assert Resumes.given is None
    assert f"{tmp_path / '.run.checkpoints'}, can't be used" in " ".join(capfd.readouterr().err.split())


def test_a_folder_that_cannot_be_written_to_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_room_for_checkpoints(tmp_path / "run") == ""
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path.resolve() / ".run.checkpoints")
    assert "no permission to write there" in make_room_for_checkpoints(tmp_path / "run")
    assert own_room(checkpoints_of(tmp_path / "run") / "rnn/0/key") is None


def test_those_of_other_settings_are_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    root = checkpoints_of(tmp_path / "run")
    old, new = "0" * 16, "1" * 16
    (root / "rnn/0" / old).mkdir(parents=True)
    (root / "rnn/0" / old / "half.txt").touch()
    (root / "rnn/0/mine.txt").write_text("mine")
    (tmp_path / "mine.txt").write_text("mine")
    (root / "rnn/0/link").symlink_to(tmp_path)
    assert own_room(root / "rnn/0" / new) == root / "rnn/0" / new
    assert sorted(os.listdir(root / "rnn/0")) == [new, "link", "mine.txt"]
    remove_checkpoints(root / "rnn")
    assert sorted(os.listdir(root / "rnn/0")) == ["link", "mine.txt"]
    (root / "ngram").symlink_to(tmp_path)
    with pytest.raises(LmcompareError, match="ngram is a link"):
        own_room(root / "ngram/0/new")
    assert (tmp_path / "mine.txt").read_text() == "mine"
