"""Trees of a treebank in bracket notation, and the trees among them that belong to sentences of a text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nltk import Tree

from lmcompare.errors import LmcompareError, expanded, ordinary
from lmcompare.tokens import Encoded, Vocabulary

SAMPLE = r"wsj_\d+\.mrg"  # the files of NLTK's sample of the Penn Treebank
FETCH = "python -m nltk.downloader treebank"
EMPTY = "-NONE-"  # the tag of an empty element, which is not a word
Key = tuple[tuple[int, ...], tuple[int, ...]]  # the ids of a sentence's words, and how many bytes each has


def read_trees(path: Path | None) -> list[Tree]:
    """Return the trees of a file in bracket notation, such as ``(S (NP (DT the) (NN cat)) (VP (VBD sat)))``.

    Empty elements are left out, and labels are cut before the first ``-`` or ``=``, which separates functions and
    indices from the category (Bies et al. 1995). A word without a tag gets the tag ``LABEL word``, where LABEL is the
    label of its phrase.

    Parameters
    ----------
    path : Path or None
        The file; None for NLTK's sample of the Penn Treebank, where NLTK looks for its data.

    Raises
    ------
    LmcompareError
        If there is no such file, or it has no trees.
    """
    texts = _sample() if path is None else _text(path)
    where = "NLTK's treebank" if path is None else str(path)
    try:
        read = [tree for text in texts for tree in Tree.fromstring(f"({text})")]
        cleaned = [_cleaned(tree) for tree in read]
    except (ValueError, RecursionError) as error:
        raise LmcompareError(
            f"{where} has no trees in brackets, such as (S (NP (DT the) (NN cat)) (VP (VBD sat))):"
            f" {' '.join(str(error).split())[:200]}"
        ) from None
    trees = [tree for tree in cleaned if tree is not None]
    if not trees:
        raise LmcompareError(f"{where} has no trees: name a file of trees in brackets, or leave trees out")
    return trees


def _text(path: Path) -> list[str]:
    try:
        with ordinary(expanded(path)).open(encoding="utf-8") as file:
            return [file.read()]
    except (OSError, ValueError) as error:
        raise LmcompareError(f"the file of trees {path} can't be read: {error}") from None


def _sample() -> Iterator[str]:
    import nltk.data
    from nltk.corpus.reader.util import find_corpus_fileids

    for place in ("corpora/treebank/combined", "corpora/treebank.zip/treebank/combined/"):
        try:
            root = nltk.data.find(place)
        except LookupError:
            continue
        for name in find_corpus_fileids(root, SAMPLE):
            with root.join(name).open("utf-8") as file:
                yield file.read()
        return
    raise LmcompareError(
        f"NLTK's treebank is not on this machine: fetch it with '{FETCH}', or set trees to a file of trees in"
        " brackets"
    )


def _cleaned(tree: Any) -> Tree | None:
    """Return a tree of words with tags; None if no word is left."""
    if isinstance(tree, str):
        raise ValueError(f"'{tree[:50]}' is not in brackets")
    if tree.label() == EMPTY:
        return None
    if len(tree) == 1 and isinstance(tree[0], str):
        return Tree(tree.label(), [tree[0]])
    label = _category(tree.label())
    children = [Tree(f"{label} word", [c]) if isinstance(c, str) else _cleaned(c) for c in tree]
    kept = [child for child in children if child is not None]
    if not kept:
        return None
    return kept[0] if not label and len(kept) == 1 else Tree(label, kept)


def _category(label: str) -> str:
    first = min((at for mark in "-=" if (at := label.find(mark)) > 0), default=len(label))
    return label[:first]


def matched(trees: Sequence[Tree], text: Encoded) -> dict[Key, list[Tree]]:
    """Return the trees of the sentences of a text, by the keys of the sentences, with the ids of words as leaves.

    A tree belongs to a sentence if its words, as written or in lower case, are the tokens of the sentence. Words
    outside of the vocabulary, at most half of them, are compared by their lengths in bytes. If more different
    sentences of the file agree in this way than the text has, none of their trees is taken, since the text may not
    have that sentence.
    """
    sentences = Counter(key for _, key in keys_of(text))
    found: dict[Key, list[Tree]] = defaultdict(list)
    words_of: dict[Key, set[tuple[str, ...]]] = defaultdict(set)
    sized = text.spans is not None
    for tree in trees:
        words = tree.leaves()
        for written in (words, [word.lower() for word in words]):
            key = _key(written, text.vocabulary, sized)
            if key is not None and key in sentences:
                found[key].append(_with_ids(tree, iter(key[0])))
                words_of[key].add(tuple(written))
                break
    return {key: those for key, those in found.items() if len(words_of[key]) <= sentences[key]}


def _key(words: Sequence[str], vocabulary: Vocabulary, sized: bool) -> Key | None:
    known = sum(word in vocabulary for word in words)
    if 2 * known < len(words) or (known < len(words) and vocabulary.unknown is None):
        return None
    return tuple(vocabulary.ids(words).tolist()), tuple(len(word.encode()) for word in words) if sized else ()


def keys_of(text: Encoded) -> Iterator[tuple[int, Key]]:
    """Yield where each sentence of a text begins, and its key."""
    ids = text.ids.tolist()
    sizes = None if text.spans is None else (text.spans[:, 1] - text.spans[:, 0]).tolist()
    starts = text.sentence_starts().tolist()
    for first, after in zip(starts, [*starts[1:], len(ids)], strict=True):
        last = after - 1 if ids[after - 1] == text.vocabulary.end else after
        yield first, (tuple(ids[first:last]), () if sizes is None else tuple(sizes[first:last]))


def _with_ids(tree: Tree, ids: Iterator[int]) -> Tree:
    children = [next(ids) if isinstance(child, str) else _with_ids(child, ids) for child in tree]
    return Tree(tree.label(), children)
