"""Which of two words came first: the smallest networks that know it, and whether trained networks do.

A text has the word a once and the word b once, among others: did a come first? No bag can tell: the text with a and b
exchanged has the same bag, so that every function of the bag, however deep, gives both the same answer, and is right
for exactly one of them. Over texts with their exchanged twins it is right in 50 %.

Of trained networks, states, single units and single heads are asked. Two frequent words are put into passages at two
places, once in each order, so that nothing but their order tells the two texts apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
import torch
from scipy.special import softmax

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.lab import Condition, Figures, Findings, Row
from lmcompare.lab.bench import Bench, Sample
from lmcompare.lab.contrasts import Measured, answer, apart, listing
from lmcompare.lab.experiments.ideas import BASE, NO_POSITIONS
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.models.rnn.network import Recurrence
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import IntArray, Vocabulary
from lmcompare.training.checkpoint import seeded
from lmcompare.training.network import Network

LENGTH = 16  # tokens of a passage
PLACES = ((3, 2), (6, 4), (12, 8))  # of the earlier and of the later word, counted from the end; the last word is 1
ROWS = 256  # passages that are read at a time
NO_ORDER, BAG = "no positions", "word2vec bag"
PROBED = {"transformer": BASE, NO_ORDER: NO_POSITIONS, "RNN": FAMILIES["RNN"], BAG: FAMILIES["word2vec bag"]}
NAMED_PLACES = tuple(f"{earlier} and {later}" for earlier, later in PLACES)
Probed = tuple[Array, Array]  # of trained and untrained networks: (S, places, 2, n), by a probe and by one number
PROBE, UNIT = 0, 1
PASSAGES, PAIRS = 240, 3  # how many are probed
OF_PREVIEW, FEW = 120, 20  # passages of a preview, and the least number for a probe
HEADS_ON = 80  # passages on which heads are measured
LONGEST = 6  # words of the longest texts on which networks that are built by hand are checked
TOLD, CHANCE = 0.8, 0.01  # of the prediction: the share that is right, and how near to one half a bag is

A, B, *OTHERS = range(5)  # the words of the small language
NAMES = ("a", "b", "c", "d", "e")


def texts(longest: int) -> Iterator[tuple[int, ...]]:
    """Yield all texts of 2 to ``longest`` words in which a and b occur once: n (n - 1) 3^(n - 2) of n words."""
    for length in range(2, longest + 1):
        for first, second in permutations(range(length), 2):
            for others in product(OTHERS, repeat=length - 2):
                words = list(others)
                for place, word in sorted([(first, A), (second, B)]):
                    words.insert(place, word)
                yield tuple(words)


def a_is_first(words: Sequence[int]) -> bool:
    """Return the truth."""
    return list(words).index(A) < list(words).index(B)


@dataclass(frozen=True)
class RecurrentUnit:
    """A single unit that fires or not: h_t = [w_{x_t} + u h_{t-1} > θ], h_0 = 0. Its last state is the answer.

    b switches it on, a switches it off, and other words leave it as it is: it remembers which of the two came last.
    """

    inputs: tuple[float, float, float] = (-2.0, 2.0, 0.0)  # w of a, of b and of other words
    recurrent: float = 1.0  # u
    threshold: float = 0.5  # θ

    def states(self, words: Sequence[int]) -> list[int]:
        """Return the state after each word."""
        state, found = 0, []
        for word in words:
            state = int(self.inputs[min(word, 2)] + self.recurrent * state > self.threshold)
            found.append(state)
        return found

    def answer(self, words: Sequence[int]) -> bool:
        """Return whether a came first."""
        return bool(self.states(words)[-1])


@dataclass(frozen=True)
class AttentionHead:
    """A single head: o = Σ_j softmax(s)_j v_{x_j}, with the score s_j = q k j of position j. a came first if o > 0.

    The score falls with the position, so that the earlier of the two words has the greater weight, and the values say
    which of them it is. Without positions (k = 0) both have the same weight, and o = 0.
    """

    query: float = 1.0  # q
    key: float = -1.0  # k, times the position
    values: tuple[float, float, float] = (1.0, -1.0, 0.0)  # v of a, of b and of other words

    def weights(self, words: Sequence[int]) -> Array:
        """Return (n,): the attention weights."""
        return np.asarray(softmax(self.query * self.key * np.arange(1, len(words) + 1)))

    def output(self, words: Sequence[int]) -> float:
        """Return o."""
        return float(self.weights(words) @ np.array(self.values)[np.minimum(words, 2)])

    def answer(self, words: Sequence[int]) -> bool:
        """Return whether a came first."""
        return self.output(words) > 0


def answers_right(network: RecurrentUnit | AttentionHead, longest: int) -> tuple[int, int]:
    """Return for how many texts of 2 to ``longest`` words a network is right, and how many there are."""
    every = list(texts(longest))
    return sum(network.answer(words) == a_is_first(words) for words in every), len(every)


def deep_bag_right(longest: int, seed: int = 0) -> float:
    """Return the share of all texts for which a network of three layers is right that was trained on their bags."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    every = list(texts(longest))
    bags = np.array([np.bincount(words, minlength=len(NAMES)) for words in every], np.float64)
    truth = np.array([a_is_first(words) for words in every])
    deep = MLPClassifier((32, 32, 32), max_iter=50, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # there is nothing to learn
        return float((deep.fit(bags, truth).predict(bags) == truth).mean())


def two_words(bench: Bench) -> Findings:
    """Return findings on the networks that are built by hand, and on the trained networks."""
    passages = Passages.of(bench.whole, bench.corpus.vocabulary, PASSAGES if bench.decides else OF_PREVIEW, PAIRS)
    if (usable := len(passages.words) if passages.pairs else 0) < FEW:
        raise LmcompareError(
            f"the test text has {usable} passages into which pairs of words of letters can be put, too"
            f" few for a probe, which needs {FEW}: give a longer text"
        )
    found = {name: _asked(bench, condition, passages) for name, condition in bench.each(PROBED.items())}
    sample = passages.sample
    right = {name: sample.amounts(_everywhere(each)).figure(sample.counts) for name, (each, _) in found.items()}
    adds = _training_adds(sample, found, right)
    said = [f"{numbers.percent(right[name], 0)} ({name})" for name in sorted(right, key=lambda name: -right[name])]
    verdict = answer(
        "No function of a bag can tell which of two words came first; one recurrent unit can, and so can one"
        " attention head with positions. From the states of trained networks a probe tells it in"
        f" {numbers.listed(said)} of the cases; one half is chance.",
        _of_training(adds),
    )
    return Findings(
        verdict=verdict,
        claims={
            f"A probe tells which of two words came first in more than {TOLD:.0%} of the cases, from both.": (
                min(right["transformer"], right["RNN"]) > TOLD
            ),
            "It does so less often without positions.": right[NO_ORDER] < right["transformer"],
            "From a bag it is right in 50 % of the cases.": abs(right[BAG] - 0.5) < CHANCE,
        },
        tables=(_checked(), _told_by_probes(bench, passages, found), adds),
        exhibits=(*_by_hand(), _probes(found), _heads(bench, passages)),
    )


def _asked(bench: Bench, condition: Condition, passages: Passages) -> Probed:
    """Return what probes tell of the S networks of a condition, and of the same networks before training."""
    trained, untrained = [], []
    for seed, (model, network) in zip(bench.entry(condition).seeds, bench.networks(condition), strict=True):
        with seeded(seed):
            begun = model.network(len(bench.corpus.vocabulary)).eval()
        trained.append([told(network, passages, places) for places in PLACES])
        untrained.append([told(begun, passages, places) for places in PLACES])
    return np.array(trained), np.array(untrained)


def _everywhere(told: Array) -> Array:
    """Return (S, n): how often a probe tells the order, over all places."""
    return np.asarray(told[:, :, PROBE].mean(axis=1))


def _by_places(told: Array, by: int) -> list[float]:
    """Return the share that was told right by a probe, or by one number, for each of the places."""
    return [float(share) for share in told[:, :, by].mean(axis=-1).mean(axis=0)]


def _told_by_probes(bench: Bench, passages: Passages, found: Mapping[str, Probed]) -> Figures:
    sizes = passages.sample.counts
    chance = Measured.of(sizes[None] / 2)
    tests: dict[str, tuple[Measured, Measured, Array]] = {}
    units: list[float] = []
    for name, (trained, _) in found.items():
        units += _by_places(trained, UNIT)
        for i, places in enumerate(NAMED_PLACES):
            tests[f"{name}, {places}"] = (chance, passages.sample.amounts(trained[:, i, PROBE]), sizes)
    tokens = bench.corpus.vocabulary.tokens
    shown = [f"“{tokens[one]} … {tokens[other]}”" for one, other in passages.pairs]
    return Figures(
        title="Which of two words came first: what a linear probe reads from a network's state",
        rows=tuple(replace(row, figure=unit) for row, unit in zip(apart(tests).values(), units, strict=True)),
        unit="share above one half",
        note=(
            f"{len(passages.words):,} passages of the test text, into which pairs of words ({numbers.listed(shown)})"
            " are put in both orders, so that a bag of words can only guess. A probe is asked about documents that it"
            " was not trained on. “No positions” is the transformer without positions. The last column is the share"
            " that the best single number of the state tells: the recurrent unit that is built by hand needs no more."
        ),
        row_name="Network, and how many words back the two are",
        figure_name="right by one number",
    )


def _training_adds(sample: Sample, found: Mapping[str, Probed], right: Mapping[str, float]) -> Figures:
    added = {name: _everywhere(trained) - _everywhere(untrained) for name, (trained, untrained) in found.items()}
    tests = {name: (None, sample.amounts(each), sample.counts) for name, each in added.items() if name != BAG}
    return Figures(
        title="What training adds to what the same network tells before it was trained",
        rows=tuple(replace(row, figure=right[name]) for name, row in apart(tests).items()),
        unit="share",
        note="The mean over all places. An untrained network also mixes the words that it reads in an order.",
        row_name="Network",
        figure_name="share right",
    )


def _of_training(adds: Figures) -> str:
    """Return of which networks training changed what a probe tells."""
    without = [row.name for row in adds.rows if not row.found]
    found = [f"{numbers.decimals(100 * row.amount, 0)} ({row.name})" for row in adds.rows if row.found]
    return answer(
        listing("No gain over the same networks before training was found for: {}.", without),
        listing("Training added, in percentage points: {}.", found),
    )


def _probes(found: Mapping[str, Probed]) -> Heatmap:
    return Heatmap(
        title="Share of the cases in which a probe tells which word came first",
        note="One half is chance. Untrained: the same network with its weights as they are drawn before training.",
        rows=tuple(found),
        columns=NAMED_PLACES,
        panels=("trained", "untrained"),
        values=tuple(tuple(tuple(_by_places(each[panel], PROBE)) for each in found.values()) for panel in range(2)),
        row_axis="network",
        column_axis="places of the two words, in words back",
    )


def _heads(bench: Bench, passages: Passages) -> Heatmap:
    """Return for each head of the transformers how often it attends more to the later of two words."""
    fewer = replace(passages, words=passages.words[:HEADS_ON])
    panels: dict[str, Array] = {}
    for name in ("transformer", NO_ORDER):
        network = next(bench.networks(PROBED[name]))[1]
        assert isinstance(network, TransformerNetwork)
        panels[name] = np.stack([later_shares(network, fewer, places) for places in PLACES], axis=-1)
    layers, heads, _ = next(iter(panels.values())).shape
    return Heatmap(
        title="Heads that go by position: how often the last word attends more to the later of two words",
        note=(
            "A head near 0 or 1 prefers one of the two places, whichever word is there, as the head does that is"
            " built by hand. One half is a head that goes by the words alone: without positions, the first layer"
            " has no others."
        ),
        rows=tuple(f"layer {layer + 1}, head {head + 1}" for layer in range(layers) for head in range(heads)),
        columns=NAMED_PLACES,
        panels=tuple(panels),
        values=tuple(
            tuple(tuple(map(float, row)) for row in each.reshape(layers * heads, -1)) for each in panels.values()
        ),
        row_axis="head",
        column_axis="places of the two words, in words back",
    )


def _checked() -> Figures:
    """Return for how many of all short texts the networks are right that are built by hand, and a deep bag."""
    built: dict[str, RecurrentUnit | AttentionHead] = {
        "one recurrent unit": RecurrentUnit(),
        "one head with positions": AttentionHead(),
        "one head without positions": AttentionHead(key=0.0),
    }
    found = {name: answers_right(network, LONGEST) for name, network in built.items()}
    (every,) = {texts for _, texts in found.values()}
    rows = [Row(name, value=right / texts) for name, (right, texts) in found.items()]
    rows.append(Row("a deep network of the bag", "Trained on these texts.", deep_bag_right(LONGEST)))
    return Figures(
        title="Did a come before b? Networks that are built by hand, and a bag",
        rows=tuple(rows),
        unit="share right",
        note=(
            f"All {every:,} texts of 2 to {LONGEST} words a, b, c, d and e in which a and b occur once. With a and b"
            " exchanged, a text has the same bag: a function of the bag gives both the same answer, and is right for"
            " one of them."
        ),
        differences=False,
        row_name="Network",
    )


def _by_hand() -> list[Exhibit]:
    """Return the equations of the two networks, and what they compute on four texts."""
    unit, head = RecurrentUnit(), AttentionHead()
    shown = ((0, 2, 1), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    names = [" ".join(NAMES[word] for word in words) for words in shown]
    return [
        WorkedEquation(
            title="One recurrent unit that knows whether a came before b",
            equation=r"h_t = [\, w_{x_t} + u \, h_{t-1} > \theta \,]",
            saying=(
                "The unit fires (h = 1) if the sum is above the threshold. b switches it on, a switches it off, and"
                " any other word leaves it as it is: at the end it is on if b came last, and so a first."
            ),
            lines=(
                *zip(("w of a", "w of b", "w of other words"), unit.inputs, strict=True),
                ("u, of the state before", unit.recurrent),
                ("θ, the threshold", unit.threshold),
                *((f"state after “{n}”", float(unit.states(w)[-1])) for n, w in zip(names, shown, strict=True)),
            ),
            numbers="Its weights, and what it computes",
        ),
        WorkedEquation(
            title="One attention head that knows whether a came before b",
            equation=latex_lines(r"o &= \sum_j \mathrm{softmax}(s)_j \, v_{x_j}", r"s_j &= q \, k \, j"),
            saying=(
                "The score falls with the position j, so that the earlier word has the greater weight; the values say"
                " which word it is. a came first if o is above 0. With k = 0 there are no positions, and o = 0."
            ),
            lines=(
                *zip(("v of a", "v of b", "v of other words"), head.values, strict=True),
                ("q, the query", head.query),
                ("k, the key of a position", head.key),
                *((f"o after “{n}”", head.output(words)) for n, words in zip(names, shown, strict=True)),
            ),
            numbers="Its weights, and what it computes",
        ),
    ]


@dataclass(frozen=True)
class Passages:
    """Passages of the test text into which pairs of words are put.

    Parameters
    ----------
    sample : Sample
        The positions at which the n passages end.
    words : array of int, shape (n, LENGTH)
        Their tokens.
    pairs : sequence of (int, int)
        The words that are put into them.
    """

    sample: Sample
    words: IntArray
    pairs: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, whole: Sample, vocabulary: Vocabulary, passages: int, pairs: int) -> Passages:
        """Draw passages within documents, and take pairs of frequent words of about the same frequency."""
        inside = whole.at - whole.text.context_starts(whole.at) >= LENGTH
        sample = whole.chosen(np.flatnonzero(inside), passages)
        words = np.array([context[-LENGTH:] for context in sample.contexts(LENGTH)], np.int64).reshape(-1, LENGTH)
        frequent = [
            word
            for word in np.argsort(-vocabulary.counts, kind="stable").tolist()
            if vocabulary.tokens[word].isalpha() and word not in (vocabulary.end, vocabulary.unknown)
        ]
        return cls(sample, words, list(zip(frequent[0 : 2 * pairs : 2], frequent[1 : 2 * pairs : 2], strict=False)))

    def filled(self, pair: tuple[int, int], places: tuple[int, int]) -> IntArray:
        """Return (2 n, LENGTH): the passages with the first word of a pair before the second, and then exchanged."""
        in_order, exchanged = self.words.copy(), self.words.copy()
        earlier, later = (LENGTH - place for place in places)
        in_order[:, earlier], in_order[:, later] = pair
        exchanged[:, later], exchanged[:, earlier] = pair
        return np.concatenate([in_order, exchanged])


@torch.inference_mode()
def last_states(network: Network, texts: IntArray) -> Array:
    """Return (N, d): the state of a network after the last word of each text (N, T).

    For an RNN the states of its last layer, for a transformer the outputs of all heads and the features from which
    the softmax predicts, else the features.
    """
    found = []
    for inputs in _batches(network, texts):
        if isinstance(network, TransformerNetwork):
            features, _, maps = network.attend(inputs, None, maps=True)
            made = torch.cat([features[:, -1], *(each.mixed[:, :, -1].flatten(1) for each in maps)], 1)
        elif isinstance(network, Recurrence):
            made = network.states(inputs, None)[0][:, -1]
        else:
            made = network(inputs, None)[0][:, -1]
        found.append(made.float().cpu().numpy())
    return np.concatenate(found)


def told(network: Network, passages: Passages, places: tuple[int, int]) -> Array:
    """Return (2, n): how often a network's state tells in each of n passages which of two words came first.

    The shares are over both orders and all pairs: first those of a linear probe of the whole state, then those of the
    one number of the state that told it best in other passages. Probes are trained on half of the passages and tested
    on the other half, and the other way round; a document is in one half, if there are several. For each pair of
    words there is a probe of its own.
    """
    half = passages.sample.text.document_of(passages.sample.at) % 2
    if len(np.unique(half)) < 2:
        half = np.arange(len(half)) % 2
    right = np.zeros((2, len(half)))
    truth = np.repeat([True, False], len(half))
    for pair in passages.pairs:
        states = last_states(network, passages.filled(pair, places)).astype(np.float64)
        for part in (0, 1):
            train, asked = np.tile(half != part, 2), np.tile(half == part, 2)
            for row, guess in zip(right, (_probed, _best_unit), strict=True):
                correct = guess(states[train], truth[train], states[asked]) == truth[asked]
                row[half == part] += correct.reshape(2, -1).mean(axis=0)
    return right / len(passages.pairs)


def _probed(states: Array, truth: Array, others: Array) -> Array:
    """Ridge regression (Hoerl and Kennard 1970) of standardised states, its penalty chosen by cross-validation."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-1, 5, 7)))
    return np.asarray(probe.fit(states, truth).predict(others))


def _best_unit(states: Array, truth: Array, others: Array) -> Array:
    """Return what the best single number says, with the threshold half-way between its means in the two orders."""
    one, other = states[truth].mean(axis=0), states[~truth].mean(axis=0)
    middle, above = (one + other) / 2, one > other
    best = int((((states > middle) == above) == truth[:, None]).mean(axis=0).argmax())
    return np.asarray((others[:, best] > middle[best]) == above[best])


@torch.inference_mode()
def later_shares(network: TransformerNetwork, passages: Passages, places: tuple[int, int]) -> Array:
    """Return (layers, heads): how often the last word attends more to the later of the two words than to the earlier.

    A head that goes by the words alone does so in one of the two orders, and so in half of the texts.
    """
    earlier, later = (LENGTH - place + 1 for place in places)  # the first input is the document's beginning
    found = []
    for pair in passages.pairs:
        for inputs in _batches(network, passages.filled(pair, places)):
            weights = torch.stack([maps.weights[:, :, -1] for maps in network.attend(inputs, None, maps=True)[2]])
            more, less = weights[..., later], weights[..., earlier]
            found.append(((more > less).double() + (more == less).double() / 2).cpu().numpy())
    return np.asarray(np.concatenate(found, axis=1).mean(axis=1))


def _batches(network: Network, texts: IntArray) -> Iterator[torch.Tensor]:
    """Yield the inputs (B, T + 1) of texts, each a document of its own."""
    device = network.head.table.device
    begun = np.insert(texts, 0, network.head.types, axis=1)
    for first in range(0, len(begun), ROWS):
        yield torch.from_numpy(begun[first : first + ROWS]).to(device)
