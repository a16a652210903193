"""The list of models is complete, whatever somebody's package does when it is imported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lmcompare import plugins
from lmcompare.cli.commands import listings

MODULES = {
    "ends_it": "import os\nos._exit(3)\n",
    "hangs": "import time\ntime.sleep(3600)\n",
    "interrupts": "raise KeyboardInterrupt\n",
    "breaks": "raise RuntimeError('out of luck')\n",
    "thief": "from lmcompare.models.unigram.plugin import Unigram\n\n\nclass X(Unigram):\n    '''A thief.'''\n",
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    info = tmp_path / "others-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: others\nVersion: 1\n")
    points = [f"{name.replace('_', '-')} = {name}:X" for name in MODULES] + ["ngram = thief:X"]
    (info / "entry_points.txt").write_text("[lmcompare.models]\n" + "\n".join(points) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ends-it", "can't be loaded: while it was imported, the process ended with exit code 3"),
        ("interrupts", "can't be loaded: KeyboardInterrupt"),
        ("breaks", "can't be loaded: plug-in 'breaks' can't be imported: RuntimeError: out of luck"),
        ("thief", "A thief."),
    ],
)
def test_each_says_what_it_is_or_why_it_is_nothing(name: str, said: str) -> None:
    assert listings.summary(name).startswith(said)


@pytest.mark.usefixtures("packages")
def test_one_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "SECONDS", 1.0)
    assert listings.summary("hangs") == "can't be loaded: importing it took longer than 1 s"


@pytest.mark.usefixtures("packages")
def test_nobody_takes_the_name_of_a_built_in_model() -> None:
    assert plugins.MODELS.installed()["ngram"].value == "lmcompare.models.ngram.plugin:NGram"
    assert plugins.MODELS.is_built_in("ngram")
    assert not plugins.MODELS.is_built_in("thief")
