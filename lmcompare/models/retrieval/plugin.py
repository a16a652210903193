"""Retrieval: the words that followed the most similar training contexts become more likely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit, Passage, SourcedGuess, Sources, WorkedEquation, latex_lines
from lmcompare.exhibits.exhibit import built
from lmcompare.model import FloatArray, Idea, LanguageModel, Setting, Size, State, Stepper, check_whole, fitted
from lmcompare.models.common.over_base import PRESETS, OverOne, StepperOver, extended
from lmcompare.models.common.sentences import LONGEST
from lmcompare.models.retrieval.datastore import PART, QUERIES, Contexts, Datastore, Found, Mixing, span, tuned
from lmcompare.tokens import Encoded, IntArray, Vocabulary

MOST_NEIGHBOURS = 2**12
HELD_OUT = 2**14  # tokens of the validation text that the temperature and the weight are chosen on
LARGEST = 2**21  # contexts of a datastore
PASSAGES = 2  # passages of the training text for each guess
AROUND = 12  # tokens of a passage before the word that followed, and after it
EQUATION = latex_lines(
    r"P(w \mid h) &= (1 - \lambda)\,P_0(w \mid h) + \lambda\,P_K(w \mid h)",
    r"P_K(w \mid h) &= \frac{\sum_{k: w_k = w} g_k}{\sum_k g_k}, \quad"
    r" g_k = e^{(d_{K+1} - d_k) / T} - 1",
)
SAYING = (
    "The network turns the context h into a vector, and finds the K training contexts whose vectors are nearest. The"
    " smaller the squared distance d of such a context, the more the word that followed it counts. This prediction is"
    " mixed with that of the network."
)


@dataclass(eq=False)
class Retrieval(OverOne):
    """A nearest-neighbour language model: a network that looks up the most similar contexts of its training text.

    The network turns every training context into a vector, which is stored with the word that followed. For a new
    context, the nearest vectors are found. Their words, weighed by nearness, are mixed with the network's own
    prediction: ``P = (1 - λ) P_network + λ P_neighbours``. The network is not changed. Khandelwal, Levy, Jurafsky,
    Zettlemoyer and Lewis (2020), *Generalization through memorization: nearest neighbor language models*. The search
    is exact; λ and the temperature of the distances are chosen on the validation text.

    Parameters
    ----------
    base : str, default "transformer"
        The plug-in of the network; it is trained here.
    options : table, optional
        The hyper-parameters of the base.
    preset : str, optional
        The preset of the base: "quick", "default" or "full"; ``options`` come on top of it.
    neighbours : int, default 64
        How many training contexts are looked up; 1 to 4,096.
    """

    idea = Idea(
        2020,
        "Khandelwal, Levy, Jurafsky, Zettlemoyer and Lewis",
        "Generalization through memorization: nearest neighbor language models",
    )
    called = "a retrieval model"
    presets = PRESETS

    base: str = "transformer"
    options: Mapping[str, Any] | None = None
    preset: str | None = None
    neighbours: int = 64

    def __post_init__(self) -> None:
        check_whole("neighbours", self.neighbours, 1, MOST_NEIGHBOURS)
        self._base = self.set_base()
        if type(self._base).context_vectors is LanguageModel.context_vectors:
            raise PluginError(f"'{self.base}' has no vectors of contexts: choose a network as the base")
        self.traits = replace(self.traits, carries_state=True)
        self._store: Datastore | None = None
        self._mixing = Mixing()

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train the base, store the contexts of the training text, and choose the weights on the validation text."""
        self.train_base(self._base, train, valid, replace(setting, milestones=None))  # they would score only the base
        self._store = Datastore.of(self._base, train, LARGEST, setting.seed)
        self._mixing = self._tuned(valid)
        note = "Nothing could be chosen on a validation text: the neighbours have a tenth of the weight."
        if self._mixing.perplexities:
            chosen_on = len(next(valid.parts(HELD_OUT)))
            note = f"Its weight was chosen on {chosen_on:,} tokens of the validation text."
        self.notes = (*self._base.notes, f"Retrieval over '{self.base}', from {len(self._store):,} contexts. {note}")
        return self

    def title(self) -> str:
        """Return the display name: that of the base, with retrieval."""
        return extended(self._base.title(), "with retrieval")

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats; rows sum to one if the base's do."""
        at = np.asarray(at, np.int64)
        return self._after(text, at, self._base.next_log_probs(text, at.copy()))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the base's blocks with the neighbours' words added."""
        begin = 0
        for part in text.parts(PART):
            contexts = self._contexts(part, np.arange(len(part)))
            for at, block in self._base.stream(part):
                here = np.asarray(at, np.int64)
                yield begin + here, self._mixed(part, block, self._nearest(contexts.at(here)))
            begin += len(part)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats, from the base's scores and the neighbours of each position."""
        scores: list[FloatArray] = [np.zeros(0)]
        for part in text.parts(PART):
            base, contexts = self.scores_of(self._base, part), self._contexts(part, np.arange(len(part)))
            for first in range(0, len(part), QUERIES):
                here = np.arange(first, min(first + QUERIES, len(part)))
                scores.append(self._scored(base[here], self._nearest(contexts.at(here)), part.ids[here]))
        return np.concatenate(scores)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper over the base's stepper; for each distribution the document is read again."""
        return StepperOver(self._base.stepper(prefix, vocabulary), prefix, vocabulary, self._after)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation and the contexts found for a sentence, then the base's exhibits."""
        store = fitted(self._store, self)
        if len(text):
            found = self._found(text, np.arange(len(text)))
            rows = self._mixed(text, self._base.next_log_probs(text, np.arange(len(text))), found)
            base = self.scores_of(self._base, text)
            mixing, shares = self._mixing, self._mixing.shares(found)  # (N, K)
            right = store.following[found.which] == text.ids[:, None]
            retrieved = (shares * right).sum(1)
            if shares.any():
                yield _worked(mixing, self.base, text, found, base, retrieved)
            first = int(np.argmax(np.diff(np.append(text.starts, len(text))) >= 4))
            begin, end = int(text.starts[first]), int(text.ends[first])
            yield Sources(
                title="Where its neighbours are",
                note="For each word of a sentence: the most likely known word, how many of the nearest training"
                " contexts it followed, and the nearest of these contexts.",
                guesses=tuple(_guess(store, text, found, rows, at) for at in range(begin, min(end, begin + LONGEST))),
            )
        yield from self.shown_of(self._base, text, "Without retrieval")

    def size(self) -> Size:
        """Return the parameters: the base's, λ and T (the datastore is not fitted); and the bytes of all."""
        store, base = fitted(self._store, self), self._base.size()
        return Size(base.parameters + 2, base.bytes + sum(array.nbytes for array in store.arrays().values()))

    def state(self) -> State:
        """Return the base's state, the datastore, and the mixing that was chosen on the validation text."""
        return self.state_with(fitted(self._store, self).arrays(), {"mixing": asdict(self._mixing)})

    def restore(self, state: State) -> Self:
        values = state.values
        self.restore_base(state)
        self._store = Datastore.from_arrays(state.arrays)
        self._mixing = built(Mixing, values["mixing"], "mixing")
        return self

    def _tuned(self, valid: Encoded) -> Mixing:
        if not len(valid):
            return Mixing(temperature=self._span())
        some = next(valid.parts(HELD_OUT))
        found = self._found(some, np.arange(len(some)))
        right = fitted(self._store, self).following[found.which] == some.ids[:, None]
        return tuned(found, right, self.scores_of(self._base, some))

    def _span(self) -> float:
        """Return a temperature for a model without validation text, from the datastore's own contexts."""
        store = fitted(self._store, self)
        some = store.vectors[np.linspace(0, len(store) - 1, min(len(store), 100)).astype(np.int64)].astype(np.float32)
        return span(self._nearest(Contexts(some, np.ones(len(some), np.bool_)))) or 1.0

    def _found(self, text: Encoded, at: IntArray) -> Found:
        """Return the neighbours of the context before each position."""
        return self._nearest(self._contexts(text, at))

    def _after(self, text: Encoded, at: IntArray, block: FloatArray) -> FloatArray:
        return self._mixed(text, block, self._found(text, at))

    def _contexts(self, text: Encoded, at: IntArray) -> Contexts:
        return Contexts.before(self._base, text, at)

    def _nearest(self, contexts: Contexts) -> Found:
        return fitted(self._store, self).nearest(contexts, self.neighbours)

    def _mixed(self, text: Encoded, block: FloatArray, found: Found) -> FloatArray:
        """(B, V) nats: the base's distributions mixed with the words of the neighbours."""
        self.check_block(block, len(found.which), text)
        weights = self._mixing.weights(found)  # (B, K)
        rows = np.exp(block, dtype=np.float32 if block.dtype.itemsize <= 4 else np.float64)
        rows *= (1 - weights.sum(1, keepdims=True)).astype(rows.dtype)
        words = fitted(self._store, self).following[found.which]  # (B, K)
        np.add.at(rows, (np.arange(len(rows))[:, None], words), weights.astype(rows.dtype))
        with np.errstate(divide="ignore"):
            log_probs: FloatArray = np.log(rows, out=rows)
        return log_probs

    def _scored(self, base: FloatArray, found: Found, ids: IntArray) -> FloatArray:
        """(N,) nats: the base's scores mixed with the words of the neighbours."""
        weights = self._mixing.weights(found)
        right = fitted(self._store, self).following[found.which] == ids[:, None]
        with np.errstate(divide="ignore"):
            scores: FloatArray = np.log((1 - weights.sum(1)) * np.exp(base) + (weights * right).sum(1))
        return scores


