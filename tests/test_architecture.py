"""The arrows between the rooms point one way, starting is cheap, and no file outgrows what one can hold in mind."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import lmcompare
from tests import messages

PACKAGE = Path(lmcompare.__file__).parent
HEAVY = {
    "torch",
    "gensim",
    "pandas",
    "pyarrow",
    "sklearn",
    "scipy",
    "numba",
    "nltk",
    "pydantic",
    "safetensors",
    "jinja2",
}

# The rooms in the order of the data: each may import some of those above it
MAY_IMPORT = {
    "errors": set(),
    "memory": {"errors"},
    "compiled": set(),
    "processes": {"errors"},
    "registry": {"errors"},
    "render": {"errors"},
    "run_mark": set(),
    "forecasting": {"errors", "registry"},
    "corpora": {"errors", "registry", "memory", "run_mark", "compiled"},
    "state": {"errors"},
    "tokens": {"errors", "memory", "registry", "state", "corpora"},
    "survey": {"errors", "corpora", "tokens"},
    "exhibits": {"errors", "processes", "registry", "render"},
    "model": {"errors", "state", "tokens", "exhibits"},
    "plugins": {"errors", "registry", "model"},
    "training": {"errors", "processes", "state", "tokens", "exhibits", "model", "plugins"},
    "counts": {
        "errors",
        "memory",
        "compiled",
        "processes",
        "state",
        "tokens",
    },
    "models": {
        "errors",
        "memory",
        "compiled",
        "state",
        "tokens",
        "exhibits",
        "model",
        "plugins",
        "training",
        "counts",
    },
    "runfolder": {"errors", "memory", "registry", "run_mark", "corpora", "state", "tokens", "exhibits", "model"},
    "checks": {"errors", "processes", "corpora", "tokens", "exhibits", "model", "plugins", "runfolder"},
    "measure": {"errors", "memory", "corpora", "tokens", "model", "runfolder"},
    "study": {"errors", "registry", "model", "runfolder"},
    "scaffold": {"errors"},
    "experiments": set(),
    "harness": {
        "memory",
        *("errors", "registry", "processes", "corpora", "tokens", "exhibits"),
        *("model", "plugins", "training", "runfolder", "checks", "measure", "study", "experiments", "forecasting"),
    },
    "analysis": {"errors", "exhibits", "runfolder", "study"},
    "report": {"errors", "corpora", "tokens", "survey", "render", "exhibits", "runfolder", "study", "analysis"},
    "studies": {
        *("errors", "corpora", "tokens", "exhibits", "model", "runfolder", "measure", "study", "analysis", "render"),
        *("report",),
    },
    "lab": {
        *("errors", "registry", "processes", "tokens", "exhibits", "model"),
        *("plugins", "training", "models"),
        *("run_mark", "runfolder", "measure", "harness", "analysis", "render", "report", "studies"),
    },
    "conformance": {
        *(
            "errors",
            "registry",
            "processes",
            "corpora",
            "tokens",
            "plugins",
            "runfolder",
            "checks",
            "study",
            "harness",
        ),
        *("analysis", "render", "report"),
    },
    "testing": {"errors", "model", "checks", "conformance", "study"},
    "trained": {"errors", "tokens", "corpora", "model", "plugins", "runfolder", "measure"},
    "coding": {"errors", "tokens", "corpora", "model", "runfolder", "trained"},
    "probes": {"errors", "corpora", "runfolder", "trained"},
    "api": {
        *("errors", "corpora", "model", "plugins", "runfolder", "harness", "analysis", "report", "trained", "probes")
    },
    "lm_evaluation": {"errors", "trained"},
    "serve": {"errors", "measure", "trained"},
    "cli": {
        *("errors", "processes", "corpora", "survey", "plugins", "runfolder", "checks"),
        *("measure", "scaffold", "harness", "render", "report", "trained", "coding", "probes", "api", "conformance"),
        *("tokens", "lm_evaluation", "run_mark", "lab", "serve", "analysis", "model", "study"),
    },
}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(text: str) -> set[str]:
    """The rooms of lmcompare that a file imports, wherever in the file."""
    assert not re.search(r"^\s*from \.", text, re.MULTILINE), "a relative import"
    found = set(re.findall(r"^\s*(?:from|import) lmcompare\.(\w+)", text, re.MULTILINE))
    for names in re.findall(r"^\s*from lmcompare import (\([^)]*\)|.*)", text, re.MULTILINE):
        found.update(re.findall(r"\w+", names.partition("#")[0]))
    return found & MAY_IMPORT.keys()


FILES = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"}


def test_arrows_point_one_way() -> None:
    forbidden = {str(path): _imported(text) - MAY_IMPORT[_room(path)] - {_room(path)} for path, text in FILES.items()}
    assert not {path: rooms for path, rooms in forbidden.items() if rooms}
    assert len(FILES) > 350


def test_imports_are_found_wherever_they_are() -> None:
    text = "from lmcompare.model import A\nif x:\n    import lmcompare.api\n  from lmcompare import cli, errors # x\n"
    assert _imported(text + "from lmcompare import (\n    memory,\n)\n") == {
        "model",
        "api",
        "cli",
        "errors",
        "memory",
    }


def test_every_room_imports_only_rooms_above_it() -> None:
    above: set[str] = set()
    for room, imported in MAY_IMPORT.items():
        assert imported <= above, room
        above.add(room)


def test_no_file_is_long() -> None:
    lines = {str(path): len(text.splitlines()) for path, text in FILES.items()}
    assert not {path: count for path, count in lines.items() if count > 600}


ROOMS = [
    *("", "corpora", "tokens", "harness", "runfolder", "processes", "measure", "cli"),
    *("analysis", "checks", "training", "exhibits", "report"),
]


@pytest.mark.parametrize("room", ROOMS)
def test_no_folder_has_many_files(room: str) -> None:
    files = [path.name for path in (PACKAGE / room).glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 15


@pytest.mark.slow
def test_messages_of_errors_are_as_approved() -> None:
    # after a change: python -m tests.messages, and read the diff
    assert messages.written() == messages.APPROVED.read_text(encoding="utf-8")


BARE = """
import sys
import lmcompare, lmcompare.model, lmcompare.tokens, lmcompare.plugins, lmcompare.cli
lmcompare.plugins.MODELS.installed()
sys.argv = ["lmcompare", "--help"]
lmcompare.cli.main()
"""
REPORTS = """
import lmcompare.analysis, lmcompare.report
from lmcompare.cli.plugins import models
models()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "allowed"), [(BARE, set()), (REPORTS, HEAVY - {"torch", "gensim", "nltk"})], ids=["names", "reports"]
)
def test_starting_is_cheap(start: str, allowed: set[str]) -> None:
    code = f"import atexit, sys; atexit.register(lambda: print('\\nLOADED', *sys.modules))\n{start}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "lmcompare.plugins" in loaded, done.stderr
    assert not (HEAVY - allowed) & loaded
    assert allowed or not [name for name in loaded if name.startswith("lmcompare.models.")]
    assert not allowed or "transformer " in done.stdout


def test_public_names_are_there() -> None:
    for name in lmcompare.__all__:
        assert getattr(lmcompare, name).__name__ == name
    for path in (path for path, text in FILES.items() if "\n__all__ = " in text):
        module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
