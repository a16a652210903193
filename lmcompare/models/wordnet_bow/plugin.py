"""WordNet's classes in a bag: a frozen table that a person can read, and a softmax over classes and their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.model import FloatArray, LanguageModel, Setting, State, Traits, check_reach
from lmcompare.models.common.sentences import readable
from lmcompare.models.common.vectors import neighbours_exhibit
from lmcompare.models.word2vec.plugin import FULL, BagNetwork
from lmcompare.models.wordnet_bow.readable import CAPITAL, CLASSES, ENDINGS, Bits, Describer, chosen, digest, table
from lmcompare.state import taken
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel, TunableLanguageModel
from lmcompare.training.network import Network
from lmcompare.training.softmax import ClassHead

SENTENCES, WORDS = 2, 8  # sentences, and words of each, that are shown as the model reads them
RAREST = 2  # features of a word that are shown beside its classes
FEATURES, EXPECTED = 20, 14  # features, and classes that follow them, in the map
SHARES, GUESSES = 4, 3


class ReadableBag(BagNetwork):
    """``BagNetwork`` with a table of F features that is not trained, and K classes of words in the softmax.

    Attributes
    ----------
    rows : (V + 1, F) Tensor of uint8
        1 for a feature that a word has; the last row is not read.
    """

    head: ClassHead
    rows: Tensor

    def __init__(
        self, types: int, features: int, classes: int, window: int, hidden: int, dropout: float, end: int
    ) -> None:
        sizes = types, features, window, hidden, dropout
        with torch.device("meta"):  # vectors and softmax, which are replaced, take no memory
            super().__init__(*sizes, tune=False, weights="uniform", end=end)
        del self.vectors
        self.layer = nn.Linear(features, hidden) if hidden else None
        self.register_buffer("rows", torch.zeros(types + 1, features, dtype=torch.uint8))
        self.head = ClassHead(types, hidden or features, classes)

    def embedded(self, words: Tensor) -> Tensor:
        """Return the (…, F) rows of inputs."""
        return self.rows[words].float()


@dataclass(eq=False, kw_only=True)
class WordNetBow(TunableLanguageModel):
    """Words as sets of WordNet's classes in a bag of the last words, and a softmax over classes and their words.

    Each word is a row of zeros and ones, which is not trained: it says which of F features the word has. Features are
    the supersenses (lexicographer files) and hypernyms of its senses in WordNet (Miller 1995), its inflection, and,
    for words that WordNet lacks, classes of our own: function words, marks, numbers, names. As in ``word2vec-bow``,
    f = tanh(A m + a), where m is the mean of the rows of the last ``window`` inputs of the sentence. Then
    p(w | context) = p(c(w) | f) · p(w | c(w), f), where c(w) is the supersense or other class of the word.

    Of the features of the words in the training text, those with the most tokens are kept.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    features : int, default=2048
        The greatest number of features, F.
    window : int, default=3
        The number of words in the bag.
    hidden : int, default=256
        The number of units of the hidden layer; 0 for a log-linear model (f = m).
    wordnet : str, default=""
        The folder of WordNet's files; "" to look on NLTK's data path and in /usr/share/wordnet.
    dropout : float, default=0.1
        Dropout on the mean and on the hidden layer.
    """

    files: ClassVar[tuple[str, ...]] = ("wordnet",)
    widths: ClassVar[tuple[str, ...]] = ("hidden",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"steps": 240}, "full": FULL}

    features: int = 2048
    window: int = 3
    hidden: int = 256
    wordnet: str = ""
    weight_decay: float = 0.1
    candidates: int = 0

    def __post_init__(self) -> None:
        self.check_whole(1, "features", most=10**5)
        self.check_whole(1, "window", most=1000)
        self.check_whole(0, "hidden")
        self.traits = Traits(carries_state=False)
        self.names: tuple[str, ...] = ()
        super().__post_init__()

    def title(self) -> str:
        return "WordNet, bag of words"

    def digest_of(self, name: str) -> str:
        return digest(self.wordnet)

    def network(self, types: int) -> ReadableBag:
        """Return the bag and its two softmax layers, with a table that is still to be filled."""
        sizes = types, self.features, len(CLASSES), self.window, self.hidden
        return ReadableBag(*sizes, self.dropout, self.end)

    def check_text(self, train: Encoded) -> None:
        """Refuse a window longer than the longest sentence."""
        check_reach("window", self.window, train, "sentence", 64)

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Fill the table and set the classes of the words."""
        counts = np.bincount(train.ids, minlength=len(train.vocabulary))
        described = Describer(self.wordnet).vocabulary(train.vocabulary)
        self.names = chosen(described, counts, self.features)
        known = np.array([bool(word.lemma) for word in described])
        share = counts[known].sum() / max(1, counts.sum())
        self.notes = (
            *self.notes,
            f"WordNet has {known.sum():,} of {len(known):,} types, {share:.0%} of train's tokens; function words,"
            " marks and numbers have classes of our own. People made it: it knows words that are rare in the text.",
        )
        rows = self.arranged(table(described, self.names), counts, setting)
        assert isinstance(network, ReadableBag)
        network.head.classify(np.array([CLASSES.index(word.kind) for word in described]), counts)
        network.rows.zero_()[: len(rows), : len(self.names)] = torch.from_numpy(rows)

    def arranged(self, table: Bits, counts: IntArray, setting: Setting) -> Bits:
        """Return the (V, F) table as the bag reads it: here unchanged."""
        return table

    def word_vectors(self) -> FloatArray:
        """Return the (V, F) table of zeros and ones."""
        network = self.trained_as(ReadableBag)
        vectors: FloatArray = network.rows[: network.head.types].float().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, F) rows of the tokens: in a bag a word is the same in every context."""
        return LanguageModel.context_vectors(self, text, at)

    def state(self) -> State:
        """Return the weights, the table with eight numbers in a byte, and the names of the features."""
        state = super().state()
        bits = np.packbits(state.arrays["rows"], axis=1)
        return State({**state.arrays, "rows": bits}, {**state.values, "features": list(self.names)})

    def restore(self, state: State) -> Self:
        """Become the trained model that has this state; WordNet is not needed."""
        self.names = tuple(state.values["features"])
        rows = np.unpackbits(taken(state.arrays, "rows", (np.uint8,), (None, None)), axis=1, count=self.features)
        return super().restore(State({**state.arrays, "rows": rows}, state.values))

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation with numbers, words as they are read, classes after features, and nearest words."""
        return _explained(self, self.trained_as(ReadableBag), self.names, text)


