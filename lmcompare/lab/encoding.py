"""The way back: from the vector of a word, or from its suffix, to its classes in WordNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.analysis.intervals import Bootstrap, resample_counts
from lmcompare.lab.contrasts import Contrast
from lmcompare.models.wordnet_bow.readable import SUPERSENSES, Described, table
from lmcompare.tokens import Vocabulary

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer[Any]]

LEAST_COUNT = 5  # occurrences in the training text, below which word2vec knows little of a word
LEAST_WORDS = 10  # base forms of training words that a class must have
HELD_OUT = 0.3
FOLDS = 3
NAMED = 5  # classes that are named for the precision at this number
PENALTIES = (1.0, 3.0, 10.0, 30.0)
SUFFIX = 4  # letters of the longest suffix
RESAMPLES = 2_000
METRICS = ("first supersense right", f"precision at {NAMED}", "micro-F1", "macro-F1")


@dataclass(frozen=True)
class Task:
    """Words with their classes, some of which are held out.

    Parameters
    ----------
    words : array of int, shape (N,)
        The ids of the words.
    truth : array of bool, shape (N, L)
        Which word is in which class.
    classes : tuple of str
        The names of the L classes, supersenses first.
    supersenses : int
        How many of them are supersenses.
    groups : array of int, shape (N,)
        The base form of each word; forms of one are never divided between training and test.
    test : array of bool, shape (N,)
        The words that are held out.
    """

    words: Ints
    truth: Bools
    classes: tuple[str, ...]
    supersenses: int
    groups: Ints
    test: Bools


def is_content(word: str, count: int) -> bool:
    """Return whether a word is one that is encoded: of small letters, and not too rare."""
    return word.isalpha() and word.islower() and len(word) > 2 and count >= LEAST_COUNT


def task_of(vocabulary: Vocabulary, described: Sequence[Described]) -> Task:
    """Return the words of a vocabulary that WordNet has, and hold out some base forms at random."""
    counts = vocabulary.counts.tolist()
    words = [i for i, each in enumerate(described) if each.lemma and is_content(vocabulary[i], counts[i])]
    lemmas = sorted({described[i].lemma for i in words})
    place = {lemma: k for k, lemma in enumerate(lemmas)}
    groups = np.array([place[described[i].lemma] for i in words], np.int64)
    held = np.zeros(len(lemmas), np.bool_)
    held[np.random.default_rng(0).permutation(len(lemmas))[: round(HELD_OUT * len(lemmas))]] = True
    test = held[groups]
    forms: dict[str, set[int]] = {}
    for i, group, is_test in zip(words, groups.tolist(), test.tolist(), strict=True):
        for feature in described[i].features:
            if not is_test and (feature in SUPERSENSES or feature.rpartition(".")[2].isdigit()):
                forms.setdefault(feature, set()).add(group)
    common = sorted(name for name, found in forms.items() if len(found) >= LEAST_WORDS)
    classes = (*(n for n in common if n in SUPERSENSES), *(n for n in common if n not in SUPERSENSES))
    truth = table([described[i] for i in words], classes).astype(np.bool_)
    return Task(np.array(words, np.int64), truth, classes, sum(n in SUPERSENSES for n in common), groups, test)


@dataclass(frozen=True)
class Guess:
    """The predictions of a method for the M words that are held out.

    Parameters
    ----------
    scores : array of shape (M, L)
        Higher for classes to which the word is more likely to belong.
    named : array of bool, shape (M, L)
        The classes that are named: those with a score above the threshold that was best on the training words.
    threshold : float
    regression : object
        The trained regression of scikit-learn.
    """

    scores: Floats
    named: Bools
    threshold: float
    regression: Any


def guess(inputs: Floats, task: Task) -> Guess:
    """Train a multi-label ridge regression (Hoerl and Kennard 1970) on the training words, and predict the classes of
    the others.

    The penalty and the threshold are those of the best micro-F1 on training words that are left out of a fit in turn.

    Parameters
    ----------
    inputs : array of shape (N, d)
        The features of each word.
    task : Task
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold, cross_val_predict

    train = np.flatnonzero(~task.test)
    x, y, groups = inputs[train], task.truth[train].astype(inputs.dtype), task.groups[train]
    best = (-1.0, 0.0, PENALTIES[0])
    for penalty in PENALTIES:
        apart = cross_val_predict(Ridge(alpha=penalty), x, y, groups=groups, cv=GroupKFold(FOLDS))
        best = max(best, (*best_threshold(apart.reshape(y.shape), task.truth[train]), penalty))
    _, threshold, penalty = best
    fitted = Ridge(alpha=penalty).fit(x, y)
    scores = fitted.predict(inputs[task.test]).reshape(-1, y.shape[1])
    return Guess(scores, scores > threshold, threshold, fitted)


