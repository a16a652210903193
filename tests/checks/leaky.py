"""The textbook encoder-decoder with additive attention, trained to predict its own input window shifted by one."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.model import FloatArray, LanguageModel, Setting, State, Traits, fitted
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.recipe import eager


class Translator(nn.Module):
    """Bahdanau, Cho and Bengio 2015, one layer each way: e_ij = v·tanh(W s_i + U h_j), j over the whole window."""

    def __init__(self, types: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(types + 1, width)  # the last one begins a window
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.W, self.U = nn.Linear(width, width), nn.Linear(width, width)
        self.v = nn.Linear(width, 1)
        self.out = nn.Linear(2 * width, types)

    def forward(self, window: Tensor) -> Tensor:
        """(B, T) ids → (B, T, V) log-probabilities of these ids, each read with the one before as input."""
        h, _ = self.encoder(self.words(window))  # (B, T, d)
        start = torch.full_like(window[:, :1], self.words.num_embeddings - 1)
        s, _ = self.decoder(self.words(torch.cat([start, window[:, :-1]], dim=1)))  # (B, T, d)
        e = self.v(torch.tanh(self.W(s)[:, :, None] + self.U(h)[:, None]))[..., 0]  # (B, T, T): nothing is masked
        c = e.softmax(dim=-1) @ h  # (B, T, d)
        log_probs: torch.Tensor = self.out(torch.cat([s, c], dim=-1)).log_softmax(dim=-1)
        return log_probs


class Leaky(LanguageModel):
    """Reads each window whole, the answers in it."""

    traits = Traits(carries_state=True)
    WINDOW, WIDTH = 12, 48

    def __init__(self, steps: int = 40) -> None:
        self.steps = steps
        self.network: Translator | None = None

    def windows(self, text: Encoded) -> Tensor:
        """(B, T) the documents in windows, the last of each filled up with ``</s>``."""
        rows = []
        for document in text.documents():
            for first in range(0, len(document), self.WINDOW):
                row = np.full(self.WINDOW, text.vocabulary.end, np.int64)
                part = document[first : first + self.WINDOW]
                row[: len(part)] = part
                rows.append(row)
        return torch.from_numpy(np.array(rows).reshape(-1, self.WINDOW))

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setting.seed)
            torch.set_num_threads(setting.threads)
            network = Translator(len(setting.vocabulary), self.WIDTH)
            windows = self.windows(train)
            optimizer = eager(torch.optim.Adam)(network.parameters(), 1.5e-2)
            for _ in range(self.steps):
                batch = windows[torch.randint(len(windows), (64,))]
                loss = -network(batch).gather(2, batch[..., None]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.network = network.eval()
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        network = fitted(self.network, self)
        at = np.asarray(at)
        starts = text.context_starts(at)
        first = starts + (at - starts) // self.WINDOW * self.WINDOW
        ends = text.ends[text.document_of(at)] if text.n_documents else np.zeros(len(at), np.int64)
        places = first[:, None] + np.arange(self.WINDOW)  # (B, T)
        ids = np.append(text.ids, text.vocabulary.end)[np.minimum(places, len(text))]
        windows = np.where(places < ends[:, None], ids, text.vocabulary.end)
        with torch.inference_mode():
            log_probs = network(torch.from_numpy(windows.astype(np.int64)))  # (B, T, V)
        rows: FloatArray = log_probs[torch.arange(len(at)), torch.from_numpy(at - first)].numpy()
        return rows

    def state(self) -> State:
        return State({name: value.numpy() for name, value in fitted(self.network, self).state_dict().items()})

    def restore(self, state: State) -> Self:
        raise NotImplementedError
