"""A small treebank in the format of NLTK's, whose verbs agree with a noun that may be far away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

NOUNS = {"S": ("dog", "cat", "cow", "hen"), "P": ("dogs", "cats", "cows", "hens")}
VERBS = {"S": ("runs", "sits", "eats", "sings"), "P": ("run", "sit", "eat", "sing")}


def sentence(random: np.random.Generator, most: int = 3) -> str:
    """A sentence in brackets: a noun, up to ``most`` - 1 others near it, and a verb of the number of the first."""
    numbers = random.choice(["S", "P"], random.integers(1, most + 1))
    phrase = ""
    for number in numbers[::-1]:
        bare = f"(NP{number} (DT the) (N{number} {random.choice(NOUNS[number])}))"
        phrase = f"(NP{number} {bare} (PP (IN near) {phrase}))" if phrase else bare
    verb = f"(VP{numbers[0]} (V{numbers[0]} {random.choice(VERBS[numbers[0]])}))"
    return f"( (S{numbers[0]} {phrase} {verb} (. .)) )"


@contextmanager
def small_treebank(root: Path, files: int = 60, sentences: int = 8) -> Iterator[None]:
    """NLTK's treebank is this one."""
    from nltk.corpus import treebank

    folder = root / "corpora" / "treebank" / "combined"
    folder.mkdir(parents=True)
    for place in (root, root / "corpora", folder.parent, folder):
        place.chmod(0o755)
    random = np.random.default_rng(0)
    for n in range(files):
        file = folder / f"wsj_{n:04}.mrg"
        file.write_text("\n".join(sentence(random) for _ in range(sentences)), encoding="utf-8")
        file.chmod(0o644)
    with patch("nltk.data.path", [str(root)]):
        treebank._unload()
        yield
    treebank._unload()
