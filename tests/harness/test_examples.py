"""Examples and exhibits of a model: both are made before either is written."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from lmcompare.harness import examples
from lmcompare.harness.job import Job
from lmcompare.run_mark import MARK


@pytest.mark.parametrize("asked", [{"exhibits_only": True}, {"forecast": {}}])
def test_an_interruption_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, object]
) -> None:
    monkeypatch.setattr(examples, "model_examples", lambda *_: ({"prompts": [], "sentences": []}, Mock()))
    for name in ("example_windows", "model_forecasts", "lag_influences"):
        monkeypatch.setattr(examples, name, Mock(return_value=[]))
    (tmp_path / MARK).touch()
    job = Job(str(tmp_path), "model", "unigram", 0, "", "word", "", {}, {}, examples=asked)
    job.path.mkdir(parents=True)
    (job.path / "examples.json").write_text("as it was")
    with pytest.raises(KeyboardInterrupt):
        examples.write_examples(job, Mock(), Mock(exhibits=Mock(side_effect=KeyboardInterrupt)))
    assert (job.path / "examples.json").read_text() == "as it was"
