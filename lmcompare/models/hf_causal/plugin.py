"""Any causal language model of Hugging Face's transformers, pre-trained or trained from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.model import (
    BLOCK_BYTES,
    FloatArray,
    Progress,
    Setting,
    Size,
    State,
    Stepper,
    Traits,
    check_whole,
    fitted,
    same_vocabulary,
)
from lmcompare.models.common.sentences import labels, named_heads, readable
from lmcompare.models.common.vectors import neighbours_exhibit
from lmcompare.models.hf_causal import loading
from lmcompare.models.hf_causal.network import CausalNetwork, Windows, inputs_of, read
from lmcompare.tokens import Encoded, IntArray, Vocabulary, make_tokenizer
from lmcompare.tokens.hugging_face import CONFIG, digest_of, located, table_in, text_part
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.recipe import Recipe

PANELS = 12
NOTE = (
    "Each row is a token that was just read, each column a token that it attends to: itself and tokens before it,"
    " never a later one."
)


class CachedStepper(Stepper):
    """Reads each token once, and a whole window where the next window begins."""

    def __init__(self, network: CausalNetwork, windows: Windows, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._network, self._windows, self._vocabulary = network, windows, vocabulary
        vocabulary.check(prefix)
        self._ids = [int(i) for i in prefix]
        self._cache: Any = None
        self._log_probs: FloatArray
        self._read_window()

    def log_probs(self) -> FloatArray:
        return self._log_probs.copy()

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._ids.append(token)
        if self._first() == self._begun and self._cache is not None:
            self._read(torch.tensor([[token]]))
        else:
            self._read_window()

    def _first(self) -> int:
        return int(self._windows.first_inputs(torch.tensor([len(self._ids)]).numpy())[0])

    def _read_window(self) -> None:
        self._cache, self._begun = None, self._first()
        text = Encoded.from_documents([self._ids], self._vocabulary)
        inputs = inputs_of(text, 0, self._begun, len(self._ids) + 1 - self._begun)
        self._read(torch.from_numpy(inputs)[None])

    @torch.no_grad()
    def _read(self, inputs: torch.Tensor) -> None:
        network = self._network
        ids = network.ids(inputs.to(network.head.table.device))
        found = network.model(input_ids=ids, use_cache=True, **{network.cache: self._cache}, **network.last)
        self._cache = getattr(found, network.cache, None)  # None: a model that keeps its past in another form
        logits = found.logits[:, -1, : network.head.types]
        self._log_probs = network.head.log_probs(logits)[0].cpu().numpy()


LONGEST, LONGEST_TRAINED = 1024, 128  # the longest default window, of a pre-trained model and of a trained one


@dataclass(eq=False)
class HuggingFaceCausal(TorchLanguageModel):
    """A causal language model of Hugging Face's transformers, with its own tokenizer.

    It is pre-trained, or with ``train`` it has the architecture of the folder and learns from the training text
    alone. A document is read in windows of ``window`` tokens that begin at the multiples of ``stride``. A token is
    predicted in the first window that reaches it, so that from the second window on at least ``window`` -
    ``stride`` + 1 tokens before it are visible.

    Before the first token of a document the model reads its start token (``bos_token_id``) or, if it has none, its
    end token (``eos_token_id``), which is ``</s>``. A model that is trained gets a start token of its own.

    Parameters
    ----------
    path : str, default=""
        The folder of the model and its tokenizer, as ``save_pretrained`` writes it, or a name on Hugging Face's hub.
    train : bool, default=False
        Whether it is trained from its configuration. Its weights are not read then.
    window : int or None, default=None
        The number of tokens in a window; None for the model's longest window, at most 1024, or 128 if it is trained.
    stride : int or None, default=None
        The distance of the windows; None for half a window.
    batch : int, default=8
        The number of windows that are read together, in training as well.
    steps : int, default=1000
        The number of optimiser steps of the training; a budget of the run overrides it.
    learning_rate : float, default=2e-3
        The peak learning rate.
    weight_decay : float, default=0.1
        The weight decay of matrices.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of training; "auto" takes bfloat16 where the processor multiplies it.
    """

    files: ClassVar[tuple[str, ...]] = ("path",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"steps": 300}}

    path: str = ""
    train: bool = False
    window: int | None = None
    stride: int | None = None
    batch: int = 8
    steps: int = 1000
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    patience: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        super().__init__()
        path, train, window, stride = self.path, self.train, self.window, self.stride
        for name, value in (("window", window), ("stride", stride)):
            if value is not None:
                check_whole(name, value, 1)
        if window is not None and stride is not None and stride > window:
            raise LmcompareError(
                f"stride is {stride}, more than the window of {window}, so tokens would be left out: choose at most"
                f" {window}"
            )
        self.check_settings()
        self.traits = Traits(carries_state=True, pretrained=not train)
        self.trains_in_steps = train
        self.tokens = {"kind": "hf", "path": path} if path else None
        self._windows: Windows | None = None
        self._config: Mapping[str, Any] | None = None  # the configuration of a trained model
        self._digest = ""  # the digest of the files of a pre-trained model

    def title(self) -> str:
        """Return the name of its folder, and whether it is pre-trained."""
        name = Path(self.path).name or "Hugging Face model"
        return f"{name[:40]}, {'trained here' if self.train else 'pre-trained'}"

    def summary(self) -> str:
        """Return one sentence on the architecture, and on the text that the model has read."""
        name = Path(self.path).name or "a folder"
        if self.train:
            return f"The architecture of {name} (Hugging Face), trained from its configuration on the training text."
        return f"{name} (Hugging Face), pre-trained on other text, which may contain the test text."

    def digest_of(self, name: str) -> str:
        """Return the digest of the model's files; without the weights, if it is trained."""
        return digest_of(self._folder(), weights=not self.train)

    # Training and storing

    def check_text(self, train: Encoded) -> None:
        """Refuse tokens for a pre-trained model that are not its own."""
        if self.train or self.tokens is None:
            return
        if make_tokenizer(self.tokens).fit([]).types != train.vocabulary.tokens:
            raise LmcompareError(
                f"{self.path} is pre-trained and reads its own tokens only: leave tokens out, or set train = true"
            )

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train the model from its configuration, or load a pre-trained one: then texts and budget have no effect.

        Raises
        ------
        LmcompareError
            If there is no such model, if it needs code of its own, or if a pre-trained one would read other tokens.
        """
        folder = self._folder()
        if self.train:
            self._config = text_part(table_in(folder, CONFIG))
            return super().fit(train, valid, setting)
        self.check_text(train)
        torch.set_num_threads(setting.threads)
        self.end = setting.vocabulary.end
        self._load(folder, len(setting.vocabulary), setting.device)
        self._digest = digest_of(folder, weights=True)
        parameters = sum(each.numel() for each in self._loaded().parameters())
        self.notes = (
            f"Read from {Path(self.path).name}: {parameters:,} parameters. It learnt nothing from the training text.",
            self._of_windows(),
        )
        setting.progress(Progress(step=1, steps=1, tokens=0))
        return self

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Add a note on the windows of a trained model."""
        if self.train:
            self.notes = (*self.notes, self._of_windows())

    def network(self, types: int) -> CausalNetwork:
        """Return the untrained network: that of the configuration, with V types and a start token."""
        if self._config is None:  # in another process of a team
            self._config = text_part(table_in(located(self.path), CONFIG))
        config = loading.configuration(
            {
                **self._config,
                "vocab_size": types + 1,
                "bos_token_id": types,
                "eos_token_id": self.end,
                "pad_token_id": None,  # the vector of a padding token is not trained
            },
            self.path,
        )
        self._windows = self._windows_of(config)
        return CausalNetwork(loading.untrained(config, self.path), types, types, self._windows.length)

    def recipe(self) -> Recipe:
        """Return the training settings: a step reads a window of each document."""
        assert self._windows is not None, "the network is made first"
        return Recipe.of({**self.hyperparameters(), "length": self._windows.length})

    def state(self) -> State:
        """Return the weights and the configuration; for a pre-trained model, the digest of its files."""
        if self.train:
            state = super().state()
            return State(state.arrays, {**state.values, "config": dict(fitted(self._config, self))})
        values = {"digest": self._digest, "types": self._loaded().head.types, "end": self.end}
        return State(values={**values, "notes": list(self.notes)})

    def restore(self, state: State) -> Self:
        """Set the stored weights, or load the pre-trained model again.

        Raises
        ------
        LmcompareError
            If the files of a pre-trained model are not those that were scored.
        """
        if self.train:
            self._config = state.values["config"]
            return super().restore(state)
        folder = located(self.path)
        self._digest = str(state.values["digest"])
        if digest_of(folder, weights=True) != self._digest:
            raise LmcompareError(
                f"the files in {folder} are not those that were scored: put them back, or run the command again"
            )
        self.end = int(state.values["end"])
        self._load(folder, int(state.values["types"]), "cpu")
        self.notes = tuple(state.values["notes"])
        return self

    def size(self) -> Size:
        """Return the number of weights and their bytes."""
        weights = self._loaded().state_dict().values()
        return Size(sum(w.numel() for w in weights), sum(w.numel() * w.element_size() for w in weights))

    def _folder(self) -> Path:
        if not self.path:
            raise LmcompareError(
                "hf-causal has no model: set path to the folder of a model, or to its name on Hugging Face's hub"
            )
        return located(self.path)

    def _load(self, folder: Path, types: int, device: str) -> None:
        model = loading.pretrained(folder, self.path)
        config = model.config.get_text_config()
        if config.vocab_size != types:
            raise LmcompareError(
                f"{self.path} predicts {config.vocab_size:,} tokens, but its tokenizer has {types:,}: save the model "
                "with the tokenizer that it was trained with"
            )
        begin = config.bos_token_id
        if not isinstance(begin, int) or not 0 <= begin < types:
            begin = self.end
        self._windows = self._windows_of(config)
        self._network = CausalNetwork(model, types, begin, self._windows.length).to(device).eval()

    def _windows_of(self, config: Any) -> Windows:
        """Return the windows. Raises ``LmcompareError`` if a window is longer than the positions of the model."""
        positions = getattr(config, "max_position_embeddings", None)
        longest = positions if isinstance(positions, int) and positions > 0 else LONGEST
        length = self.window or min(longest, LONGEST_TRAINED if self.train else LONGEST)
        if isinstance(positions, int) and 0 < positions < length:
            raise LmcompareError(
                f"window is {length}, but {self.path} has {positions} positions: choose at most {positions}"
            )
        stride = self.stride or max(1, length // 2)
        if stride > length:
            raise LmcompareError(
                f"stride is {stride}, more than the window of {length}, so tokens would be left out: choose at most"
                f" {length}"
            )
        return Windows(length, stride)

    def _of_windows(self) -> str:
        windows = self._reading()[1]
        return f"It reads a document in windows of {windows.length} tokens, {windows.stride} apart."

    def _loaded(self) -> CausalNetwork:
        return self.trained_as(CausalNetwork)

    def _reading(self) -> tuple[CausalNetwork, Windows]:
        network = self._loaded()
        return network, fitted(self._windows, self)

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return the writer of a folder for transformers, if the model was trained here."""
        model = self._loaded().model
        return {"/": lambda _, folder: model.save_pretrained(folder)} if self.train else {}

    # Reading

    def log_probs_at(self, text: Encoded, at: IntArray) -> FloatArray:
        """Return (n,) nats: the log-probabilities of the tokens at these positions."""
        network, windows = self._for(text)
        scores = np.zeros(len(at), np.float64)
        for where, logits in read(network, windows, text, at, self.batch):
            targets = torch.from_numpy(text.ids[at[where]].astype(np.int64)).to(logits.device)
            scores[where] = network.head.log_prob_of(logits, targets).double().cpu().numpy()
        return scores

    def _blocks(self, text: Encoded, at: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        network, windows = self._for(text)
        rows = max(1, BLOCK_BYTES // (4 * len(text.vocabulary)))
        for where, logits in read(network, windows, text, at, self.batch):
            for first in range(0, len(where), rows):
                block = network.head.log_probs(logits[first : first + rows])
                yield where[first : first + rows], block.cpu().numpy()

    def _for(self, text: Encoded) -> tuple[CausalNetwork, Windows]:
        network, windows = self._reading()
        same_vocabulary(f"this model of {self.path}", network.head.types, text.vocabulary)
        return network, windows

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a ``Stepper`` with a cache of keys and values: a token costs one step."""
        return CachedStepper(*self._reading(), prefix, vocabulary)

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return (n, d): the last hidden state at each token."""
        return self.layer_vectors(text, at)[-1]

    def layer_vectors(self, text: Encoded, at: IntArray) -> Sequence[FloatArray]:
        """Return (n, d) for the word vectors and for the output of each layer."""
        network, windows = self._for(text)
        # A hidden state belongs to the token after it, so every document gets one more token at its end.
        longer = Encoded.from_documents(
            [np.append(ids, text.vocabulary.end) for ids in text.documents()], text.vocabulary
        )
        after = at + text.document_of(at) + 1
        vectors = np.zeros((1, len(at), self.word_vectors().shape[1]), np.float32)
        for where, states in read(network, windows, longer, after, self.batch, hidden=True):
            layers, _, width = states.shape
            if vectors.shape != (layers, len(at), width):  # known from the first states only
                vectors = np.zeros((layers, len(at), width), np.float32)
            vectors[:, where] = states.float().cpu().numpy()
        return list(vectors)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the attention maps of a sentence and the nearest words."""
        network, _ = self._for(text)
        for ids in readable(text, 1):
            yield from _maps(network, Encoded.from_documents([ids[: network.piece]], text.vocabulary))
        yield neighbours_exhibit(self.word_vectors(), text, "By the cosine of the vectors of its inputs.")


@torch.no_grad()
def _maps(network: CausalNetwork, text: Encoded) -> Iterator[Heatmap]:
    inputs = torch.from_numpy(inputs_of(text, 0, 0, len(text)))[None]
    weights = network.attentions(inputs.to(network.head.table.device))
    shown, note = named_heads(weights, PANELS)
    if not shown:
        return
    read = labels(text, text.ids[:-1])
    yield Heatmap(
        title="What each head looks at",
        note=NOTE + note,
        rows=read,
        columns=read,
        panels=tuple(name for name, _ in shown),
        values=tuple(
            tuple(tuple(row[j] if j <= i else None for j in range(len(read))) for i, row in enumerate(map_.tolist()))
            for _, map_ in shown
        ),
        row_axis="after reading",
        column_axis="attends to",
    )
