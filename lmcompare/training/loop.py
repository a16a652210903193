"""The training loop of all networks: steps, evaluations, early stopping, checkpoints and the end of the budget."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from lmcompare.errors import LmcompareError, one_line
from lmcompare.model import Progress, Setting
from lmcompare.tokens import Encoded, excerpt
from lmcompare.training import checkpoint
from lmcompare.training.checkpoint import Snapshot, random_states, set_random_states
from lmcompare.training.lanes import Batch, Lanes, Taught, Texts
from lmcompare.training.network import Memory, Network, Objective, blank, read, select
from lmcompare.training.recipe import Recipe, optimisers
from lmcompare.training.softmax import IGNORED, Candidates
from lmcompare.training.spelling import table_made

T = TypeVar("T")


def faster_precision(device: str) -> str:
    """Return "bfloat16" if the device multiplies it, which is about three times as fast, else "float32".

    It is asked what it can, and not timed: whatever else runs on a machine, its trainings have the same bits. Without
    such instructions, PyTorch emulates bfloat16 at a tenth of the speed.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        has_it = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_it = kind == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return "bfloat16" if has_it else "float32"


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Return the context in which a training step computes in a precision; weights stay in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


_aten = torch.ops.aten


def operation_counter() -> FlopCounterMode:
    """Return a context that counts the operations inside it, forward and backward, with PyTorch's own counter.

    PyTorch's counter skips recurrent layers, which are single operators for it. Here they count one multiplication
    with every weight for each time step and text, and two of them in the backward pass. The counter also skips fused
    attention on a CPU, which is counted here like fused attention on a GPU.
    """
    return FlopCounterMode(display=False, custom_mapping=_UNCOUNTED)


def _products(times: int, inputs: Sequence[int], weights: Iterable[Sequence[int]]) -> int:
    """Return the operations of recurrent layers, from the shape of their inputs, (T, B, d), and of their weights."""
    return times * 2 * inputs[0] * inputs[1] * sum(shape[0] * shape[1] for shape in weights if len(shape) == 2)


_UNCOUNTED: dict[Any, Callable[..., int]] = {
    _aten.mkldnn_rnn_layer: lambda x, inner, recurrent, *_, **__: _products(1, x, (inner, recurrent)),
    _aten.mkldnn_rnn_layer_backward: lambda x, inner, recurrent, *_, **__: _products(2, x, (inner, recurrent)),
    _aten._cudnn_rnn: lambda x, weights, *_, **__: _products(1, x, weights),
    _aten._cudnn_rnn_backward: lambda x, weights, *_, **__: _products(2, x, weights),
    _aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda *shapes, **_: sdpa_flop_count(*shapes[:3])  # type: ignore[no-untyped-call]
    ),
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda *shapes, **_: sdpa_backward_flop_count(*shapes[:4])  # type: ignore[no-untyped-call]
    ),
}