def _worked(
    mixing: Mixing, base_name: str, text: Encoded, found: Found, base: FloatArray, retrieved: FloatArray
) -> WorkedEquation:
    """Work the equation for the word that gains most."""
    some = mixing.shares(found).sum(1) > 0
    mixed = np.where(some, (1 - mixing.weight) * np.exp(base) + mixing.weight * retrieved, np.exp(base))
    with np.errstate(divide="ignore", invalid="ignore"):
        at = int(np.nanargmax(np.where(some, np.log(mixed) - base, -np.inf)))
    word = text.vocabulary[int(text.ids[at])]
    perplexities = mixing.perplexities
    gained = (
        " λ and T were chosen on the validation text, whose perplexity falls from"
        f" {perplexities[0]:.1f} to {perplexities[1]:.1f}."
        if len(perplexities) == 2
        else ""
    )
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}', which gains most in these sentences.{gained}",
        equation=EQUATION,
        saying=SAYING,
        lines=(
            (f"P₀({word}): by '{base_name}' alone", float(np.exp(base[at]))),
            ("K: the number of neighbours", float(found.which.shape[1])),
            ("T: the temperature", mixing.temperature),
            (f"the neighbours that '{word}' followed: their share P_K", float(retrieved[at])),
            ("λ: the weight of the neighbours", mixing.weight),
            (f"P({word})", float(mixed[at])),
        ),
    )


