"""A probabilistic grammar as a language model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from nltk import Tree
from scipy.sparse import csc_array

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.model import Idea, LanguageModel, Setting, State, check_whole, fitted, same_vocabulary
from lmcompare.models.common.sentences import LONGEST
from lmcompare.models.common.settings import begin_again, stored
from lmcompare.models.mixture.plugin import ClassNGram
from lmcompare.models.mixture.word_classes import MOST_CLASSES
from lmcompare.models.pcfg.chart import best_tree, prefixes
from lmcompare.models.pcfg.grammar import Grammar, emissions, matched, read_grammar, read_trees
from lmcompare.state import check_rising, offsets, real, whole
from lmcompare.tokens import Encoded, FloatArray, IntArray

MOST_WORDS = 200  # words of a sentence: the time of parsing grows with their third power
PART = 100_000  # tokens that are scored at a time
BIGRAM = "bigram."  # the prefix of the bigram's arrays
NO_TREES = "the kit trains on a text of its own, which has no trees in NLTK's treebank"
TRAINS = (  # the checks of the conformance kit that train the model
    *("fit-returns-the-model", "same-seed-same-bits", "inputs-not-written-to", "answers-are-the-callers"),
    *("sums-to-one", "finite-and-at-most-zero", "log-probs-agree", "positions-do-not-mix", "stream-agrees"),
    *("stepper-agrees", "same-when-scored-again", "future-leaves-past-alone", "independent-of-neighbours"),
    *("carries-state-as-declared", "empty-document", "very-long-document"),
    *("out-of-range-is-refused", "comes-near-the-entropy", "no-better-than-possible"),
    *("save-and-load", "same-in-a-fresh-process", "title-and-summary-are-texts", "notes-are-sentences"),
    *("exhibits-are-well-formed", "word-vectors-fit", "context-vectors-fit", "size-is-told"),
)


SENTENCES = 2
SHOWN = 10  # tags in the map of expected tags
_CATEGORIES = (  # of the Penn Treebank, with their names in words (Marcus et al. 1993; Santorini 1990)
    "S: sentence; SBAR: clause; SINV: inverted sentence; SQ: question; SBARQ: question with a wh-word; "
    "NP: noun phrase; VP: verb phrase; PP: prepositional phrase; ADJP: adjective phrase; "
    "ADVP: adverb phrase; QP: quantity; PRN: insertion; PRT: particle; WHNP: wh-noun phrase; NN: noun; "
    "NNS: plural noun; NNP: name; NNPS: plural name; DT: article; IN: preposition; JJ: adjective; "
    "JJR: comparative; RB: adverb; CC: and, or; CD: number; PRP: pronoun; PRP$: possessive; POS: ’s; "
    "MD: modal verb; TO: to; VB: infinitive; VBD: verb, past; VBZ: verb, -s; VBP: verb, present; "
    "VBN: past participle; VBG: verb, -ing; WDT: which, that; WP: who, what; WRB: when, how"
)
NAMES = dict(each.split(": ") for each in _CATEGORIES.split("; "))
END = "the end"


@dataclass(eq=False)
class Pcfg(LanguageModel):
    """Predicts the next word by all parses of the sentence so far: a grammar read from a treebank.

    The grammar is read from the trees of the training sentences: the probability of a rule is its share of the rules
    of its parent. The next word has the exact probability that the grammar gives it after the words so far, summed
    over all trees of all sentences with this beginning (Jelinek and Lafferty 1991, Stolcke 1995). It is mixed with a
    class bigram (``class-ngram`` of order 2), so that every word is possible; the weight is fitted to the validation
    text by the EM algorithm (Dempster, Laird and Rubin 1977).

    Parameters
    ----------
    trees : str or None, default None
        A file of trees in brackets, as in ``(S (NP (DT the) (NN cat)) (VP (VBD sat)))``. Only the trees of sentences
        of the training text are used. None for NLTK's sample of the Penn Treebank.
    horizontal : int, default 2
        How many previous children a rule remembers in a phrase with more than two children.
    vertical : int, default 2
        How phrases are distinguished: 1 by their label, 2 also by the label of the phrase above, and so on.
    classes : int, default 500
        The number of word classes of the bigram.
    longest : int, default 80
        The number of words of a sentence after which the class bigram predicts alone: the time of parsing grows with
        the third power.
    """

    idea = Idea(
        1991,
        "Jelinek and Lafferty",
        "Computation of the probability of initial substring generation by stochastic context-free grammars",
    )
    files: ClassVar[tuple[str, ...]] = ("trees",)
    known_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(TRAINS, NO_TREES)

    trees: str | None = None
    horizontal: int = 2
    vertical: int = 2
    classes: int = 500
    longest: int = 80

    def __post_init__(self) -> None:
        if not (self.trees is None or isinstance(self.trees, str)) or "\0" in (self.trees or ""):
            raise PluginError(f"trees must be the path of a file of trees in brackets, not {self.trees!r}")
        check_whole("horizontal", self.horizontal, 0, 10)
        check_whole("vertical", self.vertical, 1, 10)
        check_whole("classes", self.classes, 1, MOST_CLASSES)
        check_whole("longest", self.longest, 1, MOST_WORDS)
        self._bigram = ClassNGram(self.classes, 2)
        self._grammar: Grammar | None = None
        self._emissions = csc_array((0, 0))  # (T, V): the probability of each word given each tag
        self._weight = 0.5  # the weight of the grammar

    def title(self) -> str:
        return "Probabilistic grammar"

    def check_text(self, train: Encoded) -> None:
        """Refuse a training text if none of its sentences has a tree."""
        self._trees_of(train)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Read the grammar from the trees of training sentences, train the bigram, and fit the weight of the two.

        Raises
        ------
        LmcompareError
            If there are no trees, or no tree belongs to a sentence of the training text.
        """
        trees = self._trees_of(train)
        grammar, counts = read_grammar(trees, self.horizontal, self.vertical)
        seen = np.bincount(train.ids, minlength=len(setting.vocabulary))
        self._emissions = emissions(counts, grammar.tags, setting.vocabulary, seen)
        self._grammar = grammar
        self._bigram.fit(train, valid, setting)
        by_grammar, by_bigram, weight = self.parts(valid)
        known = weight > 0
        self._weight = mixture_weight(by_grammar[known], by_bigram[known])
        self.notes = tuple(self._notes(len(trees), len(train.sentence_starts()), len(valid)))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        tags = self.expected(text, at)
        rows: FloatArray = tags[:, :-1] @ self._emissions
        rows[:, text.vocabulary.end] += tags[:, -1]
        weight = self._weight * (tags.sum(axis=1) > 0)[:, None]
        log_probs: FloatArray = np.log(weight * rows + (1 - weight) * np.exp(self._bigram.next_log_probs(text, at)))
        return log_probs

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, without the whole distributions."""
        by_grammar, by_bigram, weight = self.parts(text)
        scores: FloatArray = np.log(weight * by_grammar + (1 - weight) * by_bigram)
        return scores

    def parts(self, text: Encoded) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return, each (N,), a token's probability by the grammar and by the bigram, and the grammar's weight.

        The weight is zero where the grammar gives no prediction.
        """
        if not len(text):
            return np.zeros(0), np.zeros(0), np.zeros(0)
        parts = [self._of_part(part) for part in text.parts(PART)]
        by_grammar, known = (np.concatenate(found) for found in zip(*parts, strict=True))
        return by_grammar, np.exp(self._bigram.log_probs(text)), self._weight * known

    def expected(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, T + 1): the grammar's probability that the word at each position has each tag, and that of the end.

        A row is zero where the grammar has no sentence with this beginning, and beyond ``longest`` words.
        """
        grammar = fitted(self._grammar, self)
        same_vocabulary("this grammar", self._emissions.shape[1], text.vocabulary)
        at = np.asarray(at, np.int64)
        starts = _sentence_starts(text, at)
        rows = np.zeros((len(at), grammar.tags + 1))
        order = np.lexsort((at, starts))
        cuts = np.flatnonzero(np.diff(starts[order])) + 1
        for those in np.split(order, cuts) if len(at) else ():
            first = int(starts[those[0]])
            words = text.ids[first : min(int(at[those[-1]]), first + self.longest)]
            _, tags, chances, begins = self._tagged(words)
            found = prefixes(grammar.arrays, grammar.root, grammar.tags, begins, tags, chances)
            near = those[at[those] - first <= self.longest]
            rows[near] = found[at[near] - first]
        return rows

    def best_tree(self, words: IntArray) -> Tree | None:
        """Return the most probable tree of a sentence with the positions of words as leaves; None if it has none."""
        grammar = fitted(self._grammar, self)
        return best_tree(grammar, [self._emissions[:, [word]].toarray()[:, 0] for word in words])

    def tag_names(self) -> tuple[str, ...]:
        """Return the names of the T tags."""
        grammar = fitted(self._grammar, self)
        return tuple(name[1:] for name in grammar.symbols[: grammar.tags])

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation, the best tree of a sentence, and the expected tags at each of its words."""
        fitted(self._grammar, self)
        return _explained(self, text)

    def warm_up(self) -> None:
        tiny, _ = read_grammar([Tree("S", [Tree("A", [0]), Tree("B", [1])])], 1, 1)
        prefixes(tiny.arrays, tiny.root, 2, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))
        self._bigram.warm_up()

    def state(self) -> State:
        """Return the rules, the words of the tags, the bigram, and the weight."""
        grammar, words, bigram = fitted(self._grammar, self), self._emissions, self._bigram.state()
        arrays = {
            **{name: getattr(grammar, name) for name in ("binary", "binary_chance", "unary", "unary_chance")},
            "word_chance": words.data,
            "word_tags": words.indices,
            "word_begins": words.indptr,
            **{BIGRAM + name: array for name, array in bigram.arrays.items()},
        }
        values = {
            **stored(self),
            "symbols": list(grammar.symbols),
            "tags": grammar.tags,
            "weight": self._weight,
            "bigram": dict(bigram.values),
        }
        return State(arrays, values)

    def restore(self, state: State) -> Self:
        values, arrays = state.values, state.arrays
        begin_again(self, state)
        self._grammar = Grammar.from_arrays(arrays, values["symbols"], int(values["tags"]))
        tags = whole(arrays, "word_tags", (None,), self._grammar.tags)
        chances, begins = (
            real(arrays, "word_chance", tags.shape, 0, 1),
            offsets(arrays, "word_begins", None, len(tags)),
        )
        check_rising("word_tags", tags, begins)
        words = tuple(map(np.array, (chances, tags, begins)))
        self._emissions = csc_array(words, shape=(self._grammar.tags, len(begins) - 1))
        bigram = {name.removeprefix(BIGRAM): a for name, a in arrays.items() if name.startswith(BIGRAM)}
        self._bigram = self._bigram.restore(State(bigram, values["bigram"]))
        self._weight = float(values["weight"])
        return self

    def _trees_of(self, train: Encoded) -> list[Tree]:
        trees = read_trees(None if self.trees is None else Path(self.trees))
        if found := [tree for those in matched(trees, train).values() for tree in those]:
            return found
        where = "NLTK's treebank" if self.trees is None else self.trees
        raise LmcompareError(
            f"none of the {len(trees):,} trees of {where} belongs to a sentence of the training text: train on the"
            " text of the trees, for example with --corpus nltk:treebank --tokens whitespace, or set trees to a file"
            " with the trees of your text"
        )

    def _tagged(self, words: IntArray) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
        """Return the possible tags of n words, as four arrays.

        They are, for each tag, the position of the word, the tag, and the probability of the word given the tag; and,
        (n + 1,), where the tags of each word begin.
        """
        table = self._emissions
        first, sizes = table.indptr[words].astype(np.int64), np.diff(table.indptr)[words]
        begins = np.append(0, np.cumsum(sizes))
        position = np.repeat(np.arange(len(words)), sizes)
        entries = np.arange(begins[-1]) - begins[position] + first[position]
        return position, table.indices[entries], table.data[entries], begins

    def _of_part(self, text: Encoded) -> tuple[FloatArray, FloatArray]:
        """(N,) the probability of each token by the grammar, and whether the grammar gives a prediction there."""
        expected = self.expected(text, np.arange(len(text)))
        position, tags, chances, _ = self._tagged(text.ids)
        found = np.bincount(position, expected[position, tags] * chances, minlength=len(text))
        return found + expected[:, -1] * (text.ids == text.vocabulary.end), expected.sum(axis=1) > 0

    def _notes(self, trees: int, sentences: int, valid: int) -> Iterable[str]:
        where = "NLTK's treebank" if self.trees is None else Path(self.trees).name
        yield f"The grammar was read from {trees:,} trees of {where}; the training text has {sentences:,} sentences."
        if valid:
            yield (
                f"Fitted to the validation text, the grammar has {100 * self._weight:.0f} % of the weight, and the"
                " class bigram the rest."
            )
        else:
            yield "There was no validation text: the grammar and the class bigram have half of the weight each."
        yield f"Beyond {self.longest} words of a sentence the class bigram predicts alone."


