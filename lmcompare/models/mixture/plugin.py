"""The class, skip and mixture n-gram models: mixtures of chains as language models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from lmcompare.counts.ngrams import with_starts
from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Exhibit, Heatmap, Neighbours, WorkedEquation, latex_lines
from lmcompare.exhibits.exhibit import built
from lmcompare.model import (
    BLOCK_BYTES,
    HIGHEST_ORDER,
    SHORT_ORDER,
    FloatArray,
    Idea,
    LanguageModel,
    Setting,
    State,
    check_reach,
    check_whole,
    fitted,
    same_vocabulary,
)
from lmcompare.models.common.sentences import readable
from lmcompare.models.common.settings import begin_again, stored
from lmcompare.models.mixture import word_classes
from lmcompare.models.mixture.chains import WORDS, Feature
from lmcompare.models.mixture.mixtures import UNKNOWN, MemberSpec, Mixture, ValidSummary, classes_of, train_mixture
from lmcompare.models.mixture.word_classes import MOST_CLASSES
from lmcompare.tokens import Encoded, IntArray, Vocabulary

SHOWN = 14  # classes that are shown
ALIKE = 8  # words of a class, besides its most frequent one
SENTENCES = 2

_EQUATION = latex_lines(
    r"P(w \mid h) &= \sum_i \lambda_i(h)\,P_i(w \mid h)",
    r"P_i(w \mid h) &= P(C(w) \mid h)\,P(w \mid C(w), h)",
)
_SAYING = (
    "Several models predict the word. The weight of each depends on how often its context was seen, and is fitted to"
    " the validation text. A model with classes first predicts the class of the word, which is easier because there"
    " are few classes with many examples, and then the word in its class."
)


@dataclass(frozen=True)
class ClassExample:
    """The most frequent words of a class.

    Parameters
    ----------
    words : tuple of int
        The ids of the words, by descending frequency.
    cosines : tuple of float
        The similarity of each word to the first: the cosine of the counts of the classes beside them.
    """

    words: tuple[int, ...]
    cosines: tuple[float, ...]


class MixtureModel(LanguageModel):
    """A mixture of chains; a subclass defines its members with ``class_counts`` and ``member_specs``.

    Discounts and gates are fitted to the validation text. If ``<unk>`` occurs in the validation text but not in the
    training text, it becomes a member with a weight of its own. Without a validation text the discounts are rules of
    thumb and all weights are equal.
    """

    order: int
    _mixture: Mixture | None = None
    _summary = ValidSummary(())
    _classes: tuple[ClassExample, ...] = ()

    def class_counts(self) -> Sequence[int]:
        """Return the number of classes in each clustering, which become maps 1, 2 …"""
        return ()

    @abstractmethod
    def member_specs(self) -> Sequence[MemberSpec]:
        """Return the members of the mixture."""

    def check_text(self, train: Encoded) -> None:
        check_reach("order", self.order, train, "sentence", SHORT_ORDER)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Cluster the words, count the training text, and fit discounts and gates to the validation text."""
        maps = classes_of(train, self.class_counts(), setting)
        self._mixture, self._summary = train_mixture(self.member_specs(), maps, train, valid, setting)
        self._classes = tuple(class_examples(maps[-1], train)) if len(maps) > 1 else ()
        self.notes = tuple(self._notes())
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        return self._for(text.vocabulary).at(text, at)

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        mixture = self._for(text.vocabulary)
        rows = max(1, BLOCK_BYTES // (8 * mixture.size))
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, mixture.at(text, at).astype(np.float32)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one walk through each context tree per token."""
        return self._for(text.vocabulary).score(text)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation, the gain and weights of the members, their shares of each token, and the classes."""
        yield from _explained(self._for(text.vocabulary), self._summary, self._classes, text)

    def state(self) -> State:
        mixture = fitted(self._mixture, self)
        values = {
            **stored(self),
            "unknown": mixture.unknown,
            "summary": asdict(self._summary),
            "classes": [asdict(p) for p in self._classes],
        }
        return State(mixture.arrays(), values)

    def restore(self, state: State) -> Self:
        values = state.values
        begin_again(self, state)
        self._mixture = Mixture.from_arrays(self.member_specs(), bool(values["unknown"]), state.arrays)
        self._summary = built(ValidSummary, values["summary"], "summary")
        self._classes = tuple(built(ClassExample, p, "class") for p in values["classes"])
        return self

    def _for(self, vocabulary: Vocabulary) -> Mixture:
        mixture = fitted(self._mixture, self)
        same_vocabulary("this model", mixture.size, vocabulary)
        return mixture

    def _notes(self) -> Iterator[str]:
        summary = self._summary
        if not summary.tokens:
            yield "There was no validation text: discounts are rules of thumb, and all weights are equal."
        else:
            yield f"Discounts and weights were fitted to {summary.tokens:,} tokens of the validation text."
        if summary.names[-1:] == (UNKNOWN,):
            yield (
                "<unk> occurs in the validation text but not in the training text: it has a weight of its own,"
                f" {100 * summary.weights[-1]:.2g} % on average."
            )


@dataclass(eq=False)
class ClassNGram(MixtureModel):
    """Predicts the class of the next word from the classes of the last words, and then the word from its class.

    ``p(w | h) = p(C(w) | C(h)) · p(w | C(w))`` (Brown et al., *Class-based n-gram models of natural language*, 1992).
    The classes are found by the exchange algorithm. The n-gram of classes is smoothed like an n-gram of words, with
    discounts fitted to the validation text. A word has its share of its class in the training text, less a discount
    that all words of the class share evenly. The context begins with ``<s>`` at the start of each sentence and
    document, and never reaches further back. ``setting.budget`` has no effect.

    Parameters
    ----------
    classes : int, default 500
        The number of classes of ordinary words, at most 10,000; ``</s>`` has a class of its own, and unseen types
        share one.
    order : int, default 6
        n, the length of the longest n-gram in words; 1 to 100.
    """

    idea = Idea(1992, "Brown, Della Pietra, deSouza, Lai and Mercer", "Class-based n-gram models of natural language")

    classes: int = 500
    order: int = 6

    def __post_init__(self) -> None:
        check_whole("classes", self.classes, 1, MOST_CLASSES)
        check_whole("order", self.order, 1, HIGHEST_ORDER)

    def title(self) -> str:
        return f"{self.order}-gram of word classes"

    def class_counts(self) -> list[int]:
        return [self.classes]

    def member_specs(self) -> list[MemberSpec]:
        """Return the one member."""
        history = [(distance, 1) for distance in range(1, self.order)]
        return [MemberSpec("classes", [history], 1, [[(0, 1)]])]


@dataclass(eq=False)
class SkipNGram(MixtureModel):
    """Predicts the next word from the last words with a gap: some consecutive words are left out.

    A long context rarely occurs again exactly; with a gap it may. The model mixes the n-gram model with all n-gram
    models whose contexts of the last n - 1 words have one gap (Goodman, *A bit of progress in language modeling*,
    2001, section 4). Each has discounts fitted to the validation text, and a weight that depends on how often the
    context was seen. The context begins with ``<s>`` at the start of each sentence and document, and never reaches
    further back. ``setting.budget`` has no effect.

    Parameters
    ----------
    order : int, default 5
        n, the length of the longest n-gram in words; below 3 there are no gaps.
    """

    order: int = 5

    def __post_init__(self) -> None:
        check_whole("order", self.order, 1, HIGHEST_ORDER)

    def title(self) -> str:
        return f"Skip {self.order}-gram"

    def member_specs(self) -> list[MemberSpec]:
        """Return the member without a gap and one member for each gap."""
        contexts = contexts_with_gaps(self.order)
        return [MemberSpec(_pattern(kept), [[(distance, WORDS) for distance in kept]]) for kept in contexts]


def contexts_with_gaps(order: int) -> Iterator[list[int]]:
    """Yield the distances of the words in each context: 1 to n - 1, then the contexts with one gap before n - 1."""
    yield list(range(1, order))
    for before in range(order - 2):
        for after in range(before + 2, order):
            yield [*range(1, before + 1), *range(after, order)]


def _pattern(kept: list[int]) -> str:
    """Return a context as a pattern: ``· _ · w`` is a gap between two words before w."""
    last = max(kept, default=0)
    words = ["·" if distance in kept else "_" for distance in range(last, 0, -1)]
    return " ".join([*words, "w"])


@dataclass(eq=False)
class NGramMixture(MixtureModel):
    """Predicts the next word by n-grams of words, of word classes and with gaps, weighted by the context.

    A long context becomes shorter in one of four ways: its farthest word is dropped, or is first replaced by its
    class in a fine clustering, then by its class in a coarse one (Bilmes and Kirchhoff, *Factored language models and
    generalized parallel backoff*, 2003), or a near word is missing from the start. One member predicts words from
    words; one predicts words from words and classes; and one for each clustering predicts the class of the word by
    four such chains and then the word in its class by two, ``p(C | h) p(w | C, h)`` (Goodman, *A bit of progress in
    language modeling*, 2001). The weights are a softmax of the log counts of contexts. Weights and discounts are
    fitted to the validation text. The context begins with ``<s>`` at the start of each sentence and document, and
    never reaches further back. ``setting.budget`` has no effect.

    Parameters
    ----------
    classes : list of int, default (50, 500)
        The number of classes in each clustering, ascending. Contexts use the first and the last clustering.
    order : int, default 5
        n, the length of the longest n-gram in words; 2 to 100.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"classes": [100]},
        "full": {"classes": [30, 60, 125, 250, 500, 1000]},
    }

    classes: Sequence[int] = (50, 500)
    order: int = 5

    def __post_init__(self) -> None:
        classes = self.classes
        if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
            raise PluginError(f"classes must be a list of whole numbers, as in [50, 500], not {classes!r}")
        for size in classes:
            check_whole("each of classes", size, 1, MOST_CLASSES)
        if sorted(set(classes)) != list(classes):
            raise PluginError(f"classes must be in ascending order, as in [50, 500], not {list(classes)!r}")
        check_whole("order", self.order, 2, HIGHEST_ORDER)
        self.classes = list(classes)

    def title(self) -> str:
        return f"{self.order}-gram mixture"

    def class_counts(self) -> Sequence[int]:
        return self.classes

    def member_specs(self) -> list[MemberSpec]:
        """Return the members: words, words and classes, and one for each clustering."""
        c, f, w = 1, len(self.classes), WORDS  # the coarse map, the fine map, and the map of words
        words = [[(d, w) for d in range(1, self.order)]]
        mixed = [[(1, c), (1, f), (1, w), (2, c), (2, f), (2, w), (3, c), (3, f)]]
        to_class = [
            [(1, c), (1, f), (1, w), (2, c), (2, f), (2, w), (3, f), (3, w)],
            [(1, f), (1, w), (3, f), (3, w), (4, f)],
            [(d, c) for d in range(1, self.order + 1)],
            [(2, f), (2, w), (3, f), (3, w)],
        ]
        to_word = [
            [(1, c), (1, f), (1, w), (2, f), (2, w)],
            [(2, c), (2, f), (2, w), (3, f), (3, w)],
        ]
        specs = [MemberSpec("words", self._within_order(words))]
        specs.append(MemberSpec("words and classes", self._within_order(mixed)))
        for own, size in enumerate(self.classes, 1):
            within = [[(0, own), *chain] for chain in self._within_order(to_word)]
            specs.append(MemberSpec(f"{size} classes, then words", self._within_order(to_class), own, within))
        return specs

    def _within_order(self, chains: Sequence[Sequence[Feature]]) -> list[list[Feature]]:
        """Return the chains without features beyond the order and without duplicates."""
        kept = []
        for chain in chains:
            short = list(dict.fromkeys(f for f in chain if f[0] < self.order))
            if short and short not in kept:
                kept.append(short)
        return kept


def class_examples(classes: IntArray, train: Encoded) -> Iterator[ClassExample]:
    """Yield the classes of at least three words that cover most of the training text."""
    V = len(train.vocabulary)
    counts = np.bincount(train.ids, minlength=V)
    sizes = np.bincount(classes[:V][counts > 0])
    tokens = np.bincount(classes[:V], weights=counts, minlength=len(sizes))
    large = np.flatnonzero(sizes > 2)
    after, before = word_classes.pairs(with_starts(train), V)
    for c in large[np.argsort(-tokens[large], kind="stable")][:SHOWN]:
        members = np.flatnonzero((classes[:V] == c) & (counts > 0))
        top = members[np.argsort(-counts[members], kind="stable")][: ALIKE + 1]
        beside = np.stack([_beside(int(w), classes, after, before) for w in top])
        beside /= np.maximum(np.linalg.norm(beside, axis=1, keepdims=True), 1e-12)
        yield ClassExample(tuple(top.tolist()), tuple(np.clip(beside @ beside[0], -1, 1).tolist()))


def _beside(word: int, classes: IntArray, after: word_classes.Pairs, before: word_classes.Pairs) -> FloatArray:
    """(2K,) how often each class occurs after the word, and before it."""
    width = int(classes.max()) + 1
    sides = []
    for offsets, others, counts in (after, before):
        own = slice(offsets[word], offsets[word + 1])
        sides.append(np.bincount(classes[others[own]], weights=counts[own], minlength=width))
    return np.concatenate(sides)


def _explained(
    mixture: Mixture, summary: ValidSummary, shown: Sequence[ClassExample], text: Encoded
) -> Iterator[Exhibit]:
    """Yield the exhibits of a mixture for the example sentences in ``text``."""
    if len(text):
        yield _worked(mixture, summary, text)
    if summary.without:
        yield _gains(summary)
    if summary.by_count and len(summary.names) > 1:
        yield _weights_by_count(summary)
    if len(summary.names) > 1:
        for ids in readable(text, SENTENCES):
            yield _shares(mixture, summary, Encoded.from_documents([ids], text.vocabulary))
    if shown:
        yield _classes(shown, text)


def _worked(mixture: Mixture, summary: ValidSummary, text: Encoded) -> WorkedEquation:
    """Work the equation for the third token of the first document, or its last one if it is shorter."""
    at = min(2, int(text.ends[text.ends > 0][0]) - 1)
    probabilities, shares = (x[:, 0] for x in mixture.members_at(text, np.array([at])))
    word, before = text.vocabulary[int(text.ids[at])], " ".join(text.vocabulary[int(i)] for i in text.ids[:at])
    shown: list[tuple[str, float]] = []
    for member, p, share in zip(summary.names, probabilities, shares, strict=True):
        shown += [(f"λ: the weight of '{member}' here", float(share)), (f"P({word}) by '{member}'", float(p))]
    shown.append((f"P({word} | {before or '<s>'})", float(probabilities @ shares)))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}' after '{before or '<s>'}'.",
        equation=_EQUATION,
        saying=_SAYING,
        lines=tuple(shown),
    )


def _gains(summary: ValidSummary) -> Bars:
    return Bars(
        title="The gain from each member",
        note="By how much the validation perplexity rises without the member, whose weight the others then share."
        f" With all members the perplexity is {summary.perplexity:.1f}.",
        labels=summary.names,
        values=tuple(p - summary.perplexity for p in summary.without),
        unit="validation perplexity",
    )


def _weights_by_count(summary: ValidSummary) -> Heatmap:
    return Heatmap(
        title="The weights by how often the context was seen",
        note="The mean weights on the validation text, by the count of the last two words in the training text. This"
        " is the count that the model uses: the sum of its counts of all words that followed the two.",
        rows=summary.counts,
        columns=summary.names,
        panels=("weight",),
        values=(summary.by_count,),
        row_axis="the last two words were seen",
        column_axis="member",
    )


def _shares(mixture: Mixture, summary: ValidSummary, text: Encoded) -> Heatmap:
    probabilities, shares = mixture.members_at(text, np.arange(len(text)))
    parts = probabilities * shares
    parts /= parts.sum(0)
    return Heatmap(
        title="The members that predicted each token",
        note="The share of each token's probability that comes from each member.",
        rows=summary.names,
        columns=tuple(text.vocabulary[int(i)] for i in text.ids),
        panels=("share",),
        values=(tuple(map(tuple, parts.tolist())),),
        row_axis="member",
        column_axis="token",
    )


def _classes(shown: Sequence[ClassExample], text: Encoded) -> Neighbours:
    def words(ids: Sequence[int]) -> tuple[str, ...]:
        return tuple(text.vocabulary[i] for i in ids)

    return Neighbours(
        title="Some of its classes",
        note="Each row is a class that it found in the training text: the most frequent word, then other frequent"
        " words with their similarity to it. Two words are similar if they occur beside the same classes equally"
        " often (by the cosine of these counts).",
        words=words([p.words[0] for p in shown]),
        neighbours=tuple(words(p.words[1:]) for p in shown),
        similarities=tuple(p.cosines[1:] for p in shown),
    )
