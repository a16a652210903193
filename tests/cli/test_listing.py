"""The list of models is complete, whatever somebody's package does when it is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare import plugins, processes
from lmcompare.cli import plugins as listings
from lmcompare.processes import EndedError, TimeLimitError
from tests.conftest import called_here

MODULES = {
    "ends_it": "import os\nos._exit(3)\n",
    "interrupts": "raise SystemExit('no')\n",
    "breaks": "raise RuntimeError('out of luck')\n",
    "thief": "from lmcompare.models.unigram import Unigram\n\n\nclass X(Unigram):\n    '''A thief.'''\n",
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    info = tmp_path / "others-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: others\nVersion: 1\n")
    points = [f"{name.replace('_', '-')} = {name}:X" for name in MODULES] + ["ngram = thief:X"]
    (info / "entry_points.txt").write_text("[lmcompare.models]\n" + "\n".join(points) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("interrupts", "can't be loaded: plug-in 'interrupts' can't be imported: SystemExit"),
        ("breaks", "can't be loaded: plug-in 'breaks' can't be imported: RuntimeError: out of luck"),
        ("thief", "A thief."),
    ],
)
@pytest.mark.usefixtures("packages")
def test_each_says_what_it_is_or_why_it_is_nothing(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "call", called_here)
    assert listings.summary(name).startswith(said)


@pytest.mark.slow
def test_one_that_ends_its_process_says_so(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(packages), prepend=":")
    assert listings.summary("ends-it").startswith("can't be loaded: the process ended")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeLimitError("it was late"), "can't be loaded: it was late"),
        (EndedError(3), "can't be loaded: the process ended with exit code 3"),
    ],
)
@pytest.mark.usefixtures("packages")
def test_one_that_never_comes_back_is_not_waited_for(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(function: str, name: str, seconds: float) -> None:
        assert (function, name, seconds) == ("lmcompare.cli.plugins:imported_summary", "ends-it", 20.0)
        raise error

    monkeypatch.setattr(processes, "call", call)
    assert listings.summary("ends-it").startswith(said)


@pytest.mark.usefixtures("packages")
def test_nobody_takes_the_name_of_a_built_in_model() -> None:
    assert plugins.MODELS.installed()["ngram"].value == "lmcompare.models.ngram.plugin:NGram"
    assert plugins.MODELS.is_built_in("ngram")
    assert not plugins.MODELS.is_built_in("thief")
