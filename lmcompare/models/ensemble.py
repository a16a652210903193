"""An ensemble: several trainings of one model, with different seeds, whose probabilities are averaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.exhibits import Curve, Exhibit, WorkedEquation
from lmcompare.exhibits.exhibit import built
from lmcompare.model import Budget, FloatArray, Idea, LanguageModel, Progress, Setting, State, Stepper, check_whole
from lmcompare.models.common.over_base import PRESETS, OverBase, with_prefix, without_prefix
from lmcompare.models.common.sentences import readable
from lmcompare.tokens import Encoded, IntArray, Vocabulary

MOST = 100  # members
EQUATION = r"P(w \mid h) = \frac{1}{M} \sum_{m=1}^{M} P_m(w \mid h)"
SAYING = (
    "Every member predicts, and their probabilities are averaged. Members with different seeds make different"
    " mistakes. Where one member gives the next word too low a probability, the others make up for it: the surprisal"
    " of the mean is never above the mean surprisal."
)


@dataclass(eq=False)
class Ensemble(OverBase):
    """The average of several trainings of one model: each predicts, and their probabilities are averaged.

    The members differ only in their seeds: with the seed s and M members, they have the seeds M s to M s + M - 1. A
    limit on training is divided among them, so that an ensemble and a single model can be compared at equal tokens or
    equal seconds. Hansen and Salamon (1990), *Neural network ensembles*; for language models Mikolov et al. (2011),
    *Empirical evaluation and combination of advanced language modeling techniques*.

    Parameters
    ----------
    base : str, default "transformer"
        The plug-in that is trained several times.
    options : table, optional
        The hyper-parameters of the base.
    preset : str, optional
        The preset of the base: "quick", "default" or "full"; ``options`` come on top of it.
    members : int, default 3
        How many trainings are averaged; 2 to 100.
    """

    idea = Idea(1990, "Hansen and Salamon", "Neural network ensembles")
    called = "an ensemble"
    presets = PRESETS

    base: str = "transformer"
    options: Mapping[str, Any] | None = None
    preset: str | None = None
    members: int = 3

    def __post_init__(self) -> None:
        check_whole("members", self.members, 2, MOST)
        self.set_base()
        self._members: list[LanguageModel] = []
        self._growth = Growth()

    def check_text(self, train: Encoded) -> None:
        self.new_base().check_text(train)

    def warm_up(self) -> None:
        self.new_base().warm_up()

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train the members one after the other, each within its share of the budget."""
        self._members, self._growth = [], Growth()
        whole, scores = _Whole(setting, self.members, self.trains_in_steps), []
        for number in range(self.members):
            member = self.new_base()
            self.train_base(member, train, valid, whole.setting_of(number))
            self._members.append(member)
            scores.append(self.scores_of(member, valid))
            self._growth = self._growth.with_member(scores)
            whole.end(number, self._growth)
        own = (note for member in self._members for note in member.notes)
        seeds = self.members * setting.seed
        self.notes = (
            f"The average of {self.members} trainings of '{self.base}', with the seeds {seeds} to"
            f" {seeds + self.members - 1}.",
            *dict.fromkeys(own),
        )
        return self

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Let the first member study the texts."""
        self._trained()[0].study(train, valid, setting)

    def title(self) -> str:
        """Return the display name: the number of members, and the base."""
        return f"Ensemble of {self.members}, {self.new_base().title()}"

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats: the logarithm of the members' mean probability."""
        return self._mean(text, [member.next_log_probs(text, np.array(at)) for member in self._trained()])

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the members' blocks, averaged."""
        for parts in zip(*(member.stream(text) for member in self._trained()), strict=True):
            at = np.asarray(parts[0][0])
            if not all(np.array_equal(at, other) for other, _ in parts[1:]):
                raise PluginError(
                    f"stream of the base, '{self.base}', yields other positions with another seed: it must yield the"
                    " same positions with each"
                )
            yield at, self._mean(text, [block for _, block in parts])

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats."""
        return log_mean([self.scores_of(member, text) for member in self._trained()])

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper over the members' steppers."""
        return _EnsembleStepper([member.stepper(prefix, vocabulary) for member in self._trained()])

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked mean and the gain from each further member, then the exhibits of the first member."""
        yield from _explained(self._trained(), self._growth, text)
        yield from self.shown_of(self._members[0], text, "The first member")

    def tokens_before(self, train: Encoded) -> int:
        """Return the number of tokens that all members read before their trainings in steps."""
        return self.members * super().tokens_before(train)

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the options with which all members together have about this many parameters."""
        return super().sized(parameters // self.members, types)

    def state(self) -> State:
        """Return the states of all members, and the losses of 1, 2 … of them."""
        arrays: dict[str, Any] = {}
        values = []
        for number, member in enumerate(self._trained()):
            own, of_member = with_prefix(_prefix(number), member)
            arrays |= own
            values.append(of_member)
        return State(arrays, {"notes": list(self.notes), "members": values, "growth": asdict(self._growth)})

    def restore(self, state: State) -> Self:
        values = state.values
        self.notes = tuple(values["notes"])
        self._members = [
            self.new_base().restore(without_prefix(_prefix(number), state, own))
            for number, own in enumerate(values["members"])
        ]
        self._growth = built(Growth, values["growth"], "growth")
        return self

    def _trained(self) -> list[LanguageModel]:
        if not self._members:
            raise NotFittedError("this Ensemble is not trained: call 'fit' or 'restore' first")
        return self._members

    def _mean(self, text: Encoded, blocks: list[FloatArray]) -> FloatArray:
        for block in blocks:
            self.check_block(block, len(blocks[0]), text)
        return log_mean(blocks)


def _prefix(number: int) -> str:
    """Return the prefix of a member's arrays."""
    return f"member{number}."


def share_of(budget: Budget, parts: int, whole: int, number: int = 0) -> Budget:
    """Return ``parts`` of the ``whole`` equal parts of a budget.

    ``number``: which of the parts it is; the remainder of a whole number goes to the first parts. Raises
    ``LmcompareError`` if not every part has a step.
    """
    if budget.steps is not None and budget.steps < whole:
        raise LmcompareError(
            f"{whole} trainings can't share a budget of {budget.steps} steps: give at least {whole} steps"
        )

    def part(amount: int | None) -> int | None:
        return None if amount is None else parts * ((amount + whole - 1 - number) // whole)

    def even(amount: float | None) -> float | None:
        return None if amount is None else parts * amount / whole

    return Budget(part(budget.steps), even(budget.epochs), even(budget.seconds), part(budget.tokens))


class _Whole:
    """The settings of the members' trainings, and their progress as that of one training."""

    def __init__(self, setting: Setting, members: int, in_steps: bool) -> None:
        self._setting, self._members, self._in_steps = setting, members, in_steps
        self._ends: list[Progress] = []  # the last progress of each member that reported some
        self._own: Progress | None = None

    def setting_of(self, number: int) -> Setting:
        """Return the setting of a member's training: its seed, a folder of its own, and its share of the budget."""
        setting, checkpoints = self._setting, self._setting.checkpoints
        if checkpoints is not None:
            checkpoints = checkpoints / str(number)
            checkpoints.mkdir(parents=True, exist_ok=True)
        self._own = None
        return replace(
            setting,
            seed=self._members * setting.seed + number,
            progress=partial(self._report, number),
            checkpoints=checkpoints,
            budget=share_of(setting.budget, 1, self._members, number),
            milestones=None,
        )

    def _report(self, number: int, own: Progress) -> None:
        note = f"member {number + 1} of {self._members}" if self._own is None else own.note
        self._own = own
        done, steps = (0, None) if own.steps is None else (number * own.steps, self._members * own.steps)
        self._setting.progress(Progress(step=done + own.step, steps=steps, note=note))

    def end(self, number: int, growth: Growth) -> None:
        """Report the loss of the members so far on the validation text.

        A member that was trained before an interruption reports nothing now: its loss was reported then.
        """
        if self._own is None:
            return
        self._ends.append(self._own)

        def total(name: str, members: int = number + 1) -> float | None:
            found = [getattr(end, name) for end in self._ends]  # members without a report count like those with one
            return None if None in found else members / len(found) * sum(found)

        steps, tokens = total("steps", self._members), total("tokens")
        self._setting.progress(
            Progress(
                step=round(total("step") or 0),
                steps=None if steps is None else round(steps),
                # a loss makes a point of a learning curve, which count models do not have
                valid_loss=growth.together[-1] if growth.together and self._in_steps else None,
                tokens=None if tokens is None else round(tokens),
                flops=total("flops"),
            )
        )


class _EnsembleStepper(Stepper):
    def __init__(self, members: list[Stepper]) -> None:
        self._members = members

    def log_probs(self) -> FloatArray:
        return log_mean([np.asarray(member.log_probs()) for member in self._members])

    def push(self, token: int) -> None:
        for member in self._members:
            member.push(token)


@dataclass(frozen=True)
class Growth:
    """The losses on the validation text, in nats per token, of each member alone and of the first 1, 2 … together."""

    alone: tuple[float, ...] = ()
    together: tuple[float, ...] = ()

    def with_member(self, scores: Sequence[FloatArray]) -> Self:
        """Return the losses with one more member; ``scores`` are those of all members so far, each (N,) nats."""
        if not len(scores[-1]):
            return self
        losses = (-float(scores[-1].mean()), -float(log_mean(scores).mean()))
        return replace(self, alone=(*self.alone, losses[0]), together=(*self.together, losses[1]))


def log_mean(log_probs: Sequence[FloatArray]) -> FloatArray:
    """Return the logarithm of the mean probability; the arrays, in nats, have the same shape."""
    whole = np.array(log_probs[0], copy=True)
    for other in log_probs[1:]:
        np.logaddexp(whole, other, out=whole)
    whole -= np.asarray(np.log(len(log_probs)), whole.dtype)
    return whole


def _explained(members: Sequence[LanguageModel], growth: Growth, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked mean of one word, and the losses of 1, 2 … members."""
    for ids in readable(text, 1):
        yield _worked(members, Encoded.from_documents([ids], text.vocabulary))
    if len(growth.together) > 1 and np.isfinite((*growth.alone, *growth.together)).all():
        yield _growth(growth)


def _worked(members: Sequence[LanguageModel], text: Encoded) -> WorkedEquation:
    """Work the equation for the word on which the members differ most."""
    scores = np.stack([np.asarray(member.log_probs(text), np.float64) for member in members])  # (M, N)
    mean = log_mean(list(scores))
    with np.errstate(invalid="ignore"):  # a word may be impossible for all members
        at = int(np.nanargmax(np.where(np.isfinite(mean), mean - scores.mean(0), -1.0)))
    word = text.vocabulary[int(text.ids[at])]
    lines = [(f"P({word}) by member {number}", float(p)) for number, p in enumerate(np.exp(scores[:, at]), 1)]
    lines.append((f"P({word}): their mean", float(np.exp(mean[at]))))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained members' numbers for '{word}', on which they differ most in this sentence.",
        equation=EQUATION,
        saying=SAYING,
        lines=tuple(lines),
    )


def _growth(growth: Growth) -> Curve:
    numbers = tuple(float(n) for n in range(1, len(growth.together) + 1))
    bits = [tuple(loss / np.log(2) for loss in losses) for losses in (growth.together, growth.alone)]
    return Curve(
        title="What each further member gains",
        note="The loss on the validation text: of the first 1, 2 … members together, and of each member alone.",
        names=("together", "alone"),
        x=(numbers, numbers),
        y=(bits[0], bits[1]),
        x_axis="members",
        y_axis="bits per token",
    )
