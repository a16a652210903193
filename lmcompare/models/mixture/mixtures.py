"""A mixture of chains, which the class, skip and mixture models compute.

``p(w | h) = Σ_i λ_i(h) p_i(w | h)``, where a member p_i is a mixture of chains over words, or a mixture of chains
over word classes times a mixture of chains over the words of a class, ``p(C | h) p(w | C, h)`` (Goodman, *A bit of
progress in language modeling*, 2001). ``lmcompare.models.common.gates`` computes the weights. Every chain sums to
one, so the mixture does too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.ngrams import with_starts
from lmcompare.counts.table import Float32Array
from lmcompare.model import FloatArray, Progress, Setting
from lmcompare.models.common import gates
from lmcompare.models.common.gates import Gate, Seen
from lmcompare.models.mixture import chains, word_classes
from lmcompare.models.mixture.chains import WORDS, Chain, Feature, feature_values, history, reach_of
from lmcompare.models.mixture.word_classes import MOST_CLASSES
from lmcompare.state import WHOLE, DamagedStateError, taken, whole
from lmcompare.tokens import UNKNOWN_ID, Encoded, IntArray

BLOCK = 2**14  # tokens scored at a time
ROWS = 64  # distributions computed at a time
HELD_OUT = 2**18  # the greatest number of tokens that gates are fitted to
UNKNOWN = "<unk> alone"
RANGES = ("never", "once", "2 to 4", "5 to 19", "20 to 99", "100 and more")  # ranges of counts in the training text
Chains = Sequence[Sequence[Feature]]


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

    def at(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats: the distributions at B positions of a text."""
        before, out = history(text, at, self.reach), np.zeros((len(at), self.size))
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

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all arrays by name."""
        arrays: dict[str, npt.NDArray[Any]] = {f"map_{i}": m for i, m in enumerate(self.maps)}
        for i, chain in enumerate(self.chains()):
            arrays.update({f"chain_{i}_{name}": array for name, array in chain.numbers._asdict().items()})
        for i, gate in enumerate([*(part.gate for m in self.members for part in m), self.gate]):
            arrays.update({f"gate_{i}_weights": gate.weights, f"gate_{i}_bias": gate.bias})
        return arrays

    @classmethod
    def from_arrays(
        cls, specs: Sequence[MemberSpec], unknown: bool, arrays: Mapping[str, npt.NDArray[Any]]
    ) -> Mixture:
        """Return the mixture of these members and stored arrays. Raises ``DamagedStateError`` for other arrays."""
        width = len(taken(arrays, f"map_{WORDS}", WHOLE, (None,)))
        below = max(width, MOST_CLASSES + 1)  # there may be more classes than words
        last = max(m for spec in specs for m in (spec.target, *(m for c in spec.chains for _, m in c)))
        maps = tuple(whole(arrays, f"map_{i}", (width,), below) for i in range(last + 1))
        if width < 2 or not np.array_equal(maps[WORDS], np.arange(width)):
            raise DamagedStateError("map_0 does not have the words themselves")
        members, chains_before, parts_before = [], count(), count()
        for spec in specs:
            parts = []
            for target, each in spec.parts():
                own = [Chain.from_arrays(arrays, f"chain_{next(chains_before)}_", maps, f, target) for f in each]
                gate = Gate.from_arrays(arrays, f"gate_{next(parts_before)}_", sum(map(len, each)), len(own))
                parts.append(Part(tuple(own), gate))
            members.append(tuple(parts))
        evidence = sum(len(spec.chains[0]) for spec in specs)
        gate = Gate.from_arrays(arrays, f"gate_{next(parts_before)}_", evidence, len(members) + unknown)
        return cls(tuple(members), gate, maps, unknown)


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


@dataclass(frozen=True)
class MemberSpec:
    """The definition of a member.

    Parameters
    ----------
    name : str
        The name of the member.
    chains : sequence of sequence of Feature
        The features of each chain.
    target : int, default 0
        The number of the map whose values the chains predict: words with 0, otherwise the classes of that map.
    within : sequence of sequence of Feature, optional
        If the target is a class, the chains that predict the word in its class; their first feature is (0, target).
    """

    name: str
    chains: Chains
    target: int = WORDS
    within: Chains = ()

    def parts(self) -> list[tuple[int, Chains]]:
        """Return the target and the chains of each part."""
        return [(self.target, self.chains), *([(WORDS, self.within)] if self.within else [])]


@dataclass(frozen=True)
class ValidSummary:
    """The results on the validation text, as JSON values.

    Parameters
    ----------
    names : tuple of str
        The names of the members.
    tokens : int
        The number of tokens.
    perplexity : float
        The perplexity of the mixture, unknown words included.
    without : tuple of float
        The perplexity without each member, whose weight the others share.
    weights : tuple of float
        The mean weight of each member.
    counts : tuple of str
        Ranges of how often the last two words were seen in the training text.
    by_count : tuple of tuple of float
        The mean weights in each range.
    """

    names: tuple[str, ...]
    tokens: int = 0
    perplexity: float = 0.0
    without: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    counts: tuple[str, ...] = ()
    by_count: tuple[tuple[float, ...], ...] = ()


def classes_of(train: Encoded, sizes: Sequence[int], setting: Setting) -> list[IntArray]:
    """Return the maps: the identity on words, and a map to classes for each number of classes."""
    words, vocabulary = with_starts(train), setting.vocabulary
    maps: list[IntArray] = [np.arange(len(vocabulary) + 1, dtype=np.int32)]
    for size in sizes:

        def report(sweep: int, moved: int, size: int = size) -> None:
            note = f"{size} classes, sweep {sweep}: {moved:,} words moved"
            setting.progress(Progress(step=sweep, steps=word_classes.SWEEPS, tokens=len(train), note=note))

        size = min(size, len(np.unique(train.ids)))
        maps.append(
            word_classes.cluster(words, len(vocabulary), vocabulary.end, size, progress=report).astype(np.int32)
        )
    return maps


def train_mixture(
    specs: Sequence[MemberSpec], maps: Sequence[IntArray], train: Encoded, valid: Encoded, setting: Setting
) -> tuple[Mixture, ValidSummary]:
    """Return the trained mixture and its results on the validation text.

    Parameters
    ----------
    specs : sequence of MemberSpec
        The members.
    maps : sequence of IntArray of shape (V + 1,)
        The maps from words to words or classes.
    train, valid : Encoded
        The training and validation text. Without a validation text all weights are equal.
    setting : Setting
        The setting of the run.
    """
    reach = max(reach_of(c) for r in specs for c in [*r.chains, *r.within])
    before, words = history(train, np.arange(len(train)), reach), train.ids.astype(np.int64)
    some = np.linspace(0, len(valid) - 1, min(len(valid), HELD_OUT)).astype(np.int64)
    held_before, held_words = history(valid, some, reach), valid.ids[some].astype(np.int64)
    is_unknown = setting.vocabulary.is_unknown(held_words)
    unknown = bool(is_unknown.any()) and not setting.vocabulary.is_unknown(train.ids).any()
    held_out = (held_before[:, ~is_unknown], held_words[~is_unknown]) if unknown else (held_before, held_words)
    total, step = sum(len(r.chains) + len(r.within) for r in specs), count(1)

    def trained(name: str, target: int, each: Sequence[Sequence[Feature]]) -> tuple[list[chains.Chain], Seen]:
        """Return the chains of a part, and their probabilities of the held-out words with the evidence."""
        grown = []
        for features in each:
            grown.append(chains.train(features, target, maps, before, words, held_out)[0])
            note = f"{name}: {len(grown[-1].numbers.words):,} n-grams"
            setting.progress(Progress(step=next(step), steps=total, tokens=len(train), note=note))
        scored = [chain.score(held_before, held_words, maps) for chain in grown]
        return grown, Seen(np.stack([p for p, _ in scored]), np.concatenate([e for _, e in scored]))

    members = [[trained(r.name, target, each) for target, each in r.parts()] for r in specs]
    evidence = np.concatenate([own.evidence[: len(first.features)] for ((first, *_), own), *_ in members])
    seen = [[own for _, own in parts] for parts in members]
    if unknown:
        nothing = np.zeros((0, len(is_unknown)), np.float32)
        seen.append([Seen(is_unknown[None].astype(np.float32), nothing)])
    names = (*(r.name for r in specs), *([UNKNOWN] if unknown else []))
    if len(held_words):
        part_gates, gate = gates.fit(seen, evidence, setting.seed)
    else:
        part_gates = [gates.even(len(p.probabilities), len(p.evidence)) for m in seen for p in m]
        gate = gates.even(len(members), len(evidence))
    next_gate = iter(part_gates)
    gated = tuple(tuple(Part(tuple(grown), next(next_gate)) for grown, _ in parts) for parts in members)
    mixture = Mixture(gated, gate, tuple(maps), unknown)
    return mixture, _summary(names, mixture, valid, some) if len(some) else ValidSummary(names)


def _summary(names: tuple[str, ...], mixture: Mixture, valid: Encoded, at: IntArray) -> ValidSummary:
    probabilities, shares = mixture.members_at(valid, at)
    weighted = probabilities * shares
    whole = weighted.sum(0)
    without = [_perplexity((whole - w) / np.maximum(1 - s, 1e-12)) for w, s in zip(weighted, shares, strict=True)]
    ranges = _seen_pairs(mixture, valid, at)
    return ValidSummary(
        names=names,
        tokens=len(at),
        perplexity=_perplexity(whole),
        without=tuple(without) if len(names) > 1 else (),
        weights=tuple(shares.mean(1).tolist()),
        counts=tuple(RANGES[k] for k in np.unique(ranges)),
        by_count=tuple(tuple(shares[:, ranges == k].mean(1).tolist()) for k in np.unique(ranges)),
    )


def _perplexity(probabilities: FloatArray) -> float:
    return float(np.exp(-np.log(np.maximum(probabilities, 1e-30)).mean()))


def _seen_pairs(mixture: Mixture, text: Encoded, at: IntArray) -> IntArray:
    """(B,) for each position, the index in ``RANGES`` of the count of the last two words.

    The counts are those of the first chain that begins with the last two words; without such a chain, those of the
    first feature of the first chain.
    """
    chain = next((c for c in mixture.chains() if c.features[:2] == ((1, WORDS), (2, WORDS))), None)
    depth = 2 if chain else 1
    chain = chain or next(mixture.chains())
    before = history(text, at, mixture.reach)
    _, evidence = chain.find(feature_values(chain.features[:depth], mixture.maps, before, None))
    counts = np.rint(np.expm1(evidence[-1])) if len(evidence) else np.zeros(len(at))
    return np.searchsorted([1, 2, 5, 20, 100], counts, "right")
