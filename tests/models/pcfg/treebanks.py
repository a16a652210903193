"""Small treebanks: one for each text of the conformance kit, and grammars whose sentences can be listed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

from lmcompare.checks.probe import MarkovTexts
from lmcompare.models.pcfg.plugin import Pcfg
from lmcompare.tokens import Encoded


def brackets(text: Encoded) -> str:
    """A tree for each sentence of a text, in which each word tells what comes next: the grammar is a Markov chain."""
    trees = []
    for ids in text.split_sentences().documents():
        words = [text.vocabulary[int(i)] for i in ids[:-1]]
        if words:
            opened = "".join(f"(after-{word} ({word} {word}) " for word in words[:-1]).replace("-", "·")
            trees.append(f"{opened}(last·{words[-1]} ({words[-1]} {words[-1]})){')' * (len(words) - 1)}")
    return "\n".join(trees)


@cache
def trees_of_the_kit() -> str:
    """A file of trees for the text that the conformance kit trains on."""
    path = Path(mkdtemp()) / "kit.mrg"
    path.write_text(brackets(MarkovTexts(0).train), encoding="utf-8")
    return str(path)


class WithTrees(Pcfg):
    """Nothing excuses it."""

    known_failures: ClassVar[Mapping[str, str]] = {}


def with_trees() -> Pcfg:
    """The grammar of the kit's own trees."""
    return WithTrees(trees_of_the_kit(), classes=4, longest=40)
