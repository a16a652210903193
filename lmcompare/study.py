"""The contract of a study: a question about the models of a run, with its measurement, its figures and its section.

A study is found by an entry point in the group ``lmcompare.studies``, or named as ``./file.py:Class``. It measures
finished models in their own processes, computes figures from one or several runs, and shows them in the report. No
other code knows it by name.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from lmcompare.errors import PluginError, what_went_wrong
from lmcompare.model import LanguageModel
from lmcompare.registry import Registry, names_class, only_installed, source_without
from lmcompare.runfolder.run import Run
from lmcompare.runfolder.tokens import TokenizedCorpus

GROUPS = ("Results", "Try it", "Inside", "Trust")  # the parts of the page
KINDS = ("text", "series")  # of data
OPTIONS = (  # of a run, that a measurement may depend on
    *("prompts", "words", "sentences", "length", "temperature", "top_k", "top_p"),  # of the table [examples]
    *("forecast", "whole"),
)
BROUGHT = ("script", "style", "terms")  # files that a study brings to the page
_FILE = re.compile(r"[\w-]+\.(?:js|css|toml)")
MORE_TEXT, TEN_TIMES = "More text", "Ten times the text"  # headings of advice, of which the page makes one


@dataclass(frozen=True)
class Finished:
    """A trained and scored model, as a study measures it.

    Parameters
    ----------
    model : LanguageModel
    corpus : TokenizedCorpus
        The text under the model's tokens.
    seed : int
        The seed of the training.
    folder : Path
        The folder of its cell, with its scores.
    options : mapping of str to object
        The values of the study's ``options``.
    notes : list of str
        A study can add sentences for the readers of what it measures.
    """

    model: LanguageModel
    corpus: TokenizedCorpus
    seed: int
    folder: Path
    options: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Advice:
    """What would probably help, in one sentence; ``about`` is its heading, such as "More text"."""

    about: str
    said: str


@dataclass(frozen=True)
class Computed:
    """What a study computes from a run, for ``results.json`` and for the top of the report.

    A sentence names a model by ``named``, so that the page shows its title and the terminal its name.

    Parameters
    ----------
    figures : object
        JSON-able.
    doubts : mapping of str to str
        For a model whose figures may mean something else than they seem to, one sentence or two.
    advice : tuple of Advice
    """

    figures: Any = None
    doubts: Mapping[str, str] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()


class Study:
    """A question about the models of a run.

    A study overrides the methods that it needs. What they import is imported inside them, so that a cell which
    measures loads no charts, and a report no models.

    Attributes
    ----------
    name : str
        That of its entry point if it has one, and the key of its figures in ``results.json``.
    title : str
        Its name in the contents of the page.
    group : str
        The part of the page, one of ``GROUPS``.
    order : int
        Its place in this part, from 0 (first) to 100 (last).
    questions : mapping of str to str
        By the id of a place in its section, a question that it answers, for the list at the top of the page. The
        first place is in every section.
    kinds : collection of str
        The kinds of data, of ``KINDS``, on whose runs it measures and shows something.
    options : tuple of str
        The options of a run that the measurement depends on, of ``OPTIONS``: keys of the experiment's table
        ``[examples]``, "forecast" (the table of this name), and "whole" (whether the page gets whole copies of
        models).
    everywhere : bool
        Whether models are also measured in runs that serve another one: on shares of the text, and of the laboratory.
    section : str
        The module whose function ``build``, or another one as in ``"module:function"``, makes the section, given
        ``lmcompare.report.data.ReportData``. It is imported when a page is made. A study that overrides ``show`` has
        none.
    script, style, terms : str
        What its section needs on the page: a script, a style sheet, and definitions of terms in TOML. Each is the
        name of a file beside the module of the class, such as "game.js", "game.css" and "terms.toml", or the text
        itself.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    group: ClassVar[str] = "Results"
    order: ClassVar[int] = 100
    questions: ClassVar[Mapping[str, str]] = {}
    kinds: ClassVar[Collection[str]] = ("text",)
    options: ClassVar[tuple[str, ...]] = ()
    everywhere: ClassVar[bool] = False
    section: ClassVar[str] = ""
    script: ClassVar[str] = ""
    style: ClassVar[str] = ""
    terms: ClassVar[str] = ""

    def measure(self, finished: Finished) -> Any:
        """Return what is measured of a finished model, JSON-able; None for nothing. It is stored in the cell.

        It is measured again, without training, if an option changes, the code of this method, or that of the modules
        that it imports.
        """
        return None

    def compute(self, run: Any) -> Computed | None:
        """Return the figures of a run, or of several runs on one text, as one ``lmcompare.analysis.Run``."""
        return None

    def show(self, report: Any) -> Any:
        """Return a ``lmcompare.report.data.Section``, given ``ReportData``; None if there is nothing to show."""
        if not self.section:
            return None
        module, _, function = self.section.partition(":")
        return getattr(import_module(module), function or "build")(report)


def brought(study: Study, what: str) -> str:
    """Return the text of the "script", the "style" or the "terms" of a study.

    Raises ``PluginError`` if its file can't be read.
    """
    said: str = getattr(study, what)
    if not _FILE.fullmatch(said):
        return said
    path = Path(inspect.getfile(type(study))).with_name(said)
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(
            f"the {what} of the study '{study.name}' can't be read: put a text file {said} into {path.parent}"
        ) from error


