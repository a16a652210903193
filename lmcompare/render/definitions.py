"""The glossary: what every term and figure means, and in which unit it is.

``glossary.toml`` defines the terms of the core, and a file of the same form in the folder of a study those that its
section adds. The report's definitions and tooltips come from them, and
``python -m lmcompare.report.sections.glossary`` writes ``docs/glossary.md``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    Parameters
    ----------
    name : str
        The term as it is written in text.
    definition : str
        Whole sentences.
    unit : str
        The unit of a figure, and whether less or more is better; "" for a term that is no figure.
    formula : str
        How a figure is computed, in one line; "" if there is none.
    example : str
        One worked example; "" if there is none.
    words : list of str
        What the term is called in the texts of models, where it is then explained; often nothing.
    """

    name: str
    definition: str
    unit: str = ""
    formula: str = ""
    example: str = ""
    words: tuple[str, ...] = ()


Groups = Mapping[str, Mapping[str, Term]]  # terms by key, by the title of their group


def parsed(text: str) -> Groups:
    """Return the terms of a glossary in TOML: a table for each, named after its group and its key."""
    return {title: {key: Term(**term) for key, term in terms.items()} for title, terms in tomllib.loads(text).items()}


GROUPS: Groups = parsed(files("lmcompare.render").joinpath("glossary.toml").read_text("utf-8"))
TERMS: Mapping[str, Term] = {key: term for terms in GROUPS.values() for key, term in terms.items()}
_KNOWN: ContextVar[Mapping[str, Term]] = ContextVar("terms", default=TERMS)


def known() -> Mapping[str, Term]:
    """Return the terms by key: the core's, and those of the study whose section is made."""
    return _KNOWN.get()


@contextmanager
def also_known(groups: Groups) -> Iterator[None]:
    """Let these terms be known as well; those of the core keep their definitions."""
    own = {key: term for terms in groups.values() for key, term in terms.items()}
    token = _KNOWN.set({**own, **TERMS})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def joined(of_studies: Iterable[Groups]) -> Groups:
    """Return the core's terms with those of studies behind them; of several definitions of a key, the first."""
    found, taken = {title: {**terms} for title, terms in GROUPS.items()}, {*TERMS}
    for title, terms in (each for groups in of_studies for each in groups.items()):
        found.setdefault(title, {}).update({key: term for key, term in terms.items() if key not in taken})
        taken.update(terms)
    return found


def words() -> Mapping[str, str]:
    """Return the keys of terms by what texts of models call them."""
    return {word: key for key, term in known().items() for word in term.words}
