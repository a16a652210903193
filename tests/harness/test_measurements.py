"""What studies measure of a cell is kept, and measured again when their code changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
        def found(*given: Any) -> dict[str, str]:
            return {**measuring(*given), **changed}

        monkeypatch.setattr("lmcompare.harness.plan.measuring", found)

    assert "training" in stages()
    assert stages() == ["kept"]
    set_digests(memorisation="another")
    again = stages()
    assert "training" not in again
    assert "scoring" not in again
    assert "examples" in again
    assert stages() == ["kept"]


def test_a_digest_depends_on_the_options_that_a_study_asks_for_and_on_where_it_measures() -> None:
    options: dict[str, Any] = {
        "prompts": ["a"],
        "words": None,
        "length": 3,
        "temperature": 1.0,
        "top_k": 5,
        "top_p": 1.0,
    }
    options |= {"sentences": 2, "forecast": {}, "whole": False}
    usual = measuring(options, "text", main=True)
    other = measuring({**options, "length": 4}, "text", main=True)
    assert {name for name in usual if usual[name] != other[name]} == {"prompts"}
    assert measuring(options, "text", main=False).keys() == {"exhibits"}
    assert measuring(options, "series", main=True).keys() == {"exhibits", "forecasts", "lags"}
