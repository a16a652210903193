"""The training loop of all networks: steps, evaluations, early stopping, checkpoints and the end of the budget."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from lmcompare.errors import LmcompareError
from lmcompare.model import Progress, Setting
from lmcompare.tokens import Encoded
from lmcompare.training import checkpoint
from lmcompare.training.checkpoint import Snapshot
from lmcompare.training.lanes import Batch, BoolArray, Lanes
from lmcompare.training.network import Memory, Network, blank
from lmcompare.training.optimisers import optimisers
from lmcompare.training.precision import autocast, measured
from lmcompare.training.reading import read
from lmcompare.training.recipe import Recipe
from lmcompare.training.seeds import random_states, set_random_states
from lmcompare.training.softmax import Candidates
from lmcompare.training.team import Objective, Team

HALVINGS = 3
STRETCH = 512  # tokens; the validation loss of a few long documents is measured on parts of this length
REPORTS = 100  # progress reports in a run


@dataclass
class Outcome:
    """The result of a training run: its last snapshot, and sentences for the report."""

    snapshot: Snapshot
    notes: list[str] = field(default_factory=list)


def train(
    network: Network,
    train_text: Encoded,
    valid_text: Encoded,
    recipe: Recipe,
    setting: Setting,
    *,
    rare: BoolArray | None = None,
    name: str = "",
    team: Team | None = None,
    spent: float = 0.0,
) -> Outcome:
    """Train a network in place, and set the weights that had the lowest validation loss.

    Torch's global random state decides dropout: seed it before.

    Parameters
    ----------
    network : Network
        The untrained network.
    train_text, valid_text : Encoded
        The texts.
    recipe : Recipe
        The training settings.
    setting : Setting
        Seed, device, budget and progress.
    rare : (V,) array of bool or None, default=None
        The words that are read as ``<unk>`` half of the time.
    name : str, default=""
        The model's identity, by which its checkpoints are found.
    team : Team or None, default=None
        The processes that train together, each of which calls this function.
    spent : float, default=0.0
        Seconds of the budget that are already used.

    Raises
    ------
    LmcompareError
        If the loss is still not finite after the learning rate was halved three times, or if the budget is over
        before the first step.
    """
    return _Run(network, train_text, valid_text, recipe, setting, rare, name, team or Team(), spent).run()


def evaluate(network: Network, text: Encoded) -> float:
    """Return the mean -log p of the tokens of a text in nats, with the full softmax; nan for an empty text."""
    was_training = network.training
    network.eval()
    total, ids = 0.0, torch.from_numpy(text.ids.astype(np.int64))
    with torch.no_grad():
        for where, features in read(network, text, np.arange(len(text))):
            total -= float(network.head.log_prob_of(features, ids[where].to(features.device)).double().sum())
    network.train(was_training)
    return total / len(text) if len(text) else math.nan


class _Run:
    def __init__(
        self,
        network: Network,
        train_text: Encoded,
        valid_text: Encoded,
        recipe: Recipe,
        setting: Setting,
        rare: BoolArray | None,
        name: str,
        team: Team,
        spent: float,
    ) -> None:
        self.network, self.recipe, self.setting = network.to(setting.device), recipe, setting
        self.team, self.objective = team, team.wrap(Objective(self.network))
        self.text, self.rare = train_text, rare
        self.valid = excerpt(valid_text if len(valid_text) else train_text, recipe.valid_tokens)
        self.optimisers = optimisers(network, recipe, setting.device)
        counts = train_text.vocabulary.counts
        sampled = 0 < recipe.candidates < len(counts)
        self.candidates = Candidates(counts, recipe.candidates) if sampled else None
        self.key = checkpoint.run_key(
            name=name,
            recipe=recipe,
            seed=setting.seed,
            budget=setting.budget,
            threads=setting.threads,
            processes=team.size,
            tokens=(len(train_text), int(train_text.ids[:100_000].sum()), len(valid_text), len(counts)),
        )
        self.precision = recipe.precision
        self.step = self.tokens = self.stale = self.halvings = 0
        self.memory: Memory | None = None
        self.best_loss, self.best = math.inf, checkpoint.copied(network.state_dict())
        self.history: list[tuple[int, float, int, float, float]] = []
        self.notes: list[str] = []
        self.started = time.perf_counter() - spent
        self.spent = spent  # seconds before this step, by the clock of the first process

    def run(self) -> Outcome:
        found = self.team.own(checkpoint.load(self.setting.checkpoints, self.key) if self.team.leads else None)
        if self.precision == "auto":
            self.precision = found.precision if found else self.team.led(self._measured())
        last = found or self._snapshot()
        while True:
            self._return_to(last)
            if last is found:  # once: the checkpoint of an interrupted run
                found = None
                if self._progress() < 1.0 and not self._gave_up():
                    self._report(note=f"continues from step {self.step:,}")
            try:
                for last in self._segments():
                    if self.setting.checkpoints is not None:
                        whole = self.team.joined(last)
                        if self.team.leads:
                            checkpoint.save(whole, self.setting.checkpoints)
                break
            except FloatingPointError:
                last.halvings += 1
                if last.halvings > HALVINGS:
                    raise LmcompareError(
                        f"training does not converge: the loss was not a number at step {self.step} even after the "
                        f"learning rate was halved {HALVINGS} times; choose a smaller learning_rate"
                    ) from None
                self._report(note=f"the loss was not a number: back to step {last.step} with half the learning rate")
        self.network.load_state_dict(self.best)
        self.network.eval()
        if self._gave_up():
            vain = "evaluation" if self.stale == 1 else f"{self.stale} evaluations"
            self.notes.append(
                f"Stopped early: no improvement in the last {vain} on the validation text (patience"
                f" {self.recipe.patience})."
            )
        if self.halvings:
            self.notes.append(
                f"The training loss was not a number {self.halvings} time(s); each time training went back to the"
                " last checkpoint and the learning rate was halved."
            )
        together = f" by {self.team.size} processes" if self.team.size > 1 else ""
        self.notes.append(f"Trained for {self.step:,} steps{together} in {self.precision}; scored in float32.")
        return Outcome(last, self.notes)

    def _gave_up(self) -> bool:
        return bool(self.recipe.patience) and self.stale >= self.recipe.patience

    def _measured(self) -> str:
        return measured(self.setting.device, torch.get_num_threads()) if self.team.leads else ""

    def _segments(self) -> Iterator[Snapshot]:
        """Train, and yield a snapshot after each evaluation on the validation text."""
        if self._gave_up():  # killed after its last step
            return
        self.network.train()
        batches = islice(self._lanes(), self.step, None)
        losses: list[float] = []
        evaluated = self._evaluations_due()
        seconds = self.setting.budget.seconds
        if seconds is not None and not self.step and self._progress() >= 1.0:
            raise LmcompareError(
                f"the budget of {seconds:g} s was over before the first training step: allow more time"
            )
        while (done := self._progress()) < 1.0:
            batch = next(batches)
            losses.append(self._train_step(batch, done))
            self.step += 1
            self.tokens += batch.tokens
            self._look_at_the_clock()
            if self.step % self._report_every() == 0:
                self._report(train_loss=float(np.mean(losses[-self._report_every() :])))
            if self._evaluations_due() > evaluated or self._progress() >= 1.0:
                evaluated = self._evaluations_due()
                self._evaluate(float(np.mean(losses)))
                losses.clear()
                yield self._snapshot()
                if self._gave_up():
                    return

    def _lanes(self) -> Lanes:
        recipe = self.recipe
        return Lanes(self.text, recipe.batch, recipe.length, self.setting.seed, rare=self.rare, alone=recipe.alone)

    def _train_step(self, batch: Batch, done: float) -> float:
        device, share = self.setting.device, self.team.share(batch)
        inputs = torch.from_numpy(share.inputs).to(device)
        targets = torch.from_numpy(share.targets).to(device)
        memory = None
        if share.goes_on and self.memory is not None:
            memory = blank(self.memory, torch.from_numpy(share.begins).to(device))
        sample = None
        if self.candidates is not None and done < 1 - self.recipe.full_share:
            sample = self.candidates.draw(self.setting.seed, self.step, batch.targets)
        rate = self.recipe.rate(done) * 0.5**self.halvings
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["times"]
        with autocast(device, self.precision):
            loss, after = self.objective(inputs, targets, memory, sample)
        part = share.tokens / batch.tokens
        value = self.team.total(part * float(loss.detach()))
        if not math.isfinite(value):
            raise FloatingPointError
        self.network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss * (self.team.size * part))  # their average is the mean over all tokens
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        if not math.isfinite(float(norm)):
            raise FloatingPointError
        with autocast(device, self.precision):
            for optimiser in self.optimisers:
                optimiser.step()
        if share.goes_on:
            self.memory = after
        return value

    def _evaluate(self, train_loss: float) -> None:
        loss = self.team.led(evaluate(self.network, self.valid) if self.team.leads else math.nan)
        if not math.isfinite(loss):
            raise FloatingPointError
        if loss < self.best_loss:
            self.best_loss, self.best, self.stale = loss, checkpoint.copied(self.network.state_dict()), 0
        else:
            self.stale += 1
        self.history.append((self.step, self._seconds(), self.tokens, train_loss, loss))
        self._report(train_loss=train_loss, valid_loss=loss)

    # The progress of the run, in the unit of its budget

    def _seconds(self) -> float:
        return time.perf_counter() - self.started

    def _look_at_the_clock(self) -> None:
        if self.setting.budget.seconds is not None:
            self.spent = self.team.led(self._seconds())

    def _progress(self) -> float:
        budget = self.setting.budget
        if budget.seconds is not None:
            return self.spent / budget.seconds
        if budget.tokens is not None:
            return self.tokens / max(budget.tokens, 1)
        if budget.epochs is not None:
            return self.tokens / max(budget.epochs * len(self.text), 1e-9)
        return self.step / (budget.steps if budget.steps is not None else self.recipe.steps)

    def _evaluations_due(self) -> int:
        return int(min(self._progress(), 1.0) * self.recipe.evaluations + 1e-9)

    def _steps(self) -> int | None:
        """Return how many steps the run will have, as far as it is known."""
        if self._counts_steps():
            steps = self.setting.budget.steps
            return self.recipe.steps if steps is None else steps
        return round(self.step / self._progress()) if self.step else None

    def _counts_steps(self) -> bool:
        budget = self.setting.budget
        return budget.seconds is None and budget.tokens is None and budget.epochs is None

    def _report_every(self) -> int:
        return max(1, (self._steps() or 0) // REPORTS) if self._counts_steps() else 10

    def _report(self, train_loss: float | None = None, valid_loss: float | None = None, note: str = "") -> None:
        if not self.team.leads:
            return
        self.setting.progress(Progress(self.step, self._steps(), train_loss, valid_loss, self.tokens, note))

    # Snapshots

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            key=self.key,
            step=self.step,
            tokens=self.tokens,
            seconds=self._seconds(),
            precision=self.precision,
            weights=checkpoint.copied(self.network.state_dict()),
            optimisers=[checkpoint.copied(optimiser.state_dict()) for optimiser in self.optimisers],
            generators=random_states(self.setting.device),
            memory=None if self.memory is None else checkpoint.copied(self.memory),
            best=self.best,
            best_loss=self.best_loss,
            stale=self.stale,
            halvings=self.halvings,
            history=list(self.history),
        )

    def _return_to(self, snapshot: Snapshot) -> None:
        device = self.setting.device
        self.network.load_state_dict(snapshot.weights)
        for optimiser, stored in zip(self.optimisers, snapshot.optimisers, strict=True):
            optimiser.load_state_dict(checkpoint.copied(stored))
        set_random_states(self.setting.device, snapshot.generators)
        self.memory = None
        if snapshot.memory is not None:
            self.memory = {name: value.to(device, copy=True) for name, value in snapshot.memory.items()}
        self.step, self.tokens = snapshot.step, snapshot.tokens
        self.started, self.spent = time.perf_counter() - snapshot.seconds, snapshot.seconds
        self.best, self.best_loss = snapshot.best, snapshot.best_loss
        self.stale, self.halvings, self.history = snapshot.stale, snapshot.halvings, list(snapshot.history)


def excerpt(text: Encoded, tokens: int) -> Encoded:
    """Return about ``tokens`` tokens of a text, as documents.

    They are the beginnings of its documents, all cut in the same proportion; of a few long documents, parts of
    ``STRETCH`` tokens that are evenly spread over the text.
    """
    if len(text) <= tokens:
        return text
    lengths = text.ends - text.starts
    if (lengths > 0).sum() * STRETCH < tokens:
        sentences = text.sentence_starts()
        wanted = np.linspace(0, len(text), tokens // STRETCH, endpoint=False)
        starts = np.unique(sentences[np.searchsorted(sentences, wanted, side="right") - 1])
        ends = np.minimum(starts + -(-tokens // len(starts)), text.ends[text.document_of(starts)])
    else:
        starts = text.starts
        ends = starts + np.minimum(np.ceil(lengths * (tokens / len(text))).astype(np.int64), lengths)
    return Encoded.from_documents([text.ids[a:b] for a, b in zip(starts, ends, strict=True)], text.vocabulary)