class Team:
    """The processes of one training run. The first, of ``rank`` 0, evaluates, reports and writes checkpoints.

    The default is a single process, for which all methods return their arguments.

    Parameters
    ----------
    size : int, default=1
        The number of processes.
    rank : int, default=0
        The number of this process, from 0.
    device : str, default="cpu"
        The device of this process.
    """

    def __init__(self, size: int = 1, rank: int = 0, device: str = "cpu") -> None:
        self.size, self.rank, self.device = size, rank, device

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module with the weights of the first process and with averaged gradients."""
        if self.size == 1:
            return module
        ids = None if torch.device(self.device).type == "cpu" else [torch.device(self.device)]
        # A plug-in's network may have weights that some batches do not use.
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=True)

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch; if there are too few rows, a row whose targets are ignored."""
        rows = self._rows(len(batch.inputs))
        targets = batch.targets[rows]
        if not len(targets):
            rows, targets = slice(1), np.full_like(batch.targets[:1], IGNORED)
        begins, firsts = batch.begins[rows], batch.firsts[rows]
        return replace(batch, inputs=batch.inputs[rows], targets=targets, begins=begins, firsts=firsts)

    def all_reduce(self, value: float) -> float:
        """Return the sum of the values of all processes."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor)

    def broadcast(self, value: T) -> T:
        """Return the value that the first process passes."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device(self.device))
        return box[0]

    def gather(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the memories and random states of all processes."""
        if self.size == 1:
            return snapshot
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, (snapshot.generators, snapshot.memory))
        memory = None
        if snapshot.memory is not None:
            memory = {name: torch.cat([part[1][name] for part in parts]) for name in snapshot.memory}
        return replace(snapshot, generators=[state for part in parts for state in part[0]], memory=memory)

    def scatter(self, snapshot: Snapshot | None) -> Snapshot | None:
        """Return this process's part of a snapshot that ``gather`` made and the first process has read."""
        found = self.broadcast(snapshot)
        if found is None:
            return None
        each = len(found.generators) // self.size
        memory = found.memory
        if memory:
            memory = select(memory, self._rows(len(next(iter(memory.values())))))
        states = found.generators[self.rank * each : (self.rank + 1) * each]
        return replace(found, generators=states, memory=memory)

    def _rows(self, count: int) -> slice:
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)


HALVINGS = 3
REPORTS = 100  # progress reports in a run


Watch = Callable[[int], None]


@dataclass
class Outcome:
    """The result of a training run: its last snapshot, and sentences for the report."""

    snapshot: Snapshot
    notes: list[str] = field(default_factory=list)


def evaluate(network: Network, text: Encoded) -> float:
    """Return the mean -log p of the tokens of a text in nats, with the full softmax; nan for an empty text."""
    was_training = network.training
    network.eval()
    total, ids = 0.0, torch.from_numpy(text.ids.astype(np.int64))
    with torch.no_grad(), table_made(network.head):
        for where, features in read(network, text, np.arange(len(text))):
            total -= float(network.head.log_prob_of(features, ids[where].to(features.device)).double().sum())
    network.train(was_training)
    return total / len(text) if len(text) else math.nan


