"""What studies measure of a cell is kept, and measured again when their code changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.harness.run import run
from lmcompare.study import measuring
from tests.harness.small import FLAT, Watch, small_experiment


def test_a_changed_study_measures_again_without_a_training(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stages() -> list[str]:
        watch = Watch()
        run(small_experiment(FLAT), place / "run", base=place, show=watch)
        (found,) = watch.stages.values()
        return found

    def set_digests(**changed: str) -> None:
        monkeypatch.setattr("lmcompare.harness.plan.measuring", lambda: {**known, **changed})

    known = measuring()
    assert "training" in stages()
    assert stages() == ["kept"]
    set_digests(memorisation="another")
    again = stages()
    assert "training" not in again
    assert "scoring" not in again
    assert "examples" in again
    assert stages() == ["kept"]
