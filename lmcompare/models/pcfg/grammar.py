"""A probabilistic context-free grammar with at most two children for each node, read from the trees of a treebank.

``read_trees`` reads trees in bracket notation, ``matched`` finds those that belong to sentences of a text,
``read_grammar`` makes the rules, and ``emissions`` the probabilities of the words of each tag.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from nltk import Tree
from scipy.sparse import csc_array, csr_array

from lmcompare.errors import LmcompareError, expanded, ordinary
from lmcompare.state import DamagedStateError, real, whole
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

SAMPLE = r"wsj_\d+\.mrg"  # the files of NLTK's sample of the Penn Treebank
FETCH = "python -m nltk.downloader treebank"
EMPTY = "-NONE-"  # the tag of an empty element, which is not a word
Key = tuple[tuple[int, ...], tuple[int, ...]]  # the ids of a sentence's words, and how many bytes each has
# The names of symbols have characters that no label of a tree can have: parentheses and white space
ROOT = "(root)"  # its one child is the label of a whole tree
TAG = "("  # begins the name of a tag
UNDER = " under "  # between a label and the label of the phrase above
PART = " … after "  # in the name of the rest of a phrase after its first children
RARE = 5  # words that occur less often in the trees also get tags by their class
LEAST = 10  # times that the rare words of a class occur in the trees, or else they belong to a coarser class
ENDINGS = (
    *("ing", "ed", "s", "ly", "tion", "ion", "er", "est", "or", "al", "ic", "ble", "ive", "ous", "ment", "ity"),
    *("y", "e", "en", "an"),
)  # of English words; where one is the end of another, the longer is first. Other languages have fewer classes


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


class Arrays(NamedTuple):
    """A grammar as compiled loops read it: N symbols, of which the first T are tags.

    ``begins`` (N + 1,), ``right``, ``parent`` and ``chance`` (R,): the rules parent → left right with a left child
    ``l`` are those from ``begins[l]`` to ``begins[l + 1]``. ``unary_begins`` (N + 1,), ``above`` and ``summed``: the
    symbols that become symbol ``x`` by a chain of unary rules, or by none, with the sum of the probabilities of all
    chains. ``first_begins`` (N + 1,), ``first`` and ``first_chance``: the first children of each symbol, as numbers
    of ``corner_symbols`` (M,), with their probabilities. ``corners`` (M, M): the left-corner matrix of these.
    """

    begins: IntArray
    right: IntArray
    parent: IntArray
    chance: FloatArray
    unary_begins: IntArray
    above: IntArray
    summed: FloatArray
    first_begins: IntArray
    first: IntArray
    first_chance: FloatArray
    corner_symbols: IntArray
    corners: FloatArray


class Grammar:
    """Rules with probabilities, over the symbols of phrases and tags.

    Parameters
    ----------
    symbols : sequence of str
        The names of the N symbols: T tags, then phrases and parts of phrases. The last one is the root.
    tags : int
        T.
    binary : (R, 3) array of int
        The rules parent → left right.
    binary_chance : (R,) array
        Their probabilities.
    unary : (U, 2) array of int
        The rules parent → child.
    unary_chance : (U,) array
        Their probabilities. The rules of one parent, binary and unary, sum to one.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        tags: int,
        binary: IntArray,
        binary_chance: FloatArray,
        unary: IntArray,
        unary_chance: FloatArray,
    ) -> None:
        self.symbols, self.tags = tuple(symbols), tags
        order = np.argsort(binary[:, 1], kind="stable")
        self.binary, self.binary_chance = np.ascontiguousarray(binary[order], np.int32), binary_chance[order]
        self.unary, self.unary_chance = np.asarray(unary, np.int32).reshape(-1, 2), unary_chance

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], symbols: Sequence[str], tags: int) -> Self:
        """Return the grammar of stored arrays, named as above. Raises ``DamagedStateError`` for other arrays."""
        if not 0 < tags < len(symbols):
            raise DamagedStateError(f"{tags} of {len(symbols)} symbols are tags")
        binary = whole(arrays, "binary", (None, 3), len(symbols))
        unary = whole(arrays, "unary", (None, 2), len(symbols))
        of_binary = real(arrays, "binary_chance", (len(binary),), 0, 1)
        return cls(symbols, tags, binary, of_binary, unary, real(arrays, "unary_chance", (len(unary),), 0, 1))

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def root(self) -> int:
        """The symbol of a whole sentence."""
        return len(self) - 1

    def _matrix(self, pairs: IntArray, chance: FloatArray) -> csr_array:
        """(N, N), sparse: each row is a parent, each column a child."""
        return csr_array((chance, (pairs[:, 0], pairs[:, 1])), shape=(len(self), len(self)))

    @cached_property
    def unary_closure(self) -> csr_array:
        """(N, N), sparse: the sum over all chains of unary rules from one symbol to another, (I - U)^-1.

        A chain may go round a cycle any number of times (Stolcke 1995, section 4.5).
        """
        chain = self._matrix(self.unary, self.unary_chance)
        inside = np.unique(self.unary)  # no other symbol is in a unary rule
        closure = np.linalg.inv(np.eye(len(inside)) - chain[inside][:, inside].toarray())
        rows, columns = np.nonzero(closure > 0)
        others = np.setdiff1d(np.arange(len(self)), inside)
        return csr_array(
            (
                np.append(closure[rows, columns], np.ones(len(others))),
                (np.append(inside[rows], others), np.append(inside[columns], others)),
            ),
            shape=(len(self), len(self)),
        )

    @cached_property
    def first_children(self) -> csr_array:
        """(N, N), sparse: P, the probability that each symbol is the first child of another one."""
        return self._matrix(self.binary[:, :2], self.binary_chance) + self._matrix(self.unary, self.unary_chance)

    @cached_property
    def corners(self) -> tuple[FloatArray, IntArray]:
        """(M, M) the left-corner matrix, and (M,) the symbols of its rows and columns: those that are first children.

        Row A, column X: the expected number of X among the symbols at the left edge of the tree of A, (I - P)^-1
        (Jelinek and Lafferty 1991, eq. 5).
        """
        symbols = np.unique(self.first_children.indices)
        step = self.first_children[symbols][:, symbols].toarray()
        return np.maximum(np.linalg.inv(np.eye(len(symbols)) - step), 0.0), symbols

    @cached_property
    def arrays(self) -> Arrays:
        """The grammar for compiled loops."""
        by_child, first = self.unary_closure.tocsc(), self.first_children
        corners, symbols = self.corners
        begins = np.searchsorted(self.binary[:, 1], np.arange(len(self) + 1))
        parent, _, right = (np.ascontiguousarray(column) for column in self.binary.T)
        return Arrays(
            *(begins, right, parent, self.binary_chance),
            *(by_child.indptr, by_child.indices, by_child.data),
            *(first.indptr, np.searchsorted(symbols, first.indices), first.data),
            *(symbols, np.ascontiguousarray(corners)),
        )


