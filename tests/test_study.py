"""The seam of studies: what is measured again when code changes, and what is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lmcompare.errors import PluginError
from lmcompare.harness.experiment import ExamplesTable
from lmcompare.registry import only_installed, source_without
from lmcompare.study import OPTIONS, STUDIES, Study, check_chosen, measuring, studies

PARTS = {
    "__init__": "from studied.core import FACTOR\n",
    "core": "FACTOR = 2\n",
    "measuring": "from studied.core import FACTOR\n",
    "drawing": "WIDTH = 3\n",
    "study": """
from lmcompare.study import Study


class Own(Study):
    name = "own"

    def measure(self, finished):
        from studied.measuring import FACTOR

        return FACTOR

    def show(self, report):
        from studied.drawing import WIDTH

        return WIDTH
""",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a study in one module, and what it imports in others."""
    folder = tmp_path / "studied"
    folder.mkdir()
    for name, text in PARTS.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("file", "before", "after", "noticed"),
    [
        ("study", "return FACTOR", "return 2 * FACTOR", True),
        ("measuring", "FACTOR", "FACTOR  # twice", True),
        ("core", "2", "5", True),
        ("study", "return WIDTH", "return 2 * WIDTH", False),
        ("drawing", "3", "4", False),
    ],
)
def test_code_that_measures_is_told_from_code_that_shows(
    package: Path, file: str, before: str, after: str, noticed: bool
) -> None:
    from studied.study import Own  # type: ignore[import-not-found]

    try:
        first = source_without(Own, ("compute", "show"))
        path = package / f"{file}.py"
        path.write_text(path.read_text().replace(before, after))
        assert (source_without(Own, ("compute", "show")) != first) is noticed
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "studied"]:
            del sys.modules[name]


class Complete(Study):
    name = "own"
    title = "Own"

    def show(self, report: Any) -> None:
        return None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": ""}, "'own' has no name"),
        ({"name": "other"}, "is called 'other' by its class"),
        ({"title": ""}, "shows something and has no title"),
        ({"title": 3}, "title of the study 'own' must be a text, not 3"),
        ({"group": "More"}, "group of the study 'own' must be one of Results, Try it, Inside, Trust, not 'More'"),
        ({"order": 101}, "order of the study 'own' must be a number from 0 to 100, not 101"),
        ({"kinds": "text"}, r"kinds of the study 'own' must be a tuple of some of text, series, not 'text'"),
        ({"kinds": ()}, r"kinds of the study 'own' must be a tuple of some of text, series, not \(\)"),
        (
            {"options": ("seed",)},
            r"options of the study 'own' must be a tuple of some of prompts, .*'seed'",
        ),
        ({"questions": ["why"]}, r"questions of the study 'own' must be a mapping of ids of places to texts"),
    ],
)
def test_what_is_no_whole_study_is_refused(changes: dict[str, Any], why: str) -> None:
    assert STUDIES.checked(Complete, "own") is Complete
    with pytest.raises(PluginError, match=why):
        STUDIES.checked(type("Own", (Complete,), changes), "own")
    with pytest.raises(PluginError, match="'own' is not a study"):
        STUDIES.checked(int, "own")


OWN = """
from lmcompare.study import Study


class Own(Study):
    name = "own"

    def measure(self, finished):
        return 1


class Same(Own):
    pass


class Upper(Study):
    name = "UPPER"
"""


def test_chosen_studies_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "studies.py").write_text(OWN)
    own = f"{tmp_path}/studies.py:Own"
    assert [*studies(["slices", own, "cost", "slices"])] == ["slices", "own", "cost"]
    assert studies([]) == {}
    assert [*studies()] == sorted(STUDIES.installed())
    options = dict.fromkeys(OPTIONS)
    assert measuring(options, "text", True, ["cost", own]).keys() == {"own"}
    assert "own" not in measuring(options, "text", True)
    check_chosen([own, own, "cost"])
    with pytest.raises(PluginError, match=r"Own' and '.*:Same' are studies with the same name, 'own'"):
        check_chosen([own, f"{tmp_path}/studies.py:Same"])
    with pytest.raises(PluginError, match="name of the study 'UPPER' must be of small letters"):
        check_chosen([f"{tmp_path}/studies.py:Upper"])


def test_a_run_folder_names_no_code_that_runs(tmp_path: Path) -> None:
    (tmp_path / "studies.py").write_text("raise AssertionError('it was run')")
    own = f"{tmp_path}/studies.py:Own"
    with only_installed():
        found = studies([own, "cost"])
    assert [*found] == ["Own", "cost"]
    with pytest.raises(PluginError, match=r"not installed.*if you trust it \(--study\)"):
        found["Own"].compute(None)
    with only_installed(own), pytest.raises(PluginError, match="it was run"):
        studies([own])["Own"].compute(None)


def test_options_are_those_of_a_run() -> None:
    assert {*OPTIONS} == {*ExamplesTable.model_fields, "forecast", "whole"}
