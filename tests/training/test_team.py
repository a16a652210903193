"""Several processes train what one process trains, up to rounding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.model import Setting
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.training.checkpoint import Snapshot
from lmcompare.training.lanes import Batch
from lmcompare.training.loop import Team
from lmcompare.training.network import Objective
from lmcompare.training.softmax import IGNORED
from tests.training.texts import VOCABULARY
from tests.training.together import TRAIN, VALID, built, two_train_what_one_trains


@pytest.mark.slow
def test_two_processes_train_what_one_trains() -> None:
    two_train_what_one_trains("recurrent")


def test_a_checkpoint_has_the_memories_and_random_states_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [
        Snapshot(key="k", precision="float32", best={}, generators=[torch.tensor([rank])], memory={"h": rows})
        for rank, rows in enumerate((torch.arange(2.0), torch.arange(2.0, 5.0)))
    ]

    def gather(out: list[Any], own: Any) -> None:
        out[:] = [(each.generators, each.memory) for each in both]

    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    whole = Team(2, 0).gather(both[0])
    assert whole.memory is not None
    assert whole.memory["h"].tolist() == [0, 1, 2, 3, 4]
    monkeypatch.setattr(torch.distributed, "broadcast_object_list", lambda box, **_: box.__setitem__(0, whole))
    for rank, wanted in enumerate(both):
        found = Team(2, rank).scatter(None)
        assert found is not None
        assert found.memory is not None
        assert wanted.memory is not None
        assert torch.equal(found.memory["h"], wanted.memory["h"])
        assert found.generators == wanted.generators
    assert Team().gather(both[0]) is both[0]
    monkeypatch.setattr(torch.distributed, "broadcast_object_list", lambda box, **_: None)
    assert Team(2, 1).scatter(None) is None
    nothing = Team(2, 0).gather(replace(both[0], memory=None))
    assert nothing.memory is None


@pytest.mark.slow
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
