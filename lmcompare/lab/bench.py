"""The bench of an experiment: its trained models, the text, and how conditions are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from lmcompare import plugins
from lmcompare.analysis.intervals import LEAST_UNITS, units_of
from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit, from_json
from lmcompare.lab.contract import LEAST_SEEDS, Condition, Row
from lmcompare.lab.contrasts import Measured, bits, contrasts
from lmcompare.lab.sample import Sample
from lmcompare.model import LanguageModel
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run
from lmcompare.runfolder.states import restored
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Network

T = TypeVar("T")
Share = Callable[[float], None]


class Bench:
    """What an experiment measures with.

    Parameters
    ----------
    run : Run
        The run folder with the trained conditions.
    names : mapping of str to str
        By the names of the conditions, the names of their models in the run.
    share : callable
        Is called from time to time with the share of the measurement that is done, from 0 to 1.
    """

    def __init__(self, run: Run, names: Mapping[str, str], share: Share = lambda done: None) -> None:
        self.run, self.share = run, share
        self._names = dict(names)
        self._step = (0.0, 1.0)  # where the present step begins, and its length, as shares of the measurement

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and tell after each of them which share of the measurement is done.

        A loop within a loop makes up one step of the outer one. The loop over ``models`` is such a loop.
        """
        steps = list(items)
        begin, length = self._step
        try:
            for k, item in enumerate(steps):
                self._step = begin + length * k / len(steps), length / len(steps)
                yield item
                self.share(begin + length * (k + 1) / len(steps))
        finally:  # the loop may end before its last step
            self._step = begin, length

    def entry(self, condition: Condition) -> ModelEntry:
        """Return the condition's model as the run has stored it.

        Raises ``PluginError`` for a condition that the experiment does not name in ``conditions``.
        """
        if condition.name not in self._names:
            raise PluginError(f"the condition '{condition.name}' was not trained: conditions() must return it")
        return self.run.model(self._names[condition.name])

    @cached_property
    def corpus(self) -> TokenizedCorpus:
        """The text under the tokenizer of the baseline, which is that of all conditions that name no other."""
        return self.run.tokens[self.run.model(next(iter(self._names.values()))).tokens_fingerprint]

    def corpus_of(self, condition: Condition) -> TokenizedCorpus:
        """Return the text under the tokenizer of a condition."""
        return self.run.tokens[self.entry(condition).tokens_fingerprint]

    @property
    def seeds(self) -> int:
        """The least number of trainings that a condition has."""
        return min(len(self.run.model(name).seeds) for name in self._names.values())

    @property
    def decides(self) -> bool:
        """Whether there are enough trainings for a verdict."""
        return self.seeds >= LEAST_SEEDS

    def model(self, condition: Condition, seed: int | None = None) -> LanguageModel:
        """Return the trained model of a condition, restored; by default that of its first seed."""
        entry = self.entry(condition)
        cell = next((cell for cell in entry.done if seed in (None, cell.seed)), None)
        if cell is None:
            seeds = ", ".join(map(str, entry.seeds))
            raise PluginError(
                f"the condition '{condition.name}' was trained with the seeds {seeds}, not {seed}: ask for one of"
                " these"
            )
        model = plugins.build(entry.plugin, cell.info["hyperparameters"])
        return restored(model, cell.path / "model")

    def models(self, condition: Condition) -> Iterable[LanguageModel]:
        """Yield the trained models of a condition, one for each seed."""
        return (self.model(condition, seed) for seed in self.each(self.entry(condition).seeds))

    def networks(self, condition: Condition) -> Iterator[tuple[TorchLanguageModel, Network]]:
        """Yield the trained models of a condition with their networks."""
        for model in self.models(condition):
            assert isinstance(model, TorchLanguageModel)
            yield model, model.trained_network()

    def exhibits(self, condition: Condition) -> list[Exhibit]:
        """Return the exhibits of a condition, those of its first training."""
        return [from_json(each) for each in self.entry(condition).done[0].measured("exhibits")]

    def bits(self, condition: Condition, *, by_sentence: bool = False) -> Measured:
        """Return the bits that a condition charges for the test text; ``by_sentence``: each sentence on its own."""
        return bits(self.run, self.entry(condition).name, by_sentence=by_sentence)

    def log_probs(self, condition: Condition, split: Split = "test") -> list[Array]:
        """Return the (N,) log-probabilities of a held-out text in nats, for each training of a condition."""
        cells = self.entry(condition).done
        return [cell.scores(split, ["log_prob"])["log_prob"].to_numpy(np.float64) for cell in cells]

    def sample(self, positions: int) -> Sample:
        """Return at most this many positions of the test text, drawn at random."""
        return Sample.of(self.run, self.corpus, positions)

    @cached_property
    def whole(self) -> Sample:
        """All positions of the test text."""
        return self.sample(len(self.corpus.test))

    @cached_property
    def unit_bytes(self) -> Array:
        """(U,) the bytes of each resampling unit of the test text."""
        return units_of(self.run).bytes

    @property
    def remarks(self) -> tuple[str, ...]:
        """What limits every measurement on this text."""
        if np.count_nonzero(self.unit_bytes) < LEAST_UNITS:
            return ("The test text is too short for intervals: give a longer one.",)
        return ()

    def rows(
        self, baseline: Measured, changed: Mapping[str, Measured], sayings: Mapping[str, str] = {}
    ) -> dict[str, Row]:
        """Return a row for each changed condition: the bits per byte that the change costs.

        Parameters
        ----------
        baseline : Measured
        changed : mapping of str to Measured
            The conditions by the names of their rows.
        sayings : mapping of str to str
            By the names of rows, the ideas in one sentence.
        """
        found = contrasts(baseline, changed, self.unit_bytes)
        return {name: replace(each, saying=sayings.get(name, "")) for name, each in found.items()}
