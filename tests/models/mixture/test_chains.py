"""Histories, context trees, chains, mixtures and discounts against their definitions."""

from __future__ import annotations

from itertools import chain as joined

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts.table import NOTHING
from lmcompare.model import Setting
from lmcompare.models.mixture import chains
from lmcompare.models.mixture.chains import Tree, feature_values, grow, history, reach_of
from lmcompare.models.mixture.mixtures import UNKNOWN, MemberSpec, Mixture, train_mixture
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.mixture import brute_force_chains

pytestmark = pytest.mark.slow

LETTERS = Vocabulary.build([["a", "b", "c"]])
END, START = LETTERS.end, len(LETTERS)

documents = st.lists(st.lists(st.integers(0, START - 1), max_size=8), max_size=4)


def before(ids: list[int], most: int) -> list[int]:
    """Return the words at the end of a document's beginning, the nearest first."""
    sentence = [START]
    for word in ids:
        sentence = [START] if word == END else [*sentence, word]
    return [*sentence[::-1], *[NOTHING] * most][:most]


@given(documents, st.integers(1, 5))
def test_history_equals_a_walk(texts: list[list[int]], most: int) -> None:
    text = Encoded.from_documents(texts, LETTERS)
    found = history(text, np.arange(len(text) + 1), most)
    expected = [before(ids[:i], most) for ids in texts for i in range(len(ids))]
    expected.append(before(texts[-1] if texts else [], most))
    assert found.T.tolist() == expected


def test_features_are_mapped() -> None:
    words = np.arange(START + 1)
    classes = np.array([9, 9, 7, 7, 8, 6])
    words_before = np.array([[2, START, 3], [START, NOTHING, 2]])  # (2, B)
    shown = feature_values([(1, 0), (2, 1), (0, 1)], [words, classes], words_before, np.array([4, 2, END]))
    assert shown.tolist() == [[2, START, 3], [6, NOTHING, 7], [8, 7, 9]]
    assert reach_of([(1, 0), (2, 1), (0, 1)]) == 2


def as_dictionary(tree: Tree) -> dict[tuple[int, ...], dict[int, int]]:
    """All contexts of a tree with their words and counts, found from the root downwards."""
    found, contexts = {}, tree.contexts

    def visit(node: int, path: tuple[int, ...]) -> None:
        pairs = slice(contexts.offsets[node], contexts.offsets[node + 1])
        found[path] = dict(zip(contexts.words[pairs].tolist(), tree.counts[pairs].tolist(), strict=True))
        for child in range(contexts.children[node], contexts.children[node + 1]):
            visit(child, (*path, int(contexts.last[child])))

    visit(0, ())
    return found


