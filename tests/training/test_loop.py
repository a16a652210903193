"""Tests of the training loop: checkpoints, budgets, early stopping and losses that are not numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Milestones, Progress, Setting
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.network import Rnn
from lmcompare.tokens import Encoded
from lmcompare.training import checkpoint, loop
from lmcompare.training.checkpoint import Snapshot, seeded
from lmcompare.training.lanes import Texts
from lmcompare.training.loop import Outcome, Training, evaluate
from lmcompare.training.recipe import Recipe
from tests.training.clock import stepping_clock
from tests.training.texts import VOCABULARY, chain, ragged

pytestmark = pytest.mark.slow

RECIPE = Recipe(steps=24, batch=4, length=16, learning_rate=1e-2, evaluations=6, candidates=6, precision="float32")
TRAIN, VALID = chain(1, 6, 80), chain(2, 2, 60)


def small() -> RnnAttention:
    """Return a small model with dropout."""
    return RnnAttention(cell="gru", width=8, hidden=8, attention=4, window=3, dropout=0.3)


class Killed(BaseException):
    """As if the power went."""


def killing(step: int) -> Callable[[Progress], None]:
    """Return a listener that kills a training in this step."""

    def kill(progress: Progress) -> None:
        if progress.step == step and progress.valid_loss is None:
            raise Killed

    return kill


def run(recipe: Recipe = RECIPE, **setting: Any) -> tuple[dict[str, torch.Tensor], Outcome]:
    """Train a small net with dropout, as ``TorchLanguageModel.fit`` does."""
    with seeded(7):
        network = small().network(12)
        outcome = Training(network, Texts(TRAIN, VALID), recipe, Setting(VOCABULARY, **setting)).run()
    return network.state_dict(), outcome


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, outcome = run()
    for killed_at in (5, 22):
        folder = tmp_path / str(killed_at)
        with pytest.raises(Killed):
            run(checkpoints=folder, progress=killing(killed_at))
        steps: list[int] = []
        resumed, again = run(checkpoints=folder, progress=lambda p, steps=steps: steps.append(p.step))
        # it did not begin anew (an evaluation every 4 steps), and said from where it goes on
        assert steps[:2] == [killed_at // 4 * 4, killed_at // 4 * 4 + 1]
        assert_same(resumed, whole)
        assert [(h[0], h[2:]) for h in again.snapshot.history] == [(h[0], h[2:]) for h in outcome.snapshot.history]


def milestones(now: list[float] | None = None, **setting: Any) -> tuple[dict[str, torch.Tensor], list[Progress]]:
    """Train as ``run`` does; return the weights and the progress at a quarter, at a half and at nine tenths.

    By the clock ``now``, scoring takes a hundred seconds.
    """
    passed: list[Progress] = []

    def score(progress: Progress) -> float:
        passed.append(progress)
        if now is None:
            return 0.0
        now[0] += 100.0
        return 100.0

    with seeded(7):
        network = small().network(12)
        asked = Setting(VOCABULARY, milestones=Milestones((0.25, 0.5, 0.9), lambda *_: 0.0), **setting)
        Training(network, Texts(TRAIN, VALID), RECIPE, asked, milestone=score).run()
    return network.state_dict(), passed


def test_milestones_change_nothing_and_are_passed_once(tmp_path: Path) -> None:
    whole, _ = run()
    weights, passed = milestones()
    assert_same(weights, whole)
    assert [progress.step for progress in passed] == [6, 12, 22]
    flops = [progress.flops or 0.0 for progress in passed]
    assert flops[0] > 0
    assert flops[1] == pytest.approx(2 * flops[0], rel=0.2)  # texts end, so that steps have fewer tokens
    with pytest.raises(Killed):
        milestones(checkpoints=tmp_path, progress=killing(13))
    resumed, rest = milestones(checkpoints=tmp_path)
    assert_same(resumed, whole)
    assert [progress.step for progress in rest] == [22]
    assert rest[0].flops == flops[2]


def test_a_budget_of_seconds_does_not_pay_for_milestones(monkeypatch: pytest.MonkeyPatch) -> None:
    _, passed = milestones(stepping_clock(monkeypatch), budget=Budget(seconds=20.0))
    assert [progress.step for progress in passed] == [5, 10, 18]


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    whole, _ = run(checkpoints=tmp_path)
    steps: list[int] = []
    again, _ = run(checkpoints=tmp_path, progress=lambda p: steps.append(p.step))
    assert_same(again, whole)
    assert not steps


@pytest.mark.parametrize("damage", ["other", "broken", "empty"])
def test_a_checkpoint_of_another_run_or_a_broken_one_is_not_used(damage: str, tmp_path: Path) -> None:
    whole, _ = run()
    if damage == "other":
        run(replace(RECIPE, learning_rate=5e-3), checkpoints=tmp_path)
    else:
        (tmp_path / checkpoint.FILE).write_bytes(b"PK\x03\x04 not a checkpoint" if damage == "broken" else b"")
    assert_same(run(checkpoints=tmp_path)[0], whole)


def test_a_checkpoint_with_a_flipped_bit_is_not_used(tmp_path: Path) -> None:
    run(checkpoints=tmp_path)
    path = tmp_path / checkpoint.FILE
    content = path.read_bytes()
    key = run()[1].snapshot.key
    assert checkpoint.load(tmp_path, key) is not None
    for at in np.random.default_rng(0).integers(0, len(content), 20):
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        assert checkpoint.load(tmp_path, key) is None


def test_a_checkpoint_keeps_all_values(tmp_path: Path) -> None:
    shared = torch.randn(3, 4)
    odd: dict[Any, Any] = {
        0: {"step": torch.tensor(7.0), "rows": (1, 2.5)},
        "groups": [{"lr": 1e-3, "betas": (0.9, 0.95), "off": None}],
    }
    snapshot = Snapshot(
        key="k",
        step=3,
        tokens=5,
        seconds=0.1 + 0.2,
        precision="float32",
        weights={"a": shared, "tied": shared, "b.T": shared.T, "half": torch.randn(2, dtype=torch.bfloat16)},
        optimisers=[odd],
        generators=[torch.get_rng_state()],
        memory=None,
        best={"a": shared},
        best_loss=float("inf"),
        history=[(1, 0.3, 2, 1.5, float("nan"))],
    )
    checkpoint.save(snapshot, tmp_path)
    found = checkpoint.load(tmp_path, "k")
    assert found is not None
    assert checkpoint.load(tmp_path, "other") is None
    assert (found.seconds, found.best_loss, found.memory) == (0.1 + 0.2, float("inf"), None)
    assert repr(found.history) == repr(snapshot.history)
    state: dict[Any, Any] = found.optimisers[0]
    assert state["groups"] == odd["groups"]
    assert state[0]["rows"] == (1, 2.5)
    assert torch.equal(state[0]["step"], torch.tensor(7.0))
    for name, value in snapshot.weights.items():
        assert found.weights[name].dtype == value.dtype
        assert torch.equal(found.weights[name], value)
    assert torch.equal(found.generators[0], snapshot.generators[0])
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


def test_a_run_that_stopped_early_does_not_continue(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=400, evaluations=50, patience=2, learning_rate=0.3)
    whole, outcome = run(recipe, checkpoints=tmp_path)
    assert outcome.snapshot.step < 400
    steps: list[int] = []
    again, second = run(recipe, checkpoints=tmp_path, progress=lambda p: steps.append(p.step))
    assert not steps
    assert_same(again, whole)
    assert second.notes == outcome.notes
    assert any("in the last 2 evaluations" in note for note in outcome.notes)


def test_a_budget_that_is_over_before_the_first_step_is_refused() -> None:
    with pytest.raises(LmcompareError, match="over before the first training step"):
        run(budget=Budget(seconds=1e-9))


def test_a_checkpoint_is_written_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(checkpoints=tmp_path)
    before = (tmp_path / checkpoint.FILE).read_bytes()
    snapshot = run()[1].snapshot

    def half(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
        path.write_bytes(b"half of it")
        raise SafetensorError("I/O error: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("safetensors.torch.save_file", half)
        with pytest.raises(OSError, match="No space left"):
            checkpoint.save(snapshot, tmp_path)
    assert (tmp_path / checkpoint.FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]  # also not what was written of the other
    (tmp_path / f"{checkpoint.FILE}.1.part").write_bytes(b"of a process that was killed")
    checkpoint.save(snapshot, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


def test_random_states_outside_of_training_do_not_change() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    run()
    assert torch.equal(torch.rand(4), expected)


def spoil(monkeypatch: pytest.MonkeyPatch, when: list[int]) -> list[float]:
    """Make the loss not a number at the n-th training steps of ``when``; return the learning rates that were used."""
    rates: list[float] = []
    step = Training._train_step

    def spoiled(self: Any, batch: Any, done: float) -> float:
        rates.append(self.recipe.rate(done) * 0.5**self.now.halvings)
        if len(rates) in when:
            raise FloatingPointError
        return step(self, batch, done)

    monkeypatch.setattr(Training, "_train_step", spoiled)
    return rates


def test_a_loss_that_is_not_a_number_halves_the_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = spoil(monkeypatch, [11])  # steps 9 to 11 follow the evaluation after 8
    said: list[str] = []
    monkeypatch.setattr(Recipe, "rate", lambda recipe, _: recipe.learning_rate)
    _, outcome = run(RECIPE, progress=lambda p: said.extend([p.note] if p.note else []))
    assert rates[:11] == [1e-2] * 11
    assert rates[11:] == [5e-3] * 16  # steps 9 to 24
    assert any("back to step 8" in note for note in said)
    assert any("halved" in note for note in outcome.notes)


def test_time_that_was_lost_is_spent_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = spoil(monkeypatch, [7])
    stepping_clock(monkeypatch)
    outcome = run(replace(RECIPE, evaluations=4), budget=Budget(seconds=16))[1]
    assert outcome.snapshot.halvings == 1
    assert len(rates) == 16  # a second each, with those after which the loss was not a number


def test_the_learning_rate_is_halved_at_most_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, [3, 4, 5])
    assert run()[1].snapshot.halvings == 3
    for decay, smaller in ((RECIPE.weight_decay, "learning_rate"), (3 / RECIPE.learning_rate, "weight_decay")):
        monkeypatch.undo()
        spoil(monkeypatch, [3, 4, 5, 6])
        with pytest.raises(LmcompareError, match=f"does not converge.*smaller {smaller}"):
            run(replace(RECIPE, weight_decay=decay))


def test_bfloat16_changes_the_weights_by_rounding_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, wanted = run()
    rounded, outcome = run(replace(RECIPE, precision="bfloat16"))
    assert all(value.dtype == torch.float32 for value in rounded.values())
    assert any(not torch.equal(rounded[name], exact[name]) for name in exact)
    assert outcome.snapshot.best_loss == pytest.approx(wanted.snapshot.best_loss, abs=0.02)
    assert any("in bfloat16" in note for note in outcome.notes)
    auto = replace(RECIPE, precision="auto")
    monkeypatch.setattr(loop, "faster_precision", lambda *_: "bfloat16")
    with pytest.raises(Killed):
        run(auto, checkpoints=tmp_path, progress=killing(13))
    monkeypatch.setattr(loop, "faster_precision", lambda *_: "float32")  # as on another machine
    assert_same(run(auto, checkpoints=tmp_path)[0], rounded)


def test_gradients_are_clipped_before_each_step() -> None:
    with seeded(7):
        network = small().network(12)
        before, after = list[float](), list[float]()

        def norm() -> float:
            grads = [each.grad.to_dense().flatten() for each in network.parameters() if each.grad is not None]
            return float(torch.cat(grads).norm())

        recipe, setting = replace(RECIPE, clip=0.5), Setting(VOCABULARY)
        training = Training(network, Texts(TRAIN, VALID), recipe, setting, watch=lambda _: before.append(norm()))
        training.optimisers[0].register_step_pre_hook(lambda *_: after.append(norm()))
        training.run()
    assert min(before) < 0.5 < max(before)  # some are short enough
    assert after == pytest.approx([min(each, 0.5) for each in before], rel=1e-4)


def test_an_infinite_loss_is_noticed() -> None:
    with pytest.raises(LmcompareError, match="does not converge"):
        run(replace(RECIPE, learning_rate=1e18, clip=1e18))


def test_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(budget=Budget(steps=5))[1].snapshot.step == 5
    by_epochs = run(budget=Budget(epochs=2))[1].snapshot
    assert 2 * len(TRAIN) <= by_epochs.tokens < 2 * len(TRAIN) + 4 * 16
    by_tokens = run(budget=Budget(tokens=700))[1].snapshot
    assert 700 <= by_tokens.tokens < 700 + 4 * 16
    assert len(run()[1].snapshot.history) == RECIPE.evaluations
    stepping_clock(monkeypatch, seconds=0.5)
    by_seconds = run(budget=Budget(seconds=3.5))[1].snapshot
    assert (by_seconds.step, by_seconds.seconds) == (7, 3.5)
    assert by_seconds.history[-1][:2] == (7, 3.5)


def test_the_best_weights_are_kept_and_runs_without_improvement_end() -> None:
    other = Encoded.from_documents([(TRAIN.ids[:120] + 3) % 12], VOCABULARY)  # what helps on train hurts here
    seen: list[float] = []
    recipe = replace(RECIPE, steps=400, evaluations=50, patience=3, learning_rate=3e-2)
    with seeded(7):
        network = RnnAttention(cell="gru", width=8, hidden=8, attention=4, window=3, dropout=0.0).network(12)
        setting = Setting(VOCABULARY, progress=lambda p: seen.extend([p.valid_loss] if p.valid_loss else []))
        outcome = Training(network, Texts(TRAIN, other), recipe, setting).run()
    assert seen.index(min(seen)) == len(seen) - 4 < 45
    assert evaluate(network, other) == pytest.approx(min(seen)) == pytest.approx(outcome.snapshot.best_loss)


def test_progress_reports_the_position_in_the_run() -> None:
    told: list[Progress] = []
    run(progress=told.append)
    assert [p.step for p in told if p.valid_loss is not None] == [4, 8, 12, 16, 20, 24]
    assert all(p.steps == 24 for p in told)
    assert all(p.train_loss is not None and 0 < p.train_loss < 4 for p in told)
    assert told[-1].tokens == pytest.approx(24 * 64, rel=0.2)


def test_evaluation_is_the_mean_over_tokens() -> None:
    with seeded(7):
        network = small().network(12)
    text, model = ragged(), small()
    model._network = network.eval()
    assert evaluate(network, text) == pytest.approx(-model.log_probs(text).mean(), abs=1e-6)
    assert math.isnan(evaluate(network, Encoded.from_documents([], VOCABULARY)))


def test_without_validation_text_the_training_text_is_evaluated() -> None:
    nothing = Encoded.from_documents([], VOCABULARY)
    model = RnnAttention(cell="gru", width=8, hidden=8, attention=4, window=3, steps=4)
    assert len(model.fit(TRAIN, nothing, Setting(VOCABULARY)).log_probs(VALID)) == len(VALID)


def test_a_training_goes_on_where_no_checkpoint_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("a file")
    notes: list[str] = []
    setting = Setting(VOCABULARY, checkpoints=tmp_path / "place", progress=lambda now: notes.append(now.note))
    text = chain(1, 6, 60)
    settings: dict[str, Any] = {"width": 8, "hidden": 8, "steps": 4, "batch": 4, "length": 16}
    kept, free = (Rnn(**settings).fit(text, text, each) for each in (setting, Setting(VOCABULARY)))
    assert any("can't be written" in note for note in notes)
    assert kept.log_probs(text).tolist() == free.log_probs(text).tolist()
