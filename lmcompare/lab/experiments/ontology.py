"""How much does an embedding cost that a person can read, and what of WordNet is in word vectors?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lmcompare.exhibits import Exhibit, Neighbours
from lmcompare.lab import encoding
from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.contrasts import Contrast, corrected
from lmcompare.lab.encoding import Floats, Guess, Task
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.lab.wording import answer, listing
from lmcompare.models.wordnet_bow.readable import LACKING, MISSING, Describer, is_found
from lmcompare.render import numbers

READABLE = Condition("wordnet-bow", "wordnet-bow")
PERMUTED, FIXED, TRAINED, ONE_SOFTMAX = ("Rows permuted", "word2vec, fixed", "word2vec, trained", "word2vec-bow")
OTHERS = {
    PERMUTED: Condition(
        "wordnet-bow permuted", "lmcompare.lab.word_tables:PermutedRows", inputs="the rows of the table are permuted"
    ),
    FIXED: Condition("word2vec-bow fixed classes", "lmcompare.lab.word_tables:ClassedBag", {"tune": False}),
    TRAINED: Condition("word2vec-bow classes", "lmcompare.lab.word_tables:ClassedBag"),
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

    def conditions(self) -> Sequence[Condition]:
        """Return the readable bag, its control, and bags of word2vec's vectors."""
        return (READABLE, *OTHERS.values())

    def lacks(self) -> str:
        """Return that it needs WordNet, if that is not on this machine."""
        return "" if is_found() else MISSING

    def measure(self, bench: Bench) -> Findings:
        """Compare the bags, and predict the classes of words that are held out from their vectors."""
        readable = bench.bits(READABLE)
        found = bench.rows(readable, {name: bench.bits(condition) for name, condition in OTHERS.items()}, SAYINGS)
        cost = Figures(
            title="Other word vectors against those that one can read",
            rows=tuple(found.values()),
            unit="bits per byte",
            note=(
                "Bags of the last three words with the same hidden layer, trained for the same number of steps."
                " Figures above 0 are worse than the readable table, which needs"
                f" {numbers.bits_per_byte(readable.figure(bench.unit_bytes))} bits per byte."
            ),
            row_name="Word vectors",
            figure_name="bits per byte in all",
        )
        vocabulary = bench.corpus.vocabulary
        described = Describer().vocabulary(vocabulary)
        task = encoding.task_of(vocabulary, described)
        if task.test.sum() < FEW or not task.supersenses:
            few = f"The text has too few words of WordNet, {len(task.words)}, to predict classes from word vectors."
            return Findings(verdict=_verdict(found), tables=(cost,), remarks=(MADE, few))
        unknown = [
            i
            for i, each in enumerate(described)
            if each.kind == LACKING and encoding.is_content(vocabulary[i], int(vocabulary.counts[i]))
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


def _way_back(bench: Bench, task: Task, unknown: encoding.Ints) -> tuple[Encoded, tuple[Exhibit, ...]]:
    """Return the metrics of word vectors against each baseline, and words that WordNet lacks."""
    vocabulary = bench.corpus.vocabulary
    names = [vocabulary[int(i)] for i in (*task.words, *unknown)]
    known = np.append(~task.test, np.zeros(len(unknown), np.bool_))
    suffixes = encoding.of_suffixes(names, known)
    size = len(task.words)
    by_suffix = encoding.guess(suffixes[:size], task)
    by_frequency = encoding.guess(suffixes[:size, :1] * 0, task)
    of_vectors: list[Guess] = []
    of_both: list[Guess] = []
    exhibits: tuple[Exhibit, ...] = ()
    for model in bench.models(OTHERS[FIXED]):
        table = model.word_vectors()
        assert table is not None
        vectors = table[np.append(task.words, unknown)]
        inputs = encoding.of_vectors(vectors)
        both = np.hstack([inputs, suffixes])
        of_vectors.append(encoding.guess(inputs[:size], task))
        of_both.append(encoding.guess(both[:size], task))
        if not exhibits and len(unknown):
            exhibits = (_lacking(of_both[0], both[size:], vectors, names, task),)
    compared = {
        VECTORS: encoding.compared(of_vectors, [by_suffix], task),
        BOTH: encoding.compared(of_both, [by_suffix], task),
        FREQUENCY: encoding.compared(of_vectors, [by_frequency], task),
    }
    return compared, exhibits


def _tables(found: Encoded, task: Task) -> tuple[Figures, ...]:
    """Return a table for each comparison, with one correction for all of them."""
    rows = corrected({(title, each.name): each for title, tests in found.items() for each in tests})
    note = (
        f"{int(task.test.sum()):,} words that were held out, all forms of a word together, and"
        f" {len(task.classes)} classes of WordNet, of which {task.supersenses} are supersenses, broad ones such as"
        " noun.food. From vectors and from suffixes (the last one to four letters) classes are predicted by the same"
        " regression, which was trained on the other words."
        f" Precision at {encoding.NAMED}: the share of the first {encoding.NAMED} classes that are right. Micro-F1 is"
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
    centred = encoding.of_vectors(vectors)  # centred: what all vectors have in common does not make words alike
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
