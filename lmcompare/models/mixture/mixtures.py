"""A mixture of chains, which the class, skip and mixture models compute.

``p(w | h) = Σ_i λ_i(h) p_i(w | h)``, where a member p_i is a mixture of chains over words, or a mixture of chains
over word classes times a mixture of chains over the words of a class, ``p(C | h) p(w | C, h)`` (Goodman, *A bit of
progress in language modeling*, 2001). ``lmcompare.models.common.gates`` computes the weights. Every chain sums to
one, so the mixture does too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.level import Float32Array
from lmcompare.model import FloatArray
from lmcompare.models.common.gates import Gate
from lmcompare.models.mixture.chains import Chain
from lmcompare.models.mixture.features import WORDS, feature_values, history, reach_of
from lmcompare.models.mixture.word_classes import MOST_CLASSES
from lmcompare.state import WHOLE, DamagedStateError, taken, whole
from lmcompare.tokens import UNKNOWN_ID, Encoded, IntArray

BLOCK = 2**14  # tokens scored at a time
ROWS = 64  # distributions computed at a time


@dataclass(frozen=True, eq=False)
class Part:
    """M chains with the same target, and their gate over the concatenated evidence of all of them."""

    chains: tuple[Chain, ...]
    gate: Gate

    def score(self, before: IntArray, words: IntArray, maps: Sequence[IntArray]) -> tuple[FloatArray, Float32Array]:
        """Return the probabilities of the words, (B,), and the evidence of the first chain."""
        scored = [chain.score(before, words, maps) for chain in self.chains]
        shares = self.gate.shares(np.concatenate([evidence for _, evidence in scored]))
        return sum(share * p for share, (p, _) in zip(shares, scored, strict=True)), scored[0][1]

    def distributions(self, before: IntArray, maps: Sequence[IntArray]) -> tuple[FloatArray, Float32Array]:
        """Return the distributions over the target's types, (B, types), and the evidence of the first chain."""
        size = before.shape[1]
        found = [chain.find(feature_values(chain.features, maps, before, None)) for chain in self.chains]
        shares = self.gate.shares(np.concatenate([evidence for _, evidence in found]))
        out = np.zeros((size, len(self.chains[0].numbers.first)))
        for chain, (nodes, _), share in zip(self.chains, found, shares, strict=True):
            out += np.outer(chain.spread(nodes, np.arange(size), share, out), chain.numbers.first)
        return out, found[0][1]

    def within(self, before: IntArray, maps: Sequence[IntArray]) -> FloatArray:
        """(B, V) the probability of each word in its class; a row has the distributions of all classes."""
        size = before.shape[1]
        classes = maps[self.chains[0].features[0][1]]
        count = int(classes.max()) + 1
        every, rows = np.tile(np.arange(count), size), np.repeat(np.arange(size), count)
        found = []
        for chain in self.chains:
            later = feature_values(chain.features[1:], maps, before, None)
            found.append(chain.find(np.concatenate([every[None], np.repeat(later, count, axis=1)])))
        shares = self.gate.shares(np.concatenate([evidence for _, evidence in found]))
        out = np.zeros((size, len(classes) - 1))
        for chain, (nodes, _), share in zip(self.chains, found, shares, strict=True):
            _fill(chain.spread(nodes, rows, share, out).reshape(size, count), classes, chain.numbers.first, out)
        return out


Member = tuple[Part, ...]  # one part over words, or a part over classes and a part over the words of a class


