"""``lmcompare new``: what it writes, what that is called, and what it refuses; the second tier runs its tests."""

from __future__ import annotations

import errno
import re
import tempfile
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from lmcompare import plugins, scaffold
from lmcompare.errors import LmcompareError
from lmcompare.model import Setting
from lmcompare.scaffold import STARTS, create
from lmcompare.tokens import Encoded, Vocabulary

installed = cache(packages_distributions)


@pytest.fixture(autouse=True)
def looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of all distributions are listed once: it takes long."""
    monkeypatch.setattr(scaffold, "packages_distributions", installed)


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_the_package_is_written(start: str, tmp_path: Path) -> None:
    target = create("my-model", tmp_path, start)
    assert target == tmp_path / "my-model"
    files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    assert files == ["README.md", "pyproject.toml", "src/my_model.py", "tests/test_my_model.py"]
    assert [p.name for p in tmp_path.iterdir()] == ["my-model"]
    assert target.stat().st_mode & 0o755 == 0o755
    project = tomllib.loads((target / "pyproject.toml").read_text())["project"]
    assert project["name"] == "my-model"
    assert project["entry-points"] == {STARTS[start].group: {"my-model": "my_model:MyModel"}}
    needs = " ".join(project["dependencies"])
    assert all(package in needs for package in STARTS[start].needs)
    assert STARTS[start].says in " ".join((target / "README.md").read_text().split())
    for file in files:
        assert not re.search(r"\$(name|cls|module|start|noun)", (target / file).read_text())
        if file.endswith(".py"):
            compile((target / file).read_text(), file, "exec")


@pytest.mark.parametrize(
    ("name", "start", "module", "cls"),
    [
        ("My_Model", "bigram", "my_model", "MyModel"),
        ("n2-gram-3", "bigram", "n2_gram_3", "N2Gram3"),
        ("x", "bigram", "x", "X"),
        # a class hides nothing that its start or its test uses
        ("setting", "bigram", "setting", "SettingModel"),
        ("vocabulary", "ngram", "vocabulary", "VocabularyModel"),
        ("network", "bigram", "network", "Network"),
        ("false", "bigram", "false", "FalseModel"),  # Python's own word
        pytest.param("gru-network", "torch", "gru_network", "GruNetworkModel", marks=pytest.mark.slow),
    ],
)
def test_names_of_the_module_and_the_class(name: str, start: str, module: str, cls: str, tmp_path: Path) -> None:
    target = create(name, tmp_path, start)
    assert target.name == name.lower().replace("_", "-")
    point = tomllib.loads((target / "pyproject.toml").read_text())["project"]["entry-points"][plugins.MODELS.group]
    assert point == {target.name: f"{module}:{cls}"}
    assert f"import {cls}\n" in (target / "tests" / f"test_{module}.py").read_text()
    assert type(plugins.build(f"{target}/src/{module}.py:{cls}", {})).__name__ == cls


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
    ("name", "said"),
    [
        *((name, "letters and digits") for name in ("", "-x", "9lives", "a b", "../x", "é", "a..b", "x" * 61, "x\n")),
        *((name, "has a module or word of that name") for name in ("import", "ABC", "lmcompare", "tests")),
        ("numpy", "package of that name is installed"),
    ],
)
def test_impossible_names_are_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=f"can't be called .*{said}"):
        create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_may_be_long(tmp_path: Path) -> None:
    assert create("x" * 60, tmp_path).is_dir()


def test_name_of_an_installed_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "other-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[lmcompare.models]\ntaken-model = other:Taken\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LmcompareError, match="'taken-model' is installed already"):
        create("Taken_Model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match=r"unknown start 'torhc' \(did you mean 'torch'"):
        create("mine", tmp_path, "torhc")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("a week's work")
    (tmp_path / "file").write_text("")
    with pytest.raises(LmcompareError, match="is there already"):
        create("mine", tmp_path)
    with pytest.raises(LmcompareError, match="can't be written"):
        create("mine", tmp_path / "file")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["work.txt"]


def test_folder_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(LmcompareError, match="you have no permission for"):
        create("mine", tmp_path)
