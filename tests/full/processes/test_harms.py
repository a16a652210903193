"""Whatever a plug-in does to the run folder while it is trained, the other models are reported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lmcompare.errors import PluginError
from lmcompare.harness.run import run
from lmcompare.report.build import write_reports
from tests.harness.small import small_experiment, write_text

HARMS = """
import contextlib, os, shutil, time
from pathlib import Path
from lmcompare.models.unigram.plugin import Unigram

def tell(text):
    for file in range(3, 30):
        with contextlib.suppress(OSError):
            os.write(file, text)

class Harms(Unigram):
    def check_text(self, train):
        other = Path({cells!r}) / "ngram/0"
        {early}

    def fit(self, train, valid, setting):
        cells = Path({cells!r})
        other, own, mine, moved = cells / "ngram/0", cells / "Harms/0", Path({mine!r}), Path({mine!r} + ".moved")
        {harm}
        return super().fit(train, valid, setting)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a text, with a run of a bigram model."""
    place = tmp_path_factory.mktemp("trained")
    write_text(place)
    assert not run(small_experiment({"plugin": "ngram", "order": 2}), place / "run", base=place).failures
    return place


@pytest.mark.parametrize(
    ("harm", "lost"),
    [
        ("(other / 'checksums.json').unlink(); os.mkfifo(other / 'checksums.json')", ""),
        ("(other / 'cell.json').unlink(); os.link(mine, other / 'cell.json')", ""),
        ("shutil.rmtree(other.parent); other.parent.write_text('a')", "ngram"),
        ("shutil.rmtree(cells)", "ngram"),
        ("shutil.move(other, moved); other.symlink_to(moved)", "ngram"),
        ("(own / 'log.txt').unlink(); (own / 'log.txt').mkdir()", ""),
        ("""tell(b'["returned", null]' + bytes([10])); time.sleep(60)""", "Harms"),
    ],
)
def test_the_others_are_reported(
    trained: Path, tmp_path: Path, harm: str, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.processes.calls.GRACE", 1)
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    folder, mine = tmp_path / "run", tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "harms.py").write_text(
        HARMS.format(cells=str(folder / "cells"), mine=str(mine), harm=harm, early="pass")
    )
    asked = small_experiment({"plugin": "harms.py:Harms"}, {"plugin": "unigram"})
    failures = run(asked, folder, base=tmp_path).failures
    assert [name.split("/")[0] for name in failures] == [lost] * bool(lost)
    write_reports(folder)
    names = {row["name"] for row in json.loads((folder / "results.json").read_text())["models"]}
    assert names == {"ngram", "Harms", "unigram"} - {lost}
    assert mine.read_text() == "mine"


def test_a_harm_before_any_training(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    folder, early = tmp_path / "run", "(other / 'cell.json').unlink(); os._exit(0)"
    (tmp_path / "harms.py").write_text(HARMS.format(cells=str(folder / "cells"), mine="", harm="pass", early=early))
    with pytest.raises(PluginError, match=r"'Harms': .* exit code 0"):
        run(small_experiment({"plugin": "unigram"}, {"plugin": "harms.py:Harms"}), folder, base=tmp_path)
    assert [path.name for path in (folder / "cells").iterdir()] == ["ngram"]
    write_reports(folder)
    assert [row["name"] for row in json.loads((folder / "results.json").read_text())["models"]] == ["ngram"]
