"""``lmcompare new NAME``: a small plug-in package that works, to start from."""

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
from typing import NamedTuple

from lmcompare.errors import LmcompareError, cannot_write, unknown

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
LONGEST = 60  # characters of a name
RESERVED = ("lmcompare", "test", "tests", "src")

OWN = (
    "Replace `fit` and `next_log_probs` with your own, and\ndeclare what `fit` learns. The tests"
    " after `test_contract` are of this model: replace them, too."
)
OWN_NETWORK = (
    "Replace `network` and its class with your own, whose\n`forward` returns features for each token and what is to"
    " be remembered, and `recipe` with how it is to be trained.\nThe loop, scoring, storing and generating are there."
)

OWN_STUDY = (
    "Replace\n`measure`, `compute` and `show` with your own, or leave out what it does not need. The tests after"
    " `test_contract` are\nof this study: replace them, too."
)


class Start(NamedTuple):
    """A plug-in to start from: its description and what to change, as the README says it, and what is its own."""

    says: str
    change: str
    needs: tuple[str, ...] = ()  # packages
    group: str = "lmcompare.models"  # of its entry point
    noun: str = "model"
    about: str = "A language model that lmcompare trains, scores and compares with its own."
    options: str = "--model ngram --model $name"  # of a run that shows it


STUDY = Start(
    "how sure the models are of the next word",
    OWN_STUDY,
    group="lmcompare.studies",
    noun="study",
    about="A study that lmcompare measures models for and shows in its reports.",
    options="--preset quick --model unigram,ngram",
)
STARTS = {
    "bigram": Start("a bigram model", OWN),
    "ngram": Start("an n-gram model of any order, by absolute discounting", OWN),
    "torch": Start("a recurrent net, trained by lmcompare's own loop", OWN_NETWORK, ("torch",)),
    "gensim": Start(
        "a bigram model that borrows the counts of similar words, by word vectors", OWN, ("gensim", "scipy")
    ),
    "study": STUDY,
}

# The files of the template and where they are written; the files of the start come last.
FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "$start/plugin.py.txt": "src/$module.py",
    "$start/test_plugin.py.txt": "tests/test_$module.py",
}


def create(name: str, folder: Path = Path(), start: str = "bigram") -> Path:
    """Write the package ``name`` into a new folder of that name in ``folder`` and return its path.

    It holds a pyproject.toml with the entry point, a working plug-in in src, its conformance test and a README;
    ``start``, one of ``STARTS``, chooses the model, or a study. The folder is written completely or not at all.
    Raises ``LmcompareError`` for a name that can't be a package's, one that an installed plug-in of the kind has,
    another start, and a folder that is there already or can't be written.
    """
    if start not in STARTS:
        raise LmcompareError(unknown("start", start, STARTS))
    chosen = STARTS[start]
    names = _names(name, chosen)
    names |= {key: Template(value).substitute(names) for key, value in chosen._asdict().items() if key != "needs"}
    names |= {"start": start, "needs": "".join(f', "{each}"' for each in chosen.needs)}
    templates = importlib.resources.files(__name__) / "template"
    code = (templates / start / "plugin.py.txt", templates / start / "test_plugin.py.txt")
    cls = names["cls"]
    if keyword.iskeyword(cls) or any(re.search(rf"\b{cls}\b", each.read_text("utf-8")) for each in code):
        names["cls"] += (
            chosen.noun.capitalize()
        )  # the start imports or defines something of that name, or Python does
    target = folder / names["name"]
    if target.exists():
        raise LmcompareError(f"{target} is there already: choose another name or delete it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{names['name']}.", dir=folder))
        try:
            aside.chmod(0o755)  # mkdtemp makes folders that only their owner can enter
            for source, place in FILES.items():
                path = aside / Template(place).substitute(names)
                path.parent.mkdir(exist_ok=True)
                template = templates / Template(source).substitute(names)
                path.write_text(Template(template.read_text("utf-8")).substitute(names), encoding="utf-8")
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise LmcompareError(cannot_write(target, error)) from error
    return target


def _names(name: str, start: Start) -> dict[str, str]:
    """What the package, its module and its class are called. Raises ``LmcompareError`` for an impossible name."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise LmcompareError(
            f"a plug-in can't be called {name[:LONGEST]!r}: begin with a letter, and use letters and digits, "
            "in parts joined by hyphens, such as my-model"
        )
    hyphened = re.sub("[-_]+", "-", name).lower()
    module = hyphened.replace("-", "_")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in RESERVED:
        raise LmcompareError(
            f"a plug-in can't be called '{name}': Python has a module or word of that name, so choose another"
        )
    if module in packages_distributions():
        raise LmcompareError(
            f"a plug-in can't be called '{name}': a package of that name is installed already, so choose another"
        )
    if any(point.name == hyphened for point in entry_points(group=start.group)):
        raise LmcompareError(f"a {start.noun} called '{hyphened}' is installed already: choose another name")
    parts = hyphened.split("-")
    return {
        "name": hyphened,
        "module": module,
        "cls": "".join(part.capitalize() for part in parts),
        "title": " ".join(parts).capitalize(),
    }
