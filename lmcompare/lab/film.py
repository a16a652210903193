"""A film of a training: how the attention in a sentence, the next word and some word vectors change during it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from lmcompare.model import Setting, State
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.lanes import Texts
from lmcompare.training.loop import Watch
from lmcompare.training.network import Network

FRAMES = 20
NORMS = 60  # steps whose gradients are measured
WORDS = 40  # words whose vectors are shown
LENGTHS = range(8, 14)  # tokens of the sentence
LIKELY = 6  # next words that are followed
FILE = "film.json"
KINDS = {  # kinds of matrices, by parts of the names of their parameters
    "word vectors": "table",
    "queries": "attention.query.",
    "keys": "attention.key.",
    "values": "attention.value.",
    "outputs of attention": "attention.output.",
    "feed-forward": "feed_forward.",
}


@dataclass
class Film:
    """What was seen of a training; JSON-able.

    Parameters
    ----------
    sentence : list of int
        The tokens of a sentence, the last of which is predicted.
    words : list of int
        The words whose vectors are followed.
    steps : list of int
        The step of each of the F frames, in rising order.
    maps : list
        Frame, layer, head, row, column: the attention weights in the sentence without its last token.
    next : list
        Frame, type: the probability of each of the ``likely`` types after the sentence without its last token.
    likely : list of int
        The most likely types of the last frame, and the token that follows in the sentence.
    vectors : list
        Frame, word, 2: the word vectors, projected onto the plane in which those of the last frame differ most.
    norm_steps : list of int
        The steps whose gradients were measured.
    norms : mapping of str to list of float
        By kind of matrix, the norm of its gradient at these steps.
    """

    sentence: list[int]
    words: list[int]
    steps: list[int] = field(default_factory=list)
    maps: list[Any] = field(default_factory=list)
    next: list[Any] = field(default_factory=list)
    likely: list[int] = field(default_factory=list)
    vectors: list[Any] = field(default_factory=list)
    norm_steps: list[int] = field(default_factory=list)
    norms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


class Camera:
    """Watches the training of a transformer: ``Training`` calls it before each step.

    Parameters
    ----------
    network : TransformerNetwork
    sentence, words : array of int
        As in ``Film``.
    steps : int
        How many steps the training has.
    room : Path or None
        A folder in which the frames are kept if the training is interrupted.
    """

    def __init__(
        self, network: TransformerNetwork, sentence: IntArray, words: IntArray, steps: int, room: Path | None
    ) -> None:
        self.network, self.sentence, self.words = network, sentence, words
        self.file = None if room is None else room / FILE
        self.frame_steps = {0, *np.geomspace(1, max(1, steps - 1), FRAMES - 2).round().astype(int).tolist()}
        self.norm_steps = set(np.linspace(0, max(0, steps - 1), NORMS).round().astype(int).tolist())
        self.frames: dict[int, dict[str, Any]] = {}
        self.norms: dict[int, dict[str, float]] = {}
        if self.file is not None and self.file.is_file():
            seen = json.loads(self.file.read_text(encoding="utf-8"))
            self.frames, self.norms = (
                {int(step): kept for step, kept in seen[k].items()} for k in ("frames", "norms")
            )

    def __call__(self, step: int) -> None:
        """Look at the network before the step with this number, if it is one of those that are shown."""
        if step in self.norm_steps:
            self.norms[step] = gradient_norms(self.network)
        if step in self.frame_steps:
            self.frames[step] = self._frame()
            if self.file is not None:
                self.file.write_text(json.dumps({"frames": self.frames, "norms": self.norms}), encoding="utf-8")

    def film(self, steps: int) -> Film:
        """Return the film, with the trained network as its last frame, after this number of steps."""
        frames = {step: frame for step, frame in sorted(self.frames.items()) if step < steps}
        frames[steps] = self._frame()
        norms = {step: found for step, found in sorted(self.norms.items()) if step < steps}
        shown = list(frames.values())
        distributions = np.array([frame["distribution"] for frame in shown])  # (F, V)
        likely = np.unique([*np.argsort(-distributions[-1])[:LIKELY], self.sentence[-1]]).tolist()
        return Film(
            sentence=self.sentence.tolist(),
            words=self.words.tolist(),
            steps=list(frames),
            maps=[frame["maps"] for frame in shown],
            next=np.round(distributions[:, likely], 5).tolist(),
            likely=likely,
            vectors=np.round(projected(np.array([frame["vectors"] for frame in shown])), 4).tolist(),
            norm_steps=list(norms),
            norms={kind: [found[kind] for found in norms.values()] for kind in KINDS},
        )

    @torch.no_grad()
    def _frame(self) -> dict[str, Any]:
        network, training = self.network, self.network.training
        network.eval()
        features, _, maps = network.attend(network.inputs(self.sentence[:-1]), None, maps=True)
        distribution = network.head.log_probs(features[:, -1])[0].exp()
        vectors = network.head.table[torch.from_numpy(self.words.astype(np.int64))]
        network.train(training)
        weights = [np.round(each.weights[0].float().cpu().numpy(), 3).tolist() for each in maps]
        return {
            "maps": weights,
            "distribution": distribution.float().cpu().tolist(),
            "vectors": vectors.float().cpu().tolist(),
        }


def gradient_norms(network: Network) -> dict[str, float]:
    """Return the norm of the gradient by kind of matrix."""
    squares = dict.fromkeys(KINDS, 0.0)
    for name, parameter in network.named_parameters():
        gradient = parameter.grad
        kind = next((kind for kind, part in KINDS.items() if part in name), None)
        if gradient is None or kind is None:
            continue
        values = gradient.coalesce().values() if gradient.is_sparse else gradient
        squares[kind] += float(values.float().square().sum())
    return {kind: square**0.5 for kind, square in squares.items()}


def projected(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (F, n, 2) of (F, n, d): the plane of the first two principal components of the last frame."""
    last = vectors[-1] - vectors[-1].mean(axis=0)
    _, _, axes = np.linalg.svd(last, full_matrices=False)
    return np.asarray((vectors - vectors[-1].mean(axis=0)) @ axes[:2].T)


