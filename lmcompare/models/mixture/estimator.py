"""Training a mixture: grow the chains, fit discounts and gates on the held-out text, and look at it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.counts.lookup.table import with_starts
from lmcompare.model import FloatArray, Progress, Setting
from lmcompare.models.common import gates
from lmcompare.models.common.gates import Seen
from lmcompare.models.mixture import chains
from lmcompare.models.mixture import features as streams
from lmcompare.models.mixture import word_classes as clusters
from lmcompare.models.mixture.features import WORDS, Feature
from lmcompare.models.mixture.mixtures import Mixture, Part
from lmcompare.tokens import Encoded, IntArray

HELD_OUT = 2**18  # tokens of valid that gates are fitted on, at most
UNKNOWN = "<unk> by itself"

Chains = Sequence[Sequence[Feature]]


@dataclass(frozen=True)
class Recipe:
    """One member: its ``name``, the chains over words, and with a ``target`` those over the classes of that map.

    Without ``target`` (0) all chains predict words. With it ``chains`` predict the class and ``within`` the word in
    its class, beginning with the feature (0, ``target``).
    """

    name: str
    chains: Chains
    target: int = WORDS
    within: Chains = ()


@dataclass(frozen=True)
class Account:
    """What was found on the held-out text, JSON-able.

    ``names``: of the members. ``tokens``: how many. ``perplexity``: of the mixture, unknown words included.
    ``without``: when each member is left out and the others share its weight. ``weights``: (M,) the mean weight of
    each. ``counts``: how often train saw the last two words, as labels, and ``by_count``: the mean weights there.
    """

    names: tuple[str, ...]
    tokens: int = 0
    perplexity: float = 0.0
    without: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    counts: tuple[str, ...] = ()
    by_count: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Account:
        """Return the account that was stored."""
        lists = {k: tuple(v) for k, v in table.items() if isinstance(v, list | tuple)}
        lists["by_count"] = tuple(tuple(row) for row in table["by_count"])
        return cls(**{**table, **lists})


def classes_of(train: Encoded, sizes: Sequence[int], setting: Setting) -> list[IntArray]:
    """Return the maps: of words to themselves, and to classes in a clustering of each size."""
    words, vocabulary = with_starts(train), setting.vocabulary
    maps: list[IntArray] = [np.arange(len(vocabulary) + 1, dtype=np.int32)]
    for size in sizes:

        def tell(sweep: int, moved: int, _: float, size: int = size) -> None:
            note = f"{size} classes, sweep {sweep}: {moved:,} words moved"
            setting.progress(Progress(step=sweep, steps=clusters.SWEEPS, tokens=len(train), note=note))

        size = min(size, len(np.unique(train.ids)))
        maps.append(clusters.cluster(words, len(vocabulary), vocabulary.end, size, progress=tell).astype(np.int32))
    return maps


def blend(
    recipes: Sequence[Recipe], maps: Sequence[IntArray], train: Encoded, valid: Encoded, setting: Setting
) -> tuple[Mixture, Account]:
    """Return the trained mixture and its account. Without held-out text the gates give all the same weight."""
    reach = max(streams.reach(c) for r in recipes for c in [*r.chains, *r.within])
    before, words = _read(train, np.arange(len(train)), reach)
    some = np.linspace(0, len(valid) - 1, min(len(valid), HELD_OUT)).astype(np.int64)
    held_before, held_words = _read(valid, some, reach)
    strange = held_words == setting.vocabulary.unknown
    unknown = bool(strange.any()) and setting.vocabulary.unknown not in train.ids
    held_out = (held_before[:, ~strange], held_words[~strange]) if unknown else (held_before, held_words)
    total, done = sum(len(r.chains) + len(r.within) for r in recipes), 0
    members: list[list[list[chains.Chain]]] = []
    seen: list[list[Seen]] = []
    for recipe in recipes:
        members.append([])
        seen.append([])
        for target, each in ((recipe.target, recipe.chains), (WORDS, recipe.within)):
            if not each:
                continue
            grown = []
            for features in each:
                grown.append(chains.train(features, target, maps, before, words, held_out)[0])
                done += 1
                note = f"{recipe.name}: {len(grown[-1].words):,} n-grams"
                setting.progress(Progress(step=done, steps=total, tokens=len(train), note=note))
            scored = [chain.score(held_before, held_words, maps) for chain in grown]
            members[-1].append(grown)
            seen[-1].append(Seen(np.stack([p for p, _ in scored]), np.concatenate([e for _, e in scored])))
    lengths = [len(member[0][0].features) for member in members]
    evidence = np.concatenate([m[0].evidence[:n] for m, n in zip(seen, lengths, strict=True)])
    if unknown:
        nothing = np.zeros((0, len(strange)), np.float32)
        seen.append([Seen(strange[None].astype(np.float32), nothing)])
    names = (*(r.name for r in recipes), *([UNKNOWN] if unknown else []))
    if len(held_words):
        part_gates, gate = gates.fit(seen, evidence, setting.seed)
    else:
        part_gates = [gates.even(len(p.probabilities), len(p.evidence)) for m in seen for p in m]
        gate = gates.even(len(members), len(evidence))
    each_gate = iter(part_gates)
    parts = tuple(tuple(Part(tuple(part), next(each_gate)) for part in member) for member in members)
    mixture = Mixture(parts, gate, tuple(maps), unknown)
    return mixture, _account(names, mixture, valid, some) if len(some) else Account(names)


def _read(text: Encoded, at: IntArray, reach: int) -> tuple[IntArray, IntArray]:
    return streams.history(text, at, reach), text.ids[at].astype(np.int64)


def _account(names: tuple[str, ...], mixture: Mixture, valid: Encoded, at: IntArray) -> Account:
    probabilities, shares = mixture.members_at(valid, at)
    weighted = probabilities * shares
    labels, kinds = _seen_pairs(mixture, valid, at)
    by_count = [
        tuple(float(x) for x in shares[:, kinds == k].mean(1)) for k in range(len(labels)) if (kinds == k).any()
    ]
    return Account(
        names=names,
        tokens=len(at),
        perplexity=_perplexity(weighted.sum(0)),
        without=tuple(
            _perplexity((weighted.sum(0) - weighted[i]) / np.maximum(1 - shares[i], 1e-12)) for i in range(len(names))
        )
        if len(names) > 1
        else (),
        weights=tuple(float(x) for x in shares.mean(1)),
        counts=tuple(label for k, label in enumerate(labels) if (kinds == k).any()),
        by_count=tuple(by_count),
    )


def _perplexity(probabilities: FloatArray) -> float:
    return float(np.exp(-np.log(np.maximum(probabilities, 1e-30)).mean()))


def _seen_pairs(mixture: Mixture, text: Encoded, at: IntArray) -> tuple[list[str], IntArray]:
    """Return labels for how much train says of the last two words, and the label of each position.

    It is read off the first chain that is told as many words; where none is, off the longest context of the first.
    """
    chain = next((c for c in mixture.chains() if c.features[:2] == ((1, WORDS), (2, WORDS))), None)
    depth = 2 if chain else 1
    chain = chain or next(mixture.chains())
    before = streams.history(text, at, mixture.reach)
    _, evidence = chain.find(streams.show(chain.features[:depth], mixture.maps, before, None))
    counts = np.rint(np.expm1(evidence[-1])) if len(evidence) else np.zeros(len(at))
    bounds = np.array([1, 2, 5, 20, 100])
    return ["never", "once", "2 to 4", "5 to 19", "20 to 99", "100 and more"], np.searchsorted(
        bounds, counts, "right"
    )
