"""The seam of studies: what is measured again when code changes, and what is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lmcompare.errors import PluginError
from lmcompare.registry import source_without
from lmcompare.study import STUDIES, Study

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


def test_what_is_no_study_is_refused() -> None:
    class Nameless(Study):
        pass

    for found, why in ((int, "'own' is not a study"), (Nameless, "'own' has no name")):
        with pytest.raises(PluginError, match=why):
            STUDIES.checked(found, "own")