def shown_sentence(text: Encoded) -> IntArray:
    """Return the first sentence with a length that can be shown, or the beginning of the text.

    A sentence without unknown words comes before those with one.
    """
    starts = text.sentence_starts()
    lengths = np.diff(np.append(starts, len(text)))
    fitting = [text.ids[starts[i] : starts[i] + lengths[i] - 1] for i in np.flatnonzero(np.isin(lengths, LENGTHS))]
    known = (sentence for sentence in fitting if text.vocabulary.unknown not in sentence)
    return np.asarray(next(known, fitting[0] if fitting else text.ids[: LENGTHS.start]), np.int64)  # without </s>


def shown_words(text: Encoded) -> IntArray:
    """Return the most frequent words of a text: types that are made of letters."""
    tokens = text.vocabulary.tokens
    order = np.argsort(-np.bincount(text.ids, minlength=len(tokens)), kind="stable")
    return np.array([i for i in order.tolist() if tokens[i].isalpha()][:WORDS], np.int64)


@dataclass(eq=False, kw_only=True)
class FilmedTransformer(Transformer):
    """The transformer itself, whose training is filmed: see ``lmcompare.lab.film``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.film: Film | None = None
        self._camera: Camera | None = None

    def watch(self, network: Network, texts: Texts, setting: Setting) -> Watch | None:
        """Return the camera."""
        assert isinstance(network, TransformerNetwork)
        text = texts.valid if len(texts.valid) else texts.train
        steps = setting.budget.steps or self.recipe().steps
        sentence, words = shown_sentence(text), shown_words(texts.train)
        self._camera = Camera(network, sentence, words, steps, setting.checkpoints)
        return self._camera

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train, and keep the film."""
        super().fit(train, valid, setting)
        if self._camera is not None:
            self.film = self._camera.film(setting.budget.steps or self.recipe().steps)
        return self

    def state(self) -> State:
        """Return the state of the transformer and the film."""
        state = super().state()
        return State(state.arrays, {**state.values, "film": None if self.film is None else asdict(self.film)})

    def restore(self, state: State) -> Self:
        """Become the trained transformer that has this state."""
        film = state.values.get("film")
        self.film = None if film is None else Film(**film)
        return super().restore(state)
