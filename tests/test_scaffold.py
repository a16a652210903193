"""``lmcompare new``: what it writes works unchanged."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pytest

import lmcompare
from lmcompare import plugins
from lmcompare.checks import CHECKS
from lmcompare.errors import LmcompareError
from lmcompare.model import Setting
from lmcompare.scaffold import STARTS, create
from lmcompare.tokens import Encoded, Vocabulary

pytestmark = pytest.mark.slow

HOME = str(Path(lmcompare.__file__).parents[1])


def test_the_package_is_written(tmp_path: Path) -> None:
    target = create("my-model", tmp_path)
    assert target == tmp_path / "my-model"
    files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    assert files == ["README.md", "pyproject.toml", "src/my_model.py", "tests/test_my_model.py"]
    assert [p.name for p in tmp_path.iterdir()] == ["my-model"]
    project = tomllib.loads((target / "pyproject.toml").read_text())["project"]
    assert project["name"] == "my-model"
    assert project["entry-points"] == {plugins.MODELS.group: {"my-model": "my_model:MyModel"}}
    for file in files:
        assert "$name" not in (target / file).read_text()
        assert "$cls" not in (target / file).read_text()


@pytest.mark.parametrize(
    ("name", "module", "cls"),
    [
        ("ABC", "abc_", None),  # the standard library has an abc
        ("My_Model", "my_model", "MyModel"),
        ("n2-gram-3", "n2_gram_3", "N2Gram3"),
        ("x", "x", "X"),
    ],
)
def test_names_of_the_module_and_the_class(name: str, module: str, cls: str | None, tmp_path: Path) -> None:
    if cls is None:
        with pytest.raises(LmcompareError, match="Python has a module or word of that name"):
            create(name, tmp_path)
        return
    target = create(name, tmp_path)
    assert plugins.resolve(f"{target}/src/{module}.py:{cls}").__name__ == cls


@pytest.mark.parametrize(
    ("name", "start", "cls"),
    [
        ("state", "bigram", "StateModel"),
        ("encoded", "ngram", "EncodedModel"),
        ("vocabulary", "ngram", "VocabularyModel"),  # which its test imports
        ("network", "torch", "NetworkModel"),
        ("gru-network", "torch", "GruNetworkModel"),
        ("network", "bigram", "Network"),
        ("false", "bigram", "FalseModel"),  # Python's own word
    ],
)
def test_a_class_hides_nothing_that_its_start_uses(name: str, start: str, cls: str, tmp_path: Path) -> None:
    target = create(name, tmp_path, start)
    point = tomllib.loads((target / "pyproject.toml").read_text())["project"]["entry-points"][plugins.MODELS.group]
    assert point == {name: f"{name.replace('-', '_')}:{cls}"}
    test = (target / "tests" / f"test_{name.replace('-', '_')}.py").read_text()
    assert f"import {cls}\n" in test
    model = plugins.build(f"{target}/src/{name.replace('-', '_')}.py:{cls}", {})
    assert type(model).__name__ == cls


# How many models each start gives to the kit, and how many tests of its own it has
TESTS = {"bigram": (2, 1), "ngram": (2, 1), "torch": (1, 1), "gensim": (2, 2)}


@pytest.mark.parametrize("start", STARTS)
def test_its_own_tests_pass(start: str, tmp_path: Path) -> None:
    models, own = TESTS[start]
    target = create("tested-model", tmp_path, start)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=target,
        env={**os.environ, "PYTHONPATH": HOME},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert int(done.stdout.split(" passed")[0].split()[-1]) == models * (len(CHECKS) + 1) + own


def test_its_equation_is_the_one_it_states(tmp_path: Path) -> None:
    """Brute force over a random text: p(w | v) = (c(v, w) + weight p(w)) / (c(v) + weight)."""
    target = create("equation-model", tmp_path)
    cls = plugins.resolve(f"{target}/src/equation_model.py:EquationModel")
    vocabulary = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
    ids = np.random.default_rng(0).integers(0, 5, 60).tolist()
    train = Encoded.from_documents([ids[:25], ids[25:]], vocabulary)
    model = plugins.build(cls, {"weight": 2.0}).fit(train, train, Setting(vocabulary))
    pairs = [(before, word) for d in (ids[:25], ids[25:]) for before, word in zip([1, *d], d, strict=False)]
    text = Encoded.from_documents([[0, 1, 2, 3, 4]], vocabulary)
    found = np.exp(model.next_log_probs(text, np.arange(6)))
    for row, before in enumerate([1, 0, 1, 2, 3, 4]):
        after = [w for v, w in pairs if v == before]
        expected = [(after.count(w) + 2 * (ids.count(w) + 1) / 65) / (len(after) + 2) for w in range(5)]
        np.testing.assert_allclose(found[row], expected)


@pytest.mark.parametrize(
    "name",
    ["", "-x", "x-", "9lives", "a b", "../x", "a/b", "é", "a..b", "x" * 61, "x\n", "import", "json", "lmcompare"],
)
def test_impossible_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="can't be called"):
        create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_name_of_an_installed_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "other-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: other\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[lmcompare.models]\ntaken-model = other:Taken\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LmcompareError, match="'taken-model' is installed already"):
        create("Taken_Model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=r"unknown start 'torhc' \(did you mean 'torch'"):
        create("mine", tmp_path, "torhc")
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("a week's work")
    with pytest.raises(LmcompareError, match="is there already"):
        create("mine", tmp_path)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["work.txt"]


def test_folder_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(LmcompareError, match="you have no permission for"):
        create("mine", tmp_path)


def test_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LmcompareError, match="can't be written"):
        create("mine", tmp_path / "file")
