"""How much does an embedding cost that a person can read, and what of WordNet is in word vectors?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.analysis.intervals import Bootstrap, resample_counts
from lmcompare.exhibits import Exhibit, Neighbours
from lmcompare.lab import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.contrasts import Contrast, answer, corrected, listing
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.models.wordnet_bow.readable import LACKING, MISSING, SUPERSENSES, Described, Describer, is_found, table
from lmcompare.render import numbers
from lmcompare.tokens import Vocabulary

READABLE = Condition("wordnet-bow", "wordnet-bow")
PERMUTED, FIXED, TRAINED, ONE_SOFTMAX = ("Rows permuted", "word2vec, fixed", "word2vec, trained", "word2vec-bow")
OTHERS = {
    PERMUTED: Condition(
        "wordnet-bow permuted", "lmcompare.lab.changes:PermutedRows", inputs="the rows of the table are permuted"
    ),
    FIXED: Condition("word2vec-bow fixed classes", "lmcompare.lab.changes:ClassedBag", {"tune": False}),
    TRAINED: Condition("word2vec-bow classes", "lmcompare.lab.changes:ClassedBag"),
    ONE_SOFTMAX: FAMILIES["word2vec bag"],
}
SAYINGS = {
    PERMUTED: "Each word has the classes of another word of about its frequency: the table without its meaning.",
    FIXED: "The vectors that word2vec makes of the training text, which stay as they are; the same output.",
    TRAINED: "These vectors are trained further together with the rest; the same output.",
    ONE_SOFTMAX: "The same with one softmax over all words: the model word2vec-bow.",
}
MADE = (
    "People made WordNet: the readable table brings knowledge of words that the training text need not contain, and"
    " word2vec has the training text alone."
)
FEW = 10  # the least number of held-out words
SHOWN, NEAR, CLASSES_SHOWN = 12, 4, 3  # words that WordNet lacks, their nearest words, and their classes
LEAST_COST, MOST_COST, LEAST_LOSS, HALF = 0.01, 0.1, 0.03, 0.5  # of the prediction
Encoded = Mapping[str, Sequence[Contrast]]


class Ontology(LabExperiment):
    """A bag of words whose vectors are WordNet's classes, against one with learnt vectors, and the way back."""

    title = "Words that a person can read"
    question = "How much does it cost if word vectors are classes of WordNet, which one can read?"
    prediction = (
        "With the same classes in the output, readable vectors cost between 0.01 and 0.1 bits per byte against"
        " the vectors of word2vec, and with their rows permuted at least 0.03 bits per byte more. From"
        " word2vec's vectors, the first supersense that is named for a word that was held out is right for more"
        " than half of the words, and more often than one that is guessed from its suffix."
    )
    conditions = (READABLE, *OTHERS.values())

    def lacks(self) -> str:
        """Return that it needs WordNet, if that is not on this machine."""
        return "" if is_found() else MISSING

    def measure(self, bench: Bench) -> Findings:
        """Compare the bags, and predict the classes of words that are held out from their vectors."""
        found = bench.rows(READABLE, OTHERS, SAYINGS)
        cost = Figures(
            title="Other word vectors against those that one can read",
            rows=tuple(found.values()),
            unit="bits per byte",
            note=(
                "Bags of the last three words with the same hidden layer, trained for the same number of steps."
                " Figures above 0 are worse than the readable table, which needs"
                f" {bench.needs(READABLE)} bits per byte."
            ),
            row_name="Word vectors",
            figure_name="bits per byte in all",
        )
        vocabulary = bench.corpus.vocabulary
        described = Describer().vocabulary(vocabulary)
        task = task_of(vocabulary, described)
        if task.test.sum() < FEW or not task.supersenses:
            few = f"The text has too few words of WordNet, {len(task.words)}, to predict classes from word vectors."
            return Findings(verdict=_verdict(found), tables=(cost,), remarks=(MADE, few))
        unknown = [
            i
            for i, each in enumerate(described)
            if each.kind == LACKING and is_content(vocabulary[i], int(vocabulary.counts[i]))
        ]
        way_back, exhibits = _way_back(bench, task, np.array(unknown, np.int64))
        tables = _tables(way_back, task)
        return Findings(
            verdict=_verdict(found) + _encoded(way_back, any(table.rows[0].found for table in tables[:2])),
            claims=_claims(found, tables[0].rows[0]),
            tables=(cost, *tables),
            exhibits=exhibits,
            remarks=(MADE,),
        )


