"""The arrows between the rooms point one way, starting is cheap, and no file outgrows what one can hold in mind."""

from __future__ import annotations

import ast
import subprocess
import sys
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
    "lazy": set(),
    "memory": set(),
    "scratch": {"errors"},
    "allowance": set(),
    "decompression": {"errors"},
    "compiled": set(),
    "processes": {"errors"},
    "registry": {"errors"},
    "source_code": {"registry"},
    "run_mark": set(),
    "forecasting": {"errors", "registry"},
    "corpora": {"errors", "lazy", "registry", "scratch", "decompression", "run_mark"},
    "cluster_work": set(),
    "state": set(),
    "tokens": {"errors", "memory", "scratch", "compiled", "registry", "source_code", "state", "corpora"},
    "survey": {"errors", "corpora", "tokens"},
    "exhibits": {"errors", "registry"},
    "model": {"errors", "state", "tokens", "exhibits"},
    "plugins": {"errors", "registry", "source_code", "model"},
    "training": {"errors", "processes", "tokens", "exhibits", "model", "plugins"},
    "counts": {"errors", "memory", "scratch", "allowance", "decompression", "compiled", "cluster_work", "tokens"},
    "models": {
        "errors",
        "memory",
        "decompression",
        "compiled",
        "tokens",
        "exhibits",
        "model",
        "plugins",
        "training",
        "counts",
    },
    "runfolder": {"errors", "memory", "registry", "run_mark", "corpora", "tokens", "exhibits", "model"},
    "checks": {"errors", "processes", "corpora", "tokens", "exhibits", "model", "plugins", "runfolder"},
    "measure": {"errors", "scratch", "corpora", "tokens", "model", "runfolder"},
    "scaffold": {"errors"},
    "experiments": set(),
    "harness": {
        *("memory", "allowance", "cluster_work"),
        *("errors", "registry", "source_code", "processes", "corpora", "tokens", "exhibits"),
        *("model", "plugins", "training", "runfolder", "checks", "measure", "experiments", "forecasting"),
    },
    "analysis": {"errors", "exhibits", "runfolder"},
    "report": {"errors", "corpora", "tokens", "registry", "processes", "survey", "exhibits", "runfolder", "analysis"},
    "lab": {
        *("errors", "registry", "source_code", "processes", "tokens", "exhibits", "model"),
        *("plugins", "training", "models"),
        *("run_mark", "runfolder", "measure", "harness", "analysis", "report"),
    },
    "testing": {"errors", "model", "checks", "report"},
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
        *("measure", "scaffold", "harness", "report", "trained", "coding", "probes", "api"),
        *("tokens", "lm_evaluation", "run_mark", "lab", "serve", "analysis"),
    },
}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """The rooms of lmcompare that a file imports, wherever in the file; its own left out."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "lmcompare" and len(parts) > 1 and parts[1] in MAY_IMPORT:
                found.add(parts[1])
    return found - {_room(path)}


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def test_arrows_point_one_way() -> None:
    forbidden = {str(path): _imported(path) - MAY_IMPORT[_room(path)] for path in FILES}
    assert not {path: rooms for path, rooms in forbidden.items() if rooms}


def test_every_room_imports_only_rooms_above_it() -> None:
    above: set[str] = set()
    for room, imported in MAY_IMPORT.items():
        assert imported <= above, room
        above.add(room)


def test_no_file_is_long() -> None:
    lines = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {path: count for path, count in lines.items() if count > 600}


def test_messages_of_errors_are_as_approved() -> None:
    # after a change: python -m tests.messages, and read the diff
    assert messages.written() == messages.APPROVED.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("start", "allowed"),
    [
        ("import lmcompare", set()),
        ("import lmcompare.cli, sys; sys.argv = ['lmcompare', '--help']; lmcompare.cli.main()", set()),
        ("import lmcompare.model, lmcompare.tokens, lmcompare.plugins", set()),
        ("import lmcompare.analysis, lmcompare.report", HEAVY - {"torch", "gensim", "nltk"}),
    ],
)
def test_starting_is_cheap(start: str, allowed: set[str]) -> None:
    code = f"import atexit, sys; atexit.register(lambda: print('\\nLOADED', *sys.modules)); {start}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not (HEAVY - allowed) & loaded


def test_public_names_are_there() -> None:
    for name in lmcompare.__all__:
        assert getattr(lmcompare, name).__name__ == name
