"""Splits that a folder has already, and those into which documents are cut; what occurs in two of them is counted.

A folder's splits are recognised by names: ``train.txt``, ``valid.txt`` and ``test.txt``; ``ptb.train.txt`` and its
like; the folders ``train``, ``dev`` and ``test``; ``data/train-00000-of-00003.parquet``; ``.train``, ``.dev``.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate, groupby, islice, pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

from lmcompare.corpora.document import AS_SPLITS, SPLITS, Piece
from lmcompare.corpora.sentences import in_parts, lines_of
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


FEWEST = 100  # characters of a text that is cut between characters: three letters would be a corpus otherwise
HELD_OUT = 0.1  # the share of the words that test, and then valid, must reach
MOST_VALID = 250_000  # words of valid: as many as WikiText-103 has; more would choose no better, and cost time

Split = dict[str, list[Piece]]

_TINY = ("TinyShakespeare", (0.81, 0.9))  # the shares of the bytes at which train and valid end
_TINY_BYTES = 1_115_394
_USUAL = {
    "text8": ("text8", (0.9, 0.95)),
    "enwik8": ("enwik8", (0.9, 0.95)),
    "tinyshakespeare": _TINY,
}
_SPACES = re.compile(r"\s*")
_LEAST_BYTES = 100  # that such a text must have


def split_by_hash(pieces: Sequence[Piece], source: str, key: Callable[[str], str] = str) -> tuple[Split, list[str]]:
    """Split documents by a hash of their text, so that neither their order nor a seed matters.

    The documents are ordered by the SHA-256 of ``key(text)`` in UTF-8. Test, then valid, takes them one by one until
    it first has a tenth of all words (separated by white space), or valid 250,000; train is the rest. Copies of one
    text are next to each other in this order and stay in one split. Each split gets at least one document.

    Returns
    -------
    tuple of dict and list of str
        The splits, and sentences for the report on how they were made.

    Raises
    ------
    LmcompareError
        If there are fewer than three different documents.
    """
    groups = _by_hash(pieces, key)
    if len(groups) < len(SPLITS):
        raise LmcompareError(
            f"{source} has only {_counted(len(groups), 'different document')}, too few to split into train, valid "
            f"and test; give at least three documents, or the splits themselves: {AS_SPLITS}"
        )
    target = HELD_OUT * sum(piece.words for piece in pieces)
    split: Split = {which: [] for which in SPLITS}
    split["test"], at = _first_tenth(groups, 0, target, 2)
    split["valid"], at = _first_tenth(groups, at, min(target, MOST_VALID), 1)
    split["train"] = [piece for group in groups[at:] for piece in group]
    until = "it first held a tenth of the words"
    if target > MOST_VALID:
        until = f"test first held a tenth of the words, and valid {MOST_VALID:,} words"
    notes = [
        f"The {len(pieces):,} documents were split by a hash of their text; test, then valid, was filled until "
        f"{until}: {_shares(split)}."
    ]
    copies = len(pieces) - len(groups)
    if copies:
        notes.append(f"Documents that repeat the text of another: {copies:,}; copies are kept in the same split.")
    return split, notes


def split_contiguously(piece: Piece, source: str) -> tuple[Split, list[str]]:
    """Cut one text into its first eight, its ninth and its last tenth; each is a document.

    Of a text of more than 2.5 million words, valid is the 250,000 before the last tenth, and train what is before it.

    It is cut at line ends, by words. A text with fewer than three lines is cut between words, and one with fewer than
    three words, such as a DNA sequence, between characters.

    Raises
    ------
    LmcompareError
        If the text has fewer than three words, and fewer than ``FEWEST`` characters.
    """
    units = _units(piece, len(SPLITS))
    if units.kind == "characters" and units.number < FEWEST:
        raise LmcompareError(
            f"{source} has only {_counted(units.number, 'character')}, too few to cut into train, valid and test; "
            f"give a longer text, or the splits themselves: {AS_SPLITS}"
        )
    test = 1 - HELD_OUT
    split = _cut_at(_ends_of_shares(units, (test - _share_of_valid(units), test)), piece, SPLITS)
    shares = _shares(split)
    if units.kind == "characters":
        parts = {which: 100 * len(pieces[0].text) / len(piece.text) for which, pieces in split.items()}
        shares = ", ".join(f"{which} {part:.1f} %" for which, part in parts.items())
    return split, [f"One text without document marks was cut {_CUT_AT[units.kind]}, in its own order: {shares}."]


def split_as_usual(piece: Piece) -> tuple[Split, list[str]] | None:
    """Cut a text whose split is a convention of the field, by bytes: text8, enwik8 and TinyShakespeare.

    text8 and enwik8 (Mahoney 2011, *About the test data*) have 90 % of train, 5 % of valid and 5 % of test, which are
    90, 5 and 5 million bytes of the whole texts. Of TinyShakespeare (Karpathy 2015) the last tenth is test, as in
    nanoGPT, and the last tenth of the rest is valid.

    Returns
    -------
    tuple of dict and list of str, or None
        The splits, each a document, and a sentence for the report; None for any other text. A text is known by the
        name of its file; TinyShakespeare also by its size and its first words, since it is often called input.txt.
    """
    raw = piece.text.encode()
    stem = PurePosixPath(piece.name).stem.lower()
    known = _USUAL.get(stem) or _USUAL.get(re.sub(r"[^a-z]", "", stem))  # text8, but not the eighth of several texts
    if known is None and len(raw) == _TINY_BYTES and piece.text.startswith("First Citizen:"):
        known = _TINY
    if known is None or len(raw) < _LEAST_BYTES:
        return None
    name, shares = known
    cuts = []
    for share in shares:
        at = int(share * len(raw) + 1e-6)
        while raw[at] & 0xC0 == 0x80:  # inside a character
            at += 1
        cuts.append(len(raw[:at].decode()))
    split = _cut_at(cuts, piece, SPLITS)
    sizes = ", ".join(f"{which} {len(pieces[0].text.encode()):,}" for which, pieces in split.items())
    return split, [f"{name} was split as usual, in its own order, by bytes: {sizes}."]


def valid_out_of_train(
    train: Sequence[Piece], source: str, key: Callable[[str], str] = str
) -> tuple[list[Piece], list[Piece], str]:
    """Take a tenth of the training text, but at most 250,000 words, as validation text.

    From several documents it takes those whose hash comes first, as in `split_by_hash`; from one text, the last
    lines.

    Returns
    -------
    tuple of list of Piece, list of Piece and str
        The training text, the validation text, and a sentence for the report.

    Raises
    ------
    LmcompareError
        If there is a single document of a single line, or all documents are the same.
    """
    if len(train) == 1:
        units = _units(train[0], 2)
        if units.number < 2:
            raise LmcompareError(
                f"{source} has no validation text, and too little training text to take it from; give a text as valid"
            )
        split = _cut_at(_ends_of_shares(units, (1 - _share_of_valid(units),)), train[0], ("train", "valid"))
        how = "the end of the training text was taken"
    else:
        groups = _by_hash(train, key)
        if len(groups) < 2:
            raise LmcompareError(
                f"{source} has no validation text, and its training documents are all the same; give a text as valid"
            )
        target = HELD_OUT * sum(piece.words for piece in train)
        held, at = _first_tenth(groups, 0, min(target, MOST_VALID), 1)
        split = {"train": [piece for group in groups[at:] for piece in group], "valid": held}
        how = "training documents were taken by a hash of their text"
    said = (
        f"There is no validation text, so {how} until it first held a tenth of the words, at most {MOST_VALID:,}: "
        f"{_shares(split)}."
    )
    return split["train"], split["valid"], said


def split_by_words(
    pieces: Sequence[Piece], train_words: int, valid_words: int, name: str, source: str
) -> tuple[Split, list[str]]:
    """Join the texts in their order and cut at line ends into train, valid and test, the rest.

    Train and valid each end with the line that first reaches their number of words, so that each may have a few words
    more. A text without a line end at its end gets one before the next. Each split is one document.

    Raises
    ------
    LmcompareError
        If there are too few words.
    """
    text = "".join(p.text if p.text.endswith("\n") else f"{p.text}\n" for p in pieces[:-1]) + pieces[-1].text
    sizes = (train_words, valid_words)
    cuts: list[int] = []
    held = 0
    for start, end, following in lines_of(text):
        held += len(text[start:end].split())
        if len(cuts) < len(sizes) and held >= sizes[len(cuts)]:
            cuts.append(following)
            held = 0
    if len(cuts) < len(sizes) or not held:
        raise LmcompareError(
            f"{source} has only {_counted(len(text.split()), 'word')}, too few for train_words ({train_words:,}), "
            f"valid_words ({valid_words:,}) and at least one line of test text; give a smaller train_words or "
            "valid_words"
        )
    split = _cut_at(cuts, Piece(name, text, pieces[0].metadata if len(pieces) == 1 else {}), SPLITS)
    joined = (
        f"The {len(pieces):,} documents were joined in their order, and the text" if len(pieces) > 1 else "The text"
    )
    return split, [
        f"{joined} was cut at the line ends that first gave train and valid their words: {_shares(split)}."
    ]


def by_hash(pieces: Sequence[Piece], key: Callable[[str], str]) -> list[list[int]]:
    """Return the numbers of documents with the same text together, in the order of the text's SHA-256."""
    hashed = sorted((hashlib.sha256(key(piece.text).encode()).digest(), n) for n, piece in enumerate(pieces))
    return [[n for _, n in same] for _, same in groupby(hashed, key=lambda h: h[0])]


