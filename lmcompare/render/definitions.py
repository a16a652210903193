"""The glossary: what every term and figure means, and in which unit it is.

``glossary.toml`` is the only place where terms are defined. The report's definitions and tooltips come from it, and
``python -m lmcompare.report.sections.glossary`` writes ``docs/glossary.md``.
"""

from __future__ import annotations

import tomllib
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


def _groups() -> dict[str, dict[str, Term]]:
    table = tomllib.loads(files("lmcompare.render").joinpath("glossary.toml").read_text("utf-8"))
    return {group["title"]: {key: Term(**term) for key, term in group["terms"].items()} for group in table["group"]}


GROUPS: dict[str, dict[str, Term]] = _groups()  # terms by key, by the title of their group
TERMS: dict[str, Term] = {key: term for terms in GROUPS.values() for key, term in terms.items()}
WORDS: dict[str, str] = {word: key for key, term in TERMS.items() for word in term.words}
