"""Splits that a folder has already, recognised by the names of its files and folders.

``train.txt``, ``valid.txt`` and ``test.txt``; ``ptb.train.txt`` and its like; the folders ``train``, ``dev`` and
``test``; ``data/train-00000-of-00003.parquet``; files that end in ``.train``, ``.dev`` and ``.test``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lmcompare.corpora.document import SPLITS
from lmcompare.errors import LmcompareError

_WORDS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "devel", "development"),
    "test": ("test", "testing", "heldout"),
}
_SPLIT_OF = {word: which for which, words in _WORDS.items() for word in words}
# A word of a split that is no part of a longer word: in "ptb.train.txt" and "train_100M", not in "latest"
_ROLE = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))})(?![^\W\d_])", re.I)
_NUMBER = re.compile(r"\d+-of-\d+(?:-[0-9a-f]{16})?|\d+")  # Hugging Face numbers parts, and adds a digest
_ADVICE = "say which files are which with --corpus train=…,valid=…,test=…"


class _Role(NamedTuple):
    """What the path of a file says.

    Parameters
    ----------
    split : str
        "train", "valid" or "test".
    family : str
        The path without the word of the split and without numbers: the same for all files of a data set. "" for files
        whose suffix is the word, such as ``childes.train``: all of them are one data set.
    place : str
        The folder that the word of the split names or in which such files are.
    """

    split: str
    family: str
    place: str


def recognised(names: Sequence[str]) -> dict[str, list[str]] | None:
    """Return which files belong to which split, if their names say so.

    A file belongs to a split if a folder of its path, or its own name, contains a word such as "train" or "dev", and
    files of another split have the same path but for this word and for numbers.

    Parameters
    ----------
    names : sequence of str
        Paths inside the folder, with forward slashes.

    Returns
    -------
    dict of str to list of str, or None
        For train and one or two other splits, their files in their order; None if the names are not those of a split.
        Files that belong to no split are left out.

    Raises
    ------
    LmcompareError
        If the names can be understood in several ways.
    """
    roles = {name: role for name in names if (role := _role(name)) is not None}
    families: dict[str, set[str]] = defaultdict(set)
    for role in roles.values():
        families[role.family].add(role.split)
    found = sorted(family for family, splits in families.items() if "train" in splits and len(splits) > 1)
    if not found:
        if len({role.split for role in roles.values()}) > 1 and 2 * len(roles) > len(names):
            raise LmcompareError(f"the files {listed(list(roles))} look like parts of a split; {_ADVICE}")
        return None
    if len(found) > 1:
        shown = (family.lstrip("/") or "*.train" for family in found)
        raise LmcompareError(f"there are several data sets with a split each: {listed(list(shown))}; {_ADVICE}")
    split = {
        which: [n for n, role in roles.items() if (role.split, role.family) == (which, found[0])] for which in SPLITS
    }
    for which, files in split.items():
        places = sorted({roles[name].place for name in files})
        if len(places) > 1:
            raise LmcompareError(f"there are several folders of {which}: {listed(places)}; {_ADVICE}")
    return {which: files for which, files in split.items() if files}


def split_named(word: object) -> str | None:
    """Return the split that a word such as "validation" names, or None."""
    return _SPLIT_OF.get(str(word).strip().lower())


def _role(name: str) -> _Role | None:
    """What the path of a file says of its split: the first word of a split in it, or its suffix."""
    *folders, file = name.split("/")
    stem, _, suffix = file.lower().rpartition(".")
    if suffix in _SPLIT_OF and stem:
        return _Role(_SPLIT_OF[suffix], "", "/".join(folders))
    for depth, part in enumerate([*folders, file]):
        splits = {_SPLIT_OF[word.lower()] for word in _ROLE.findall(part)}
        if len(splits) == 1:
            split = splits.pop()
            if depth < len(folders) and _SPLIT_OF.get(stem, split) != split:
                raise LmcompareError(f"the path {name} names two splits; {_ADVICE}")
            rest = _NUMBER.sub("#", _ROLE.sub("*", part))
            return _Role(split, "/".join([*folders[:depth], rest]), "/".join(folders[: depth + 1]))
    return None


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names and how many more there are."""
    more = len(names) - most
    return ", ".join(name or "." for name in names[:most]) + (f" and {more:,} more" if more > 0 else "")