def read_grammar(
    trees: Sequence[Tree], horizontal: int, vertical: int
) -> tuple[Grammar, Mapping[tuple[int, int], int]]:
    """Return the grammar of trees, and how often each tag has each word.

    Each node with more than two children becomes a chain of nodes that remember the last ``horizontal`` children,
    and each phrase also has the names of the ``vertical`` - 1 phrases above it (Klein and Manning 2003, section 2).
    The probability of a rule is its share of the rules of its parent, so that the sums over all sentences are one
    (Chi and Geman 1998).

    Parameters
    ----------
    trees : sequence of Tree
        Their leaves are the ids of words, each alone below a tag.
    horizontal, vertical : int
        The order of each Markov chain.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    words: Counter[tuple[str, int]] = Counter()
    for tree in trees:
        counts[ROOT, _count(tree, (), horizontal, vertical, counts, words)] += 1
    tags = sorted({tag for tag, _ in words})
    symbols = [*tags, *sorted({rule[0] for rule in counts} - {ROOT}), ROOT]
    number = {symbol: k for k, symbol in enumerate(symbols)}
    totals: Counter[str] = Counter()
    for rule, times in counts.items():
        totals[rule[0]] += times
    ordered = sorted(counts)
    by_length = {n: [rule for rule in ordered if len(rule) == n] for n in (2, 3)}
    rules = {
        n: np.array([[number[name] for name in rule] for rule in those], np.int32).reshape(-1, n)
        for n, those in by_length.items()
    }
    chances = {n: np.array([counts[rule] / totals[rule[0]] for rule in those]) for n, those in by_length.items()}
    lexicon = {(number[tag], word): times for (tag, word), times in words.items()}
    return Grammar(symbols, len(tags), rules[3], chances[3], rules[2], chances[2]), lexicon


def _count(
    tree: Tree,
    above: tuple[str, ...],
    horizontal: int,
    vertical: int,
    counts: Counter[tuple[str, ...]],
    words: Counter[tuple[str, int]],
) -> str:
    """Count the rules of a tree; return the symbol of its root."""
    if isinstance(tree[0], int):
        tag = f"{TAG}{tree.label()}"
        words[tag, tree[0]] += 1
        return tag
    names = (tree.label(), *above)[:vertical]
    symbol = UNDER.join(names)
    children = [_count(child, names, horizontal, vertical, counts, words) for child in tree]
    parent, last = symbol, len(children) - 1
    for k in range(last - 1):
        before = children[max(0, k + 1 - horizontal) : k + 1]
        rest = f"{symbol}{PART}{' '.join(before)}"
        counts[parent, children[k], rest] += 1
        parent = rest
    counts[(parent, *children[max(0, last - 1) :])] += 1
    return symbol


def classes_of(word: str) -> tuple[str, str, str]:
    """Return the classes of a word, the finest first: by digits, capitals, hyphens and endings; by its form; any."""
    if re.search(r"\d", word):
        form = "a number" if re.fullmatch(r"[\d.,:/\\-]+", word) else "with a digit"
        return (form, form, "any")
    if not any(map(str.isalpha, word)):
        return ("a mark", "a mark", "any")
    capital = (
        "in capitals" if word.isupper() and len(word) > 1 else "with a capital" if word[0].isupper() else "small"
    )
    form = f"{capital}, with a hyphen" if "-" in word.strip("-") else capital
    low = word.lower()
    ending = next((f" -{end}" for end in ENDINGS if low.endswith(end) and len(low) > len(end) + 2), "")
    return (form + ending, form, "any")


def emissions(counts: Mapping[tuple[int, int], int], tags: int, vocabulary: Vocabulary, seen: IntArray) -> csc_array:
    """Return (T, V), sparse: the probability of each word given each tag; rows sum to one.

    A word that the trees have ``RARE`` times or more has the tags that it has there. The other words share, for each
    tag t, a part κ / (c(t) + κ) of its probability, with κ the number of rare words that t has in the trees (Witten
    and Bell 1991). This part is divided among the classes by how often t has rare words of each class, and within a
    class by the frequency of the words.

    Parameters
    ----------
    counts : mapping
        How often each tag has each word in the trees.
    tags : int
        T.
    vocabulary : Vocabulary
    seen : (V,) array of int
        How often each word occurs in the training text.
    """
    V = len(vocabulary)
    rows, columns = np.array(list(counts), np.int64).reshape(-1, 2).T
    table = np.zeros((tags, V))
    table[rows, columns] = list(counts.values())
    rare = table.sum(axis=0) < RARE
    rare[vocabulary.end] = False
    classes = _class_numbers(vocabulary, table, rare)
    of_class = np.zeros((classes.max() + 1, V))
    of_class[classes[rare], np.flatnonzero(rare)] = seen[rare] + 1.0
    of_class /= np.maximum(of_class.sum(axis=1, keepdims=True), 1e-300)
    tokens = np.stack([np.bincount(classes[rare], row[rare], len(of_class)) for row in table])  # (T, classes)
    share = tokens / np.maximum(tokens.sum(axis=1, keepdims=True), 1.0)
    kinds = (table[:, rare] > 0).sum(axis=1)[:, None]
    return csc_array((table + kinds * (share @ of_class)) / (table.sum(axis=1, keepdims=True) + kinds))


def _class_numbers(vocabulary: Vocabulary, table: FloatArray, rare: IntArray) -> IntArray:
    """Return (V,) for rare words the finest class that occurs ``LEAST`` times in the trees, or else the coarsest."""
    names: Sequence[tuple[str, ...]] = [classes_of(token) for token in vocabulary.tokens]
    tokens = table.sum(axis=0)
    numbers: dict[str, int] = {"any": 0}
    found = np.zeros(len(names), np.int64)
    for level in (1, 0):
        of_level: dict[str, list[int]] = {}
        for word in np.flatnonzero(rare).tolist():
            of_level.setdefault(names[word][level], []).append(word)
        for name, words in of_level.items():
            if tokens[words].sum() >= LEAST:
                found[words] = numbers.setdefault(name, len(numbers))
    return found