@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(1, 40))
def test_contexts_and_counts_equal_those_of_dictionaries(seed: int, length: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    features = [rng.integers(-1, 3, n) for _ in range(length)]
    words = rng.integers(0, 4, n)
    tree = grow(features, words, 4)
    expected = brute_force_chains.counts([f.tolist() for f in features], words.tolist(), 2)
    assert as_dictionary(tree) == expected
    last, children, offsets, _ = tree.contexts
    assert tree.levels[-1] == len(last) == len(children) - 1 == len(offsets) - 1


def test_kneser_ney_counts_by_hand() -> None:
    # after x = 5: word 1 with y = 7 twice and y = 8 once, word 2 with y = 7; after x = 6: word 1, no y
    x, y, words = np.array([5, 5, 5, 5, 6]), np.array([7, 7, 8, 7, -1]), np.array([1, 1, 1, 2, 1])
    found = as_dictionary(grow([x, y], words, 3))
    assert found[(5, 7)] == {1: 2, 2: 1}
    assert found[(5,)] == {1: 2, 2: 1}  # word 1 in two of the longer contexts
    assert found[(6,)] == {1: 1}
    assert found[()] == {1: 2, 2: 1}  # word 1 after 5 and after 6


def test_a_context_seen_once_has_no_children() -> None:
    found = as_dictionary(grow([np.array([1, 1, 2]), np.array([3, 3, 3])], np.array([0, 1, 0]), 2))
    assert set(found) == {(), (1,), (2,), (1, 3)}


LINES = ("a b c a b d", "b a c a b", "c c a b d a b c", "d a b", "a c b a b c d d")
VOCABULARY = Vocabulary.build([line.split() for line in LINES])


def read(lines: tuple[str, ...]) -> Encoded:
    each = [[*VOCABULARY.ids(line.split()), VOCABULARY.end] for line in lines]
    return Encoded.from_documents([list(joined.from_iterable(each))], VOCABULARY)


TRAIN, OTHER = read(LINES), read(("a b a d c", "d d x b", "c a b c"))
CLASSES = np.array([4, 2, 0, 1, 0, 1, 3])  # <unk>, </s>, a, b, c, d, <s>
MAPS = (np.arange(len(VOCABULARY) + 1), CLASSES)
NO_TEXT = (np.zeros((3, 0), np.int64), np.zeros(0, np.int64))


def tokens(text: Encoded) -> tuple[np.ndarray, np.ndarray]:
    return history(text, np.arange(len(text)), 3), text.ids.astype(np.int64)


SHAPES = {
    "words": ([(1, 0), (2, 0), (3, 0)], 0),
    "words and classes": ([(1, 1), (1, 0), (2, 1), (2, 0)], 0),
    "a gap": ([(2, 0), (3, 1)], 0),
    "nothing": ([], 0),
    "classes": ([(1, 1), (2, 1)], 1),
    "words in their class": ([(0, 1), (1, 0), (2, 1)], 0),
    "words in their class and nothing else": ([(0, 1)], 0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_probability_equals_the_definition(shape: str) -> None:
    features, target = SHAPES[shape]
    before, words = tokens(TRAIN)
    chain, discounts = chains.train(features, target, MAPS, before, words, NO_TEXT)
    base = chain.base
    found = brute_force_chains.counts(
        feature_values(features, MAPS, before, words).tolist(), MAPS[target][words].tolist(), 2
    )
    size = len(VOCABULARY)
    others, _ = tokens(OTHER)
    for word in range(size):
        asked = np.full(others.shape[1], word)
        p, evidence = chain.score(others, asked, MAPS)
        values = feature_values(features, MAPS, others, asked)
        shown = int(MAPS[target][word])
        below = (CLASSES[:size] == shown).sum() / size if target else 1 / size
        if base:
            below = 1 / (CLASSES[:size] == CLASSES[word]).sum()
        for i in range(len(p)):
            path = tuple(values[:, i].tolist())
            path = path[: path.index(-1)] if -1 in path else path
            assert p[i] == pytest.approx(
                brute_force_chains.probability(found, path, shown, discounts.tolist(), base, below), rel=1e-5
            )
            for k in range(len(features)):
                after = found.get(path[: k + 1], {}) if k < len(path) else {}
                assert evidence[k, i] == pytest.approx(np.log1p(sum(after.values())), rel=1e-6)


SPECS = [
    MemberSpec("words", [[(1, 0), (2, 0)], [(2, 0), (3, 0)]]),
    MemberSpec("classes", [[(1, 1), (1, 0)], [(2, 1)]], 1, [[(0, 1), (1, 0)], [(0, 1), (2, 1)]]),
]


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    trained, summary = train_mixture(SPECS, MAPS, TRAIN, OTHER, Setting(VOCABULARY))
    assert trained.unknown
    assert summary.names == ("words", "classes", UNKNOWN)
    return trained


def test_distributions_sum_to_one_and_agree_with_the_scores(mixture: Mixture) -> None:
    at = np.arange(len(OTHER) + 1)
    rows = mixture.at(OTHER, at)
    np.testing.assert_allclose(np.exp(rows).sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(rows[at[:-1], OTHER.ids], mixture.score(OTHER), rtol=1e-5)


def test_a_mixture_is_the_weighted_sum_of_its_members(mixture: Mixture) -> None:
    before, words = tokens(OTHER)
    (words_part,), (to_class, to_word) = mixture.members
    total = np.zeros(len(words))
    evidence = [part.score(before, words, MAPS)[1] for part in (words_part, to_class)]
    shares = mixture.gate.shares(np.concatenate(evidence))
    for i, w in enumerate(words):
        one, at = before[:, i : i + 1], np.array([w])
        parts = []
        for part in (words_part, to_class, to_word):
            scored = [c.score(one, at, MAPS) for c in part.chains]
            weights = part.gate.shares(np.concatenate([e for _, e in scored]))[:, 0]
            parts.append(sum(float(weight) * float(p[0]) for weight, (p, _) in zip(weights, scored, strict=True)))
        total[i] = shares[:, i] @ [parts[0], parts[1] * parts[2], float(w == VOCABULARY.unknown)]
    np.testing.assert_allclose(mixture.score(OTHER), np.log(total), rtol=1e-5)


def test_the_summary_of_the_validation_text(mixture: Mixture) -> None:
    _, summary = train_mixture(SPECS, MAPS, TRAIN, OTHER, Setting(VOCABULARY))
    assert summary.tokens == len(OTHER)
    assert summary.perplexity == pytest.approx(np.exp(-mixture.score(OTHER).mean()))
    assert sum(summary.weights) == pytest.approx(1)
    probabilities, shares = mixture.members_at(OTHER, np.arange(len(OTHER)))
    without = [(probabilities * shares)[[j for j in range(3) if j != i]].sum(0) / (1 - shares[i]) for i in range(3)]
    expected = [np.exp(-np.log(np.maximum(p, 1e-30)).mean()) for p in without]
    assert summary.without == pytest.approx(expected)


def test_a_mixture_is_restored_from_its_arrays(mixture: Mixture) -> None:
    again = Mixture.from_arrays(SPECS, mixture.unknown, mixture.arrays())
    assert np.array_equal(again.score(OTHER), mixture.score(OTHER))
    assert np.array_equal(again.at(OTHER, np.arange(5)), mixture.at(OTHER, np.arange(5)))


def test_rules_of_thumb_by_hand() -> None:
    # n = 4, 2, 1, 1, 0: Y = 4 / 8 = 1/2; D1 = 1 - 2 Y 2/4 = 1/2; D2 = 2 - 3 Y 1/2 = 5/4; D3 = 3 - 4 Y 1/1 = 1; and
    # D4 = 4 - 0, limited to 0.9 · 4
    counts = np.array([1, 1, 1, 1, 2, 2, 3, 4])
    (rules,) = chains.rules_of_thumb([counts])
    assert rules.tolist() == pytest.approx([0.5, 1.25, 1.0, 3.6, chains.STRENGTH])
    (rules,) = chains.rules_of_thumb([np.array([7, 7])])  # no n-gram with any of these counts
    assert rules[:4].tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0])


def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
    """One context of the counts 1, 1, 2, 4 over eight words; the held-out words are one of count 1 or never seen."""
    statistics = np.zeros((1, 6, n), np.float32)
    statistics[0, 1:] = np.array([8, 2, 1, 0, 1], np.float32)[:, None]
    statistics[0, 0, ::2] = 1
    return statistics, np.full(n, 1 / 8, np.float32)


def likelihood(values: np.ndarray, statistics: np.ndarray, below: np.ndarray) -> float:
    d, strength = values[:4], values[4]
    count, total, n1, n2, n3, n4 = statistics[0, :, :2].astype(float)
    saved = d[0] * n1 + d[1] * n2 + d[2] * n3 + d[3] * n4
    own = np.where(count == 1, 1 - d[0], 0)
    return float(np.log((own + (strength + saved) * below[:2]) / (total + strength)).mean())


def test_the_fit_is_more_likely_than_the_rule_and_its_neighbours() -> None:
    statistics, below = draw(100_000)
    rules = np.array([[0.5, 1.0, 1.5, 2.0, 0.1]])
    (fitted,) = chains.fit_discounts(statistics, below, rules)
    best = likelihood(fitted, statistics, below)
    assert best > likelihood(rules[0], statistics, below)
    for step in np.eye(5) * 0.05:
        for other in (fitted + step, fitted - step):
            inside = (other > 0).all() and (other[:4] < [1, 2, 3, 4]).all()
            assert not inside or likelihood(other, statistics, below) < best + 1e-3
    assert (fitted > 0).all()
    assert (fitted[:4] < [1, 2, 3, 4]).all()


def test_a_short_text_stays_near_the_rule() -> None:
    statistics, below = draw(2)
    rules = np.array([[0.5, 1.0, 1.5, 2.0, 0.1]])
    few = chains.fit_discounts(statistics, below, rules)
    many = chains.fit_discounts(*draw(100_000), rules)
    assert np.abs(few - rules).sum() < np.abs(many - rules).sum() / 2