def _guess(store: Datastore, text: Encoded, found: Found, rows: FloatArray, at: int) -> SourcedGuess:
    """Return the most likely word at a place, except ``<unk>``, with the nearest contexts that it followed."""
    vocabulary = text.vocabulary
    known = np.flatnonzero(~vocabulary.is_unknown(np.arange(rows.shape[1])))
    guess = int(known[np.argmax(rows[at][known])])
    alone = text.context_starts(np.array([at]))[0] == at  # no token precedes the word
    which = found.which[at][:0] if alone else found.which[at]
    followed = which[store.following[which] == guess]
    return SourcedGuess(
        token=vocabulary[int(text.ids[at])],
        guess=vocabulary[guess],
        probability=float(np.exp(rows[at][guess])),
        followed=len(followed),
        occurs=len(which),
        passages=tuple(_passage(store, text, int(store.places[k])) for k in followed[:PASSAGES]),
    )


def _passage(store: Datastore, text: Encoded, place: int) -> Passage:
    """Return the passage around a place of the training text."""

    def words(ids: IntArray) -> str:
        return " ".join(text.vocabulary[int(i)] for i in ids)

    return Passage(
        before=words(store.words[max(0, place - AROUND) : place]),
        context="",
        next=words(store.words[place : place + 1]),
        after=words(store.words[place + 1 : place + 1 + AROUND]),
    )