class Training:
    """The training of one network in place; at its end the network has the weights with the lowest validation loss.

    Dropout draws from torch's global random state: seed it before the training.

    Parameters
    ----------
    network : Network
        The untrained network.
    texts : Texts
        The texts.
    recipe : Recipe
        The training settings.
    setting : Setting
        Seed, device, budget and progress.
    name : str, default=""
        The model's identity, by which its checkpoints are found.
    team : Team or None, default=None
        The processes that train together; each of them runs the training.
    spent : float, default=0.0
        Seconds of the budget that are already used.
    milestone : callable or None, default=None
        Called with the progress at each milestone of the setting, when the network is ready to score; returns the
        seconds that it took. If it is given, the floating-point operations of the training are counted.
    watch : callable or None, default=None
        Called in each step with the number of steps before it, after the gradients are computed and before the
        weights are updated. It must not change gradients or weights, and must not draw random numbers.
    """

    def __init__(
        self,
        network: Network,
        texts: Texts,
        recipe: Recipe,
        setting: Setting,
        *,
        name: str = "",
        team: Team | None = None,
        spent: float = 0.0,
        milestone: Callable[[Progress], float] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.network, self.recipe, self.setting = network.to(setting.device), recipe, setting
        self.milestone, self.watch = milestone, watch
        self.team = team or Team()
        self.objective = self.team.wrap(Objective(self.network))
        self.texts = texts
        self.valid = excerpt(texts.valid if len(texts.valid) else texts.train, recipe.valid_tokens)
        self.optimisers = optimisers(network, recipe, setting.device)
        counts = texts.train.vocabulary.counts
        sampled = 0 < recipe.candidates < len(counts)
        self.candidates = Candidates(counts, recipe.candidates) if sampled else None
        read = len(texts.train), int(texts.train.ids[:100_000].sum()), len(texts.valid), len(counts)
        taught = texts.teacher and (texts.teacher.weight, int(texts.teacher.words.sum()))
        device = torch.device(setting.device).type
        run = name, recipe, setting.seed, setting.budget, setting.threads, self.team.size, read, taught, device
        best = checkpoint.copied(network.state_dict())
        # Runs with different keys must not share a checkpoint.
        self.now = Snapshot(key=repr(run), precision=recipe.precision, best=best)
        budget = setting.budget
        self.steps: int | None = None  # steps of the whole run, if their number is known
        if budget.seconds is None and budget.tokens is None and budget.epochs is None:
            self.steps = recipe.steps if budget.steps is None else budget.steps
        self.started = time.perf_counter() - spent
        self.spent = spent  # seconds before this step, by the clock of the first process

    def run(self) -> Outcome:
        """Train, or continue from a checkpoint.

        Raises
        ------
        LmcompareError
            If the loss is still not finite after the learning rate was halved three times, or if the budget is over
            before the first step.
        """
        found = self.team.scatter(
            checkpoint.load(self.setting.checkpoints, self.now.key) if self.team.leads else None
        )
        if self.now.precision == "auto":
            if found:
                self.now.precision = found.precision
            else:
                own = faster_precision(self.setting.device) if self.team.leads else ""
                self.now.precision = self.team.broadcast(own)
        last = found or self._snapshot()
        self._return_to(last)
        if found and self._progress() < 1.0 and not self._gave_up():
            self._report(note=f"continues from step {self.now.step:,}")
        while True:
            try:
                for last in self._segments():
                    if self.setting.checkpoints is not None:
                        whole = self.team.gather(last)
                        if self.team.leads:
                            self._keep(whole, self.setting.checkpoints)
                break
            except FloatingPointError:
                last.halvings += 1
                if last.halvings > HALVINGS:
                    recipe = self.recipe
                    shrinks = recipe.learning_rate * recipe.weight_decay < 2  # from 2 on, decay makes weights larger
                    raise LmcompareError(
                        f"training does not converge: the loss was not a number at step {self.now.step} even after"
                        f" the learning rate was halved {HALVINGS} times; choose a smaller"
                        f" {'learning_rate' if shrinks else 'weight_decay'}"
                    ) from None
                self._report(note=f"the loss was not a number: back to step {last.step} with half the learning rate")
                seconds = self.team.broadcast(self._seconds())
                self._return_to(last)
                self.started, self.spent = time.perf_counter() - seconds, seconds  # the time counts as spent
        self.network.load_state_dict(self.now.best)
        self.network.eval()
        return Outcome(last, self._notes())

    def _keep(self, snapshot: Snapshot, folder: Path) -> None:
        """Save a checkpoint; if that is impossible, report it, and the training continues without a checkpoint."""
        try:
            checkpoint.save(snapshot, folder)
        except OSError as error:
            self._report(
                note=f"its checkpoint can't be written ({one_line(error)}), so training starts again if interrupted"
            )

    def _notes(self) -> list[str]:
        notes = []
        if self._gave_up():
            vain = "evaluation" if self.now.stale == 1 else f"{self.now.stale} evaluations"
            notes.append(
                f"Stopped early: no improvement in the last {vain} on the validation text (patience"
                f" {self.recipe.patience})."
            )
        if self.now.halvings:
            notes.append(
                f"The training loss was not a number {self.now.halvings} time(s); each time training went back to the"
                " last checkpoint and the learning rate was halved."
            )
        together = f" by {self.team.size} processes" if self.team.size > 1 else ""
        notes.append(f"Trained for {self.now.step:,} steps{together} in {self.now.precision}; scored in float32.")
        return notes

    def _gave_up(self) -> bool:
        return bool(self.recipe.patience) and self.now.stale >= self.recipe.patience

    def _segments(self) -> Iterator[Snapshot]:
        """Train, and yield a snapshot after each evaluation on the validation text."""
        if self._gave_up():  # the training was killed after its last step
            return
        self.network.train()
        texts, recipe = self.texts, self.recipe
        lanes = Lanes(
            texts.train, recipe.batch, recipe.length, self.setting.seed, rare=texts.rare, alone=recipe.alone
        )
        batches = islice(lanes, self.now.step, None)
        losses: list[float] = []
        evaluated, passed = self._evaluations_due(), self._milestones_due()
        report_every = 10 if self.steps is None else max(1, self.steps // REPORTS)
        seconds = self.setting.budget.seconds
        if seconds is not None and not self.now.step and self._progress() >= 1.0:
            raise LmcompareError(
                f"the budget of {seconds:g} s was over before the first training step: allow more time"
            )
        while (done := self._progress()) < 1.0:
            batch = next(batches)
            losses.append(self._train_step(batch, done))
            self.now.step += 1
            self.now.tokens += batch.tokens
            if seconds is not None:
                self.spent = self.team.broadcast(self._seconds())
            if self.now.step % report_every == 0:
                self._report(train_loss=float(np.mean(losses[-report_every:])))
            while passed < self._milestones_due():
                passed += 1
                self._pass_milestone()
            if self._evaluations_due() > evaluated or self._progress() >= 1.0:
                evaluated = self._evaluations_due()
                self._evaluate(float(np.mean(losses)))
                losses.clear()
                yield self._snapshot()
                if self._gave_up():
                    return

    def _train_step(self, batch: Batch, done: float) -> float:
        device, share = self.setting.device, self.team.share(batch)
        inputs = torch.from_numpy(share.inputs).to(device)
        targets = torch.from_numpy(share.targets).to(device)
        memory = None
        if share.goes_on and self.now.memory is not None:
            memory = blank(self.now.memory, torch.from_numpy(share.begins).to(device))
        sample = None
        if self.candidates is not None:
            sample = self.candidates.draw(self.setting.seed, self.now.step, batch.targets)
        rate = self.recipe.rate(done) * 0.5**self.now.halvings
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        teacher = self.texts.teacher
        taught = None if teacher is None else teacher.at(share.firsts, share.targets.shape[1], device)
        part = share.tokens / batch.tokens
        with self._counting(sample is not None, batch.tokens):
            words = self._words(inputs, memory, sample, taught)
            with autocast(device, self.now.precision), table_made(self.network.head, words):
                loss, surprisal, after = self.objective(inputs, targets, memory, sample, taught)
            value = self.team.all_reduce(part * float(surprisal))
            if not math.isfinite(value):
                raise FloatingPointError
            self.network.zero_grad(set_to_none=True)
            torch.autograd.backward(loss * (self.team.size * part))  # the processes' mean is over all tokens
        if self.watch is not None and self.team.leads:
            self.watch(self.now.step)
        slopes = [each.grad for each in self.network.parameters() if each.grad is not None]
        norm = torch.nn.utils.get_total_norm(slopes)
        if not math.isfinite(float(norm)):
            raise FloatingPointError
        if norm > self.recipe.clip:  # otherwise whole tables would be multiplied by one
            torch.nn.utils.clip_grads_with_norm_(self.network.parameters(), self.recipe.clip, norm)
        with autocast(device, self.now.precision):
            for optimiser in self.optimisers:
                optimiser.step()
        if share.goes_on:
            self.now.memory = after
        return value

    def _words(
        self, inputs: Tensor, memory: Memory | None, sample: tuple[Tensor, Tensor] | None, taught: Taught | None
    ) -> Tensor | None:
        """Return the ids of the words whose vectors a step reads; None if it may read all of them."""
        network = self.network
        if not self.recipe.spelling or sample is None or not network.head.samples:
            return None
        if (read := network.words_read(inputs, memory)) is None:
            return None
        others = () if taught is None else (taught.words,)
        words: Tensor = torch.unique(torch.cat([ids.flatten() for ids in (read, sample[0].to(read.device), *others)]))
        return words

    def _evaluate(self, train_loss: float) -> None:
        loss = self.team.broadcast(evaluate(self.network, self.valid) if self.team.leads else math.nan)
        if not math.isfinite(loss):
            raise FloatingPointError
        if loss < self.now.best_loss:
            self.now.best_loss, self.now.best, self.now.stale = loss, checkpoint.copied(self.network.state_dict()), 0
        else:
            self.now.stale += 1
        self.now.history.append((self.now.step, self._seconds(), self.now.tokens, train_loss, loss))
        self._report(train_loss=train_loss, valid_loss=loss)

    @contextmanager
    def _counting(self, sampled: bool, tokens: int) -> Iterator[None]:
        """Add the operations of a step. The first step with each kind of softmax counts the operations per token."""
        known = self.now.flops_per_token
        if self.milestone is None or sampled in known:
            yield
        else:
            with operation_counter() as found:
                yield
            known[sampled] = self.team.size * float(found.get_total_flops()) / tokens
        self.now.flops += known.get(sampled, 0.0) * tokens

    def _milestones_due(self) -> int:
        """Return how many milestones the training has reached."""
        if self.setting.milestones is None:
            return 0
        return bisect_right(self.setting.milestones.shares, self._progress() + 1e-9)

    def _pass_milestone(self) -> None:
        if self.milestone is None:
            return
        self.network.eval()
        with table_made(self.network.head):
            self.started += self.milestone(self._at())
        self.network.train()

    def _seconds(self) -> float:
        return time.perf_counter() - self.started

    def _progress(self) -> float:
        """Return the share of the budget that is used."""
        if self.steps is not None:
            return self.now.step / self.steps
        budget = self.setting.budget
        if budget.seconds is not None:
            return self.spent / budget.seconds
        if budget.tokens is not None:
            return self.now.tokens / max(budget.tokens, 1)
        assert budget.epochs is not None
        return self.now.tokens / max(budget.epochs * len(self.texts.train), 1e-9)

    def _evaluations_due(self) -> int:
        return int(min(self._progress(), 1.0) * self.recipe.evaluations + 1e-9)

    def _report(self, train_loss: float | None = None, valid_loss: float | None = None, note: str = "") -> None:
        if self.team.leads:
            self.setting.progress(replace(self._at(), train_loss=train_loss, valid_loss=valid_loss, note=note))

    def _at(self) -> Progress:
        steps = self.steps
        if steps is None and self.now.step:
            steps = round(self.now.step / self._progress())
        flops = None if self.milestone is None else self.now.flops
        return Progress(self.now.step, steps, tokens=self.now.tokens, flops=flops)

    def _snapshot(self) -> Snapshot:
        return replace(
            self.now,
            seconds=self._seconds(),
            memory=checkpoint.copied(self.now.memory),
            history=list(self.now.history),
            weights=checkpoint.copied(self.network.state_dict()),
            optimisers=[checkpoint.copied(optimiser.state_dict()) for optimiser in self.optimisers],
            generators=random_states(self.setting.device),
        )

    def _return_to(self, snapshot: Snapshot) -> None:
        device, memory = self.setting.device, snapshot.memory
        self.network.load_state_dict(snapshot.weights)
        for optimiser, stored in zip(self.optimisers, snapshot.optimisers, strict=True):
            optimiser.load_state_dict(checkpoint.copied(stored))
        set_random_states(device, snapshot.generators)
        if memory is not None:
            memory = {name: value.to(device, copy=True) for name, value in memory.items()}
        self.now = replace(snapshot, memory=memory, history=list(snapshot.history))
        self.started, self.spent = time.perf_counter() - snapshot.seconds, snapshot.seconds
