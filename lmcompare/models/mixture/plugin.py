"""The class, skip and mixture n-gram models: mixtures of chains as language models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
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
from lmcompare.models.common.settings import begin_again, stored
from lmcompare.models.mixture import exhibits as mixture_exhibits
from lmcompare.models.mixture.context_trees import WORDS, Feature
from lmcompare.models.mixture.exhibits import ClassExample
from lmcompare.models.mixture.mixtures import UNKNOWN, MemberSpec, Mixture, ValidSummary, classes_of, train_mixture
from lmcompare.models.mixture.word_classes import MOST_CLASSES
from lmcompare.tokens import Encoded, IntArray, Vocabulary


class MixtureModel(LanguageModel):
    """A mixture of chains; a subclass defines its members with ``class_counts`` and ``member_specs``.

    Discounts and gates are fitted to the validation text. If ``<unk>`` occurs in the validation text but not in the
    training text, it becomes a member with a weight of its own. Without a validation text the discounts are rules of
    thumb and all weights are equal.
    """

    order: int

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._mixture: Mixture | None = None
        self._summary = ValidSummary(())
        self._classes: tuple[ClassExample, ...] = ()

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
        self._classes = tuple(mixture_exhibits.class_examples(maps[-1], train)) if len(maps) > 1 else ()
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
        mixture = self._for(text.vocabulary)
        yield from mixture_exhibits.exhibits(mixture, self._summary, self._classes, text)

    def state(self) -> State:
        """Return the chains, gates and classes, and the summary of the validation text."""
        mixture = fitted(self._mixture, self)
        values = {
            **stored(self),
            "members": mixture.shape(),
            "unknown": mixture.unknown,
            "summary": asdict(self._summary),
            "classes": [asdict(p) for p in self._classes],
        }
        return State(mixture.arrays(), values)

    def restore(self, state: State) -> Self:
        values = state.values
        begin_again(self, state)
        self._mixture = Mixture.from_arrays(values["members"], bool(values["unknown"]), state.arrays)
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

    idea = Idea(
        1992,
        "Brown, Della Pietra, deSouza, Lai and Mercer",
        "Class-based n-gram models of natural language",
    )

    def __init__(self, classes: int = 500, order: int = 6) -> None:
        super().__init__()
        check_whole("classes", classes, 1, MOST_CLASSES)
        check_whole("order", order, 1, HIGHEST_ORDER)
        self.classes, self.order = classes, order

    def title(self) -> str:
        return f"{self.order}-gram of word classes"

    def class_counts(self) -> list[int]:
        return [self.classes]

    def member_specs(self) -> list[MemberSpec]:
        """Return the one member."""
        history = [(distance, 1) for distance in range(1, self.order)]
        return [MemberSpec("classes", [history], 1, [[(0, 1)]])]


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

    def __init__(self, order: int = 5) -> None:
        super().__init__()
        check_whole("order", order, 1, HIGHEST_ORDER)
        self.order = order

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

    def __init__(self, classes: Sequence[int] = (50, 500), order: int = 5) -> None:
        super().__init__()
        if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
            raise PluginError(f"classes must be a list of whole numbers, as in [50, 500], not {classes!r}")
        for size in classes:
            check_whole("each of classes", size, 1, MOST_CLASSES)
        if sorted(set(classes)) != list(classes):
            raise PluginError(f"classes must be in ascending order, as in [50, 500], not {list(classes)!r}")
        check_whole("order", order, 2, HIGHEST_ORDER)
        self.classes, self.order = list(classes), order

    def title(self) -> str:
        return f"{self.order}-gram mixture"

    def class_counts(self) -> list[int]:
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
