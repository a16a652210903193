"""A probabilistic context-free grammar with at most two children for each node, read from trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from nltk import Tree
from scipy.sparse import csr_array

from lmcompare.state import DamagedStateError, real, whole
from lmcompare.tokens import FloatArray, IntArray

# The names of symbols have characters that no label of a tree can have: parentheses and white space
ROOT = "(root)"  # its one child is the label of a whole tree
TAG = "("  # begins the name of a tag
UNDER = " under "  # between a label and the label of the phrase above
PART = " … after "  # in the name of the rest of a phrase after its first children


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
