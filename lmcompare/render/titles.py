"""Titles of models: short ones, which stay apart, and as they are said in a sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

NAMES = ("word2vec", "WordNet", "PPM")  # they have no article
PERSONS = ("Elman",)  # a title that begins with one keeps its capital letter
Titles = Callable[[str], str]  # from a model's name to its title, as it is said inside a sentence


def short_titles(titles: Sequence[str]) -> list[str]:
    """Return each title up to its first comma, if no other one begins like it."""
    heads = Counter(title.split(", ")[0] for title in dict.fromkeys(titles))
    return [head if heads[head := title.split(", ")[0]] == 1 else title for title in titles]


def spoken(title: str) -> str:
    """Return a short title as it is said inside a sentence: "the transformer", "the 5-gram (Katz)"."""
    title = re.sub(r"(?<=\d)-", "\u2011", title)  # "5-gram" is not divided at the end of a line
    head, _, rest = title.partition(", ")
    capital = not head[1:2].islower() or head.startswith(PERSONS)
    name = head if head in NAMES else f"the {head}" if capital else f"the {head[:1].lower()}{head[1:]}"
    return f"{name} ({rest})" if rest else name


def sentence(text: str) -> str:
    """Return a text with a capital letter at its beginning."""
    return f"{text[:1].upper()}{text[1:]}"


def with_titles(text: str, names: Iterable[str], title: Callable[[str], str]) -> str:
    """Return a text with the title of each model in place of its name in braces."""
    for name in names:
        text = text.replace(f"{{{name}}}", title(name))
    return text
