"""From a plug-in's name, module or file to its class, and from its hyper-parameters to a model."""

from __future__ import annotations

import inspect
import linecache
import re
from pathlib import Path
from typing import Any, ClassVar, get_args, get_type_hints

import pytest

from lmcompare import plugins, registry
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.model import LanguageModel
from lmcompare.registry import placed
from tests.checks.honest import Honest

MODEL = '''
"""A plug-in."""
from tests.checks.honest import Honest
from lmcompare.model import LanguageModel

class Mine(Honest):
    """Guesses as it likes,
    on two lines.

    And more.
    """
    def __init__(self, alpha: float = 0.5, order: int = 2) -> None:
        super().__init__(alpha)
        self.order = order

class Unfinished(LanguageModel):
    """Lacks nearly all."""

class NoModel:
    """Something else."""
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_model.py"
    path.write_text(MODEL)
    return path


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    """Put a distribution with these entry points on the path."""
    info = folder / "others-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: others\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{plugins.MODELS.group}]\n{points}\n")
    monkeypatch.syspath_prepend(folder)


def test_what_is_installed_meanwhile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert "newcomer" not in plugins.MODELS.installed()
    install(tmp_path, monkeypatch, "newcomer = some_module:Mine")
    assert "newcomer" in plugins.MODELS.installed()


# By file


def test_class_in_a_file(file: Path) -> None:
    cls = plugins.resolve(f"{file}:Mine")
    assert issubclass(cls, LanguageModel)
    assert cls.__name__ == "Mine"
    assert plugins.resolve(f"{file}:Mine") is cls  # imported once


def test_file_relative_to_the_working_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert plugins.resolve("./my_model.py:Mine") is plugins.resolve(f"{file}:Mine")
    assert plugins.resolve("my_model.py:Mine").__name__ == "Mine"


def test_files_of_one_name_in_two_folders_do_not_mix(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "my_model.py"
    other.parent.mkdir()
    other.write_text(MODEL)
    assert plugins.resolve(f"{file}:Mine") is not plugins.resolve(f"{other}:Mine")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Mime", "has no model 'Mime' (did you mean 'Mine'?)"),
        ("Unfinished", "lacks fit, next_log_probs"),
        ("NoModel", "is not a class derived from lmcompare.LanguageModel"),
        ("__doc__", "is not a class derived from lmcompare.LanguageModel"),
    ],
)
def test_what_is_no_model_in_a_file(file: Path, name: str, said: str) -> None:
    with pytest.raises(PluginError, match=re.escape(said)) as caught:
        plugins.resolve(f"{file}:{name}")
    assert "\n" not in str(caught.value)
    with pytest.raises(PluginError, match="there is no plug-in file"):
        plugins.resolve(f"{file.parent}/nothing.py:{name}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def (", "SyntaxError"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("raise ValueError('no luck today')", "ValueError: no luck today"),
        ("import sys; sys.exit('go away')", "SystemExit: go away"),
    ],
)
def test_file_that_breaks_when_imported(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(PluginError, match=f"can't be imported.*{said}"):
        plugins.resolve(f"{path}:Mine")
    path.write_text(MODEL)  # mended, it can be imported: nothing of the first attempt is left
    assert plugins.resolve(f"{path}:Mine").__name__ == "Mine"


# By module


def test_a_file_may_stand_on_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "stands_beside.py").write_text(
        "from tests.checks.honest import Honest\n\n\nclass Base(Honest): ...\n"
    )
    (tmp_path / "one.py").write_text("from stands_beside import Base\n\n\nclass Mine(Base): ...\n")
    assert plugins.resolve(f"{tmp_path / 'one.py'}:Mine").__mro__[1].__name__ == "Base"


def test_class_in_a_module() -> None:
    assert plugins.resolve("tests.checks.honest:Honest") is Honest


def test_missing_module_and_missing_class() -> None:
    with pytest.raises(PluginError, match="can't be imported: ModuleNotFoundError"):
        plugins.resolve("no_such_module:Mine")
    with pytest.raises(PluginError, match=r"has no model 'Hones' .did you mean 'Honest'"):
        plugins.resolve("tests.checks.honest:Hones")


# By name


def test_installed_plug_in(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "mine = my_model:Mine")
    assert "mine" in plugins.MODELS.installed()
    assert plugins.resolve("mine").__name__ == "Mine"


def test_unknown_name_is_answered_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "trigram-model = x:Y")
    with pytest.raises(PluginError, match=r"unknown model 'trigrm-model' .did you mean 'trigram-model'"):
        plugins.resolve("trigrm-model")


def test_broken_package_hurts_only_itself(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "broken = no_such_module:X\nmine = my_model:Mine\nodd = my_model:NoModel")
    assert {"broken", "mine", "odd"} <= set(plugins.MODELS.installed())
    assert plugins.resolve("mine").__name__ == "Mine"
    with pytest.raises(PluginError, match="'broken' can't be imported"):
        plugins.resolve("broken")
    with pytest.raises(PluginError, match="'odd' is not a class"):
        plugins.resolve("odd")


def test_files_and_classes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    specs = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        code = f"from lmcompare.models.unigram import Unigram\n\n\nclass Mine(Unigram):\n    place = '{folder}'\n"
        (tmp_path / folder / "mine.py").write_text(code)
        specs.append(f"{tmp_path / folder / 'mine.py'}:Mine")
    with plugins.only_installed(*specs):
        assert [plugins.resolve(spec).place for spec in specs] == ["one", "other"]  # type: ignore[attr-defined]
        with pytest.raises(PluginError, match="code is not run because a run folder names it"):
            plugins.resolve(f"{tmp_path / 'one' / 'mine.py'}:Unigram")
    with plugins.only_installed(specs[1]):  # the file has moved
        assert plugins.resolve(specs[0]).place == "other"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "said"),
    [("none.py:Mine", "there is no plug-in file"), ("mine", "write 'module:Name' or './file.py:Name'")],
)
def test_code_that_is_allowed_must_be_there(name: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        registry.check_named(name)
    registry.check_named(f"{__file__}:Any")
    registry.check_named("module:Any")


# To a model


class Presets(Honest):
    """A model with presets."""

    presets: ClassVar = {"quick": {"alpha": 2.0}, "full": {"alpha": 0.1, "order": 5}}

    def __init__(self, alpha: float = 1.0, order: int = 3) -> None:
        super().__init__(alpha)
        if order < 1:
            raise ValueError(f"order must be at least 1, not {order}")
        self.order = order


@pytest.mark.parametrize(
    ("parameters", "preset", "expected"),
    [
        ({}, "", {"alpha": 1.0, "order": 3}),
        ({}, "quick", {"alpha": 2.0, "order": 3}),
        ({"order": 4}, "quick", {"alpha": 2.0, "order": 4}),
        ({"alpha": 9.0}, "full", {"alpha": 9.0, "order": 5}),
        ({}, "default", {"alpha": 1.0, "order": 3}),
    ],
)
def test_parameters_go_before_the_preset(parameters: dict[str, Any], preset: str, expected: dict[str, Any]) -> None:
    assert plugins.build(Presets, parameters, preset).hyperparameters() == expected


def test_misspelt_hyper_parameters_and_refused_values_are_told() -> None:
    with pytest.raises(PluginError, match=r"unknown hyper-parameter of Presets 'ordre' .did you mean 'order'"):
        plugins.build(Presets, {"ordre": 3})
    with pytest.raises(PluginError, match="Presets refuses its hyper-parameters: order must be at least 1, not 0"):
        plugins.build(Presets, {"order": 0})


class Kinds(Honest):
    """A model with a hyper-parameter of each kind."""

    def __init__(self, alpha: float = 1.0, order: int | None = 3, old: bool = False, names: object = ()) -> None:
        super().__init__(alpha)
        self.order, self.old, self.names = order, old, names


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"order": "three"}, "order of Kinds is a whole number or nothing, not 'three'"),
        ({"order": 1.5}, "order of Kinds is a whole number or nothing, not 1.5"),
        ({"order": True}, "order of Kinds is a whole number or nothing, not True"),
        ({"alpha": "1"}, "alpha of Kinds is a number, not '1'"),
        ({"alpha": float("nan")}, "alpha of Kinds is a number, not nan"),
        ({"alpha": 10**400}, "alpha of Kinds is a number, not 1000"),
        ({"old": "false"}, "old of Kinds is true or false, not 'false'"),
        ({"old": 1}, "old of Kinds is true or false, not 1"),
    ],
)
def test_a_value_of_another_kind_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=re.escape(said)):
        plugins.build(Kinds, given)


def test_values_of_the_right_kind_are_taken() -> None:
    given = {"alpha": 2, "order": None, "old": True, "names": ["a", 1]}
    assert plugins.build(Kinds, given).hyperparameters() == given


# What a run keeps of it


def test_a_file_is_built_and_its_summary_is_the_first_paragraph(file: Path) -> None:
    assert plugins.build(f"{file}:Mine", {"order": 7}).hyperparameters() == {"alpha": 0.5, "order": 7}
    assert plugins.summary(f"{file}:Mine") == "Guesses as it likes, on two lines."


def test_digest_changes_with_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for k, text in enumerate((MODEL, MODEL, MODEL.replace("0.5", "0.25"))):
        path = tmp_path / str(k) / "my_model.py"
        path.parent.mkdir()
        path.write_text(text)
        digests.append(plugins.source_digest(plugins.build(f"{path}:Mine", {})))
    moved = [plugins.build(f"{tmp_path / str(k) / 'my_model.py'}:Mine", {}) for k in range(3)]
    own = [plugins.code_digest(model) for model in moved]
    assert own[0] == own[1] != own[2]
    assert own[0] != digests[0]  # which covers what every model uses
    assert digests[0] == digests[1]  # a file may move
    (tmp_path / "0" / "beside_it.py").write_text("FACTOR = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path / "0"))
    for text in ("FACTOR = 2\n", "FACTOR = 3\n"):
        (tmp_path / "0" / "beside_it.py").write_text(text)
        linecache.clearcache()
        path = tmp_path / "0" / f"user{len(digests)}.py"
        path.write_text(MODEL + "\nimport beside_it\n")
        digests.append(plugins.source_digest(plugins.build(f"{path}:Mine", {})))
    assert digests[3] != digests[4]  # what is beside it counts
    assert digests[0] != digests[2]


BUILT_IN = sorted(name for name in plugins.MODELS.installed() if plugins.MODELS.is_built_in(name))


@pytest.mark.slow
def test_no_whole_number_is_without_a_limit() -> None:
    for name in BUILT_IN:
        cls = plugins.resolve(name)
        hints = get_type_hints(cls.__init__)
        for parameter in cls.parameter_names():
            if int in (hints[parameter], *get_args(hints[parameter])):
                with pytest.raises(LmcompareError, match=rf"{parameter}"):
                    plugins.build(name, {parameter: 10**12})
        if "order" in hints:
            assert vars(plugins.build(name, {"order": 100}))["order"] == 100
            with pytest.raises(LmcompareError, match="order must be 100 or less"):
                plugins.build(name, {"order": 101})


def test_a_path_that_is_too_long_for_a_file_stays_as_it_is(tmp_path: Path) -> None:
    assert placed("a" * 5000, tmp_path) == "a" * 5000
    (tmp_path / "there").touch()
    assert placed("there", tmp_path) == str(tmp_path / "there")


@pytest.mark.slow
def test_summaries_of_built_in_models_are_those_of_their_classes() -> None:
    for name in BUILT_IN:
        first = (inspect.getdoc(plugins.resolve(name)) or "").partition("\n\n")[0]
        assert plugins.summary(name) == " ".join(first.split()).replace("``", "")