def best_threshold(scores: Floats, truth: Bools) -> tuple[float, float]:
    """Return the greatest micro-F1 that a threshold reaches, and the threshold."""
    order = np.argsort(-scores, axis=None, kind="stable")
    ranked, right = scores.ravel()[order].astype(np.float64), truth.ravel()[order].cumsum()
    f1 = 2 * right / (np.arange(1, len(right) + 1) + truth.sum())
    last = np.append(ranked[1:] < ranked[:-1], True)  # classes with equal scores are named together
    best = int(np.argmax(np.where(last, f1, -1.0)))
    after = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] - 1.0
    return float(f1[best]), float((ranked[best] + after) / 2)


def of_vectors(vectors: Floats) -> Floats:
    """Return (N, d) the inputs of word vectors: of length 1, and standardised.

    They are a tenth as long as those of suffixes, so that one penalty suits both.
    """
    from sklearn.preprocessing import normalize, scale

    return np.asarray((scale(normalize(vectors.astype(np.float64))) / 10).astype(np.float32))


def of_suffixes(words: Sequence[str], known: Bools) -> Floats:
    """Return (N, d) the inputs of the suffixes of words: 1 for each of the last one to four letters that a word has.

    Suffixes are those of two or more words among those that are ``known`` (N,).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    letters = CountVectorizer(analyzer=suffixes, binary=True, min_df=2, dtype=np.float32)
    letters.fit([word for word, mine in zip(words, known, strict=True) if mine])
    return np.asarray(letters.transform(words).toarray())


def suffixes(word: str) -> list[str]:
    """Return the last one to four letters of a word; the whole word is not a suffix."""
    return [word[-n:] for n in range(1, SUFFIX + 1) if n < len(word)]


def measures(weights: Floats, found: Guess, truth: Bools, supersenses: int) -> Floats:
    """Return (B, len(METRICS)): the metrics of B resamples of the M words that are held out.

    Micro-F1 is that of all decisions together, macro-F1 the mean over the classes that a word of the test is in.

    Parameters
    ----------
    weights : array of shape (B, M)
        How often each word is drawn.
    found : Guess
    truth : array of bool, shape (M, L)
    supersenses : int
        The number of classes that are supersenses, which come first.
    """
    rows = np.arange(len(truth))
    first = truth[rows, found.scores[:, :supersenses].argmax(axis=1)]
    several = np.argsort(-found.scores, axis=1, kind="stable")[:, :NAMED]
    at = truth[rows[:, None], several].mean(axis=1)
    size = weights.sum(axis=1)
    right, named, there = ((weights @ each.astype(np.float64)) for each in (truth & found.named, found.named, truth))
    known = truth.any(axis=0)
    micro = 2 * right.sum(axis=1) / np.maximum(named.sum(axis=1) + there.sum(axis=1), 1)
    macro = (2 * right / np.maximum(named + there, 1))[:, known].mean(axis=1)
    return np.stack([weights @ first / size, weights @ at / size, micro, macro], axis=1)


def compared(ours: Sequence[Guess], theirs: Sequence[Guess], task: Task) -> list[Contrast]:
    """Return for each metric ours, and its difference from theirs: the mean over S trainings each, or 1.

    The bootstrap resamples the base forms that are held out, the same for both, and adds the variation between
    trainings. p-values are not corrected.
    """
    truth, k = task.truth[task.test], task.supersenses
    _, unit = np.unique(task.groups[task.test], return_inverse=True)
    units = int(unit.max()) + 1

    def mean(weights: Floats, found: Sequence[Guess]) -> Floats:
        return np.stack([measures(weights, one, truth, k) for one in found])  # (S, B, metrics)

    ones = np.ones((1, len(truth)))
    own, other = mean(ones, ours)[:, 0], mean(ones, theirs)[:, 0]
    drawn = [
        mean(counts[:, unit], ours).mean(axis=0) - mean(counts[:, unit], theirs).mean(axis=0)
        for counts in resample_counts(units, RESAMPLES, np.random.default_rng(0))
    ]
    differences, estimate = np.concatenate(drawn), own.mean(axis=0) - other.mean(axis=0)
    error = differences.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = np.nan_to_num((differences - estimate) / error)
    found = Bootstrap(estimate, error, deviations, np.full(len(estimate), units))
    if len(own) > 1:
        # in each metric, since they vary differently; theirs may be of one training
        changes = own - other if len(own) == len(other) else own
        found = found.with_trainings(changes.std(axis=0, ddof=1) / np.sqrt(len(own)), len(own) - 1)
    low, high = found.interval()
    p_values = found.p_values()
    figures = np.stack([estimate, low, high, p_values, own.mean(axis=0)], axis=1)
    return [Contrast.of(*each) for each in zip(METRICS, figures.tolist(), p_values.tolist(), strict=True)]