def _by_hash(pieces: Sequence[Piece], key: Callable[[str], str]) -> list[list[Piece]]:
    """Group the documents with the same text, in the order of the text's SHA-256."""
    return [[pieces[n] for n in same] for same in by_hash(pieces, key)]


def cut_by_words(piece: Piece, words: float) -> Piece:
    """Return the first words of a text, or its first characters if it has fewer than two words; at least one."""
    units = _units(piece, 2)
    if units.number < 2:
        return piece
    end = _ends_of_shares(units, (min(words / units.words[-1], 1.0),))[0]
    return _cut_at([end], piece, ("beginning", "rest"))["beginning"][0]


def _first_tenth(groups: Sequence[Sequence[Piece]], at: int, target: float, to_leave: int) -> tuple[list[Piece], int]:
    """Take groups from ``at`` on until they first have ``target`` words, but at least one; return the next index."""
    held: list[Piece] = []
    words = 0
    while at < len(groups) - to_leave and (not held or words < target):
        held += groups[at]
        words += sum(piece.words for piece in groups[at])
        at += 1
    return held, at


_CUT_AT = {"lines": "at line ends", "words": "between words", "characters": "between characters"}


class _Units(NamedTuple):
    """The units at whose ends a text may be cut: their number, where each ends, the words up to there, their kind."""

    number: int
    end: Callable[[int], int]
    words: Sequence[int]
    kind: str