VECTORS = "What word vectors tell of the classes of a word, against its suffix"
BOTH = "What word vectors and the suffix tell together, against the suffix alone"
FREQUENCY = "What word vectors tell, against the frequency of the classes"


def _way_back(bench: Bench, task: Task, unknown: Ints) -> tuple[Encoded, tuple[Exhibit, ...]]:
    """Return the metrics of word vectors against each baseline, and words that WordNet lacks."""
    vocabulary = bench.corpus.vocabulary
    names = [vocabulary[int(i)] for i in (*task.words, *unknown)]
    known = np.append(~task.test, np.zeros(len(unknown), np.bool_))
    suffixes = of_suffixes(names, known)
    size = len(task.words)
    by_suffix = guess(suffixes[:size], task)
    by_frequency = guess(suffixes[:size, :1] * 0, task)
    by_vectors: list[Guess] = []
    by_both: list[Guess] = []
    exhibits: tuple[Exhibit, ...] = ()
    for model in bench.models(OTHERS[FIXED]):
        table = model.word_vectors()
        assert table is not None
        vectors = table[np.append(task.words, unknown)]
        inputs = of_vectors(vectors)
        both = np.hstack([inputs, suffixes])
        by_vectors.append(guess(inputs[:size], task))
        by_both.append(guess(both[:size], task))
        if not exhibits and len(unknown):
            exhibits = (_lacking(by_both[0], both[size:], vectors, names, task),)
    found = {
        VECTORS: compared(by_vectors, [by_suffix], task),
        BOTH: compared(by_both, [by_suffix], task),
        FREQUENCY: compared(by_vectors, [by_frequency], task),
    }
    return found, exhibits


def _tables(found: Encoded, task: Task) -> tuple[Figures, ...]:
    """Return a table for each comparison, with one correction for all of them."""
    rows = corrected({(title, each.name): each for title, tests in found.items() for each in tests})
    note = (
        f"{int(task.test.sum()):,} words that were held out, all forms of a word together, and"
        f" {len(task.classes)} classes of WordNet, of which {task.supersenses} are supersenses, broad ones such as"
        " noun.food. From vectors and from suffixes (the last one to four letters) classes are predicted by the same"
        " regression, which was trained on the other words."
        f" Precision at {NAMED}: the share of the first {NAMED} classes that are right. Micro-F1 is"
        " over all decisions together, macro-F1 the mean over classes, so that rare ones count as much as others."
    )
    return tuple(
        Figures(
            title=title,
            rows=tuple(rows[title, each.name] for each in tests),
            unit="share",
            note=note if title == VECTORS else "The same words and classes.",
            row_name="Measure",
            figure_name="share, " + ("vectors with suffixes" if title == BOTH else "vectors"),
        )
        for title, tests in found.items()
    )


