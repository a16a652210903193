"""Models whose bits are known, and experiments with them: a file of plug-ins, which tests copy."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from lmcompare import LanguageModel, State
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import Bench
from lmcompare.model import FloatArray, Setting
from lmcompare.tokens import Encoded, IntArray


class Planted(LanguageModel):
    """Counts of words, of which a share is given to a token that never occurs: each token costs -log2(1 - share).

    The share varies a little from training to training.
    """

    def __init__(self, effect: float = 0.0, noise: float = 0.02) -> None:
        self.effect, self.noise = effect, noise

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        counts = np.bincount(train.ids, minlength=len(train.vocabulary)) + 1.0
        chance_of_seed = np.random.default_rng([setting.seed, int(1e4 * self.noise)]).normal()
        cost = max(0.0, self.effect + 0.1 + self.noise * chance_of_seed)
        share = 1.0 - 2.0**-cost
        chance = counts / counts.sum() * (1.0 - share)
        chance[train.vocabulary.unknown] += share
        self.table = np.log(chance)
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        return np.tile(self.table, (len(at), 1))

    def state(self) -> State:
        return State({"table": self.table}, {})

    def restore(self, state: State) -> Self:
        self.table = np.array(state.arrays["table"])
        return self


class Broken(Planted):
    """Can't be trained."""

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        raise ValueError("no training today")


BASE = Condition("base", f"{__file__}:Planted")


class Known(LabExperiment):
    """An effect of half a bit per token, and none."""

    title = "A planted effect"
    question = "Is the effect found that is there?"
    prediction = "It is."
    measuring = 3.0
    conditions: ClassVar[Sequence[Condition]] = (
        BASE,
        Condition("costly", BASE.plugin, {"effect": 0.5, "noise": 0.021}),
        Condition("same", BASE.plugin, {"noise": 0.019}),
    )

    def measure(self, bench: Bench) -> Findings:
        changed = {condition.name: condition for condition in self.conditions[1:]}
        rows = bench.rows(BASE, changed, {"costly": "Half a bit."})
        bench.share(0.5)
        table = Figures(title="What it costs", rows=tuple(rows.values()), unit="bits per byte", figure_name="alone")
        claims = {"It is found.": rows["costly"].found}
        return Findings(verdict="It was found.", claims=claims, tables=(table,))


class Shares(Known):
    """Needs a condition of the other experiment, and tells of odd progress."""

    title = "A shared condition"
    conditions: ClassVar[Sequence[Condition]] = (BASE,)

    def measure(self, bench: Bench) -> Findings:
        bench.share(-1.0)
        bench.share(2.0)
        return Findings(verdict="Nothing was found.", remarks=("It measured nothing.",))


class Fails(Shares):
    """Has a condition that can't be trained."""

    conditions = (BASE, Condition("broken", f"{__file__}:Broken"))


class Raises(Shares):
    """Can't be measured."""

    def measure(self, bench: Bench) -> Findings:
        raise ZeroDivisionError("nothing to divide")


class Lacks(Shares):
    """Needs what is not there."""

    def lacks(self) -> str:
        return "needs a treebank: fetch it with 'python -m nltk.downloader treebank'"


class Confuses(Shares):
    """Has another condition with a name that is taken."""

    conditions = (Condition("base", BASE.plugin, {"effect": 0.3}),)


class Blocks(Shares):
    """Puts a file where findings go."""

    def measure(self, bench: Bench) -> Findings:
        findings = bench.run.path.parent / "findings"
        findings.rename(findings.with_name("other"))
        findings.write_text("mine", encoding="utf-8")
        return super().measure(bench)


class Moves(Shares):
    """Moves the laboratory, and puts something else in its place."""

    def measure(self, bench: Bench) -> Findings:
        lab = bench.run.path.parent
        lab.rename(lab.with_name("moved"))
        (lab / "findings").mkdir(parents=True)
        (lab / "findings" / "Moves.log").write_text("mine", encoding="utf-8")
        return super().measure(bench)


class RemovesRun(Shares):
    """Removes the trained models."""

    def measure(self, bench: Bench) -> Findings:
        shutil.rmtree(bench.run.path)
        return super().measure(bench)