def named(model: str) -> str:
    """Return how a sentence of ``Computed`` names a model."""
    return f"{{{model}}}"


def checked(found: Any, name: str) -> type[Study]:
    """Return a class that is a study. Raises ``PluginError`` for one that is not, naming it ``name``."""
    if not (inspect.isclass(found) and issubclass(found, Study)):
        raise PluginError(f"'{name}' is not a study: make it a class that derives from lmcompare.study.Study")
    if not found.name:
        raise PluginError(f"the study '{name}' has no name: set name, the key of its figures")
    if ":" not in name and found.name != name:
        raise PluginError(f"the study '{name}' is called '{found.name}' by its class: use one name for both")
    for key, holds, must in _RULES:
        value = getattr(found, key)
        if not holds(value):
            raise PluginError(f"{key} of the study '{found.name}' must be {must}, not {reprlib.repr(value)}")
    shows = found.section or found.show is not Study.show
    if shows and not found.title:
        raise PluginError(f"the study '{found.name}' shows something and has no title: set title for the contents")
    return found


def _only(values: Collection[str]) -> Callable[[Any], bool]:
    """Return a test of whether something is a tuple, list or set of some of these values."""
    return lambda found: isinstance(found, tuple | list | set | frozenset) and {*found} <= {*values}


_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("name", lambda name: re.fullmatch(r"[a-z][a-z0-9_-]*", name) is not None, "of small letters, digits, - and _"),
    ("title", lambda title: isinstance(title, str), "a text"),
    ("group", lambda group: group in GROUPS, f"one of {', '.join(GROUPS)}"),
    ("order", lambda order: isinstance(order, int | float) and 0 <= order <= 100, "a number from 0 to 100"),
    ("kinds", lambda kinds: kinds and _only(KINDS)(kinds), f"a tuple of some of {', '.join(KINDS)}"),
    ("options", _only(OPTIONS), f"a tuple of some of {', '.join(OPTIONS)}"),
    (
        "questions",
        lambda found: isinstance(found, Mapping) and all(isinstance(each, str) for each in found.values()),
        "a mapping of ids of places to texts",
    ),
    *((key, lambda text: isinstance(text, str), "the name of a file, or a text") for key in BROUGHT),
)


STUDIES: Registry[type[Study]] = Registry("lmcompare.studies", "study", checked, "--study")


class Unusable(Study):
    """In place of a study that can't be loaded: its section says why."""

    def __init__(self, name: str, why: str) -> None:
        self.why = why
        self.name, self.title = name, name  # type: ignore[misc]

    def compute(self, run: Any) -> Computed | None:
        """Raise the error."""
        raise PluginError(self.why)


def is_study(name: str) -> bool:
    """Return whether a study has this name; ``"module:Class"`` and ``"./file.py:Class"`` are names, too."""
    return names_class(name, Study) if ":" in name else name in STUDIES.installed()


def studies(chosen: Sequence[str] | None = None) -> dict[str, Study]:
    """Return studies by their names; ``Unusable`` for one that can't be loaded.

    ``chosen`` are installed ones, ``"module:Class"`` or ``"path/to/file.py:Class"``, in their order; None for all
    that are installed.
    """
    installed, found = STUDIES.installed(), dict[str, Study]()
    for each in sorted(installed) if chosen is None else chosen:
        study = _installed(each, installed[each].value) if each in installed else _loaded(each)
        found.setdefault(study.name, study)
    return found


def chosen_by(run: Run) -> dict[str, Study]:
    """Return the studies of a run's report by their names.

    Of studies that are not installed, only those in ``run.named`` are imported: a run folder may come from anywhere.
    """
    with only_installed(*run.named):
        return studies(run.studies)


def check_chosen(chosen: Sequence[str]) -> None:
    """Raise ``PluginError`` if a chosen study can't be loaded, or if two have the same name."""
    whose: dict[str, str] = {}
    for each in chosen:
        name = STUDIES.resolve(each).name
        if (other := whose.setdefault(name, each)) != each:
            raise PluginError(f"'{other}' and '{each}' are studies with the same name, '{name}': choose one of them")


def _loaded(name: str) -> Study:
    try:
        return STUDIES.resolve(name)()
    except (Exception, SystemExit) as error:  # a study may be anybody's code
        return Unusable(name.rpartition(":")[2], what_went_wrong(error))


@cache
def _installed(name: str, home: str) -> Study:
    return _loaded(name)


def measuring(
    options: Mapping[str, Any], kind: str, main: bool, chosen: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the studies that measure models, each with a digest of the code that measures and of its options.

    Parameters
    ----------
    options : mapping of str to object
        Those of the run.
    kind : str
        The kind of its data.
    main : bool
        Whether it serves no other run.
    chosen : sequence of str, optional
        As in ``studies``: another study measures nothing.
    """
    found = {}
    for name, study in studies(chosen).items():
        cls: Any = type(study)
        if cls.measure is not Study.measure and kind in study.kinds and (main or study.everywhere):
            asked = json.dumps(options_of(study, options), sort_keys=True).encode()
            found[name] = hashlib.sha256(_source(cls) + asked).hexdigest()[:16]
    return found


def options_of(study: Study, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a study asks for."""
    return {key: options[key] for key in study.options}


@cache
def _source(cls: Any) -> bytes:
    return hashlib.sha256(source_without(cls, ("compute", "show"))).digest()