@dataclass(frozen=True, eq=False)
class Mixture:
    """The members and their gate.

    Parameters
    ----------
    members : tuple of Member
        The members.
    gate : Gate
        The gate over the concatenated evidence of each member's first chain.
    maps : tuple of IntArray of shape (V + 1,)
        Map 0 is the identity on words; the others map words to classes.
    unknown : bool
        Whether ``<unk>`` alone is a further member; its weight is the gate's last.
    """

    members: tuple[Member, ...]
    gate: Gate
    maps: tuple[IntArray, ...]
    unknown: bool

    @property
    def size(self) -> int:
        """V, the number of types."""
        return len(self.maps[WORDS]) - 1

    @property
    def reach(self) -> int:
        """The number of words before a position that it uses."""
        return max(reach_of(c.features) for c in self.chains())

    def chains(self) -> Iterator[Chain]:
        """Yield the chains of all members."""
        for member in self.members:
            for part in member:
                yield from part.chains

    def score(self, text: Encoded) -> FloatArray:
        """(N,) nats: the log-probability of each token."""
        scores = np.zeros(len(text))
        for first in range(0, len(text), BLOCK):
            at = np.arange(first, min(first + BLOCK, len(text)))
            probabilities, shares = self.members_at(text, at)
            scores[at] = np.log((probabilities * shares).sum(0))
        return scores

    def members_at(self, text: Encoded, at: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the probability of the token at each position by each member, (M, B), and the weights, (M, B)."""
        before, words = history(text, at, self.reach), text.ids[at].astype(np.int64)
        evidence, probabilities = [], []
        for member in self.members:
            scored = [part.score(before, words, self.maps) for part in member]
            probabilities.append(np.prod([p for p, _ in scored], axis=0))
            evidence.append(scored[0][1])
        if self.unknown:
            probabilities.append((words == UNKNOWN_ID).astype(float))
        return np.stack(probabilities), self.gate.shares(np.concatenate(evidence))

    def distributions(self, before: IntArray) -> FloatArray:
        """(B, V) nats: the distributions of the next word after B histories (D, B)."""
        out = np.zeros((before.shape[1], self.size))
        for first in range(0, len(out), ROWS):
            some, rows = before[:, first : first + ROWS], out[first : first + ROWS]
            firsts = [member[0].distributions(some, self.maps) for member in self.members]
            shares = self.gate.shares(np.concatenate([evidence for _, evidence in firsts]))
            for member, (row, _), share in zip(self.members, firsts, shares, strict=False):
                if len(member) == 1:
                    _blend(row[:, :0], self.maps[WORDS], row, share, rows)
                else:
                    classes = self.maps[member[1].chains[0].features[0][1]]
                    _blend(row, classes, member[1].within(some, self.maps), share, rows)
            if self.unknown:
                rows[:, UNKNOWN_ID] += shares[-1]
        log_probs: FloatArray = np.log(out, out=out)
        return log_probs

    def at(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats: the distributions at B positions of a text."""
        return self.distributions(history(text, at, self.reach))

    # To arrays and back

    def shape(self) -> list[list[list[dict[str, Any]]]]:
        """Return the features and target of each chain, by member and part, as JSON values."""
        return [
            [
                [{"features": [list(f) for f in c.features], "target": c.target} for c in part.chains]
                for part in member
            ]
            for member in self.members
        ]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays by name."""
        arrays: dict[str, npt.NDArray[Any]] = {f"map_{i}": m for i, m in enumerate(self.maps)}
        for i, chain in enumerate(self.chains()):
            arrays.update({f"chain_{i}_{name}": array for name, array in chain.numbers._asdict().items()})
        for i, gate in enumerate([*(part.gate for m in self.members for part in m), self.gate]):
            arrays.update({f"gate_{i}_weights": gate.weights, f"gate_{i}_bias": gate.bias})
        return arrays

    @classmethod
    def from_arrays(cls, shape: Sequence[Any], unknown: bool, arrays: Mapping[str, npt.NDArray[Any]]) -> Mixture:
        """Return the mixture with this shape and these stored arrays.

        Raises ``DamagedStateError`` for arrays that are not those of a mixture.
        """
        maps = _maps(arrays)
        chains_before, parts_before = itertools.count(), itertools.count()
        members = []
        for member in shape:
            parts = []
            for part in member:
                chains = tuple(
                    Chain.from_arrays(arrays, f"chain_{next(chains_before)}_", maps, **chain) for chain in part
                )
                if len({chain.target for chain in chains}) != 1:
                    raise DamagedStateError("the chains of a part have different targets")
                evidence = sum(len(chain.features) for chain in chains)
                gate = Gate.from_arrays(arrays, f"gate_{next(parts_before)}_", evidence, len(chains))
                parts.append(Part(chains, gate))
            members.append(tuple(parts))
        _check_members(members)
        evidence = sum(len(member[0].chains[0].features) for member in members)
        gate = Gate.from_arrays(arrays, f"gate_{next(parts_before)}_", evidence, len(members) + unknown)
        return cls(tuple(members), gate, maps, unknown)


def _maps(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[IntArray, ...]:
    width = len(taken(arrays, f"map_{WORDS}", WHOLE, (None,)))
    below = max(width, MOST_CLASSES + 1)  # there may be more classes than words
    maps = tuple(whole(arrays, f"map_{i}", (width,), below) for i in range(sum(k.startswith("map_") for k in arrays)))
    if width < 2 or not np.array_equal(maps[WORDS], np.arange(width)):
        raise DamagedStateError("map_0 does not have the words themselves")
    return maps


def _check_members(members: Sequence[Member]) -> None:
    """Refuse members that are neither a part over words nor one over classes and one over the words of a class."""
    for first, *others in members:
        if others:
            (within,) = others
            known = {chain.features[0] for chain in within.chains if chain.base}
            fits = known == {(0, first.chains[0].target)} and all(chain.base for chain in within.chains)
            fits = fits and within.chains[0].target == WORDS
        else:
            fits = first.chains[0].target == WORDS
        if not fits or any(chain.base for chain in first.chains):
            raise DamagedStateError("a member has chains that do not fit together")


@compiled
def _fill(rest: Any, classes: IntArray, first: Any, out: Any) -> None:
    """Add ``first``, (V,), times the weight of each word's class in ``rest``, (B, K), to each row of ``out``, (B, V).

    ``classes`` has the class of each word, (V,) or longer.
    """
    for row in range(len(out)):
        for word in range(len(first)):
            out[row, word] += rest[row, classes[word]] * first[word]


@compiled
def _blend(rows: Any, classes: IntArray, within: Any, weights: Any, out: Any) -> None:
    """Add weighted products of class and word probabilities to each row of ``out``, (B, V).

    ``rows``, (B, K), has the probabilities of the classes, or no columns if the factor is 1; ``within``, (B, V),
    those of the words in their classes; ``weights``, (B,), the weights.
    """
    whole = rows.shape[1] == 0
    for row in range(len(out)):
        weight = weights[row]
        for word in range(out.shape[1]):
            share = weight if whole else weight * rows[row, classes[word]]
            out[row, word] += share * within[row, word]
