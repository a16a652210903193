"""Splits that a folder has already, recognised by the names of its files and folders.

``train.txt``, ``valid.txt`` and ``test.txt``; ``ptb.train.txt`` and its like; the folders ``train``, ``dev`` and
``test``; ``data/train-00000-of-00003.parquet``; files that end in ``.train``, ``.dev`` and ``.test``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lmcompare.corpora.document import AS_SPLITS, SPLITS
from lmcompare.errors import LmcompareError

_WORDS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "devel", "development"),
    "test": ("test", "testing", "heldout"),
}
_SPLIT_OF = {word: which for which, words in _WORDS.items() for word in words}
# A word of a split between points, hyphens, underscores and digits: in "ptb.train.txt", not in "latest"
_ROLE = re.compile(
    rf"(?<![^._\-\d])(?:{'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))})(?![^._\-\d])", re.IGNORECASE
)
# The numbers of a data set's parts: those of Hugging Face, with or without a digest, or one at the end of the name
_PART = re.compile(r"[._-]?\d+-of-\d+(?:-[0-9a-f]{16})?|[._-]?\d+(?=(?:\.[A-Za-z]\w*)*$)")
# Suffixes of programs: train.py and test.py are not splits, but a program may be in the folder of a split
_CODE = frozenset(
    {
        *("py", "pyi", "c", "h", "cc", "cpp", "hpp", "cs", "java", "kt", "scala", "js", "jsx", "ts", "tsx", "go"),
        *("rs", "rb", "php", "swift", "m", "r", "jl", "lua", "hs", "ml", "pl", "sh", "sql", "html", "css"),
    }
)
WHICH = f"say which files are which: {AS_SPLITS}"


class _Role(NamedTuple):
    """What one part of the path of a file says.

    Parameters
    ----------
    split : str
        "train", "valid" or "test".
    family : str
        The path up to this part, without the word of the split and without the number of the part: the same for all
        files of a data set. "" for files whose suffix is the word, such as ``childes.train``: they are one data set.
    place : str
        The folder that the word of the split names, or in which such files are.
    """

    split: str
    family: str
    place: str


def recognised(names: Sequence[str]) -> dict[str, list[str]] | None:
    """Return which files belong to which split, if their names say so.

    A file belongs to a split if a folder of its path, or its own name, contains a word such as "train" or "dev", and
    files of another split have the same path but for this word and for the numbers of parts.

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
    roles = {name: found for name in names if (found := _roles(name))}
    families: dict[str, set[str]] = defaultdict(set)
    for found in roles.values():
        for role in found:
            families[role.family].add(role.split)
    whole = sorted(family for family, splits in families.items() if "train" in splits and len(splits) > 1)
    if not whole:
        if len({role.split for found in roles.values() for role in found}) > 1 and 2 * len(roles) > len(names):
            raise LmcompareError(f"the files {listed(list(roles))} look like parts of a split; {WHICH}")
        return None
    if len(whole) > 1:
        shown = (family or "*.train" for family in whole)
        raise LmcompareError(f"there are several data sets with a split each: {listed(list(shown))}; {WHICH}")
    of_family = {name: role for name, found in roles.items() for role in found if role.family == whole[0]}
    if others := [name for name in roles if name not in of_family]:
        raise LmcompareError(
            f"the files {listed(list(of_family))} are a split, but {listed(others)} are also named like parts of a "
            f"split; {WHICH}"
        )
    split = {which: [name for name, role in of_family.items() if role.split == which] for which in SPLITS}
    for which, files in split.items():
        places = sorted({of_family[name].place for name in files})
        if len(places) > 1:
            raise LmcompareError(f"there are several folders of {which}: {listed(places)}; {WHICH}")
    return {which: files for which, files in split.items() if files}


def split_named(word: object) -> str | None:
    """Return the split that a word such as "validation" names, or None."""
    return _SPLIT_OF.get(str(word).strip().lower())


def _roles(name: str) -> list[_Role]:
    """What the parts of a path say of its split: each with the word of one split, or the suffix of the file."""
    *folders, file = name.split("/")
    stem, _, suffix = file.lower().rpartition(".")
    if suffix in _SPLIT_OF and stem:
        return [_Role(_SPLIT_OF[suffix], "", "/".join(folders))]
    found = []
    for depth, part in enumerate(folders if suffix in _CODE else [*folders, file]):
        words = list(_ROLE.finditer(part))
        if len({_SPLIT_OF[word[0].lower()] for word in words}) == 1:
            first = words[0]
            rest = f"{part[: first.start()]}*{_PART.sub('', part[first.end() :])}"
            family = "/".join([*folders[:depth], rest])
            found.append(_Role(_SPLIT_OF[first[0].lower()], family, "/".join(folders[: depth + 1])))
    return found


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names and how many more there are."""
    more = len(names) - most
    return ", ".join(name or "." for name in names[:most]) + (f" and {more:,} more" if more > 0 else "")
