"""The contract of a study: a question about the models of a run, with its measurement, its figures and its section.

A study is found by an entry point in the group ``lmcompare.studies``. It measures finished models in their own
processes, computes figures from one or several runs, and shows them in the report. No other code knows it by name.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from lmcompare.errors import PluginError, what_went_wrong
from lmcompare.model import LanguageModel
from lmcompare.registry import Registry, source_without
from lmcompare.runfolder.tokens import TokenizedCorpus

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
        That of its entry point, and the key of its figures in ``results.json``.
    title : str
        Its name in the contents of the page.
    group : str
        The part of the page: "Results", "Try it", "Inside" or "Trust".
    order : int
        Its place in this part, from 0 (first) to 100 (last).
    questions : mapping of str to str
        By the id of a place in its section, a question that it answers, for the list at the top of the page. The
        first question is that of the section.
    kinds : collection of str
        The kinds of data, "text" and "series" (of numbers), on whose runs it measures and shows something.
    options : tuple of str
        The options of a run that the measurement depends on: keys of the experiment's table ``[examples]``,
        "forecast" (the table of this name), and "whole" (whether the page gets whole copies of models).
    everywhere : bool
        Whether models are also measured in runs that serve another one: on shares of the text, and of the laboratory.
    section : str
        The module whose function ``build`` makes the section, given ``lmcompare.report.data.ReportData``. It is
        imported when a page is made. A study that overrides ``show`` has none.
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
        return import_module(self.section).build(report) if self.section else None


def named(model: str) -> str:
    """Return how a sentence of ``Computed`` names a model."""
    return f"{{{model}}}"


def checked(found: Any, name: str) -> type[Study]:
    """Return a class that is a study. Raises ``PluginError`` for one that is not, naming it ``name``."""
    if not (inspect.isclass(found) and issubclass(found, Study)):
        raise PluginError(f"'{name}' is not a study: make it a class that derives from lmcompare.study.Study")
    if not found.name:
        raise PluginError(f"the study '{name}' has no name: set it to that of its entry point")
    if found.name != name:
        raise PluginError(f"the study '{name}' is called '{found.name}' by its class: use one name for both")
    if not isinstance(found.questions, Mapping):
        raise PluginError(
            f"the questions of the study '{name}' are no mapping: give each the id of a place that answers it"
        )
    return found


STUDIES: Registry[type[Study]] = Registry("lmcompare.studies", "study", checked)


class Unusable(Study):
    """In place of a study that can't be loaded: its section says why."""

    def __init__(self, name: str, why: str) -> None:
        self.why = why
        self.name, self.title = name, name  # type: ignore[misc]

    def compute(self, run: Any) -> Computed | None:
        """Raise the error."""
        raise PluginError(self.why)


def studies() -> dict[str, Study]:
    """Return all installed studies by name; ``Unusable`` for one that can't be loaded."""
    return {name: _made(name, point.value) for name, point in sorted(STUDIES.installed().items())}


@cache
def _made(name: str, home: str) -> Study:
    try:
        return STUDIES.resolve(name)()
    except (Exception, SystemExit) as error:  # a study may be anybody's code
        return Unusable(name, what_went_wrong(error))


def measuring(options: Mapping[str, Any], kind: str, main: bool) -> dict[str, str]:
    """Return the studies that measure models, each with a digest of the code that measures and of its options.

    Parameters
    ----------
    options : mapping of str to object
        Those of the run.
    kind : str
        The kind of its data.
    main : bool
        Whether it serves no other run.
    """
    found = {}
    for name, study in studies().items():
        if type(study).measure is not Study.measure and kind in study.kinds and (main or study.everywhere):
            asked = json.dumps(options_of(study, options), sort_keys=True).encode()
            found[name] = hashlib.sha256(_source(study) + asked).hexdigest()[:16]
    return found


def options_of(study: Study, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a study asks for."""
    return {key: options[key] for key in study.options}


@cache
def _source(study: Study) -> bytes:
    return hashlib.sha256(source_without(type(study), ("compute", "show"))).digest()
