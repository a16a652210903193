"""What a plug-in damages while it is trained costs what it has damaged, and the same command makes that again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcompare.harness.run import run
from lmcompare.report.write import write_reports
from tests.harness.small import small_experiment, write_text

HARMS = """
import contextlib, os, shutil, time
from pathlib import Path
from lmcompare.models.unigram import Unigram

def tell(text):
    for file in range(3, 30):
        with contextlib.suppress(OSError):
            os.write(file, text)

class Harms(Unigram):
    def fit(self, train, valid, setting):
        other = Path({other!r})
        if not (other.parent / "harmed").exists():
            (other.parent / "harmed").touch()
            {harm}
        return super().fit(train, valid, setting)
"""


@pytest.mark.parametrize(
    ("harm", "lost"),
    [
        ("(other / 'scores.parquet').write_bytes(b'')", "ngram"),
        ("shutil.rmtree(other)", "ngram"),
        ("""tell(b'["returned", null]' + bytes([10])); time.sleep(60)""", "harms"),
    ],
)
def test_the_others_are_reported(tmp_path: Path, harm: str, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.processes.calls.GRACE", 1)
    write_text(tmp_path)
    folder = tmp_path / "run"
    (tmp_path / "harms.py").write_text(HARMS.format(other=str(folder / "cells/ngram/0"), harm=harm))
    models = ({"plugin": name} for name in ("ngram", "harms.py:Harms", "unigram"))
    asked = small_experiment(*models)

    def reported() -> set[str]:
        write_reports(folder)
        return {row["name"].lower() for row in json.loads((folder / "results.json").read_text())["models"]}

    run(asked, folder, base=tmp_path)
    assert reported() == {"ngram", "harms", "unigram"} - {lost}
    assert not run(asked, folder, base=tmp_path).failures
    assert reported() == {"ngram", "harms", "unigram"}