def _explained(
    model: TorchLanguageModel, network: ReadableBag, names: Sequence[str], text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation, sentences as read, the classes that features make likely, and the nearest words.

    ``names`` are the names of the F features.
    """
    if len(text):
        document = int(np.argmax(text.ends - text.starts))
        at = min(int(text.starts[document]) + network.window, int(text.ends[document]) - 1)
        yield _worked(model, network, names, text, at)
        yield from _as_read(model, names, text)
        yield from _expected(model, network, names, text)
    yield neighbours_exhibit(
        model.word_vectors(),
        text,
        "By the cosine of their rows of zeros and ones: the share of the features that two words have in common.",
    )


def _worked(
    model: TorchLanguageModel, network: ReadableBag, names: Sequence[str], text: Encoded, at: int
) -> WorkedEquation:
    vocabulary, target = text.vocabulary, int(text.ids[at])
    start = int(text.context_starts(np.array([at]))[0])
    bag = text.ids[max(start, at - network.window) : at]
    words = [vocabulary[int(i)] for i in bag]
    if at - start < network.window:
        words = [vocabulary[vocabulary.end], *words]
    with torch.inference_mode():
        inputs = network.inputs(text.ids[start:at])
        mean = network.bag(inputs, None)[0][0, -1].cpu().numpy()
        classes = network.head.class_log_probs(network(inputs, None)[0][0, -1:])[0].exp()
    of_words = model.next_log_probs(text, np.array([at]))[0]
    class_of = network.head.class_of
    kind, best = int(class_of[target]), classes.topk(GUESSES).indices.tolist()
    of_classes = [k for k in np.flatnonzero(mean).tolist() if names[k] in CLASSES]
    shown = sorted(of_classes, key=lambda k: -mean[k])[:SHARES]
    of_class = float(classes[kind])
    f = r"\tanh(\mathbf{A} \mathbf{m} + \mathbf{a})" if network.layer is not None else r"\mathbf{m}"
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{vocabulary[target]}' after '{' '.join(words)}'.",
        equation=latex_lines(
            r"x_{jk} &= 1 \text{ if the word } j \text{ has the feature } k \text{, else } 0",
            r"\mathbf{m} &= \frac{1}{n} \sum_{j \in \text{bag}} \mathbf{x}_j",
            rf"\mathbf{{f}} &= {f}",
            r"P(w \mid \text{bag}) &= P(c(w) \mid \mathbf{f}) \; P(w \mid c(w), \mathbf{f})",
        ),
        saying="The model does not learn what a word is: its row of zeros and ones says which of WordNet's classes it"
        " has. It learns which class of word follows such classes, and which word of that class.",
        lines=(
            ("n: words in the bag (" + " ".join(words) + ")", float(len(words))),
            *((f"m: the share of the bag with the feature {names[k]}", float(mean[k])) for k in shown),
            *((f"P({CLASSES[c]} | f)", float(classes[c])) for c in best if c != kind),
            (f"P({CLASSES[kind]} | f), the class of '{vocabulary[target]}', which came next", of_class),
            (f"P({vocabulary[target]} | {CLASSES[kind]}, f)", min(1.0, float(np.exp(of_words[target])) / of_class)),
            (f"P({vocabulary[target]} | bag), the product", float(np.exp(of_words[target]))),
        ),
    )


def _as_read(model: TorchLanguageModel, names: Sequence[str], text: Encoded) -> Iterator[Heatmap]:
    """Yield for the words of some sentences their classes and the rarest of their other features."""
    table = model.word_vectors()
    frequency = text.vocabulary.counts @ table
    general = np.array([name in CLASSES for name in names])
    for ids in readable(text, SENTENCES):
        ids = ids[:WORDS]
        shown: list[int] = []
        for row in table[ids, : len(names)]:
            own = sorted(np.flatnonzero(row).tolist(), key=lambda k: (frequency[k], k))
            shown += [k for k in own if general[k]] + [k for k in own if not general[k]][:RAREST]
        shown = list(dict.fromkeys(shown))
        if not shown:
            continue
        words = tuple(text.vocabulary[int(i)] for i in ids)
        yield Heatmap(
            title=f"As it reads “{' '.join(words)}”",
            note="A cell is filled if the word has the feature. For each word its classes are shown, and of its other"
            f" features the {RAREST} that are rarest in the training text.",
            rows=words,
            columns=tuple(names[k] for k in shown),
            panels=("features",),
            values=(tuple(tuple(1.0 if v else None for v in row) for row in table[ids][:, shown]),),
            row_axis="word",
            column_axis="feature",
        )


def _expected(
    model: TorchLanguageModel, network: ReadableBag, names: Sequence[str], text: Encoded
) -> Iterator[Heatmap]:
    """Yield by how much a feature of the last word changes the probability of each class of the next word."""
    moved = changes(network, text)
    tokens = np.bincount(network.head.class_of.cpu().numpy(), text.vocabulary.counts, minlength=len(CLASSES))
    likely = [int(c) for c in np.argsort(-tokens, kind="stable")[:EXPECTED] if tokens[c]]
    most = np.abs(moved[: len(names), likely]).max(axis=1, initial=0.0)
    broad = {*CLASSES, CAPITAL, *(f"form in -{ending}" for ending in ENDINGS)}
    strongest = [k for k in np.argsort(-most, kind="stable").tolist() if most[k] and names[k] in broad]
    strongest = strongest[:FEATURES]
    if not strongest:
        return
    yield Heatmap(
        title="Which class follows which feature",
        note="By how many nats the log-probability of each class would change if the last word had this feature, too,"
        " on average over the words of the example sentences. The most frequent classes are shown, and the broad"
        " features (no synsets, no single words) that change the classes most.",
        rows=tuple(names[k] for k in strongest),
        columns=tuple(CLASSES[c] for c in likely),
        panels=("nats",),
        values=(tuple(tuple(float(moved[k, c]) for c in likely) for k in strongest),),
        row_axis="feature of the last word",
        column_axis="class of the next word",
    )


@torch.no_grad()
def changes(network: ReadableBag, text: Encoded, most: int = 64) -> FloatArray:
    """Return how a feature of the last word changes the log-probabilities of the classes of the next word.

    The feature is added to each of at most ``most`` full bags of a text whose last words lack it.

    Returns
    -------
    (F, K) array
        The mean change in nats; 0 for a class without words, and for a feature that every last word has.
    """
    width = network.rows.shape[1]
    windows = [
        ids[first : first + network.window]
        for ids in text.documents()
        for first in range(len(ids) - network.window + 1)
        if network.end not in ids[first : first + network.window]
    ]
    found = np.zeros((width, len(CLASSES)))
    if not windows:
        return found
    rows = network.embedded(torch.from_numpy(np.stack(windows[:most]).astype(np.int64)))  # (n, W, F)
    means, lacks = rows.mean(dim=1), rows[:, -1] == 0

    def log_probs(added: int, bags: Tensor) -> Tensor:
        moved = bags.clone()
        if added >= 0:
            moved[:, added] += 1 / network.window
        features = moved if network.layer is None else torch.tanh(network.layer(moved))
        return network.head.class_log_probs(features)

    before = log_probs(-1, means)
    for k in range(width):
        if bool(lacks[:, k].any()):
            change = log_probs(k, means[lacks[:, k]]) - before[lacks[:, k]]
            found[k] = change.mean(dim=0).nan_to_num().cpu().numpy()
    return found
