"""``lmcompare new NAME``: a small plug-in package that works as it stands, to begin from."""

from __future__ import annotations

import importlib.resources
import keyword
import re
import shutil
import sys
import tempfile
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from string import Template

from lmcompare.errors import LmcompareError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
LONGEST = 60  # characters of a name
RESERVED = ("lmcompare", "test", "tests", "src")

# The file of the template, and where it goes.
FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "model.py.txt": "src/$module.py",
    "test_model.py.txt": "tests/test_$module.py",
}


def create(name: str, folder: Path = Path()) -> Path:
    """Write the package ``name`` into a new folder of that name in ``folder`` and return its path.

    It holds a pyproject.toml with the entry point, a working bigram model in src, its conformance test and a README.
    It appears whole or not at all. Raises ``LmcompareError`` for a name that can't be a package's, one that an
    installed model has, and a folder that is there already or can't be written.
    """
    names = _names(name)
    target = folder / names["name"]
    if target.exists():
        raise LmcompareError(f"{target} is there already: choose another name or delete it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{names['name']}.", dir=folder))
        try:
            aside.chmod(0o755)  # mkdtemp makes folders that only their owner can enter
            _write(names, aside)
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise LmcompareError(
            f"{target} can't be written ({error.strerror or error}): choose another folder or make room"
        ) from error
    return target


def _write(names: dict[str, str], folder: Path) -> None:
    templates = importlib.resources.files(__name__) / "template"
    for source, place in FILES.items():
        path = folder / Template(place).substitute(names)
        path.parent.mkdir(exist_ok=True)
        path.write_text(Template((templates / source).read_text("utf-8")).substitute(names), encoding="utf-8")


def _names(name: str) -> dict[str, str]:
    """What the package, its module and its class are called. Raises ``LmcompareError`` for an impossible name."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise LmcompareError(
            f"a plug-in can't be called {name[:LONGEST]!r}: use letters and digits, in parts joined by hyphens, "
            "such as my-model"
        )
    hyphened = re.sub("[-_]+", "-", name).lower()
    module = hyphened.replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in RESERVED:
        raise LmcompareError(f"a plug-in can't be called '{name}': Python has a module or word of that name")
    if module in packages_distributions():
        raise LmcompareError(f"a plug-in can't be called '{name}': a package of that name is installed already")
    if any(point.name == hyphened for point in entry_points(group="lmcompare.models")):
        raise LmcompareError(f"a model called '{hyphened}' is installed already: choose another name")
    return {"name": hyphened, "module": module, "cls": "".join(part.capitalize() for part in hyphened.split("-"))}