def _lacking(guess: Guess, inputs: Floats, vectors: Floats, names: Sequence[str], task: Task) -> Neighbours:
    """Return the classes of words that WordNet lacks, with the nearest words that it has in the first class."""
    scores = guess.regression.predict(inputs).reshape(len(inputs), -1)
    margins = scores[:, : task.supersenses].max(axis=1) - guess.threshold
    share = task.truth[~task.test].mean(axis=0)
    gains = (scores - share) / np.sqrt(np.maximum(share * (1 - share), 1e-9))
    gains[:, : task.supersenses] = 0  # only synsets, and none that is likely for every word
    centred = of_vectors(vectors)  # centred: what all vectors have in common does not make words alike
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    size = len(task.words)
    words, neighbours, similarities = [], [], []
    for k in np.argsort(-margins, kind="stable")[:SHOWN].tolist():
        first = int(scores[k, : task.supersenses].argmax())
        gaining = [c for c in np.argsort(-gains[k], kind="stable").tolist() if gains[k, c] > 0]
        order = [first, *gaining[: CLASSES_SHOWN - 1]]
        there = np.flatnonzero(task.truth[:, first])
        cosines = unit[there] @ unit[size + k]
        near = np.argsort(-cosines, kind="stable")[:NEAR]
        classes = ", ".join(dict.fromkeys(short_name(task.classes[c]) for c in order))
        words.append(f"{names[size + k]}: {classes} ({margins[k]:+.2f})")
        neighbours.append(tuple(names[int(there[n])] for n in near))
        similarities.append(tuple(float(np.clip(cosines[n], -1, 1)) for n in near))
    return Neighbours(
        title="Words that WordNet lacks, as they may be read",
        note="Left: the word, its most likely supersense by its vector and its suffix, two synsets (narrower classes)"
        " whose scores exceed their frequency most, and how far the score of the supersense is above the threshold"
        " from which classes are named. Right, as evidence: the words of this supersense in WordNet whose vectors are"
        " nearest, by the cosine of the standardised vectors. The words with the highest scores are shown; WordNet"
        " can't say whether they are right.",
        words=tuple(words),
        neighbours=tuple(neighbours),
        similarities=tuple(similarities),
    )


def short_name(name: str) -> str:
    """Return the name of a class as one says it: "food" for "noun.food", "hot dog" for "hot_dog.n.01"."""
    part, _, rest = name.partition(".")
    if rest[-2:].isdigit():
        return part.replace("_", " ")
    return {"noun": rest, "verb": f"{rest} (verb)", "adj": "adjective", "adv": "adverb"}[part]


def _verdict(found: Mapping[str, Row]) -> str:
    """Return what the readable table costs: first what makes no difference."""
    fixed, trained, permuted = found[FIXED], found[TRAINED], found[PERMUTED]
    costs = ""
    if all(row.found and row.amount > 0 for row in (fixed, trained)):
        costs = "On this text, word vectors that a person can read cost nothing."
    elif trained.found and trained.amount < 0:
        costs = "Word vectors that a person can read predict this text worse than trained ones."

    def said(row: Row, template: str, above: str, below: str) -> str:
        how, amount = above if row.amount > 0 else below, numbers.bits_per_byte(abs(row.amount))
        return template.format(how=how, amount=amount) if row.found else ""

    needs = "The readable table needs {amount} bits per byte {how} than"
    return answer(
        listing(
            "No difference from the readable table was found of {}.",
            [f"“{name}”" for name, row in found.items() if not row.found],
        ),
        costs,
        said(fixed, f"{needs} word2vec's vectors as they are.", "less", "more"),
        said(trained, f"{needs} those vectors if they are trained further.", "less", "more"),
        said(permuted, "The same table with its rows permuted is {how} by {amount}.", "worse", "better"),
    )


def _encoded(found: Encoded, differ: bool) -> str:
    vectors, both = found[VECTORS][0], found[BOTH][0]
    return (
        " Conversely, the broad class of WordNet (supersense) that is guessed first for an unseen word is right for"
        f" {numbers.percent(vectors.figure, 0)} of the words from their vectors,"
        f" {numbers.percent(vectors.baseline, 0)} from their suffixes and {numbers.percent(both.figure, 0)} from"
        f" both{'' if differ else '; after the correction for all that is tested, these differences may be chance'}."
    )


def _claims(found: Mapping[str, Row], first: Row) -> dict[str, bool | None]:
    """Return the claims of the prediction, with whether the numbers agree.

    ``first`` is how often the first supersense is right, against suffixes.
    """
    fixed, permuted = found[FIXED], found[PERMUTED]
    return {
        f"Readable vectors cost between {LEAST_COST} and {MOST_COST} bits per byte.": (
            fixed.found and LEAST_COST <= -fixed.amount <= MOST_COST
        ),
        f"With permuted rows they cost at least {LEAST_LOSS} more.": permuted.found and permuted.amount >= LEAST_LOSS,
        "The first supersense is right for more than half of the words.": first.level > HALF,
        "It is right more often than one that is guessed from the suffix.": first.found and first.amount > 0,
    }


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
