"""Tests that several processes train what one process trains, up to rounding."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.rnn_attention.plugin import RnnAttention
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.processes import Child, start
from lmcompare.tokens import Encoded
from lmcompare.training import team
from lmcompare.training.lanes import Batch
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.softmax import IGNORED
from lmcompare.training.team import Objective, Team
from tests.training.texts import VOCABULARY, chain

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize("name", MODELS)
def test_two_processes_train_what_one_trains(name: str) -> None:
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


def test_killed_processes_end_with_the_same_bits(tmp_path: Path) -> None:
    changes = {"dropout": 0.3}  # each process has random states of its own
    whole = weights(trained("recurrent", 2, changes))

    class Killed(BaseException):
        """As if the power went."""

    def kill(progress: Progress) -> None:
        if progress.step == 13:
            raise Killed

    with pytest.raises(Killed):
        trained("recurrent", 2, changes, checkpoints=tmp_path, progress=kill)
    steps: list[int] = []
    resumed = weights(trained("recurrent", 2, changes, checkpoints=tmp_path, progress=lambda p: steps.append(p.step)))
    assert min(steps) == 10, "it says from where it goes on"
    for key, value in whole.items():
        np.testing.assert_array_equal(resumed[key], value)


def test_a_budget_of_seconds_ends_them_at_the_same_step() -> None:
    steps: list[int] = []
    trained("recurrent", 2, budget=Budget(seconds=0.4), progress=lambda p: steps.append(p.step))
    assert steps[-1] > 0


def test_a_lost_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[int] = []

    @contextmanager
    def watched(*given: Any, **named: Any) -> Iterator[Child]:
        with start(*given, **named) as child:
            others.append(child.process.pid)
            yield child

    monkeypatch.setattr(team, "start", watched)

    def kill(progress: Progress) -> None:
        if progress.step == 40:
            os.kill(others[0], signal.SIGKILL)

    with pytest.raises(LmcompareError, match=r"process 2 of the 2 .* was ended by signal 9"):
        trained("recurrent", 2, {"steps": 4000}, progress=kill)


def test_a_process_that_does_not_start_is_named() -> None:
    class Local(RnnAttention):
        """Stands in a function, where no other process finds it."""

    with pytest.raises(LmcompareError, match="top level of a file"):
        Local(cell="gru", width=8, hidden=8).fit(TRAIN, VALID, Setting(VOCABULARY, processes=2))


def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(LmcompareError, match="GPUs"):
        built("recurrent").fit(TRAIN, VALID, Setting(VOCABULARY, device="cuda", processes=99))


def test_every_row_is_read_by_one_process() -> None:
    inputs = np.arange(35).reshape(7, 5)
    batch = Batch(inputs, inputs + 1, np.arange(7) == 3, goes_on=True, firsts=10 * np.arange(7))
    shares = [Team(3, rank).share(batch) for rank in range(3)]
    np.testing.assert_array_equal(np.concatenate([s.inputs for s in shares]), inputs)
    np.testing.assert_array_equal(np.concatenate([s.targets for s in shares]), inputs + 1)
    np.testing.assert_array_equal(np.concatenate([s.begins for s in shares]), batch.begins)
    np.testing.assert_array_equal(np.concatenate([s.firsts for s in shares]), batch.firsts)
    few = [Team(3, rank).share(Batch(inputs[:2], inputs[:2], batch.begins[:2], goes_on=False)) for rank in range(3)]
    assert [s.tokens for s in few] == [0, 5, 5]
    assert (few[0].targets == IGNORED).all()


def test_a_share_without_targets_has_no_loss() -> None:
    network = built("recurrent").network(12)
    inputs = torch.zeros(1, 4, dtype=torch.long)
    loss, surprisal, memory = Objective(network)(inputs, torch.full((1, 4), IGNORED), None, None)
    loss.backward()
    assert loss.item() == surprisal.item() == 0.0
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())
    assert network.head.table.grad is not None
    assert not network.head.table.grad.is_sparse, "gradients of several processes are averaged as dense arrays"
    assert not any(value.requires_grad for value in memory.values())


def test_what_a_step_reports_is_the_surprisal_of_its_targets_alone() -> None:
    inputs = torch.randint(12, (2, 8), generator=torch.Generator().manual_seed(0))
    plain, further = (Transformer(width=8, heads=1, further=share, dropout=0.0).network(12) for share in (0.0, 0.5))
    further.load_state_dict(plain.state_dict(), strict=False)
    (loss, expected, _), (more, surprisal, _) = (
        Objective(each)(inputs, inputs, None, None) for each in (plain, further)
    )
    torch.testing.assert_close(surprisal, expected)
    torch.testing.assert_close(loss.detach(), expected)
    assert more.item() > 1.2 * surprisal.item()
    assert not surprisal.requires_grad
