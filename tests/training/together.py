"""Small trainings by one process and by two."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmcompare.model import Setting
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from tests.training.texts import VOCABULARY, chain

SMALL: dict[str, Any] = {
    "steps": 20,
    "batch": 5,
    "length": 16,
    "dropout": 0.0,
    "precision": "float32",
    "candidates": 6,
}
MODELS: dict[str, tuple[type[TorchLanguageModel], dict[str, Any]]] = {
    "recurrent": (RnnAttention, {"cell": "gru", "width": 8, "hidden": 8, "attention": 4, "window": 3}),
    "transformer": (Transformer, {"width": 8, "heads": 2, "layers": 1, "window": 9, "optimiser": "muon"}),
    "bag": (Word2VecBow, {"width": 6, "hidden": 8, "window": 4, "epochs": 1, "tune": False}),
}
# documents long and short, so that some batches have fewer rows than there are processes
TRAIN = Encoded.from_documents(
    [*chain(1, 6, 80).documents(), *chain(3, 3, 5).documents(), *chain(4, 2, 16).documents()], VOCABULARY
)
VALID = chain(2, 2, 60)


def built(name: str, **changes: Any) -> TorchLanguageModel:
    cls, parameters = MODELS[name]
    return cls(**{**SMALL, **parameters, **changes})


def trained(name: str, processes: int, changes: dict[str, Any] | None = None, **setting: Any) -> TorchLanguageModel:
    model = built(name, **(changes or {}))
    return model.fit(TRAIN, VALID, Setting(VOCABULARY, threads=2, processes=processes, **setting))


def weights(model: TorchLanguageModel) -> dict[str, np.ndarray]:
    return dict(model.state().arrays)


def two_train_what_one_trains(name: str) -> None:
    losses: dict[int, list[float]] = {1: [], 2: []}

    def listen(processes: int) -> Any:
        return lambda p: losses[processes].append(p.valid_loss) if p.valid_loss is not None else None

    alone, together = (trained(name, n, progress=listen(n)) for n in (1, 2))
    for key, value in weights(alone).items():
        np.testing.assert_allclose(weights(together)[key], value, atol=2e-4, err_msg=key)
    assert len(losses[1]) == len(losses[2]) == 8
    np.testing.assert_allclose(losses[2], losses[1], atol=1e-4)
    np.testing.assert_allclose(together.log_probs(VALID), alone.log_probs(VALID), atol=1e-3)
    assert any("20 steps by 2 processes" in note for note in together.notes)
