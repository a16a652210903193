"""How a reader finds the way: the contents in groups, a link at every heading, and questions with their answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from lmcompare.render.templating import anchor
from lmcompare.report.data import Section
from lmcompare.study import Study

_HEADING = re.compile(r"<h([34])((?: [^>]*)?)>(.*?)</h\1>", re.DOTALL)
ID = re.compile(r' id="([^"]*)"')
_TAG = re.compile(r"<[^>]*>")
_SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
LONGEST = 48  # characters of an id
FIRST = {  # by the id of a place that the core brings, what it answers: before the questions of studies
    "sure": "Is the comparison fair, and what would help?",
    "all-pairs": "How sure is the ranking?",
    "term-perplexity": "What is perplexity?",
}
LAST = {  # after them
    "truth": "Are the figures honest probabilities?",
    "not-comparable": "What may I not compare?",
    "own-text": "How do I compare models on my own text?",
    "reproduce": "How can I repeat or cite this?",
}
FIRST_OF_SERIES = {  # the same of a report on series
    "leaderboard": "Which method should I take?",
    "term-crps": "What is CRPS?",
    "term-nats_per_step": "How can a language model give a density?",
}
LAST_OF_SERIES = {**LAST, "own-text": "How do I compare methods on my own series?"}
SHOWN_OPEN = 9  # questions that are not folded


@dataclass(frozen=True)
class Entry:
    """A place on the page: a section, or a heading in one."""

    key: str
    name: str
    parts: Sequence[Entry] = ()


@dataclass(frozen=True)
class Linked:
    """A section whose headings have ids and links to themselves."""

    section: Section
    html: Markup
    parts: Sequence[Entry] = field(default_factory=tuple)

    @classmethod
    def of(cls, section: Section, taken: set[str]) -> Linked:
        """Give each heading of a section an id that is not among those that are taken, and add it to them."""
        parts: list[Entry] = []

        def linked(found: re.Match[str]) -> str:
            level, attributes, content = found.groups()
            if "<svg" in content and level == "4":  # the name of a model above its column
                return found[0]
            name = Markup(_TAG.sub("", _SVG.sub("", content))).unescape().strip()
            own = ID.search(attributes)
            key = own[1] if own else _new(f"{section.key}-{anchor(name.lower())}"[:LONGEST].rstrip("-"), taken)
            if level == "3":
                parts.append(Entry(key, name))
            given = attributes if own else f'{attributes} id="{key}"'
            return f"<h{level}{given}>{content}{link(key, name)}</h{level}>"

        html = Markup(_HEADING.sub(linked, str(section.html)))
        return cls(section, html, tuple(parts))


def link(key: str, name: str) -> Markup:
    """Return a link to a heading, beside it."""
    return Markup(' <a class="anchor" href="#{}" aria-label="Link to “{}”">#</a>').format(key, name)


def questions(ids: Iterable[str], studies: Sequence[Study], series: bool = False) -> list[tuple[str, str]]:
    """Return the questions that places with these ids answer, with the ids: first the first one of each study."""
    there, of_studies = set(ids), [list(study.questions.items()) for study in studies]
    firsts, others = ([each for own in of_studies for each in own[part]] for part in (slice(1), slice(1, None)))
    first, last = (FIRST_OF_SERIES, LAST_OF_SERIES) if series else (FIRST, LAST)
    asked = {**first, **dict(firsts), **dict(others), **last}
    return [(said, key) for key, said in asked.items() if key in there]


def asked_terms(series: bool = False) -> set[str]:
    """Return the keys of the terms that a question leads to."""
    first = FIRST_OF_SERIES if series else FIRST
    return {key.removeprefix("term-") for key in first if key.startswith("term-")}


def grouped(groups: Mapping[str, Iterable[str]], linked: Mapping[str, Linked]) -> list[tuple[str, list[Entry]]]:
    """Return the contents: by the names of groups, their sections with the headings in them.

    Parameters
    ----------
    groups : mapping of str to iterable of str
        The names of sections in each group.
    linked : mapping of str to Linked
        The sections of the page by their names; groups without any are left out.
    """
    found = []
    for group, names in groups.items():
        entries = [Entry(linked[n].section.key, n, linked[n].parts) for n in names if n in linked]
        if entries:
            found.append((group, entries))
    return found


def _new(key: str, taken: set[str]) -> str:
    """Return the key, with a number if it is taken."""
    number, free = 1, key
    while free in taken:
        number += 1
        free = f"{key}-{number}"
    taken.add(free)
    return str(escape(free))
