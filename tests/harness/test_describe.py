"""Plug-ins of others are imported in processes of their own: whatever they do there is their own failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lmcompare.errors import PluginError
from lmcompare.harness import describe
from lmcompare.harness.describe import described
from tests.harness.small import small_experiment

PLUGIN = """
import os, time
{at_import}
from lmcompare.models.unigram.plugin import Unigram

class Own(Unigram):
    \"\"\"A unigram with a parameter.\"\"\"

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        {in_init}
        self.width = width

    def hyperparameters(self):
        return {{"width": self.width}}

    def sized(self, parameters, types):
        return {{"width": parameters // types}}
"""

SENDS = """
for descriptor in range(3, 20):
    try:
        os.write(descriptor, b'["returned", null]\\n')
    except OSError:
        pass
time.sleep(60)
"""


def table(folder: Path, at_import: str = "", in_init: str = "", limit: float | None = None) -> describe.Described:
    (folder / "apart.py").write_text(PLUGIN.format(at_import=at_import, in_init=in_init))
    experiment = small_experiment({"plugin": "apart.py:Own", "name": "own"}, time_limit=limit)
    return described(experiment.models[0], experiment, folder)


def test_what_is_known_of_a_plug_in_of_others(tmp_path: Path) -> None:
    here = Path.cwd()
    model = table(tmp_path, at_import="os.chdir('/')")
    assert (model.name, model.class_name, model.hyperparameters) == ("own", "Own", {"width": 3})
    assert model.plugin == f"{tmp_path / 'apart.py'}:Own"
    assert Path.cwd() == here
    assert "apart" not in [Path(getattr(m, "__file__", None) or "").stem for m in list(sys.modules.values())]
    matched, found = model.resized(500, 100)
    assert found == {"width": 5}
    assert matched.hyperparameters == {"width": 5}


@pytest.mark.parametrize(
    ("at_import", "in_init", "said"),
    [
        ("os._exit(0)", "", "the model 'own': while its plug-in was imported and set up, .* exit code 0"),
        ("os.kill(os.getpid(), 9)", "", "the model 'own': .* signal 9"),
        ("time.sleep(60)", "", "the model 'own': its plug-in took longer than 3 s to be imported and set up"),
        ("import not_there", "", "not_there"),
        ("", "os._exit(0)", "the model 'own': .* exit code 0"),
        (SENDS, "", "the model 'own': .* its process sent something that is not a message"),
        ("", "1 / 0", "the model 'own': .*division by zero"),
    ],
)
def test_a_plug_in_that_cannot_be_imported_is_named(tmp_path: Path, at_import: str, in_init: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        table(tmp_path, at_import, in_init, limit=3.0)


def test_built_in_models_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(describe, "call")
    experiment = small_experiment({"plugin": "ngram", "name": "five", "order": 5}, {"plugin": "unigram"})
    found = [described(each, experiment, None) for each in experiment.models]
    assert [each.hyperparameters.get("order") for each in found] == [5, None]
    assert all(each.source_digest for each in found)


def test_a_model_that_names_a_plug_in_of_others_is_built_in_a_process(tmp_path: Path) -> None:
    (tmp_path / "apart.py").write_text(
        PLUGIN.format(at_import=f"open({str(tmp_path / 'pid')!r}, 'a').write(str(os.getpid()))", in_init="")
    )
    experiment = small_experiment({"plugin": "cache", "name": "cached", "base": "apart.py:Own"})
    model = described(experiment.models[0], experiment, tmp_path)
    assert model.hyperparameters["base"] == f"{tmp_path / 'apart.py'}:Own"
    assert str(os.getpid()) not in (tmp_path / "pid").read_text()