def _units(piece: Piece, least: int) -> _Units:
    """Return the units of a text, each with the white space after it.

    They are the lines with words; words, if there are fewer than ``least`` lines; or characters, if there are fewer
    than ``least`` words.
    """
    text = piece.text
    counted = ((following, len(text[start:end].split())) for start, end, following in lines_of(text))
    lines = [(following, words) for following, words in counted if words] if text.count("\n") >= least - 1 else []
    if len(lines) >= least:
        ends, words = zip(*lines, strict=True)
        return _Units(len(lines), ends.__getitem__, list(accumulate(words)), "lines")
    parts = list(accumulate((len(part.split()) for part in in_parts(text)), initial=0))
    if parts[-1] >= least:
        return _Units(parts[-1], partial(_end_of_word, text, parts), range(1, parts[-1] + 1), "words")
    found = array("q", (character.end() for character in re.finditer(r"\S\s*", text)))
    return _Units(len(found), found.__getitem__, range(1, len(found) + 1), "characters")


def _end_of_word(text: str, parts: Sequence[int], number: int) -> int:
    """Return where a word ends with the white space after it; ``parts``: the words before each part of the text."""
    which = bisect_right(parts, number) - 1
    part = next(islice(in_parts(text), which, None))
    within = next(islice(re.finditer(r"\S+", part), number - parts[which], None))
    begin = sum(map(len, islice(in_parts(text), which)))
    after = _SPACES.match(text, begin + within.end())
    assert after is not None
    return after.end()


def _share_of_valid(units: _Units) -> float:
    return min(HELD_OUT, MOST_VALID / units.words[-1])


def _ends_of_shares(units: _Units, shares: Sequence[float]) -> list[int]:
    """Return the ends of units that first reach these shares of the whole; each part has at least one unit."""
    cuts: list[int] = []
    number = -1
    for part, share in enumerate(shares):
        reached = bisect_left(units.words, share * units.words[-1] - 1e-9)
        number = min(max(number + 1, reached), units.number - 1 - len(shares) + part)
        cuts.append(units.end(number))
    return cuts


def _cut_at(cuts: Sequence[int], piece: Piece, names: Sequence[str]) -> Split:
    """Cut a text into the splits with these names, each of one document."""
    edges = pairwise([0, *cuts, len(piece.text)])
    return {
        which: [Piece(f"{piece.name} ({which})", piece.text[start:end], piece.metadata)]
        for which, (start, end) in zip(names, edges, strict=True)
    }


def _shares(split: Mapping[str, Sequence[Piece]]) -> str:
    words = {which: sum(piece.words for piece in pieces) for which, pieces in split.items()}
    total = sum(words.values())
    return ", ".join(f"{which} {_counted(n, 'word')} ({100 * n / total:.1f} %)" for which, n in words.items())


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