def mixture_weight(first: FloatArray, second: FloatArray) -> float:
    """Return the weight of the first of two models, given the probabilities of the same tokens by each, by EM.

    One half if there are no tokens. The weight is below one, so that words that the first excludes stay possible.
    """
    weight = 0.5
    for _ in range(100 if len(first) else 0):
        weight = float(np.mean(weight * first / (weight * first + (1 - weight) * second)))
    return min(weight, 0.999)


def _sentence_starts(text: Encoded, at: IntArray) -> IntArray:
    """(B,) where the sentence of each position begins."""
    ends = np.append(-1, np.flatnonzero(text.ids == text.vocabulary.end))
    starts: IntArray = np.maximum(ends[np.searchsorted(ends, at) - 1] + 1, text.context_starts(at))
    return starts


def named(category: str) -> str:
    """Return the name of a category in words, if it has one."""
    return NAMES.get(category, category)


def _explained(model: Pcfg, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits of a trained grammar for the example sentences in ``text``."""
    if text.n_documents and text.ends[0] > 0:
        yield _worked(model, text)
    short = [ids[:-1] for ids in text.documents() if 4 <= len(ids) <= LONGEST and ids[-1] == text.vocabulary.end]
    for words in short[:SENTENCES]:
        tokens = [text.vocabulary[int(word)] for word in words]
        if (tree := model.best_tree(words)) is not None:
            yield tree_map(tree, tokens, f"The best tree of “{' '.join(tokens)}”")
        yield expected_map(model, Encoded.from_documents([words], text.vocabulary), tokens)


def tree_map(tree: Tree, tokens: Sequence[str], title: str) -> Heatmap:
    """Return a tree, whose leaves are the positions of words, as a map: each row is a phrase, filled at its words."""
    labels: list[str] = []
    rows: list[tuple[float | None, ...]] = []
    tags = [""] * len(tokens)

    def add(node: Tree, depth: int) -> None:
        if isinstance(node[0], int):
            tags[node[0]] = node.label()
            return
        inside = node.leaves()
        labels.append(f"{'·' * depth}{node.label()}")
        rows.append(tuple(float(len(inside)) if k in inside else None for k in range(len(tokens))))
        for child in node:
            add(child, depth + 1)

    add(tree, 0)
    used = [name for name in dict.fromkeys(label.lstrip("·") for label in labels) if name in NAMES]
    return Heatmap(
        title=title,
        note=(
            "The most probable tree that the grammar has for the sentence. Each row is a phrase: it is filled in the"
            " columns of its words, and the number says how many words it has. A phrase is a part of the nearest"
            f" phrase above it with fewer dots. {', '.join(f'{name}: {NAMES[name]}' for name in used)}."
        ),
        rows=tuple(labels),
        columns=tuple(f"{token} {tag}" for token, tag in zip(tokens, tags, strict=True)),
        panels=("phrases",),
        values=(tuple(rows),),
        row_axis="phrase",
        column_axis="word with its tag",
    )


def expected_map(model: Pcfg, sentence: Encoded, tokens: Sequence[str]) -> Heatmap:
    """Return which tags the grammar expects before each word of a sentence, given the words before it."""
    expected = model.expected(sentence, np.arange(len(sentence) + 1))
    names = [*map(named, model.tag_names()), END]
    top = np.argsort(-expected.max(axis=0), kind="stable")[:SHOWN]
    top = top[np.argsort(-expected[:, top].argmax(axis=0), kind="stable")[::-1]]
    return Heatmap(
        title=f"What the parser expects next in “{' '.join(tokens)}”",
        note=(
            "Each column is a place in the sentence, and has the probability of each kind of word there, given the"
            " words to the left of it. These are predictions of the grammar alone, without the class bigram."
        ),
        rows=tuple(names[k] for k in top),
        columns=(*tokens, "(end)"),
        panels=("probability",),
        values=(tuple(tuple(float(p) for p in expected[:, k]) for k in top),),
        row_axis="kind of word",
        column_axis="place before this word",
    )


def _worked(model: Pcfg, text: Encoded) -> WorkedEquation:
    """Return the equation with the numbers of the fourth word of the first sentence, or of its last one."""
    at = min(3, int(text.ends[0]) - 1)
    token = text.vocabulary[int(text.ids[at])]
    grammar, bigram, weight = (float(found[at]) for found in model.parts(text.select([0])))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{token}' after the {at} words before it in the first sentence.",
        equation=latex_lines(
            r"P(w \mid w_1 \dots w_k) &= \lambda\,P_G(w \mid w_1 \dots w_k) + (1 - \lambda)\,P_B(w \mid w_k)",
            r"P_G(w \mid w_1 \dots w_k) &= \frac{P_G(w_1 \dots w_k\,w\,\dots)}{P_G(w_1 \dots w_k \dots)}"
            r" = \sum_t P_G(t \mid w_1 \dots w_k)\,P_G(w \mid t)",
        ),
        saying=(
            "The grammar G gives each sentence the sum of the probabilities of its trees. It gives the beginning of a"
            " sentence the sum over all sentences that begin in this way. So each tag t has a probability of being"
            " the tag of the next word, and each word has a probability given its tag. The class bigram B has the"
            " rest of the weight."
        ),
        lines=(
            ("λ: the weight of the grammar", weight),
            (f"P_G({token}): by the grammar", grammar),
            (f"P_B({token}): by the class bigram", bigram),
            (f"P({token})", weight * grammar + (1 - weight) * bigram),
        ),
    )
