"""Distillation: a network learns from several networks, as large or larger, which other words could have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Exhibit
from lmcompare.model import Budget, FloatArray, Idea, PageCopy, Progress, Setting, State, Stepper, check_whole
from lmcompare.models.common.over_base import PRESETS, OverOne, extended
from lmcompare.models.ensemble import MOST, Ensemble, share_of
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.training.lanes import Teacher
from lmcompare.training.language_model import TorchLanguageModel


@dataclass(eq=False)
class Distilled(OverOne):
    """One network, the student, that learns from an ensemble: not only which word came, but which others could have.

    First an ensemble is trained. Then the student learns, at each token of the training text, from the word that came
    and from the ensemble's probabilities of its 16 most likely words. Only the student is kept; it is as small and as
    fast as any network of its size. A limit on training is divided among the student and the ensemble's members.
    Hinton, Vinyals and Dean (2015), *Distilling the knowledge in a neural network*, with the temperature 1.

    Parameters
    ----------
    base : str, default "transformer"
        The plug-in of the student and of the ensemble's members.
    options : table, optional
        The hyper-parameters of both.
    preset : str, optional
        The preset of both: "quick", "default" or "full"; ``options`` come on top of it.
    teacher : table, optional
        Hyper-parameters of the members alone, on top of ``options``, such as a greater width.
    members : int, default 3
        How many trainings the ensemble averages; 2 to 100.
    weight : float, default 0.5
        α, the weight of the ensemble's probabilities in the loss; 0 to 1. The word that came has the rest.
    """

    idea = Idea(2015, "Hinton, Vinyals and Dean", "Distilling the knowledge in a neural network")
    called = "a distilled model"
    presets = PRESETS

    base: str = "transformer"
    options: Mapping[str, Any] | None = None
    preset: str | None = None
    teacher: Mapping[str, Any] | None = None
    members: int = 3
    weight: float = 0.5

    def __post_init__(self) -> None:
        weight, teacher = self.weight, self.teacher
        check_whole("members", self.members, 2, MOST)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise PluginError(f"weight must be a number from 0 to 1, not {weight!r}")
        if not (teacher is None or isinstance(teacher, Mapping)):
            raise PluginError(f"teacher must be a table of the members' hyper-parameters, not {teacher!r}")
        student = self.set_base()
        if not isinstance(student, TorchLanguageModel):
            raise PluginError(
                f"'{self.base}' can't learn from other models: choose a network of lmcompare as the base"
            )
        self._base = student
        self.teacher = dict(teacher or {})
        self._new_teacher()  # raises an error for options that the base does not have
        self._losses: tuple[float, ...] = ()  # of ensemble and student on the validation text, in nats

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train the ensemble, let it read the training text, and train the student.

        Raises
        ------
        LmcompareError
            If the student's output layer can't learn from other models.
        """
        self.check_text(train)
        whole = _Whole(setting, self.members)
        teacher = self._new_teacher().fit(train, valid, whole.part("teacher", self.members, whole.of_teacher))
        student = self._base
        assert isinstance(student, TorchLanguageModel)
        student.teacher = Teacher.of(teacher, train, self.weight)
        try:
            self.train_base(student, train, valid, whole.part("student", 1, whole.of_student))
        finally:
            student.teacher = None
        self._losses = ()
        if len(valid):
            scored = (self.scores_of(model, valid) for model in (teacher, self._base))
            self._losses = tuple(-float(scores.mean()) for scores in scored)
        divided = f" Each had 1/{self.members + 1} of the budget." if setting.budget != Budget() else ""
        self.notes = (
            f"Taught by an ensemble of {self.members} trainings of '{self.base}', whose probabilities have the weight"
            f" {self.weight:g} in its loss.{divided}",
            *self._base.notes,
        )
        return self

    def check_text(self, train: Encoded) -> None:
        """Refuse a text that the base refuses, and a base that can't learn from other models."""
        super().check_text(train)
        student = self._base
        assert isinstance(student, TorchLanguageModel)
        with torch.device("meta"):
            head = student.network(len(train.vocabulary)).head
        if not head.can_be_taught:
            raise PluginError(
                f"'{self.base}' can't learn from a teacher: choose a base with one softmax over all words"
            )

    def tokens_before(self, train: Encoded) -> int:
        """Return the number of tokens that student and members read before their trainings in steps."""
        return super().tokens_before(train) + self._new_teacher().tokens_before(train)

    @property
    def in_steps(self) -> None:
        """None: the teacher is trained, too."""
        return None

    def title(self) -> str:
        return extended(self._base.title(), f"taught by {self.members}")

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        return self._base.next_log_probs(text, at)

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        return self._base.stream(text)

    def log_probs(self, text: Encoded) -> FloatArray:
        return self._base.log_probs(text)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        return self._base.stepper(prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        if self._losses and np.isfinite(self._losses).all():
            yield Bars(
                title="The teacher and the student",
                note="Loss on the validation text.",
                labels=(f"ensemble of {self.members}", "student"),
                values=tuple(loss / float(np.log(2)) for loss in self._losses),
                unit="bits per token",
            )
        yield from self._base.exhibits(text)

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        return self._base.file_formats()

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        return self._base.in_page(valid, whole=whole)

    def state(self) -> State:
        """Return the student's state; the ensemble is not kept."""
        return self.state_with({}, {"losses": list(self._losses)})

    def restore(self, state: State) -> Self:
        values = state.values
        self.restore_base(state)
        self._losses = tuple(values["losses"])
        return self

    def _new_teacher(self) -> Ensemble:
        return Ensemble(self.base, {**(self.options or {}), **(self.teacher or {})}, self.preset, self.members)


class _Whole:
    """The settings of the ensemble's and the student's trainings, and their progress as that of one training."""

    def __init__(self, setting: Setting, members: int) -> None:
        self._setting, self._members = setting, members
        self._teacher: Progress | None = None  # the ensemble's last report with a number of tokens

    def part(self, who: str, parts: int, report: Callable[[Progress], None]) -> Setting:
        """Return the setting of one of the two: with a folder of its own, and its share of the budget."""
        setting, checkpoints = self._setting, self._setting.checkpoints
        if checkpoints is not None:
            checkpoints = checkpoints / who
            checkpoints.mkdir(parents=True, exist_ok=True)
        budget = share_of(setting.budget, parts, self._members + 1, self._members)
        # With the student's seed 0, one of the ensemble's members would begin and read as the student does.
        seed = setting.seed + (who == "teacher")
        return replace(setting, seed=seed, progress=report, checkpoints=checkpoints, budget=budget, milestones=None)

    def of_teacher(self, own: Progress) -> None:
        """Report the progress of the ensemble without its losses, which are not those of the model."""
        if own.tokens is not None:
            self._teacher = own
        note = f"the teacher, {own.note}" if own.note else ""
        self._setting.progress(Progress(step=own.step, steps=own.steps, note=note))

    def of_student(self, own: Progress) -> None:
        """Report the progress of the student, plus the tokens that the ensemble read and its operations.

        If the ensemble was trained before an interruption, each member is taken to have read as much as the student.
        """

        def whole(name: str) -> float | None:
            mine = getattr(own, name)
            before = self._members * (mine or 0) if self._teacher is None else getattr(self._teacher, name)
            return None if mine is None or before is None else mine + before

        tokens, flops = whole("tokens"), whole("flops")
        self._setting.progress(replace(own, tokens=None if tokens is None else round(tokens), flops=flops))
