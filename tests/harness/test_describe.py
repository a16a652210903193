"""Plug-ins of others are imported in processes of their own: whatever they do there is their own failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lmcompare.errors import PluginError
from lmcompare.harness import plan
from lmcompare.harness.cells.job import Job
from lmcompare.harness.plan import described, resized
from lmcompare.processes import EndedError, JunkError, RaisedError, TimeLimitError
from tests.harness.small import small_experiment

PLUGIN = """
import os
{at_import}
from lmcompare.models.unigram import Unigram

class Own(Unigram):
    \"\"\"A unigram with a parameter.\"\"\"

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.width = width

    def hyperparameters(self):
        return {{"width": self.width}}

    def sized(self, parameters, types):
        return {{"width": parameters // types}}
"""


def table(folder: Path, at_import: str = "", limit: float | None = None) -> Job:
    (folder / "apart.py").write_text(PLUGIN.format(at_import=at_import))
    experiment = small_experiment({"plugin": "apart.py:Own", "name": "own"}, time_limit=limit)
    return described(experiment.models[0], experiment, folder)


@pytest.mark.slow
def test_what_is_known_of_a_plug_in_of_others(tmp_path: Path) -> None:
    here = Path.cwd()
    model = table(tmp_path, at_import="os.chdir('/')")
    assert (model.name, model.hyperparameters) == ("own", {"width": 3})
    assert model.plugin == f"{tmp_path / 'apart.py'}:Own"
    assert Path.cwd() == here
    assert "apart" not in [Path(getattr(m, "__file__", None) or "").stem for m in list(sys.modules.values())]
    matched, found = resized(model, 500, 100)
    assert found == {"width": 5}
    assert matched.hyperparameters == {"width": 5}


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (TimeLimitError("late"), "the model 'own': late; .*--time-limit"),
        (EndedError(0), "setting up the model 'own': .* exit code 0"),
        (JunkError("x"), "the model 'own': .* not a message"),
        (RaisedError("no such module", True), "^no such module$"),
        (RaisedError("division by zero", False), "^setting up the model 'own': division by zero$"),
        ({"name": "own"}, "the model 'own': .* not a message"),
    ],
)
def test_a_plug_in_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: object, said: str
) -> None:
    limits = []

    def call(*_: object, seconds: float) -> object:
        limits.append(seconds)
        if isinstance(raised, Exception):
            raise raised
        return raised

    monkeypatch.setattr(plan, "call", call)
    for limit in (3.0, None):
        with pytest.raises(PluginError, match=said):
            table(tmp_path, limit=limit)
    assert limits == [3.0, 300.0]


def test_built_in_models_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(plan, "call")
    experiment = small_experiment({"plugin": "ngram", "name": "five", "order": 5}, {"plugin": "unigram"})
    found = [described(each, experiment, None) for each in experiment.models]
    assert [each.hyperparameters.get("order") for each in found] == [5, None]
    assert all(each.source_digest for each in found)


@pytest.mark.slow
def test_a_model_that_names_a_plug_in_of_others_is_built_in_a_process(tmp_path: Path) -> None:
    (tmp_path / "apart.py").write_text(
        PLUGIN.format(at_import=f"open({str(tmp_path / 'pid')!r}, 'a').write(str(os.getpid()))")
    )
    experiment = small_experiment({"plugin": "cache", "name": "cached", "base": "apart.py:Own"})
    model = described(experiment.models[0], experiment, tmp_path)
    assert model.hyperparameters["base"] == f"{tmp_path / 'apart.py'}:Own"
    assert str(os.getpid()) not in (tmp_path / "pid").read_text()
