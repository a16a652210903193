"""The temporary run folder of ``compare``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import lmcompare
from lmcompare.errors import LmcompareError
from lmcompare.model import Setting
from lmcompare.tokens import Encoded
from tests.test_api import TEXTS, LastSeen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


class Interrupted(LastSeen):
    """Leaves a checkpoint when it is interrupted."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Interrupted:
        assert setting.checkpoints is not None
        (setting.checkpoints / "half").write_text("half")
        raise KeyboardInterrupt


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_nothing_is_left_of_a_call_that_is_interrupted(temporary: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        lmcompare.compare(TEXTS, ["unigram", Interrupted], quiet=True)
    assert not list(temporary.iterdir())


def test_nothing_is_left_of_a_call_that_is_refused(temporary: Path) -> None:
    with pytest.raises(LmcompareError, match="unigramm"):
        lmcompare.compare(TEXTS, ["unigramm"], quiet=True)
    assert not list(temporary.iterdir())


def test_an_interruption_leaves_the_folder_that_the_caller_has_named(temporary: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        lmcompare.compare(TEXTS, ["unigram", Interrupted], out=temporary / "own", quiet=True)
    assert lmcompare.load(temporary / "own").models == ("unigram",)


def test_the_folder_of_a_call_that_succeeds_stays(temporary: Path) -> None:
    result = lmcompare.compare(TEXTS, ["unigram"], quiet=True)
    assert result.folder.is_relative_to(temporary)
    assert result.models == ("unigram",)


def test_the_models_stay_if_the_report_cannot_be_written(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, **_: object) -> None:
        raise OSError("no space is left")

    monkeypatch.setattr("lmcompare.report.write.write_reports", fail)
    with pytest.raises(OSError, match="no space") as caught:
        lmcompare.compare(TEXTS, "unigram", quiet=True)
    (made,) = temporary.iterdir()
    assert lmcompare.load(made / "run").models == ("unigram",)
    assert str(made / "run") in caught.value.__notes__[0]
