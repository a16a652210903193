"""Training a mixture: count the chains, fit discounts and gates to the validation text, and evaluate it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from lmcompare.counts.table import with_starts
from lmcompare.model import FloatArray, Progress, Setting
from lmcompare.models.common import gates
from lmcompare.models.common.gates import Seen
from lmcompare.models.mixture import chains, word_classes
from lmcompare.models.mixture.features import WORDS, Feature, feature_values, history, reach_of
from lmcompare.models.mixture.mixtures import Mixture, Part
from lmcompare.tokens import Encoded, IntArray

HELD_OUT = 2**18  # the greatest number of tokens that gates are fitted to
UNKNOWN = "<unk> alone"
RANGES = ("never", "once", "2 to 4", "5 to 19", "20 to 99", "100 and more")  # ranges of counts in the training text

Chains = Sequence[Sequence[Feature]]


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
    before, words = _read(train, np.arange(len(train)), reach)
    some = np.linspace(0, len(valid) - 1, min(len(valid), HELD_OUT)).astype(np.int64)
    held_before, held_words = _read(valid, some, reach)
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

    members = [
        [trained(r.name, target, each) for target, each in ((r.target, r.chains), (WORDS, r.within)) if each]
        for r in specs
    ]
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


def _read(text: Encoded, at: IntArray, reach: int) -> tuple[IntArray, IntArray]:
    return history(text, at, reach), text.ids[at].astype(np.int64)


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
